#include "chain/sealer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "chain/disk_chain.h"
#include "inference/toy.h"
#include "work/project_corpus.h"

namespace daidd::chain {
namespace {

/// A unit is run under b, its parent or its grandparent to have a successor under b (protocol §3).
constexpr size_t kPredecessorAges = 3;
/// About one unit in thirty has no winner at regtest's target.
constexpr int kUnitsMax = 20;

std::vector<uint32_t> byte_tokens(std::string_view text) {
    const ByteView bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

/// prompt ‖ answer.
std::vector<uint32_t> receipt_tokens(const Snapshot& snapshot, const work::PoolItem& item) {
    const auto receipt = ledger::find_receipt(snapshot, item.receipt);
    const auto job = ledger::find_job(snapshot, receipt.value().receipt.job);
    auto tokens = job.value().job.prompt;
    tokens.insert(tokens.end(), receipt->receipt.answer.begin(), receipt->receipt.answer.end());
    return tokens;
}

}  // namespace

Toy::Toy()
    : model{*inference::Model::build(inference::make_toy(inference::regtest_toy()))},
      tree{model, consensus::regtest_params().unit_tokens},
      corpora{byte_tokens(work::project_corpus())} {}

const Toy& Toy::instance() {
    static const Toy toy;
    return toy;
}

crypto::SecretKey key_of(uint8_t number) {
    Hash256 bytes{};
    bytes.fill(number);
    return crypto::SecretKey::from_bytes(bytes)->taproot_tweaked();
}

void Sealer::run(const Chain& chain, const Spoil& spoil) {
    const auto work = chain.work_template();
    const auto& beacons = work.context.beacons;
    if (!units_.empty()) {
        const auto window = std::span{beacons}.first(std::min(beacons.size(), kPredecessorAges));
        if (std::ranges::find(window, work::preimage_of(*units_[0]).beacon) == window.end()) {
            units_.clear();
            ++lane_;
        }
    }
    const auto& params = chain.params();
    work::UnitPreimage unit;
    unit.model = params.models[0].root;
    unit.miner = key_.public_key();
    unit.beacon = beacons.front();
    unit.lane = lane_;
    if (!units_.empty()) {
        unit.seq = uint16_t(work::preimage_of(*units_[0]).seq + 1);
        unit.previous = work::link(work::id_of(*units_[0]), work::trace_root_of(*units_[0]));
    }
    const auto snapshot = chain.snapshot();
    const Toy& toy = Toy::instance();
    auto content =
        work::content_of(params, toy.corpora, unit, work.pools.front(),
                         [&](const work::PoolItem& item) { return receipt_tokens(*snapshot, item); });
    if (spoil) spoil(content);
    units_.insert(units_.begin(),
                  work::run_unit(toy.model, params.models[0].manifest, unit, std::move(content), 1));
    if (units_.size() > 3) units_.resize(3);
}

std::optional<work::SealedBlock> Sealer::find(const Chain& chain,
                                              const std::vector<consensus::Transaction>& transactions,
                                              const std::optional<Hash256>& parent) const {
    const Toy& toy = Toy::instance();
    auto work = chain.work_template();
    work.context.miner = key_.public_key();
    const Hash256 on = parent.value_or(work.context.parent_hash);
    auto win = work::find_win(toy.model, chain.params(), on, work.context.target, *units_.at(0),
                              {units_.begin() + 1, units_.end()}, {}, &toy.tree);
    if (!win) return std::nullopt;
    // Ten seconds a block on the chain's clock.
    const int64_t now_s = int64_t{chain.params().genesis_time} + 10 * work.context.height;
    auto block = chain.make_block(work.context, win->seal, transactions, now_s);
    EXPECT_TRUE(block) << block.error().token << " " << block.error().detail;
    work::SealedBlock sealed;
    sealed.block = *std::move(block);
    sealed.block.header.previous = on;
    sealed.seal = win->seal;
    sealed.witness = std::move(win->witness);
    sign(sealed);
    return sealed;
}

work::SealedBlock Sealer::seal(const Chain& chain, const std::vector<consensus::Transaction>& transactions,
                               const Spoil& spoil) {
    for (int i = 0; i < kUnitsMax; ++i) {
        run(chain, spoil);
        if (auto sealed = find(chain, transactions)) return *std::move(sealed);
    }
    ADD_FAILURE() << "no unit wins";
    return {};
}

work::SealedBlock Sealer::seal_on(const Hash256& parent, const Chain& chain) {
    for (int i = 0; i < kUnitsMax; ++i) {
        run(chain);
        if (auto sealed = find(chain, {}, parent)) return *std::move(sealed);
    }
    ADD_FAILURE() << "no unit wins";
    return {};
}

std::vector<work::SealedBlock> Sealer::extend(Chain& chain, size_t count) {
    std::vector<work::SealedBlock> blocks;
    for (size_t i = 0; i < count; ++i) {
        blocks.push_back(seal(chain));
        EXPECT_EQ(submit(chain, blocks.back()), "connected");
    }
    return blocks;
}

void Sealer::finish(work::SealedBlock& sealed) const {
    auto& block = sealed.block;
    auto& outputs = block.transactions[0].outputs;
    auto commitment = consensus::coinbase_commitment(block.transactions[0]);
    commitment.seal_root = work::seal_root(sealed.seal);
    outputs[2].script = consensus::command_script(consensus::CommandType::kCommitment, encode(commitment));
    outputs[1].script =
        consensus::witness_commitment_script(consensus::witness_commitment(block.transactions));
    block.header.merkle_root = consensus::transactions_root(block.transactions);
    sign(sealed);
}

void Sealer::sign(work::SealedBlock& block) const {
    block.signature = key_.sign(work::header_message(block.block.header), kZeroHash);
}

}  // namespace daidd::chain
