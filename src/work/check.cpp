#include "work/check.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "crypto/hash.h"
#include "crypto/merkle.h"
#include "inference/graph.h"
#include "inference/noised.h"
#include "work/bytes.h"
#include "work/content.h"
#include "work/ticket.h"
#include "work/trace.h"

namespace daidd::work {

namespace {

using consensus::BaseModel;
using consensus::Manifest;
using consensus::Params;
using inference::kTailBytes;
using inference::kTile;

constexpr int8_t kCodeMin = -64;
constexpr int8_t kCodeMax = 63;
constexpr uint8_t kMantissaMin = 128;
/// How much older than its successor's beacon a unit's beacon may be: parent and grandparent.
constexpr size_t kAgesPerUnit = 3;

std::optional<Refused> refuse(std::string step) { return Refused{std::move(step)}; }

/// What the spec says about the mined slice that a seal names.
struct Shape {
    consensus::Manifest::Operation operation;
    uint32_t k = 0;  ///< of the whole linear
    uint32_t n = 0;
    size_t linears = 0;
    size_t slice_count = 0;
    Slice slice;
};

/// Requires that check_seal_header passed.
Shape shape_of(const Params& params, const Seal& seal) {
    const Manifest& manifest = params.find_model(seal.model)->manifest;
    const Manifest::Operation& operation = manifest.operations[seal.op];
    const Manifest::Linear& linear = manifest.linears[operation.linear];
    const std::vector<Slice> all = slices(linear.k);
    return {.operation = operation,
            .k = linear.k,
            .n = linear.n,
            .linears = manifest.linears.size(),
            .slice_count = all.size(),
            .slice = all[seal.slice]};
}

UnitPreimage preimage_of(const Seal& seal, const Hash256& beacon) {
    return {.model = seal.model,
            .miner = seal.miner,
            .beacon = beacon,
            .lane = seal.lane,
            .seq = seal.seq,
            .previous = seal.previous};
}

/// The index of `beacon` among `beacons`, when a unit whose successor ran under index `from` may have it.
std::optional<size_t> age_of(const std::vector<Hash256>& beacons, size_t from, const Hash256& beacon) {
    const size_t end = std::min(from + kAgesPerUnit, beacons.size());
    for (size_t age = from; age < end; ++age) {
        if (beacons[age] == beacon) return age;
    }
    return std::nullopt;
}

/// Everything whose size is known is looked at before its content is: what follows may index freely.
bool have_sizes(const Params& params, const Seal& seal, const SealWitness& witness) {
    const BaseModel* model = params.find_model(seal.model);
    const auto is_unit = [&](const std::vector<uint32_t>& tokens, const std::vector<Hash256>& op_roots) {
        // An unknown model is refused by its own step, before its tensors matter.
        return tokens.size() == params.unit_tokens &&
               (model == nullptr || op_roots.size() == model->manifest.tensors);
    };
    return witness.rows.size() == kTile && witness.weights.size() == kTile &&
           witness.weight_paths.size() == 3 && witness.previous.size() == std::min<size_t>(seal.seq, 2) &&
           is_unit(witness.tokens, witness.op_roots) &&
           std::all_of(witness.previous.begin(), witness.previous.end(),
                       [&](const PreviousUnit& unit) { return is_unit(unit.tokens, unit.op_roots); });
}

std::optional<Refused> check_predecessors(const SealContext& context, const Seal& seal,
                                          const SealWitness& witness) {
    uint16_t child_seq = seal.seq;
    Hash256 child_previous = seal.previous;
    size_t age = 0;
    for (size_t i = 0; i < witness.previous.size(); ++i) {
        const UnitPreimage& unit = witness.previous[i].preimage;
        const std::string name = "predecessor " + std::to_string(i + 1) + ": ";
        if (unit.model != seal.model) return refuse(name + "model");
        if (unit.miner != seal.miner) return refuse(name + "miner");
        if (unit.lane != seal.lane) return refuse(name + "lane");
        // `sizes` has opened no more units than there are before the sealed one, so child_seq > 0.
        if (unit.seq != child_seq - 1) return refuse(name + "seq");
        const auto unit_age = age_of(context.beacons, age, unit.beacon);
        if (!unit_age) return refuse(name + "beacon");
        if (unit.seq == 0 && unit.previous != kZeroHash) return refuse(name + "start");
        const Hash256 root = crypto::merkle_root(witness.previous[i].op_roots);
        if (link(unit_id(unit), root) != child_previous) return refuse(name + "link");
        child_seq = unit.seq;
        child_previous = unit.previous;
        age = *unit_age;
    }
    return std::nullopt;
}

std::optional<Refused> check_operand(const Params& params, const Hash256& unit, const Seal& seal,
                                     const SealWitness& witness, const Shape& shape) {
    std::vector<Hash256> leaves;
    for (const RowField& row : witness.rows) leaves.push_back(crypto::hash("leaf", {row.bytes}, &unit));
    const Hash256 group_root = crypto::merkle_root(std::move(leaves));
    if (group_root != seal.group_root) return refuse("operand rows or their key");

    const uint64_t groups = params.unit_tokens / kTile;
    if (crypto::climb(group_root, seal.group, groups, witness.row_path) !=
        witness.op_roots[shape.operation.tensor])
        return refuse("operand path");
    if (crypto::merkle_root(witness.op_roots) != seal.trace_root) return refuse("trace root");
    return std::nullopt;
}

bool are_weights_of_model(const Seal& seal, const SealWitness& witness, const Shape& shape) {
    std::vector<Hash256> leaves;
    for (const RowField& row : witness.weights) leaves.push_back(crypto::hash("wleaf", {row.bytes}));
    const auto group = crypto::merkle_root(std::move(leaves));
    const uint64_t groups = (uint64_t{shape.n} + kTile - 1) / kTile;
    const auto slice = crypto::climb(group, seal.tile, groups, witness.weight_paths[0].nodes);
    if (!slice) return false;
    const auto linear = crypto::climb(*slice, seal.slice, shape.slice_count, witness.weight_paths[1].nodes);
    if (!linear) return false;
    const auto model = crypto::climb(*linear, uint64_t{1} + shape.operation.linear,
                                     uint64_t{1} + shape.linears, witness.weight_paths[2].nodes);
    return model == seal.model;
}

bool are_codes(const Bytes& row, const Slice& slice) {
    return std::all_of(row.begin() + slice.start, row.begin() + slice.start + slice.columns,
                       [](uint8_t byte) { return int8_t(byte) >= kCodeMin && int8_t(byte) <= kCodeMax; });
}

/// The seven bytes after k codes: mantissa u8 ‖ exponent i16 ‖ index u32.
bool has_tail(const Bytes& row, uint32_t k) {
    if (std::all_of(row.begin(), row.end(), [](uint8_t byte) { return byte == 0; })) return true;
    return row[k] >= kMantissaMin && read_u32(row, k + 3) < k;
}

bool is_ticket(const SealContext& context, const Hash256& unit, const Seal& seal, const SealWitness& witness,
               const Slice& slice) {
    Bytes codes, weights;
    for (size_t i = 0; i < kTile; ++i) {
        const Bytes& row = witness.rows[i].bytes;
        codes.insert(codes.end(), row.begin() + slice.start, row.begin() + slice.start + slice.columns);
        weights.insert(weights.end(), witness.weights[i].bytes.begin(), witness.weights[i].bytes.end());
    }
    const TicketPlace place{.op = seal.op, .slice = seal.slice, .group = seal.group};
    const Hash256 seed = noise_seed(context.parent_hash, unit, place, seal.group_root);
    const uint32_t r = inference::step_for(slice.columns);
    const Slice cut{.start = 0, .columns = slice.columns};
    const std::vector<uint8_t> noised = noised_rows(codes, slice.columns, cut, noise_block(seed, r));
    std::vector<uint32_t> words(slice.columns / r);
    inference::noised_tile(inference::Backend::kScalar, noised,
                           std::span{reinterpret_cast<const int8_t*>(weights.data()), weights.size()},
                           slice.columns, slice.columns, r, words);
    return ticket_of(seed, seal.tile, words) == seal.ticket;
}

}  // namespace

std::optional<Refused> check_seal_header(const Params& params, const SealContext& context, const Seal& seal) {
    if (seal.miner != context.miner) return refuse("miner");
    if (seal_root(seal) != context.seal_root) return refuse("seal root");
    const BaseModel* model = params.find_model(seal.model);
    if (model == nullptr || context.height < model->first_height) return refuse("model");
    if (seal.seq == 0) return refuse("seq");
    const Manifest& manifest = model->manifest;
    if (seal.op >= manifest.operations.size()) return refuse("op");
    const std::vector<Slice> all = slices(manifest.linears[manifest.operations[seal.op].linear].k);
    if (seal.slice >= all.size()) return refuse("slice");
    if (!gives_tickets(all[seal.slice])) return refuse("slice without tickets");
    if (!wins(seal.ticket, context.target, all[seal.slice].columns)) return refuse("ticket bound");
    return std::nullopt;
}

std::optional<Refused> check_seal(const Params& params, const SealContext& context, const Seal& seal,
                                  const SealWitness& witness) {
    assert(!context.beacons.empty() && context.beacons.size() <= kBeaconsMax);
    if (!have_sizes(params, seal, witness)) return refuse("sizes");
    if (encode(witness).size() > params.witness_bytes_max) return refuse("witness size");
    if (auto refused = check_seal_header(params, context, seal)) return refused;
    if (consensus::tokens_root(witness.tokens) != seal.tokens_root) return refuse("tokens root");

    const Shape shape = shape_of(params, seal);
    if (seal.tile >= shape.n / kTile) return refuse("tile");
    if (seal.group >= params.unit_tokens / kTile) return refuse("group");
    for (size_t i = 0; i < kTile; ++i) {
        if (witness.rows[i].bytes.size() != shape.k + kTailBytes ||
            witness.weights[i].bytes.size() != shape.slice.columns)
            return refuse("row sizes");
    }
    if (auto refused = check_predecessors(context, seal, witness)) return refused;

    const Hash256 unit = unit_id(preimage_of(seal, context.beacons[0]));
    if (auto refused = check_operand(params, unit, seal, witness, shape)) return refused;
    if (!are_weights_of_model(seal, witness, shape)) return refuse("weight path");
    for (const RowField& row : witness.rows) {
        if (!are_codes(row.bytes, shape.slice)) return refuse("codes out of range");
    }
    for (const RowField& row : witness.rows) {
        if (!has_tail(row.bytes, shape.k)) return refuse("scale or index");
    }
    if (!is_ticket(context, unit, seal, witness, shape.slice)) return refuse("ticket");
    return std::nullopt;
}

std::optional<Refused> check_contents(const Params& params, const SealContext& context, const Seal& seal,
                                      const SealWitness& witness, const std::vector<const Pool*>& pools) {
    assert(pools.size() == context.beacons.size());
    const UnitPreimage sealed = preimage_of(seal, context.beacons[0]);
    if (uint8_t(draw(params, unit_id(sealed), *pools[0]).kind) != seal.kind) return refuse("kind");
    const auto own = check_content(params, sealed, *pools[0], witness.tokens, witness.source);
    if (own != ContentVerdict::kDrawn) {
        return Refused{.step = "content", .of_witness = own == ContentVerdict::kNotShown};
    }
    size_t age = 0;
    for (size_t i = 0; i < witness.previous.size(); ++i) {
        const PreviousUnit& unit = witness.previous[i];
        const auto unit_age = age_of(context.beacons, age, unit.preimage.beacon);
        assert(unit_age);
        age = *unit_age;
        if (check_content(params, unit.preimage, *pools[age], unit.tokens, unit.source) !=
            ContentVerdict::kDrawn) {
            return Refused{.step = "predecessor " + std::to_string(i + 1) + ": content", .of_witness = true};
        }
    }
    return std::nullopt;
}

}  // namespace daidd::work
