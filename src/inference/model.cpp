#include "inference/model.h"

#include <algorithm>

#include "inference/packed.h"
#include "inference/reference.h"

namespace daidd::inference {

std::string_view to_string(ModelErrorReason reason) {
    switch (reason) {
    case ModelErrorReason::kBadContainer: return "bad_container";
    case ModelErrorReason::kMissing: return "missing";
    case ModelErrorReason::kWrongType: return "wrong_type";
    case ModelErrorReason::kUnknownArchitecture: return "unknown_architecture";
    case ModelErrorReason::kUnknownOperation: return "unknown_operation";
    case ModelErrorReason::kBadGraph: return "bad_graph";
    case ModelErrorReason::kOutOfRange: return "out_of_range";
    case ModelErrorReason::kWrongShape: return "wrong_shape";
    case ModelErrorReason::kMisaligned: return "misaligned";
    }
    return "unknown";
}

std::string ModelError::text() const { return std::string{to_string(reason)} + ": " + field; }

namespace {

using Error = std::optional<ModelError>;

ModelError range(std::string field) { return {ModelErrorReason::kOutOfRange, std::move(field)}; }
ModelError shape(std::string field) { return {ModelErrorReason::kWrongShape, std::move(field)}; }

template <class T>
bool all_within(std::span<const T> values, int64_t low, int64_t high) {
    return std::all_of(values.begin(), values.end(), [&](T v) { return v >= low && v <= high; });
}

Error check_dimensions(const ModelParts& parts) {
    const Dimensions& d = parts.dimensions;
    const struct {
        const char* name;
        uint64_t value, low, high;
    } limits[] = {{"vocabulary", d.vocabulary, 1, kVocabularyMax},
                  {"layers", d.layers, 1, kLayersMax},
                  {"dim", d.dim, 1, kDimMax},
                  {"ffn", d.ffn, 1, kDepthMax},
                  {"heads", d.heads, 1, kHeadsMax},
                  {"kv_heads", d.kv_heads, 1, kHeadsMax},
                  {"head_dim", d.head_dim, 2, kHeadDimMax},
                  {"context", d.context, 1, kContextMax},
                  {"window", parts.window, 0, kContextMax},
                  {"fx", parts.fx, kFxMin, kFxMax},
                  {"epsilon", parts.epsilon, 0, kEpsilonMax}};
    for (const auto& limit : limits) {
        if (limit.value < limit.low || limit.value > limit.high) return range(limit.name);
    }
    if (d.head_dim % 2 != 0) return range("head_dim");
    if (d.heads % d.kv_heads != 0) return shape("kv_heads");
    if (parts.rope.size() != d.head_dim / 2) return shape("rope");
    for (const uint32_t token : parts.end_tokens) {
        if (token >= d.vocabulary) return range("end_tokens");
    }
    return std::nullopt;
}

template <class T>
Error check_scales(const std::string& name, std::span<const T> codes, std::span<const uint16_t> mw,
                   std::span<const uint8_t> ew, uint64_t rows, uint64_t columns) {
    if (codes.size() != rows * columns) return shape(name);
    if (mw.size() != rows) return shape(name + ".mw");
    if (ew.size() != rows) return shape(name + ".ew");
    if (!all_within(mw, kMwMin, kMwMax)) return range(name + ".mw");
    if (!all_within(ew, kEwMin, kEwMax)) return range(name + ".ew");
    return std::nullopt;
}

Error check_weights(const ModelParts& parts) {
    const Dimensions& d = parts.dimensions;
    const Embedding& e = parts.embedding;
    if (auto error = check_scales("embedding", e.codes, e.mw, e.ew, d.vocabulary, d.dim)) return error;
    if (!all_within(e.codes, -kEmbeddingCodeMax, kEmbeddingCodeMax)) return range("embedding");
    for (size_t i = 0; i < parts.linears.size(); ++i) {
        const Linear& l = parts.linears[i];
        const std::string name = l.name.empty() ? "linear." + std::to_string(i) : l.name;
        if (l.n < 1 || l.n > kWidthMax) return range(name + ".n");
        if (l.k < 1 || l.k > kDepthMax) return range(name + ".k");
        if (auto error = check_scales(name, l.weights, l.mw, l.ew, l.n, l.k)) return error;
        if (!l.bias.empty() && l.bias.size() != l.n) return shape(name + ".bias");
        if (!all_within(l.bias, -kSatMax, kSatMax)) return range(name + ".bias");
    }
    for (size_t i = 0; i < parts.norms.size(); ++i) {
        const std::string name = "norm." + std::to_string(i);
        const Norm& norm = parts.norms[i];
        if (!all_within(norm.gq, -kGainMax, kGainMax)) return range(name);
        if (norm.ge < -kGainExponentMax || norm.ge > kGainExponentMax) return range(name + ".ge");
        if (norm.gq.empty() && norm.ge != 0) return range(name + ".ge");
    }
    return std::nullopt;
}

}  // namespace

Result<Model, ModelError> Model::build(ModelParts parts, Backend backend) {
    if (auto error = check_dimensions(parts)) return Fail{std::move(*error)};
    if (auto error = check_weights(parts)) return Fail{std::move(*error)};
    auto plan = make_plan(parts.graph, parts);
    if (!plan) return Fail{plan.error()};
    auto state = std::make_shared<State>();
    state->parts = std::move(parts);
    state->plan = *std::move(plan);
    state->backend = backend;
    if (backend != Backend::kScalar) state->packed = pack_model(state->parts);
    return Model{std::move(state)};
}

}  // namespace daidd::inference
