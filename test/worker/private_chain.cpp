#include "worker/private_chain.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "inference/toy.h"
#include "work/project_corpus.h"

namespace daidd::worker {
namespace {

std::string fresh_directory() {
    std::string pattern = testing::TempDir() + "daidd_worker_XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    return pattern;
}

crypto::SecretKey some_key() {
    Hash256 bytes{};
    bytes.fill(7);
    return crypto::SecretKey::from_bytes(bytes)->taproot_tweaked();
}

constexpr consensus::Amount kFee = 10'000;

}  // namespace

PrivateChain::PrivateChain()
    : params{consensus::regtest_params()},
      key{some_key()},
      output_key{key.public_key()},
      directory_{fresh_directory()} {
    auto model = inference::Model::build(inference::make_toy(inference::regtest_toy()));
    EXPECT_TRUE(model);
    models.push_back({"toy", work::model_root(*model, params.unit_tokens), *model,
                      work::manifest_of(*model, params.unit_tokens)});
    const auto text = work::project_corpus();
    corpora.emplace_back(text.begin(), text.end());
    for (auto& token : corpora[0]) token &= 0xff;
    store::Options options;
    options.durable = false;
    database_ = std::make_unique<store::Database>(directory_, chain::Chain::tables(), options);
    auto opened = chain::Chain::open(*database_, params);
    EXPECT_TRUE(opened);
    chain = *std::move(opened);
    chain->add_listener(this);
}

PrivateChain::~PrivateChain() {
    chain.reset();
    database_.reset();
    std::filesystem::remove_all(directory_);
}

Ports PrivateChain::ports() {
    Ports ports;
    ports.select_transactions = [this] {
        const std::lock_guard lock{mutex_};
        return waiting_;
    };
    ports.has_transactions = [this] {
        const std::lock_guard lock{mutex_};
        return !waiting_.empty();
    };
    ports.has_receipt = [this](const Hash256& job) {
        const std::lock_guard lock{mutex_};
        return std::ranges::any_of(waiting_, [&](const consensus::Transaction& tx) {
            const auto command = consensus::parse_command(tx.outputs[0].script);
            if (!command || command->type != uint8_t(consensus::CommandType::kReceipt)) return false;
            const auto receipt = decode<consensus::ReceiptCommand>(command->payload);
            return receipt && receipt->job == job;
        });
    };
    ports.send = [this](const consensus::Transaction& tx) { return send(tx); };
    ports.sign = [this](const crypto::PublicKey& by,
                        const Hash256& message) -> std::optional<crypto::Signature> {
        if (by != output_key) return std::nullopt;
        return key.sign(message);
    };
    ports.worker_key = [this] { return output_key; };
    ports.fund = [this](const consensus::TxOut& output) { return fund(output); };
    ports.now_s = [] { return int64_t(std::time(nullptr)); };
    return ports;
}

std::unique_ptr<Worker> PrivateChain::make_worker(Options chosen) {
    return std::make_unique<Worker>(*chain, models, corpora, ports(), chosen);
}

Result<consensus::Transaction, std::string> PrivateChain::fund(const consensus::TxOut& output) {
    const auto snapshot = chain->snapshot();
    const std::lock_guard lock{mutex_};
    std::optional<std::pair<consensus::OutPoint, ledger::Coin>> found;
    snapshot->for_each_coin([&](const consensus::OutPoint& outpoint, const ledger::Coin& coin) {
        const bool mature = coin.coinbase == 0 || coin.height + params.maturity <= snapshot->tip().height;
        const bool spent = std::ranges::any_of(
            waiting_, [&](const consensus::Transaction& tx) { return tx.inputs[0].previous == outpoint; });
        if (!mature || spent || coin.output.script != consensus::taproot_script(output_key) ||
            coin.output.value < output.value + kFee) {
            return true;
        }
        found.emplace(outpoint, coin);
        return false;
    });
    if (!found) return Fail{std::string{"no coin"}};
    consensus::Transaction tx;
    tx.inputs.emplace_back();
    tx.inputs[0].previous = found->first;
    tx.outputs = {output,
                  {found->second.output.value - output.value - kFee, consensus::taproot_script(output_key)}};
    const auto signature = key.sign(consensus::signature_hash(tx, 0, {found->second.output}));
    tx.inputs[0].witness = {Bytes(signature.begin(), signature.end())};
    return tx;
}

std::optional<std::string> PrivateChain::send(const consensus::Transaction& tx) {
    if (const auto broken = consensus::check_transaction(tx, params)) return std::string{broken->token};
    const std::lock_guard lock{mutex_};
    waiting_.push_back(tx);
    return std::nullopt;
}

Hash256 PrivateChain::send_job(consensus::JobKind kind, std::vector<uint32_t> prompt,
                               uint32_t answer_tokens_max) {
    consensus::JobCommand job;
    job.model = models[0].root;
    job.kind = uint8_t(kind);
    job.answer_tokens_max = answer_tokens_max;
    job.refund = output_key;
    job.deadline = chain->snapshot()->tip().height + 100;
    job.prompt = std::move(prompt);
    const auto cost = ledger::cost_of(job.prompt.size(), answer_tokens_max, params);
    const auto tx = fund({cost.total, consensus::command_script(consensus::CommandType::kJob, encode(job))});
    EXPECT_TRUE(tx);
    EXPECT_EQ(send(*tx), std::nullopt);
    return consensus::job_id({consensus::txid(*tx), 0});
}

void PrivateChain::block_connected(const work::SealedBlock& block, const chain::HeaderInfo&) {
    const std::lock_guard lock{mutex_};
    for (const auto& tx : block.block.transactions) {
        std::erase_if(waiting_, [&](const consensus::Transaction& waiting) {
            return consensus::txid(waiting) == consensus::txid(tx);
        });
    }
}

}  // namespace daidd::worker
