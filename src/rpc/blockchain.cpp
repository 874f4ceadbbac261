#include <nlohmann/json.hpp>

#include "rpc/context.h"
#include "rpc/encode.h"
#include "rpc/table.h"

namespace daidd::rpc {

using chain::HeaderInfo;
using chain::Snapshot;

namespace {

/// A tip older than this has more to download, as Bitcoin Core judges.
constexpr int64_t kTipAgeMaxS = 24 * 60 * 60;

HeaderInfo header_of(const Snapshot& snapshot, const Hash256& hash) {
    const auto info = snapshot.find_header(hash);
    if (!info) throw Error{Code::kInvalidAddressOrKey, "Block not found"};
    return *info;
}

uint32_t headers_height(const Snapshot& snapshot) {
    uint32_t height = snapshot.tip().height;
    for (const HeaderInfo& tip : snapshot.tips()) {
        if (!tip.failed) height = std::max(height, tip.height);
    }
    return height;
}

Json getblockchaininfo(Context& context, const Call&) {
    const auto snapshot = context.chain->snapshot();
    const HeaderInfo& tip = snapshot->tip();
    const uint32_t headers = headers_height(*snapshot);
    const bool behind = int64_t(tip.header.time) < context.now_s() - kTipAgeMaxS;
    return {{"chain", context.chain->params().name},
            {"blocks", tip.height},
            {"headers", headers},
            {"bestblockhash", to_hex_reversed(tip.hash)},
            {"difficulty", difficulty_of(tip.header.bits)},
            {"time", tip.header.time},
            {"mediantime", tip.median_time_past},
            {"verificationprogress", headers == 0 ? 1.0 : double(tip.height) / double(headers)},
            {"initialblockdownload", behind},
            {"chainwork", chainwork_hex(tip.work)},
            {"state_root", to_hex(ledger::state_root(*snapshot))},
            {"size_on_disk", context.size_on_disk()},
            {"pruned", false},
            {"warnings", Json::array()}};
}

Json getblockcount(Context& context, const Call&) { return context.chain->snapshot()->tip().height; }

Json getbestblockhash(Context& context, const Call&) {
    return to_hex_reversed(context.chain->snapshot()->tip().hash);
}

Json getdifficulty(Context& context, const Call&) {
    return difficulty_of(context.chain->snapshot()->tip().header.bits);
}

Json getblockhash(Context& context, const Call& call) {
    const int64_t height = call.integer(0);
    const auto snapshot = context.chain->snapshot();
    if (height < 0 || height > int64_t(snapshot->tip().height)) {
        throw Error{Code::kInvalidParameter, "Block height out of range"};
    }
    return to_hex_reversed(snapshot->header_at(uint32_t(height))->hash);
}

Json getblockheader(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const HeaderInfo info = header_of(*snapshot, call.hash(0));
    if (!call.boolean_or(1, true)) return to_hex(encode(info.header));
    return header_json(*snapshot, info);
}

Json getblock(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const HeaderInfo info = header_of(*snapshot, call.hash(0));
    const int verbosity = call.verbosity_or(1, 1);
    const auto sealed = snapshot->read_block(info.hash);
    if (!sealed) throw Error{Code::kMisc, "Block not available (not fully downloaded)"};
    if (verbosity <= 0) return to_hex(encode(sealed->block));
    return block_json(*snapshot, info, sealed->block, context.chain->params(), verbosity);
}

std::string_view status_of(const Snapshot& snapshot, const HeaderInfo& tip) {
    if (snapshot.in_best_chain(tip.hash)) return "active";
    if (tip.failed) return "invalid";
    return tip.have_block ? "valid-headers" : "headers-only";
}

Json getchaintips(Context& context, const Call&) {
    const auto snapshot = context.chain->snapshot();
    Json tips = Json::array();
    for (const HeaderInfo& tip : snapshot->tips()) {
        uint32_t branch = 0;
        auto at = std::optional{tip};
        while (at && !snapshot->in_best_chain(at->hash)) {
            ++branch;
            at = snapshot->find_header(at->header.previous);
        }
        tips.push_back({{"height", tip.height},
                        {"hash", to_hex_reversed(tip.hash)},
                        {"branchlen", branch},
                        {"status", status_of(*snapshot, tip)}});
    }
    return tips;
}

Json invalidateblock(Context& context, const Call& call) {
    const Hash256 hash = call.hash(0);
    const HeaderInfo info = header_of(*context.chain->snapshot(), hash);
    if (info.height == 0) throw Error{Code::kInvalidParameter, "The genesis block cannot be invalidated"};
    if (!context.chain->invalidate(hash)) throw Error{Code::kDatabase, "Block could not be invalidated"};
    return nullptr;
}

Json reconsiderblock(Context& context, const Call& call) {
    const Hash256 hash = call.hash(0);
    header_of(*context.chain->snapshot(), hash);
    if (!context.chain->reconsider(hash)) throw Error{Code::kDatabase, "Block could not be reconsidered"};
    return nullptr;
}

constexpr Arg kHash = {"blockhash", ArgType::kHash, true, "The block hash"};
constexpr Arg kHashArgs[] = {kHash};
constexpr Arg kHeightArgs[] = {{"height", ArgType::kNumber, true, "The height in the best chain"}};
constexpr Arg kHeaderArgs[] = {
    kHash, {"verbose", ArgType::kBool, false, "true for an object, false for hex (default: true)"}};
constexpr Arg kBlockArgs[] = {
    kHash,
    {"verbosity|verbose", ArgType::kVerbosity, false,
     "0 for hex, 1 for an object with ids, 2 for one with transactions (default: 1)"}};

const Method kMethods[] = {
    {"blockchain", "getbestblockhash", {}, getbestblockhash, "Returns the hash of the best chain's tip."},
    {"blockchain", "getblock", kBlockArgs, getblock,
     "Returns a block, as Bitcoin serialises it or as an object."},
    {"blockchain", "getblockchaininfo", {}, getblockchaininfo, "Returns the state of the chain."},
    {"blockchain", "getblockcount", {}, getblockcount, "Returns the height of the best chain."},
    {"blockchain", "getblockhash", kHeightArgs, getblockhash, "Returns the hash of the block at a height."},
    {"blockchain", "getblockheader", kHeaderArgs, getblockheader, "Returns a block's header."},
    {"blockchain", "getchaintips", {}, getchaintips, "Returns the ends of all known branches."},
    {"blockchain",
     "getdifficulty",
     {},
     getdifficulty,
     "Returns the difficulty as a multiple of Bitcoin's least difficulty."},
    {"blockchain", "invalidateblock", kHashArgs, invalidateblock,
     "Marks a block as if it broke a rule, and leaves its branch."},
    {"blockchain", "reconsiderblock", kHashArgs, reconsiderblock,
     "Takes back invalidateblock for a block, its ancestors and descendants."},
};

}  // namespace

std::span<const Method> blockchain_methods() { return kMethods; }

}  // namespace daidd::rpc
