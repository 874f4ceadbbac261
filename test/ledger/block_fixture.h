#pragma once

#include "ledger/fixture.h"
#include "ledger/overlay.h"

namespace daidd::ledger::test {

inline constexpr uint8_t kSealer = 4;

/// The coinbase of a block at `height` with these fees and payouts.
inline Transaction make_coinbase(uint32_t height, Amount fees, const std::vector<TxOut>& payouts,
                                 const Params& params) {
    const Amount subsidy = consensus::block_subsidy(height, params);
    Transaction coinbase = consensus::test::coinbase();
    coinbase.inputs[0].script_sig = consensus::height_script(height);
    coinbase.inputs[0].script_sig.push_back(0);
    coinbase.outputs[0] = pay(subsidy - consensus::treasury_share(subsidy, params) + fees, kSealer);
    coinbase.outputs.insert(coinbase.outputs.end(), payouts.begin(), payouts.end());
    return coinbase;
}

inline void set_state_root(Transaction& coinbase, const Hash256& root) {
    const consensus::Commitment commitment{.state_root = root, .seal_root = {9}};
    coinbase.outputs[2] = command(CommandType::kCommitment, commitment, 0);
}

/// A block of these transactions, which must be valid, on `state`. It is the coinbase that
/// connect_block judges; header and seal are others' business.
inline consensus::Block make_block(const std::vector<Transaction>& transactions, const BlockContext& context,
                                   const Params& params, const StateView& state) {
    Overlay overlay{state};
    Amount fees = 0;
    for (const auto& tx : transactions) {
        const auto fee = apply_transaction(tx, context, params, overlay, false);
        EXPECT_EQ(token_of(fee), "valid");
        if (fee) fees += *fee;
    }
    const auto payouts = settle(context, params, overlay);
    consensus::Block block;
    block.transactions = {make_coinbase(context.height, fees, payouts, params)};
    set_state_root(block.transactions[0], state_root(overlay));
    block.transactions.insert(block.transactions.end(), transactions.begin(), transactions.end());
    return block;
}

}  // namespace daidd::ledger::test
