#include <algorithm>

#include "chain/stored_chain.h"

namespace daidd::chain {
namespace {

using consensus::Transaction;

Transaction make_coinbase(uint32_t height, consensus::TxOut sealer, const Hash256& state_root,
                          const Hash256& seal_root, const std::vector<consensus::TxOut>& payouts) {
    Transaction coinbase;
    auto& input = coinbase.inputs.emplace_back();
    input.previous = consensus::kNullOutPoint;
    // Heights up to 16 alone are shorter than a coinbase script may be.
    input.script_sig = consensus::height_script(height);
    input.script_sig.push_back(0);
    input.witness = {Bytes(32, 0)};
    consensus::Commitment commitment;
    commitment.state_root = state_root;
    commitment.seal_root = seal_root;
    coinbase.outputs = {
        std::move(sealer),
        {0, {}},
        {0, consensus::command_script(consensus::CommandType::kCommitment, encode(commitment))}};
    coinbase.outputs.insert(coinbase.outputs.end(), payouts.begin(), payouts.end());
    return coinbase;
}

/// Of the header, the count and a coinbase with everything that can fall due in the next block: an answer in
/// the block itself only takes a refund away.
size_t reserved_weight(const Snapshot& state, const consensus::Params& params) {
    constexpr size_t kHeaderAndCountBytes = 80 + 9;
    ledger::Overlay overlay{state};
    const auto context = next_context(state);
    Transaction coinbase = make_coinbase(context.height, {0, consensus::taproot_script({})}, {}, {},
                                         ledger::settle(context, params, overlay));
    coinbase.outputs[1].script = consensus::witness_commitment_script({});
    return 4 * kHeaderAndCountBytes + consensus::weight(coinbase);
}

}  // namespace

WorkTemplate StoredChain::work_template() const {
    const auto state = snapshot();
    const HeaderInfo& tip = state->tip();
    WorkTemplate work;
    const uint32_t anchor_time = tip.height >= 1 ? state->header_at(1)->header.time : 0;
    work.bits = consensus::required_bits(tip.height + 1, tip.header.time, anchor_time, params_);
    work.time_min = tip.median_time_past + 1;
    work.context.parent_hash = tip.hash;
    work.context.height = tip.height + 1;
    work.context.target = *consensus::target_from_bits(work.bits);
    const uint32_t count = std::min<uint32_t>(tip.height + 1, uint32_t(work::kBeaconsMax));
    for (uint32_t age = 0; age < count; ++age) {
        work.context.beacons.push_back(state->header_at(tip.height - age)->beacon);
        work.pools.push_back(ledger::pool_at(tip.height - age, params_, *state));
    }
    return work;
}

Result<consensus::Block, Rejection> StoredChain::make_block(const work::SealContext& context,
                                                            const work::Seal& seal,
                                                            const std::vector<Transaction>& transactions,
                                                            int64_t now_s) const {
    const auto state = snapshot();
    const HeaderInfo& tip = state->tip();
    if (tip.hash != context.parent_hash) return Fail{Rejection{"stale-tip", "the tip has moved", false}};
    ledger::Overlay overlay{*state};
    const auto block_context = next_context(*state);
    const size_t weight_max = params_.block_weight_max - reserved_weight(*state, params_);
    std::vector<const Transaction*> taken;
    consensus::Amount fees = 0;
    size_t weight = 0;
    for (const auto& tx : transactions) {
        weight += consensus::weight(tx);
        if (weight > weight_max) break;
        const auto fee = ledger::apply_transaction(tx, block_context, params_, overlay, false);
        if (!fee) return Fail{rejection_of(fee.error())};
        fees += *fee;
        taken.push_back(&tx);
    }
    const auto payouts = ledger::settle(block_context, params_, overlay);
    const consensus::Amount subsidy = consensus::block_subsidy(block_context.height, params_);
    const consensus::Amount due = subsidy - consensus::treasury_share(subsidy, params_) + fees;

    consensus::Block block;
    block.transactions.push_back(make_coinbase(block_context.height,
                                               {due, consensus::taproot_script(context.miner)},
                                               ledger::state_root(overlay), work::seal_root(seal), payouts));
    for (const Transaction* tx : taken) block.transactions.push_back(*tx);
    block.transactions[0].outputs[1].script =
        consensus::witness_commitment_script(consensus::witness_commitment(block.transactions));

    const uint32_t anchor_time = tip.height >= 1 ? state->header_at(1)->header.time : 0;
    block.header.previous = tip.hash;
    block.header.merkle_root = consensus::transactions_root(block.transactions);
    block.header.time = uint32_t(std::max<int64_t>(now_s, int64_t{tip.median_time_past} + 1));
    block.header.bits = consensus::required_bits(tip.height + 1, tip.header.time, anchor_time, params_);
    return block;
}

}  // namespace daidd::chain
