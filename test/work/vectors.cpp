#include "work/vectors.h"

#include <algorithm>
#include <fstream>

namespace daidd::work {

using nlohmann::json;

namespace {

template <class T>
std::vector<T> list_from(const json& list, T (*read)(const json&)) {
    std::vector<T> values;
    for (const json& entry : list) values.push_back(read(entry));
    return values;
}

Path path_from(const json& list) { return list_from<Hash256>(list, hash_from); }

std::vector<RowField> rows_from(const json& list) {
    std::vector<RowField> rows;
    for (const json& row : list) rows.push_back({bytes_from(row)});
    return rows;
}

ContentSource source_from(const json& object) {
    ContentSource source;
    if (object.is_null()) return source;
    source.receipt = object.at("receipt").get<std::vector<uint32_t>>();
    const json& leaves = object.at("leaves");
    const json& paths = object.at("paths");
    for (size_t i = 0; i < leaves.size(); ++i)
        source.leaves.push_back({leaves[i].get<std::vector<uint32_t>>(), path_from(paths[i])});
    return source;
}

}  // namespace

const json& poui_vectors() {
    static const json vectors = [] {
        std::ifstream file{std::string{DAIDD_VECTORS} + "/poui.json"};
        return json::parse(file);
    }();
    return vectors;
}

Bytes bytes_from(const json& hex) { return parse_hex(hex.get<std::string>()).value(); }
Hash256 hash_from(const json& hex) { return parse_hash(hex.get<std::string>()).value(); }

consensus::Manifest manifest_from(const json& spec) {
    consensus::Manifest manifest;
    manifest.unit_tokens = spec.at("P");
    manifest.vocabulary = spec.at("vocabulary");
    manifest.tensors = spec.at("tensors");
    for (const json& linear : spec.at("linears")) manifest.linears.push_back({linear[0], linear[1]});
    for (const json& operand : spec.at("operands"))
        manifest.operations.push_back({operand[0], operand[1], operand[2]});
    return manifest;
}

consensus::Params params_from(const json& spec) {
    consensus::Params params;
    params.unit_tokens = spec.at("P");
    params.kind_weights = spec.at("weights");
    params.draw_slots = spec.at("slots");
    params.witness_bytes_max = 1 << 20;
    params.models = {{"reference toy", hash_from(spec.at("model")), manifest_from(spec), 0}};
    params.corpora = {{"text", hash_from(spec.at("corpus_root")), spec.at("corpus_tokens")}};
    return params;
}

Pool pool_from(const json& receipts) {
    Pool pool;
    for (const json& receipt : receipts) pool.push_back({hash_from(receipt[0]), receipt[1], {}});
    return pool;
}

UnitPreimage preimage_from(const json& object) {
    return {.model = hash_from(object.at("model")),
            .miner = hash_from(object.at("miner")),
            .beacon = hash_from(object.at("beacon")),
            .lane = object.at("lane"),
            .seq = object.at("seq"),
            .previous = hash_from(object.at("previous"))};
}

Seal seal_from(const json& object) {
    return {.model = hash_from(object.at("model")),
            .miner = hash_from(object.at("miner")),
            .lane = object.at("lane"),
            .seq = object.at("seq"),
            .previous = hash_from(object.at("previous")),
            .kind = object.at("kind"),
            .tokens_root = hash_from(object.at("tokens_root")),
            .op = object.at("op"),
            .slice = object.at("slice"),
            .group = object.at("group"),
            .tile = object.at("tile"),
            .group_root = hash_from(object.at("group_root")),
            .trace_root = hash_from(object.at("trace_root")),
            .ticket = hash_from(object.at("ticket"))};
}

SealWitness witness_from(const json& object) {
    SealWitness witness;
    witness.rows = rows_from(object.at("rows"));
    witness.row_path = path_from(object.at("row_path"));
    witness.op_roots = path_from(object.at("op_roots"));
    witness.weights = rows_from(object.at("weights"));
    for (const json& path : object.at("weight_paths")) witness.weight_paths.push_back({path_from(path)});
    witness.tokens = object.at("tokens").get<std::vector<uint32_t>>();
    witness.source = source_from(object.at("source"));
    for (const json& unit : object.at("prev")) {
        witness.previous.push_back({.preimage = preimage_from(unit.at("preimage")),
                                    .tokens = unit.at("tokens").get<std::vector<uint32_t>>(),
                                    .source = source_from(unit.at("source")),
                                    .op_roots = path_from(unit.at("op_roots"))});
    }
    return witness;
}

Sealed sealed_from(const json& object) {
    const json& header = object.at("header");
    Sealed sealed;
    sealed.context.parent_hash = hash_from(header.at("parent"));
    sealed.context.miner = hash_from(header.at("miner"));
    sealed.context.seal_root = hash_from(header.at("seal_root"));
    Hash256 target = hash_from(header.at("target"));  // written highest byte first
    std::reverse(target.begin(), target.end());
    sealed.context.target = consensus::Uint256::from_bytes(target);
    for (const json& block : header.at("chain")) {
        sealed.context.beacons.push_back(hash_from(block.at("beacon")));
        sealed.pools.push_back(pool_from(block.at("receipts")));
    }
    sealed.seal = seal_from(object.at("seal"));
    sealed.witness = witness_from(object.at("witness"));
    return sealed;
}

std::string verdict(const consensus::Params& params, const Sealed& sealed) {
    if (const auto refused = check_seal(params, sealed.context, sealed.seal, sealed.witness))
        return refused->step;
    std::vector<const Pool*> pools;
    for (const Pool& pool : sealed.pools) pools.push_back(&pool);
    const auto refused = check_contents(params, sealed.context, sealed.seal, sealed.witness, pools);
    return refused ? refused->step : "ok";
}

}  // namespace daidd::work
