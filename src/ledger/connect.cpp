#include "ledger/connect.h"

#include <algorithm>
#include <cassert>

#include "ledger/lookup.h"

namespace daidd::ledger {

namespace {

using consensus::Transaction;

/// Output 0 the sealer, 1 and 2 the commitments, the payouts from here on.
constexpr size_t kPayoutsStart = 3;

std::optional<Broken> check_coinbase(const Transaction& coinbase, Amount fees,
                                     const std::vector<consensus::TxOut>& payouts,
                                     const BlockContext& context, const consensus::Params& params) {
    const Bytes height = consensus::height_script(context.height);
    const Bytes& script = coinbase.inputs[0].script_sig;
    if (script.size() < height.size() || !std::equal(height.begin(), height.end(), script.begin())) {
        return Broken{"bad-cb-height", "the coinbase does not begin with its height"};
    }
    const Amount subsidy = consensus::block_subsidy(context.height, params);
    const Amount due = subsidy - consensus::treasury_share(subsidy, params) + fees;
    if (coinbase.outputs[0].value != due) {
        return Broken{"bad-cb-amount", "the sealer takes " + std::to_string(coinbase.outputs[0].value) +
                                           ", due are " + std::to_string(due)};
    }
    if (coinbase.outputs[1].value != 0 || coinbase.outputs[2].value != 0) {
        return Broken{"bad-cb-amount", "a commitment has a value"};
    }
    if (!std::equal(coinbase.outputs.begin() + kPayoutsStart, coinbase.outputs.end(), payouts.begin(),
                    payouts.end())) {
        return Broken{"bad-cb-payouts", std::to_string(coinbase.outputs.size() - kPayoutsStart) +
                                            " outputs, due are " + std::to_string(payouts.size())};
    }
    return std::nullopt;
}

void add_coinbase_coins(const Transaction& coinbase, uint32_t height, StateView& state) {
    const Hash256 txid = consensus::txid(coinbase);
    for (uint32_t index = 0; index < coinbase.outputs.size(); ++index) {
        const auto& output = coinbase.outputs[index];
        if (consensus::is_op_return(output.script)) continue;
        state.put(Table::kCoin, coin_key({txid, index}), encode(Coin{output, height, 1}));
    }
}

}  // namespace

std::optional<Broken> connect_block(const consensus::Block& block, const BlockContext& context,
                                    const consensus::Params& params, StateView& state,
                                    bool verify_signatures) {
    const Transaction& coinbase = block.transactions.at(0);
    assert(coinbase.outputs.size() >= kPayoutsStart);  // check_block
    Amount fees = 0;
    for (size_t i = 1; i < block.transactions.size(); ++i) {
        const auto fee = apply_transaction(block.transactions[i], context, params, state, verify_signatures);
        if (!fee) {
            return Broken{fee.error().token, "transaction " + std::to_string(i) + ": " + fee.error().detail};
        }
        fees += *fee;
        if (!consensus::is_money(fees)) return Broken{"bad-txns-accumulated-fee-outofrange", {}};
    }
    const auto payouts = settle(context, params, state);
    if (const auto broken = check_coinbase(coinbase, fees, payouts, context, params)) return broken;
    add_coinbase_coins(coinbase, context.height, state);
    if (consensus::coinbase_commitment(coinbase).state_root != state_root(state)) {
        return Broken{"bad-state-root", "computed " + to_hex(state_root(state))};
    }
    return std::nullopt;
}

}  // namespace daidd::ledger
