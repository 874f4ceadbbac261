#include <nlohmann/json.hpp>

#include "consensus/script.h"
#include "rpc/address.h"
#include "rpc/context.h"
#include "rpc/encode.h"
#include "rpc/pool.h"
#include "rpc/table.h"

namespace daidd::rpc {

namespace {

constexpr int64_t kGenerateMax = 10'000;

std::string_view kind_name(size_t kind) {
    constexpr std::string_view kNames[] = {"corpus", "receipt", "training"};
    static_assert(std::size(kNames) == consensus::kKinds);
    return kNames[kind];
}

Json getmininginfo(Context& context, const Call&) {
    const auto snapshot = context.chain->snapshot();
    const auto miner = context.worker->miner().info();
    Json units = Json::object();
    for (size_t kind = 0; kind < consensus::kKinds; ++kind)
        units[kind_name(kind)] = miner.units_of_kind[kind];
    Json info = {{"blocks", snapshot->tip().height},
                 {"difficulty", difficulty_of(snapshot->tip().header.bits)},
                 {"pooledtx", pooled(context).size()},
                 {"chain", context.chain->params().name},
                 {"mining", miner.running}};
    if (miner.running) {
        info["address"] = address_of(consensus::taproot_script(miner.key), context.chain->params());
    }
    info["device"] = miner.device.empty() ? Json{} : Json(miner.device);
    info["units"] = miner.units;
    info["units_by_kind"] = units;
    info["blocks_found"] = miner.blocks;
    info["lanes_restarted"] = miner.lanes_restarted;
    info["warnings"] = Json::array();
    if (!miner.last_error.empty()) info["warnings"].push_back(miner.last_error);
    return info;
}

Json generatetoaddress(Context& context, const Call& call) {
    const int64_t count = call.integer(0);
    if (count < 0 || count > kGenerateMax) {
        throw Error{Code::kInvalidParameter, "nblocks must be from 0 to " + std::to_string(kGenerateMax)};
    }
    const auto key = parse_address(call.string(1), context.chain->params());
    if (!key) throw Error{Code::kInvalidAddressOrKey, "Error: Invalid address"};
    const auto hashes = context.worker->miner().generate(size_t(count), *key);
    if (!hashes) throw Error{Code::kMisc, "Could not generate: " + hashes.error()};
    Json list = Json::array();
    for (const Hash256& hash : *hashes) list.push_back(to_hex_reversed(hash));
    return list;
}

Json submitblock(Context& context, const Call& call) {
    const auto bytes = parse_hex(call.string(0));
    if (!bytes) throw Error{Code::kDeserialization, "Block decode failed"};
    const auto block = decode<work::SealedBlock>(*bytes);
    if (!block) throw Error{Code::kDeserialization, "Block decode failed"};
    const auto result = context.chain->submit(*block, context.now_s());
    switch (result.status) {
    case chain::SubmitStatus::kConnected: return nullptr;
    case chain::SubmitStatus::kStored: return "inconclusive";
    case chain::SubmitStatus::kDuplicate: return "duplicate";
    case chain::SubmitStatus::kRejected: break;
    }
    return result.rejection ? result.rejection->token : "rejected";
}

constexpr Arg kGenerateArgs[] = {
    {"nblocks", ArgType::kNumber, true, "How many blocks"},
    {"address", ArgType::kString, true, "Who gets the sealer's share"},
    {"maxtries", ArgType::kNumber, false, "Has no effect"},
};
constexpr Arg kSubmitArgs[] = {
    {"hexdata", ArgType::kString, true, "The block, its seal, signature and witness"},
    {"dummy", ArgType::kString, false, "Has no effect"},
};

const Method kMethods[] = {
    {"mining", "generatetoaddress", kGenerateArgs, generatetoaddress,
     "Runs units until they have sealed so many blocks, and returns their hashes."},
    {"mining", "getmininginfo", {}, getmininginfo, "Returns the state of mining."},
    {"mining", "submitblock", kSubmitArgs, submitblock,
     "Gives the node a sealed block. Returns nothing if it is taken, else why not."},
};

}  // namespace

std::span<const Method> mining_methods() { return kMethods; }

}  // namespace daidd::rpc
