#include "mempool/mempool.h"

#include <nlohmann/json.hpp>

#include "rpc/context.h"
#include "rpc/encode.h"
#include "rpc/table.h"

namespace daidd::rpc {
namespace {

using consensus::Transaction;
using mempool::Entry;

Json hash_list(const std::vector<Hash256>& hashes) {
    Json list = Json::array();
    for (const auto& hash : hashes) list.push_back(to_hex_reversed(hash));
    return list;
}

Json entry_json(const Context& context, const Entry& entry) {
    const auto relations = context.mempool->relations(entry.txid).value_or(mempool::Relations{});
    const auto& [ancestors, descendants, parents, children] = relations;
    return {{"vsize", entry.vsize},
            {"weight", entry.weight},
            {"time", entry.time_s},
            {"height", entry.height},
            {"descendantcount", descendants.count},
            {"descendantsize", descendants.vsize},
            {"ancestorcount", ancestors.count},
            {"ancestorsize", ancestors.vsize},
            {"wtxid", to_hex_reversed(consensus::wtxid(*entry.tx))},
            {"fees",
             {{"base", amount_json(entry.fee)},
              {"modified", amount_json(entry.fee)},
              {"ancestor", amount_json(ancestors.fees)},
              {"descendant", amount_json(descendants.fees)}}},
            {"depends", hash_list(parents)},
            {"spentby", hash_list(children)},
            {"bip125-replaceable", false},
            {"unbroadcast", false}};
}

Json getmempoolinfo(Context& context, const Call&) {
    const auto totals = context.mempool->totals();
    return {{"loaded", true},
            {"size", totals.count},
            {"bytes", totals.vsize},
            {"usage", totals.bytes},
            {"total_fee", amount_json(totals.fees)},
            {"maxmempool", mempool::kPoolBytesMax},
            {"mempoolminfee", amount_json(totals.fee_rate_min)},
            {"minrelaytxfee", amount_json(mempool::kRelayFeeRate)},
            {"incrementalrelayfee", amount_json(mempool::kRelayFeeRate)},
            {"unbroadcastcount", 0},
            {"fullrbf", false}};
}

Json getrawmempool(Context& context, const Call& call) {
    if (!call.boolean_or(0, false)) return hash_list(context.mempool->txids());
    Json object = Json::object();
    for (const auto& entry : context.mempool->list()) {
        object[to_hex_reversed(entry.txid)] = entry_json(context, entry);
    }
    return object;
}

Json getmempoolentry(Context& context, const Call& call) {
    const auto entry = context.mempool->find(call.hash(0));
    if (!entry) throw Error{Code::kInvalidAddressOrKey, "Transaction not in mempool"};
    return entry_json(context, *entry);
}

Json testmempoolaccept(Context& context, const Call& call) {
    const Json& list = call.any(0);
    if (list.size() != 1) {
        throw Error{Code::kInvalidParameter,
                    "Array must contain exactly one transaction: packages are not available"};
    }
    require_type(list[0], "string");
    const auto bytes = parse_hex(list[0].get_ref<const std::string&>());
    const auto tx =
        bytes ? decode<Transaction>(*bytes) : Result<Transaction, DecodeError>{Fail{DecodeError::kTruncated}};
    if (!tx) {
        throw Error{Code::kDeserialization, "TX decode failed: " + list[0].get<std::string>() +
                                                " Make sure the tx has at least one input."};
    }
    Json json{{"txid", to_hex_reversed(consensus::txid(*tx))},
              {"wtxid", to_hex_reversed(consensus::wtxid(*tx))}};
    const auto entry = context.mempool->check(*tx);
    json["allowed"] = bool{entry};
    if (entry) {
        json["vsize"] = entry->vsize;
        json["fees"] = {{"base", amount_json(entry->fee)}};
    } else {
        const bool missing = entry.error().kind == mempool::RejectKind::kMissingInputs;
        json["reject-reason"] = missing ? "missing-inputs" : std::string{entry.error().token};
    }
    return Json::array({json});
}

constexpr Arg kRawArgs[] = {
    {"verbose", ArgType::kBool, false, "An object a transaction instead of the ids (default: false)"},
};
constexpr Arg kEntryArgs[] = {
    {"txid", ArgType::kHash, true, "The transaction id"},
};
constexpr Arg kTestArgs[] = {
    {"rawtxs", ArgType::kArray, true, "One signed transaction in hex"},
};

const Method kMethods[] = {
    {"blockchain", "getmempoolentry", kEntryArgs, getmempoolentry,
     "Shows a transaction that waits for a block."},
    {"blockchain", "getmempoolinfo", {}, getmempoolinfo, "Shows how much waits for a block."},
    {"blockchain", "getrawmempool", kRawArgs, getrawmempool,
     "Returns all transactions that wait for a block."},
    {"rawtransactions", "testmempoolaccept", kTestArgs, testmempoolaccept,
     "Says whether the mempool would take a transaction."},
};

}  // namespace

std::span<const Method> mempool_methods() { return kMethods; }

}  // namespace daidd::rpc
