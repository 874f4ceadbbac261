#include <cassert>

#include "ledger/commands.h"
#include "ledger/lookup.h"
#include "ledger/overlay.h"

namespace daidd::ledger {

namespace {

using consensus::CommandType;
using consensus::OutPoint;
using consensus::Transaction;

std::string at_input(size_t index) { return "input " + std::to_string(index); }
std::string at_output(size_t index) { return "output " + std::to_string(index); }

// BIP68.
constexpr uint32_t kSequenceDisabled = 1u << 31;
constexpr uint32_t kSequenceByTime = 1u << 22;
constexpr uint32_t kSequenceMask = 0xffff;
constexpr unsigned kSequenceTimeShift = 9;

bool is_unlocked(uint32_t sequence, const Coin& coin, const BlockContext& context) {
    if ((sequence & kSequenceDisabled) != 0) return true;
    const uint64_t delay = sequence & kSequenceMask;
    if ((sequence & kSequenceByTime) == 0) return context.height >= coin.height + delay;
    if (!context.median_time_at) return false;
    const uint32_t before = coin.height == 0 ? 0 : coin.height - 1;
    return context.median_time_past >= context.median_time_at(before) + (delay << kSequenceTimeShift);
}

struct Spending {
    std::vector<consensus::TxOut> spent;
    Amount fee = 0;
};

/// Core's CheckTxInputs and sequence locks.
Result<Spending, Broken> check_inputs(const Transaction& tx, const BlockContext& context,
                                      const consensus::Params& params, const StateView& state) {
    Spending spending;
    std::vector<Coin> coins;
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        auto coin = find_coin(state, tx.inputs[i].previous);
        if (!coin) return Fail{Broken{"bad-txns-inputs-missingorspent", at_input(i)}};
        coins.push_back(*std::move(coin));
    }
    Amount in = 0;
    for (size_t i = 0; i < coins.size(); ++i) {
        if (coins[i].coinbase != 0 && context.height - coins[i].height < params.maturity) {
            return Fail{Broken{"bad-txns-premature-spend-of-coinbase",
                               at_input(i) + ", depth " + std::to_string(context.height - coins[i].height)}};
        }
        in += coins[i].output.value;
        if (!consensus::is_money(coins[i].output.value) || !consensus::is_money(in)) {
            return Fail{Broken{"bad-txns-inputvalues-outofrange", at_input(i)}};
        }
    }
    Amount out = 0;
    for (const auto& output : tx.outputs) {
        out += output.value;
        assert(consensus::is_money(output.value) && consensus::is_money(out));  // check_transaction
    }
    if (in < out) {
        return Fail{Broken{"bad-txns-in-belowout",
                           "value in " + std::to_string(in) + " < value out " + std::to_string(out)}};
    }
    spending.fee = in - out;
    for (size_t i = 0; i < coins.size(); ++i) {
        if (tx.version >= 2 && !is_unlocked(tx.inputs[i].sequence, coins[i], context)) {
            return Fail{Broken{"bad-txns-nonfinal", at_input(i) + " is locked by its sequence"}};
        }
        spending.spent.push_back(std::move(coins[i].output));
    }
    return spending;
}

/// BIP341 key path, one 64-byte signature an input.
std::optional<Broken> check_signatures(const Transaction& tx, const std::vector<consensus::TxOut>& spent) {
    constexpr std::string_view kToken = "mandatory-script-verify-flag-failed";
    const consensus::SignatureHasher hasher{tx, spent};
    for (size_t i = 0; i < tx.inputs.size(); ++i) {
        const auto& witness = tx.inputs[i].witness;
        const auto key = consensus::taproot_key(spent[i].script);
        assert(key);  // no other output makes a coin
        if (witness.empty())
            return Broken{kToken, at_input(i) + ": Witness program was passed an empty witness"};
        if (witness.size() != 1) return Broken{kToken, at_input(i) + ": only key path spends are open"};
        crypto::Signature signature{};
        if (witness[0].size() != signature.size()) {
            return Broken{kToken, at_input(i) + ": Invalid Schnorr signature size"};
        }
        std::copy(witness[0].begin(), witness[0].end(), signature.begin());
        if (!crypto::verify(*key, hasher.hash(i), signature)) {
            return Broken{kToken, at_input(i) + ": Invalid Schnorr signature"};
        }
    }
    return std::nullopt;
}

template <class Command>
Result<Command, Broken> decode_payload(ByteView payload, size_t index) {
    auto command = decode<Command>(payload);
    if (command) return *std::move(command);
    return Fail{
        Broken{"bad-command-payload", at_output(index) + ": " + std::string(to_string(command.error()))}};
}

std::optional<Broken> apply_command(const Transaction& tx, const OutPoint& output,
                                    const consensus::CommandPush& push, const BlockContext& context,
                                    const consensus::Params& params, StateView& state,
                                    bool verify_signatures) {
    const Amount value = tx.outputs[output.index].value;
    if (push.type == uint8_t(CommandType::kJob)) {
        const auto job = decode_payload<consensus::JobCommand>(push.payload, output.index);
        if (!job) return job.error();
        return apply_job(*job, output, value, context, params, state);
    }
    if (push.type == uint8_t(CommandType::kReceipt)) {
        const auto receipt = decode_payload<consensus::ReceiptCommand>(push.payload, output.index);
        if (!receipt) return receipt.error();
        return apply_receipt(*receipt, output, value, context, params, state, verify_signatures);
    }
    return Broken{"bad-command-type", at_output(output.index)};
}

}  // namespace

Result<Amount, Broken> apply_transaction(const Transaction& tx, const BlockContext& context,
                                         const consensus::Params& params, StateView& state,
                                         bool verify_signatures) {
    assert(!tx.is_coinbase());
    if (!consensus::is_final(tx, context.height, context.median_time_past)) {
        return Fail{Broken{"bad-txns-nonfinal", "lock_time " + std::to_string(tx.lock_time)}};
    }
    const auto spending = check_inputs(tx, context, params, state);
    if (!spending) return Fail{spending.error()};

    Overlay writes{state};
    for (const auto& input : tx.inputs) writes.erase(Table::kCoin, coin_key(input.previous));
    const Hash256 txid = consensus::txid(tx);
    for (uint32_t index = 0; index < tx.outputs.size(); ++index) {
        const auto& output = tx.outputs[index];
        const OutPoint outpoint{txid, index};
        if (const auto push = consensus::parse_command(output.script)) {
            if (const auto broken =
                    apply_command(tx, outpoint, *push, context, params, writes, verify_signatures)) {
                return Fail{*broken};
            }
        } else if (!consensus::is_op_return(output.script)) {
            writes.put(Table::kCoin, coin_key(outpoint), encode(Coin{output, context.height, 0}));
        }
    }
    // The dearest check comes last.
    if (verify_signatures) {
        if (const auto broken = check_signatures(tx, spending->spent)) return Fail{*broken};
    }
    writes.flush_into(state);
    return spending->fee;
}

}  // namespace daidd::ledger
