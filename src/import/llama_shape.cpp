#include "import/llama_shape.h"

#include <bit>
#include <cmath>
#include <optional>

#include "import/dequantize.h"
#include "inference/tokenizer.h"

namespace daidd::import {

using inference::Dimensions;
using inference::GgufError;
using inference::GgufFile;
using inference::GgufReason;

namespace {

Fail<GgufError> refuse(GgufReason reason, std::string field) {
    return Fail{GgufError{reason, std::move(field)}};
}

/// Reads numbers front to back and keeps the first error. Keys are without the architecture before them.
class Fields {
public:
    Fields(const GgufFile& source, std::string_view architecture)
        : source_{source}, prefix_{std::string{architecture} + "."} {}

    std::string full(const std::string& key) const { return prefix_ + key; }
    bool has(const std::string& key) const { return source_.find_value(full(key)) != nullptr; }

    uint32_t number(const std::string& name, uint32_t min, uint32_t max) {
        const std::string key = full(name);
        const auto value = source_.number_at(key, max);
        if (!value) return fail(value.error()), min;
        if (*value < min) return fail({GgufReason::kBadValue, key}), min;
        return uint32_t(*value);
    }
    uint32_t number_or(const std::string& key, uint32_t missing, uint32_t min, uint32_t max) {
        return has(key) ? number(key, min, max) : missing;
    }
    double real(const std::string& name, double min, double max) {
        const std::string key = full(name);
        const auto bits = source_.float_bits_at(key);
        if (!bits) return fail(bits.error()), min;
        const auto value = double(std::bit_cast<float>(*bits));
        if (!(value >= min && value <= max)) return fail({GgufReason::kBadValue, key}), min;
        return value;
    }
    void fail(GgufError error) {
        if (!error_) error_ = std::move(error);
    }
    const std::optional<GgufError>& error() const { return error_; }

private:
    const GgufFile& source_;
    std::string prefix_;
    std::optional<GgufError> error_;
};

/// A file that names a factor but no type means linear scaling; the second name is that of old files.
std::optional<GgufError> check_no_rope_scaling(const GgufFile& source, const Fields& fields) {
    const std::string type_key = fields.full("rope.scaling.type");
    if (source.find_value(type_key) != nullptr) {
        const auto type = source.text_at(type_key);
        if (type && *type == "none") return std::nullopt;
        return GgufError{GgufReason::kBadValue, type_key};
    }
    for (const char* name : {"rope.scaling.factor", "rope.scale_linear"}) {
        const std::string key = fields.full(name);
        if (source.find_value(key) == nullptr) continue;
        const auto bits = source.float_bits_at(key);
        if (!bits || std::bit_cast<float>(*bits) != 1) return GgufError{GgufReason::kBadValue, key};
    }
    return std::nullopt;
}

/// Whatever else changes what a layer computes and no operation can say.
std::optional<GgufError> check_no_soft_caps(const Fields& fields) {
    for (const char* name : {"attn_logit_softcapping", "final_logit_softcapping"}) {
        if (fields.has(name)) return GgufError{GgufReason::kBadValue, fields.full(name)};
    }
    return std::nullopt;
}

/// A tensor with `rows` 1 and no second dimension is a vector.
std::optional<GgufError> check_tensor(const GgufFile& source, const std::string& name, uint64_t cols,
                                      uint64_t rows) {
    const auto* tensor = source.find_tensor(name);
    if (tensor == nullptr) return GgufError{GgufReason::kMissing, name};
    if (!is_float_type(tensor->type)) return GgufError{GgufReason::kWrongType, name};
    if (tensor->cols() != cols || tensor->rows() != rows) return GgufError{GgufReason::kBadShape, name};
    return std::nullopt;
}

struct LayerTensor {
    std::string name;
    uint64_t cols, rows;
};

std::vector<LayerTensor> tensors_of_a_layer(const Family& family, const Dimensions& d) {
    const uint64_t q = uint64_t{d.heads} * d.head_dim;
    const uint64_t kv = uint64_t{d.kv_heads} * d.head_dim;
    std::vector<LayerTensor> all = {
        {"attn_norm.weight", d.dim, 1},  {"attn_q.weight", d.dim, q},       {"attn_k.weight", d.dim, kv},
        {"attn_v.weight", d.dim, kv},    {"attn_output.weight", q, d.dim},  {"ffn_norm.weight", d.dim, 1},
        {"ffn_up.weight", d.dim, d.ffn}, {"ffn_gate.weight", d.dim, d.ffn}, {"ffn_down.weight", d.ffn, d.dim},
    };
    const auto add = [&all](std::initializer_list<LayerTensor> more) {
        all.insert(all.end(), more.begin(), more.end());
    };
    if (family.has_qkv_biases) add({{"attn_q.bias", q, 1}, {"attn_k.bias", kv, 1}, {"attn_v.bias", kv, 1}});
    if (family.has_head_norms)
        add({{"attn_q_norm.weight", d.head_dim, 1}, {"attn_k_norm.weight", d.head_dim, 1}});
    if (family.has_post_norms)
        add({{"post_attention_norm.weight", d.dim, 1}, {"post_ffw_norm.weight", d.dim, 1}});
    return all;
}

std::optional<GgufError> check_tensors(const GgufFile& source, const Family& family, const Dimensions& d) {
    const std::vector<LayerTensor> layer_tensors = tensors_of_a_layer(family, d);
    for (uint32_t l = 0; l < d.layers; ++l) {
        for (const auto& [name, cols, rows] : layer_tensors) {
            const std::string full = "blk." + std::to_string(l) + "." + name;
            if (auto error = check_tensor(source, full, cols, rows)) return error;
        }
    }
    if (auto error = check_tensor(source, "token_embd.weight", d.dim, d.vocabulary)) return error;
    if (auto error = check_tensor(source, "output_norm.weight", d.dim, 1)) return error;
    const bool untied = source.find_tensor("output.weight") != nullptr;
    if (untied) {
        if (auto error = check_tensor(source, "output.weight", d.dim, d.vocabulary)) return error;
    }
    // All known ones are there: one more is something that this importer does not know.
    const size_t known = layer_tensors.size() * d.layers + 2 + untied;
    if (source.tensors().size() == known) return std::nullopt;
    for (const auto& tensor : source.tensors()) {
        const auto dot = tensor.name.find('.', 4);
        const bool in_layer = tensor.name.starts_with("blk.") && dot != tensor.name.npos;
        bool found = tensor.name == "token_embd.weight" || tensor.name == "output_norm.weight" ||
                     tensor.name == "output.weight";
        for (const auto& row : layer_tensors) {
            found |= in_layer && tensor.name.substr(dot + 1) == row.name;
        }
        if (!found) return GgufError{GgufReason::kBadValue, std::string{tensor.name}};
    }
    return GgufError{GgufReason::kOverLimit, std::string{family.architecture} +
                                                 ".block_count"};  // more layers than the metadata says
}

inference::LlamaVariant read_variant(const Family& family, Fields& fields, const Dimensions& d) {
    inference::LlamaVariant variant{
        .head_norms = family.has_head_norms, .post_norms = family.has_post_norms, .geglu = family.has_geglu};
    // Such a model cannot be rotated, and of its matrices down's rounding costs most (doc/decisions/0025).
    variant.pairs.down = family.has_post_norms;
    const uint32_t window_max = family.may_have_window ? UINT32_MAX : 0;
    if (family.global_every > 0) {
        variant.window = fields.number("attention.sliding_window", 1, window_max);
        variant.global_every = fields.number_or("attention.sliding_window_pattern", family.global_every, 1,
                                                inference::kLayersMax);
        variant.local_rope = family.local_rope_base > 0;
    } else {
        variant.window = fields.number_or("attention.sliding_window", 0, 0, window_max);
    }
    variant.window = std::min(variant.window, d.context);
    bool has_local = false;
    for (uint32_t l = 0; l < d.layers; ++l) has_local |= variant.is_local(l);
    if (!has_local) {  // too few layers: nothing may be said that nothing uses
        variant.window = 0;
        variant.local_rope = false;
    }
    return variant;
}

void read_dimensions(Fields& fields, Dimensions& d) {
    d.layers = fields.number("block_count", 1, inference::kLayersMax);
    d.dim = fields.number("embedding_length", 1, inference::kDimMax);
    d.ffn = fields.number("feed_forward_length", 1, inference::kDepthMax);
    d.heads = fields.number("attention.head_count", 1, inference::kHeadsMax);
    d.kv_heads = fields.number_or("attention.head_count_kv", d.heads, 1, inference::kHeadsMax);
    d.head_dim = fields.number_or("attention.key_length", d.dim / d.heads, 2, inference::kHeadDimMax);
    fields.number_or("attention.value_length", d.head_dim, d.head_dim, d.head_dim);
    fields.number_or("rope.dimension_count", d.head_dim, d.head_dim, d.head_dim);
    d.context = fields.number("context_length", 1, UINT32_MAX);
    d.context = std::min(d.context, inference::kContextMax);
}

}  // namespace

Result<LlamaShape, GgufError> read_llama_shape(const GgufFile& source) {
    const auto architecture = source.text_at("general.architecture");
    if (!architecture) return Fail{architecture.error()};
    LlamaShape shape;
    shape.family = find_family(*architecture);
    if (shape.family == nullptr)
        return refuse(GgufReason::kBadValue, "general.architecture = " + std::string{*architecture});
    Fields fields{source, *architecture};
    if (auto error = check_no_rope_scaling(source, fields)) return Fail{*error};
    if (auto error = check_no_soft_caps(fields)) return Fail{*error};

    Dimensions& d = shape.dimensions;
    read_dimensions(fields, d);
    shape.epsilon = fields.real("attention.layer_norm_rms_epsilon", 0, 1);
    const double base = fields.has("rope.freq_base") ? fields.real("rope.freq_base", 2, 4e9) : 10'000;
    if (base != std::floor(base)) fields.fail({GgufReason::kBadValue, fields.full("rope.freq_base")});
    shape.rope_base = uint32_t(base);
    shape.variant = read_variant(*shape.family, fields, d);
    if (fields.error()) return Fail{*fields.error()};
    if (d.heads % d.kv_heads != 0)
        return refuse(GgufReason::kBadValue, fields.full("attention.head_count_kv"));
    // Without key_length the size of a head follows from other fields, so its limits are not yet checked.
    if (d.head_dim < 2 || d.head_dim > inference::kHeadDimMax || d.head_dim % 2 != 0) {
        const bool follows = !fields.has("attention.key_length");
        return refuse(GgufReason::kBadValue,
                      fields.full(follows ? "attention.head_count" : "attention.key_length"));
    }
    if (d.heads * d.head_dim > inference::kDepthMax) {
        return refuse(GgufReason::kBadValue, fields.full("attention.head_count"));
    }

    const auto tokenizer = inference::Tokenizer::load(source);
    if (!tokenizer) return Fail{tokenizer.error()};
    d.vocabulary = tokenizer->vocabulary();
    shape.end_tokens = tokenizer->end_tokens();
    if (auto error = check_tensors(source, *shape.family, d)) return Fail{*error};
    shape.head = source.find_tensor("output.weight") != nullptr ? "output.weight" : "token_embd.weight";
    return shape;
}

}  // namespace daidd::import
