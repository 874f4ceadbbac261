#include <nlohmann/json.hpp>
#include <set>

#include "consensus/check.h"
#include "consensus/script.h"
#include "rpc/context.h"
#include "rpc/encode.h"
#include "rpc/table.h"
#include "work/check.h"

namespace daidd::rpc {

using chain::HeaderInfo;
using work::SealedBlock;

namespace {

/// Blocks that getusefulness looks at unless told, and at most.
constexpr int64_t kUsefulnessBlocks = 144;
constexpr int64_t kUsefulnessBlocksMax = 10'000;

std::string_view name_of(consensus::Kind kind) {
    switch (kind) {
    case consensus::Kind::kCorpus: return "corpus";
    case consensus::Kind::kReceipt: return "receipt";
    case consensus::Kind::kTraining: return "training";
    }
    return "unknown";
}

struct Sealed {
    HeaderInfo info;
    HeaderInfo parent;
    SealedBlock block;
};

Sealed sealed_of(const chain::Snapshot& snapshot, const Hash256& hash) {
    const auto info = snapshot.find_header(hash);
    if (!info) throw Error{Code::kInvalidAddressOrKey, "Block not found"};
    if (info->height == 0) throw Error{Code::kInvalidParameter, "The genesis block has no seal"};
    auto block = snapshot.read_block(hash);
    if (!block) throw Error{Code::kMisc, "Block not available (not fully downloaded)"};
    const auto parent = snapshot.find_header(info->header.previous);
    if (!parent) throw Error{Code::kMisc, "The block's parent is not known"};
    return {*info, *parent, std::move(*block)};
}

work::UnitPreimage preimage_of(const Sealed& sealed) {
    const work::Seal& seal = sealed.block.seal;
    return {seal.model, seal.miner, sealed.parent.beacon, seal.lane, seal.seq, seal.previous};
}

std::string text_of(const Context& context, const Hash256& model, const std::vector<uint32_t>& tokens) {
    const Language* language = context.find_language(model);
    if (language == nullptr) return "";
    return language->tokenizer.decode(tokens, inference::Specials::kShow).value_or("");
}

/// What one unit ran, for people.
Json unit_json(const Context& context, const work::UnitPreimage& preimage,
               const std::vector<uint32_t>& tokens, const work::ContentSource& source,
               const std::vector<Hash256>& op_roots) {
    Json roots = Json::array();
    for (const Hash256& root : op_roots) roots.push_back(to_hex(root));
    const bool start = preimage.seq == 0;
    return {{"unit", to_hex(work::unit_id(preimage))},
            {"lane", preimage.lane},
            {"seq", preimage.seq},
            {"beacon", to_hex(preimage.beacon)},
            {"content", start                    ? "start"
                        : source.receipt.empty() ? "corpus"
                                                 : "receipt"},
            {"receipt_tokens", source.receipt.size()},
            {"text", start ? "" : text_of(context, preimage.model, tokens)},
            {"op_roots", std::move(roots)}};
}

/// The receipt whose tokens a unit ran, among those that could be drawn.
std::optional<Hash256> drawn_receipt(const chain::Snapshot& snapshot, const Sealed& sealed,
                                     const consensus::Params& params) {
    if (sealed.block.seal.kind != uint8_t(consensus::Kind::kReceipt)) return std::nullopt;
    const Hash256 root = consensus::tokens_root(sealed.block.witness.source.receipt);
    for (const Hash256& id : snapshot.recent_receipts(SIZE_MAX)) {
        const auto record = ledger::find_receipt(snapshot, id);
        if (!record || record->tokens_root != root) continue;
        // Under the parent's beacon, from the state of the block before it.
        if (record->height + 2 > sealed.info.height) continue;
        if (record->height + 2 + params.challenge_window > sealed.info.height) return id;
    }
    return std::nullopt;
}

Json getseal(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const Sealed sealed = sealed_of(*snapshot, call.hash(0));
    const work::Seal& seal = sealed.block.seal;
    const auto& params = context.chain->params();
    const consensus::BaseModel* model = params.find_model(seal.model);
    Json units = Json::array({unit_json(context, preimage_of(sealed), sealed.block.witness.tokens,
                                        sealed.block.witness.source, sealed.block.witness.op_roots)});
    for (const auto& previous : sealed.block.witness.previous) {
        units.push_back(
            unit_json(context, previous.preimage, previous.tokens, previous.source, previous.op_roots));
    }
    const auto receipt = drawn_receipt(*snapshot, sealed, params);
    return {{"block", to_hex_reversed(sealed.info.hash)},
            {"height", sealed.info.height},
            {"seal_root", to_hex(work::seal_root(seal))},
            {"model", to_hex(seal.model)},
            {"model_name", model == nullptr ? "" : model->name},
            {"miner", address_of(consensus::taproot_script(seal.miner), params)},
            {"lane", seal.lane},
            {"seq", seal.seq},
            {"previous", to_hex(seal.previous)},
            {"kind", name_of(consensus::Kind(seal.kind))},
            {"receipt", receipt ? Json(to_hex(*receipt)) : Json()},
            {"tokens_root", to_hex(seal.tokens_root)},
            {"op", seal.op},
            {"slice", seal.slice},
            {"group", seal.group},
            {"tile", seal.tile},
            {"group_root", to_hex(seal.group_root)},
            {"trace_root", to_hex(seal.trace_root)},
            {"ticket", to_hex(seal.ticket)},
            {"signature", to_hex(sealed.block.signature)},
            {"witness_bytes", encode(sealed.block.witness).size()},
            {"units", std::move(units)},
            {"hex", to_hex(encode(sealed.block))}};
}

work::SealContext context_of(const chain::Snapshot& snapshot, const Sealed& sealed) {
    const auto& coinbase = sealed.block.block.transactions[0];
    work::SealContext seal_context;
    seal_context.parent_hash = sealed.parent.hash;
    seal_context.miner = consensus::miner_key(coinbase);
    seal_context.seal_root = consensus::coinbase_commitment(coinbase).seal_root;
    seal_context.target = consensus::target_from_bits(sealed.info.header.bits).value_or(consensus::Uint256{});
    seal_context.height = sealed.info.height;
    auto at = std::optional{sealed.parent};
    while (at && seal_context.beacons.size() < work::kBeaconsMax) {
        seal_context.beacons.push_back(at->beacon);
        at = at->height == 0 ? std::nullopt : snapshot.find_header(at->header.previous);
    }
    return seal_context;
}

Json report_json(const work::UnitReport& report) {
    Json roots = Json::array();
    for (const Hash256& root : report.op_roots) roots.push_back(to_hex(root));
    return {{"unit", to_hex(report.unit)},
            {"seq", report.seq},
            {"identical", report.identical()},
            {"first_difference", report.first_difference ? Json(*report.first_difference) : Json()},
            {"op_roots", std::move(roots)}};
}

Json verifyseal(Context& context, const Call& call) {
    const auto snapshot = context.chain->snapshot();
    const Sealed sealed = sealed_of(*snapshot, call.hash(0));
    const auto refused = work::check_seal(context.chain->params(), context_of(*snapshot, sealed),
                                          sealed.block.seal, sealed.block.witness);
    Json json = {{"block", to_hex_reversed(sealed.info.hash)},
                 {"height", sealed.info.height},
                 {"seal_valid", !refused},
                 {"reason", refused ? Json(refused->step) : Json()}};
    if (!call.boolean_or(1, true)) return json;
    if (context.worker->find_model(sealed.block.seal.model) == nullptr) {
        json["rerun"] = "no model";
        return json;
    }
    const auto verdict =
        context.worker->verifier().verify(sealed.block, sealed.parent.beacon, sealed.info.height);
    if (!verdict) throw Error{Code::kMisc, "Cannot run the units again: " + verdict.error()};
    json["rerun"] = verdict->identical() ? "identical" : "different";
    json["units"] = Json::array();
    for (const auto& unit : verdict->units) json["units"].push_back(report_json(unit));
    return json;
}

/// Multiply-adds of the mined products of one unit.
uint64_t mined_work(const consensus::Manifest& manifest) {
    uint64_t sum = 0;
    for (const auto& operation : manifest.operations) {
        const auto& linear = manifest.linears[operation.linear];
        sum += uint64_t{linear.k} * linear.n * manifest.unit_tokens;
    }
    return sum;
}

struct Tally {
    uint64_t units = 0;
    uint64_t fresh = 0;
    uint64_t repeated = 0;
};

/// The three units that each of the last blocks opened, by what they ran. Content that was run before within
/// the same blocks is repeated.
Json getusefulness(Context& context, const Call& call) {
    const int64_t wanted = call.integer_or(0, kUsefulnessBlocks);
    if (wanted < 1 || wanted > kUsefulnessBlocksMax) {
        throw Error{Code::kInvalidParameter,
                    "nblocks must be from 1 to " + std::to_string(kUsefulnessBlocksMax)};
    }
    const auto snapshot = context.chain->snapshot();
    const uint32_t tip = snapshot->tip().height;
    const uint32_t first = tip > uint32_t(wanted) ? tip - uint32_t(wanted) + 1 : 1;
    std::map<std::string_view, Tally> tallies = {
        {"start", {}}, {"corpus", {}}, {"receipt", {}}, {"training", {}}};
    std::set<Hash256> seen;
    const auto count = [&](std::string_view kind, const Hash256& model, const std::vector<uint32_t>& tokens) {
        const auto* base = context.chain->params().find_model(model);
        const uint64_t work = base == nullptr ? 0 : mined_work(base->manifest);
        Tally& tally = tallies[kind];
        ++tally.units;
        (seen.insert(consensus::tokens_root(tokens)).second ? tally.fresh : tally.repeated) += work;
    };
    for (uint32_t height = first; height <= tip; ++height) {
        const auto info = snapshot->header_at(height);
        const auto block = info ? snapshot->read_block(info->hash) : std::nullopt;
        if (!block) continue;
        count(name_of(consensus::Kind(block->seal.kind)), block->seal.model, block->witness.tokens);
        for (const auto& previous : block->witness.previous) {
            const bool start = previous.preimage.seq == 0;
            const bool receipt = !previous.source.receipt.empty();
            count(start ? "start" : receipt ? "receipt" : "corpus", previous.preimage.model, previous.tokens);
        }
    }
    Json kinds = Json::object();
    for (const auto& [kind, tally] : tallies) {
        kinds[std::string{kind}] = {{"units", tally.units},
                                    {"multiply_adds_fresh", tally.fresh},
                                    {"multiply_adds_repeated", tally.repeated}};
    }
    return {{"first_height", first}, {"last_height", tip}, {"units_by_content", std::move(kinds)}};
}

constexpr Arg kHashArgs[] = {{"blockhash", ArgType::kHash, true, "The block hash"}};
constexpr Arg kVerifyArgs[] = {
    {"blockhash", ArgType::kHash, true, "The block hash"},
    {"rerun", ArgType::kBool, false, "Also run the three units again, if the model is here (default: true)"},
};
constexpr Arg kUsefulnessArgs[] = {
    {"nblocks", ArgType::kNumber, false, "How many of the last blocks (default: 144)"}};

const Method kMethods[] = {
    {"work", "getseal", kHashArgs, getseal, "Returns a block's seal and the three units it opens."},
    {"work", "getusefulness", kUsefulnessArgs, getusefulness,
     "Counts the multiply-adds of the units that the last blocks opened, by what was run, fresh and "
     "repeated."},
    {"work", "verifyseal", kVerifyArgs, verifyseal,
     "Checks a seal without the model, and runs its units again with it."},
};

}  // namespace

std::span<const Method> seal_methods() { return kMethods; }

}  // namespace daidd::rpc
