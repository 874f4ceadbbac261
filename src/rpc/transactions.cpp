#include <nlohmann/json.hpp>

#include "rpc/encode.h"
#include "rpc/pool.h"
#include "rpc/table.h"

namespace daidd::rpc {

using consensus::Transaction;

namespace {

/// sendrawtransaction's brake on typing errors, as Core's: 0.10 DAI a 1000 virtual bytes.
constexpr consensus::Amount kFeeRateMax = consensus::kCoin / 10;

Transaction transaction_of(const Json& hex) {
    require_type(hex, "string");
    const auto bytes = parse_hex(hex.get_ref<const std::string&>());
    auto tx =
        bytes ? decode<Transaction>(*bytes) : Result<Transaction, DecodeError>{Fail{DecodeError::kTruncated}};
    if (!tx) {
        throw Error{Code::kDeserialization, "TX decode failed. Make sure the tx has at least one input."};
    }
    return std::move(*tx);
}

Json decoderawtransaction(Context& context, const Call& call) {
    return transaction_json(transaction_of(call.any(0)), context.chain->params(), /*with_hex=*/false);
}

/// A transaction and the block it is in.
struct Found {
    Transaction tx;
    std::optional<chain::HeaderInfo> block;
};

std::optional<Found> find_in_block(const chain::Snapshot& snapshot, const Hash256& block,
                                   const Hash256& txid) {
    const auto info = snapshot.find_header(block);
    auto sealed = info ? snapshot.read_block(block) : std::nullopt;
    if (!sealed) return std::nullopt;
    for (Transaction& tx : sealed->block.transactions) {
        if (consensus::txid(tx) == txid) return Found{std::move(tx), info};
    }
    return std::nullopt;
}

Found find_transaction(Context& context, const chain::Snapshot& snapshot, const Call& call) {
    const Hash256 txid = call.hash(0);
    if (call.has(2)) {
        const Hash256 block = call.hash(2);
        if (!snapshot.find_header(block)) throw Error{Code::kInvalidAddressOrKey, "Block hash not found"};
        if (auto found = find_in_block(snapshot, block, txid)) return std::move(*found);
        throw Error{
            Code::kInvalidAddressOrKey,
            "No such transaction found in the provided block. Use gettransaction for wallet transactions."};
    }
    if (auto tx = find_pooled(context, txid)) return {std::move(*tx), std::nullopt};
    if (const auto block = snapshot.find_transaction_block(txid)) {
        if (auto found = find_in_block(snapshot, *block, txid)) return std::move(*found);
    }
    throw Error{Code::kInvalidAddressOrKey,
                "No such mempool or blockchain transaction. Use gettransaction for wallet transactions."};
}

Json getrawtransaction(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const Found found = find_transaction(context, *snapshot, call);
    if (call.verbosity_or(1, 0) <= 0) return to_hex(encode(found.tx));
    Json json = Json::object();
    if (call.has(2)) json["in_active_chain"] = found.block && snapshot->in_best_chain(found.block->hash);
    json.update(transaction_json(found.tx, context.chain->params(), /*with_hex=*/true));
    if (!found.block) return json;
    json["blockhash"] = to_hex_reversed(found.block->hash);
    const int64_t depth = confirmations_of(*snapshot, *found.block);
    json["confirmations"] = depth < 0 ? 0 : depth;
    if (depth >= 0) {
        json["time"] = found.block->header.time;
        json["blocktime"] = found.block->header.time;
    }
    return json;
}

Json sendrawtransaction(Context& context, const Call& call) {
    const Transaction tx = transaction_of(call.any(0));
    return to_hex_reversed(send_to_pool(context, tx, call.has(1) ? call.amount(1) : kFeeRateMax));
}

Json gettxout(Context& context, const Call& call) {
    const int64_t index = call.integer(1);
    if (index < 0 || index > int64_t{UINT32_MAX})
        throw Error{Code::kInvalidParameter, "vout index out of range"};
    const consensus::OutPoint outpoint{call.hash(0), uint32_t(index)};
    const bool with_pool = call.boolean_or(2, true);
    const auto snapshot = context.chain->snapshot();
    auto coin = ledger::find_coin(*snapshot, outpoint);
    bool pending = false;
    if (with_pool) {
        for (const Transaction& tx : pooled(context)) {
            for (const auto& input : tx.inputs) {
                if (input.previous == outpoint) return nullptr;
            }
            if (!coin && consensus::txid(tx) == outpoint.txid && outpoint.index < tx.outputs.size()) {
                coin = ledger::Coin{tx.outputs[outpoint.index], 0, 0};
                pending = true;
            }
        }
    }
    if (!coin) return nullptr;
    const auto& tip = snapshot->tip();
    return {{"bestblock", to_hex_reversed(tip.hash)},
            {"confirmations", pending ? 0 : int64_t(tip.height) - int64_t(coin->height) + 1},
            {"value", amount_json(coin->output.value)},
            {"scriptPubKey", script_json(coin->output.script, context.chain->params())},
            {"coinbase", coin->coinbase != 0}};
}

constexpr Arg kDecodeArgs[] = {
    {"hexstring", ArgType::kString, true, "The transaction"},
    {"iswitness", ArgType::kBool, false, "Has no effect: the form is recognised"},
};
constexpr Arg kGetArgs[] = {
    {"txid", ArgType::kHash, true, "The transaction id"},
    {"verbosity|verbose", ArgType::kVerbosity, false, "0 for hex, 1 for an object (default: 0)"},
    {"blockhash", ArgType::kHash, false, "The block to look in"},
};
constexpr Arg kSendArgs[] = {
    {"hexstring", ArgType::kString, true, "The signed transaction"},
    {"maxfeerate", ArgType::kAmount, false,
     "Refuse a higher fee, in DAI a 1000 virtual bytes (default: 0.10)"},
    {"maxburnamount", ArgType::kAmount, false, "Has no effect: only protocol outputs cannot be spent"},
};
constexpr Arg kTxOutArgs[] = {
    {"txid", ArgType::kHash, true, "The transaction id"},
    {"n", ArgType::kNumber, true, "Which output"},
    {"include_mempool", ArgType::kBool, false, "Also look at what waits for a block (default: true)"},
};

const Method kMethods[] = {
    {"blockchain", "gettxout", kTxOutArgs, gettxout, "Returns an output that is not spent, or nothing."},
    {"rawtransactions", "decoderawtransaction", kDecodeArgs, decoderawtransaction, "Shows a transaction."},
    {"rawtransactions", "getrawtransaction", kGetArgs, getrawtransaction,
     "Returns a transaction of the mempool or of a block."},
    {"rawtransactions", "sendrawtransaction", kSendArgs, sendrawtransaction,
     "Gives a transaction to the mempool and to the peers. Returns its id."},
};

}  // namespace

std::span<const Method> transaction_methods() { return kMethods; }

}  // namespace daidd::rpc
