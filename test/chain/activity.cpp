#include "chain/activity.h"

#include <gtest/gtest.h>

namespace daidd::chain {
namespace {

constexpr consensus::Amount kFee = 10'000;
constexpr uint32_t kAnswerTokensMax = 8;
/// Nobody answers such a prompt.
constexpr uint32_t kUnanswered = 'x';

std::vector<work::SealedBlock> mine_branch(DiskChain& chain, uint8_t key_number, size_t count) {
    Sealer sealer{key_number};
    // The coins of the common part are of the first key.
    Payer payer{key_of(1)};
    std::vector<work::SealedBlock> blocks;
    for (size_t i = 0; i < count; ++i) {
        blocks.push_back(sealer.seal(*chain, busy_block(*chain->snapshot(), payer)));
        EXPECT_EQ(submit(*chain, blocks.back()), "connected");
    }
    return blocks;
}

Branches mine_branches() {
    Branches branches;
    DiskChain a;
    branches.base = Sealer{1}.extend(*a, kBaseBlocks);
    DiskChain b;
    b.submit(branches.base);
    branches.a = mine_branch(a, 1, kForkBlocks + 2);
    branches.b = mine_branch(b, 2, kForkBlocks + 1);
    return branches;
}

}  // namespace

consensus::Transaction Payer::pay(const Snapshot& snapshot, consensus::TxOut output) {
    const Bytes ours = consensus::taproot_script(key_.public_key());
    const uint32_t maturity = consensus::regtest_params().maturity;
    consensus::Transaction tx;
    consensus::TxOut spent;
    snapshot.for_each_coin([&](const consensus::OutPoint& outpoint, const ledger::Coin& coin) {
        const bool mature = coin.coinbase == 0 || coin.height + maturity <= snapshot.tip().height + 1;
        if (!mature || coin.output.script != ours || coin.output.value < output.value + kFee) return true;
        if (!spent_.insert(outpoint).second) return true;
        tx.inputs.emplace_back().previous = outpoint;
        spent = coin.output;
        return false;
    });
    if (tx.inputs.empty()) {
        ADD_FAILURE() << "no coin at height " << snapshot.tip().height;
        return tx;
    }
    const consensus::Amount change = spent.value - output.value - kFee;
    tx.outputs = {std::move(output), {change, ours}};
    const auto signature = key_.sign(consensus::signature_hash(tx, 0, {spent}), kZeroHash);
    tx.inputs[0].witness = {Bytes(signature.begin(), signature.end())};
    return tx;
}

consensus::Transaction Payer::plain(const Snapshot& snapshot, consensus::Amount value) {
    return pay(snapshot, {value, consensus::taproot_script(key_of(9).public_key())});
}

consensus::Transaction Payer::job(const Snapshot& snapshot, std::vector<uint32_t> prompt, uint32_t deadline,
                                  consensus::JobKind kind) {
    const auto& params = consensus::regtest_params();
    consensus::JobCommand job;
    job.model = params.models[0].root;
    job.kind = uint8_t(kind);
    job.answer_tokens_max = kind == consensus::JobKind::kInfer ? kAnswerTokensMax : 0;
    job.refund = key_.public_key();
    job.deadline = deadline;
    job.prompt = std::move(prompt);
    const auto escrow = ledger::cost_of(job.prompt.size(), job.answer_tokens_max, params).total;
    return pay(snapshot, {escrow, consensus::command_script(consensus::CommandType::kJob, encode(job))});
}

consensus::Transaction Payer::receipt(const Snapshot& snapshot, const Hash256& job,
                                      std::vector<uint32_t> answer) {
    consensus::ReceiptCommand receipt;
    receipt.job = job;
    receipt.worker = key_.public_key();
    const auto asked = ledger::find_job(snapshot, job).value().job;
    if (asked.kind == uint8_t(consensus::JobKind::kInfer)) {
        receipt.answer = std::move(answer);
    } else {
        receipt.result.resize(consensus::result_size(asked.kind).least);
    }
    auto tokens = asked.prompt;
    tokens.insert(tokens.end(), receipt.answer.begin(), receipt.answer.end());
    const auto message = consensus::receipt_message(receipt, consensus::tokens_root(tokens));
    receipt.signature = key_.sign(message, kZeroHash);
    return pay(snapshot, {consensus::regtest_params().receipt_bond,
                          consensus::command_script(consensus::CommandType::kReceipt, encode(receipt))});
}

Hash256 job_of(const consensus::Transaction& tx) { return consensus::job_id({consensus::txid(tx), 0}); }
Hash256 receipt_of(const consensus::Transaction& tx) {
    return consensus::receipt_id({consensus::txid(tx), 0});
}

std::vector<consensus::Transaction> busy_block(const Snapshot& snapshot, Payer& payer) {
    const uint32_t height = snapshot.tip().height + 1;
    std::vector<consensus::Transaction> transactions;
    constexpr consensus::JobKind kKinds[] = {consensus::JobKind::kInfer, consensus::JobKind::kEval,
                                             consensus::JobKind::kEmbed, consensus::JobKind::kIndex};
    transactions.push_back(
        payer.job(snapshot, {'h', height}, height + 5, kKinds[height % std::size(kKinds)]));
    if (height % 3 == 0) transactions.push_back(payer.job(snapshot, {kUnanswered, height}, height + 3));
    for (const Hash256& job : snapshot.open_jobs()) {
        const auto record = ledger::find_job(snapshot, job).value();
        if (record.job.prompt[0] == kUnanswered || record.height + ledger::kAssignBlocks > height) continue;
        transactions.push_back(payer.receipt(snapshot, job, {'o', 'k', height % 256}));
    }
    transactions.push_back(payer.plain(snapshot, consensus::kCoin + height));
    return transactions;
}

const Branches& Branches::instance() {
    static const Branches branches = mine_branches();
    return branches;
}

const Directory& base_directory() {
    static const Directory directory;
    static const bool filled = [] {
        DiskChain chain;
        chain.submit(Branches::instance().base);
        chain.close();
        copy_database(chain.directory().path(), directory.path());
        return true;
    }();
    EXPECT_TRUE(filled);
    return directory;
}

}  // namespace daidd::chain
