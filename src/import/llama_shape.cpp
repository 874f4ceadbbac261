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

/// Reads numbers front to back and keeps the first error.
class Fields {
public:
    explicit Fields(const GgufFile& source) : source_{source} {}

    uint32_t number(const std::string& key, uint32_t min, uint32_t max) {
        const auto value = source_.number_at(key, max);
        if (!value) return fail(value.error()), min;
        if (*value < min) return fail({GgufReason::kBadValue, key}), min;
        return uint32_t(*value);
    }
    uint32_t number_or(const std::string& key, uint32_t missing, uint32_t min, uint32_t max) {
        return source_.find_value(key) == nullptr ? missing : number(key, min, max);
    }
    double real(const std::string& key, double min, double max) {
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
    std::optional<GgufError> error_;
};

/// A file that names a factor but no type means linear scaling; the second name is that of old files.
std::optional<GgufError> check_no_rope_scaling(const GgufFile& source) {
    constexpr const char* kType = "llama.rope.scaling.type";
    if (source.find_value(kType) != nullptr) {
        const auto type = source.text_at(kType);
        if (type && *type == "none") return std::nullopt;
        return GgufError{GgufReason::kBadValue, kType};
    }
    for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"}) {
        if (source.find_value(key) == nullptr) continue;
        const auto bits = source.float_bits_at(key);
        if (!bits || std::bit_cast<float>(*bits) != 1) return GgufError{GgufReason::kBadValue, key};
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

std::optional<GgufError> check_tensors(const GgufFile& source, const Dimensions& d) {
    const uint64_t q = uint64_t{d.heads} * d.head_dim;
    const uint64_t kv = uint64_t{d.kv_heads} * d.head_dim;
    const struct {
        const char* name;
        uint64_t cols, rows;
    } layer_tensors[] = {{"attn_norm", d.dim, 1},  {"attn_q", d.dim, q},       {"attn_k", d.dim, kv},
                         {"attn_v", d.dim, kv},    {"attn_output", q, d.dim},  {"ffn_norm", d.dim, 1},
                         {"ffn_up", d.dim, d.ffn}, {"ffn_gate", d.dim, d.ffn}, {"ffn_down", d.ffn, d.dim}};
    for (uint32_t l = 0; l < d.layers; ++l) {
        for (const auto& [name, cols, rows] : layer_tensors) {
            const std::string full = "blk." + std::to_string(l) + "." + name + ".weight";
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
    const size_t known = std::size(layer_tensors) * d.layers + 2 + untied;
    if (source.tensors().size() == known) return std::nullopt;
    for (const auto& tensor : source.tensors()) {
        const auto dot = tensor.name.find('.', 4);
        const bool in_layer = tensor.name.starts_with("blk.") && dot != tensor.name.npos;
        bool found = tensor.name == "token_embd.weight" || tensor.name == "output_norm.weight" ||
                     tensor.name == "output.weight";
        for (const auto& row : layer_tensors) {
            found |= in_layer && tensor.name.substr(dot + 1) == std::string{row.name} + ".weight";
        }
        if (!found) return GgufError{GgufReason::kBadValue, std::string{tensor.name}};
    }
    return GgufError{GgufReason::kOverLimit, "llama.block_count"};  // more layers than the metadata says
}

}  // namespace

Result<LlamaShape, GgufError> read_llama_shape(const GgufFile& source) {
    const auto architecture = source.text_at("general.architecture");
    if (!architecture) return Fail{architecture.error()};
    if (*architecture != "llama")
        return refuse(GgufReason::kBadValue, "general.architecture = " + std::string{*architecture});
    if (auto error = check_no_rope_scaling(source)) return Fail{*error};

    Fields fields{source};
    LlamaShape shape;
    Dimensions& d = shape.dimensions;
    d.layers = fields.number("llama.block_count", 1, inference::kLayersMax);
    d.dim = fields.number("llama.embedding_length", 1, inference::kDimMax);
    d.ffn = fields.number("llama.feed_forward_length", 1, inference::kDepthMax);
    d.heads = fields.number("llama.attention.head_count", 1, inference::kHeadsMax);
    d.kv_heads = fields.number_or("llama.attention.head_count_kv", d.heads, 1, inference::kHeadsMax);
    d.head_dim = fields.number_or("llama.attention.key_length", d.dim / d.heads, 2, inference::kHeadDimMax);
    fields.number_or("llama.attention.value_length", d.head_dim, d.head_dim, d.head_dim);
    fields.number_or("llama.rope.dimension_count", d.head_dim, d.head_dim, d.head_dim);
    d.context = fields.number("llama.context_length", 1, UINT32_MAX);
    d.context = std::min(d.context, inference::kContextMax);
    shape.epsilon = fields.real("llama.attention.layer_norm_rms_epsilon", 0, 1);
    const double base = source.find_value("llama.rope.freq_base") == nullptr
                            ? 10'000
                            : fields.real("llama.rope.freq_base", 2, 4e9);
    if (base != std::floor(base)) fields.fail({GgufReason::kBadValue, "llama.rope.freq_base"});
    shape.rope_base = uint32_t(base);
    if (fields.error()) return Fail{*fields.error()};
    if (d.heads % d.kv_heads != 0) return refuse(GgufReason::kBadValue, "llama.attention.head_count_kv");
    // Without key_length the size of a head follows from other fields, so its limits are not yet checked.
    const bool follows = source.find_value("llama.attention.key_length") == nullptr;
    if (d.head_dim < 2 || d.head_dim > inference::kHeadDimMax || d.head_dim % 2 != 0) {
        return refuse(GgufReason::kBadValue,
                      follows ? "llama.attention.head_count" : "llama.attention.key_length");
    }
    if (d.heads * d.head_dim > inference::kDepthMax) {
        return refuse(GgufReason::kBadValue, "llama.attention.head_count");
    }

    const auto tokenizer = inference::Tokenizer::load(source);
    if (!tokenizer) return Fail{tokenizer.error()};
    d.vocabulary = tokenizer->vocabulary();
    shape.end_tokens = tokenizer->end_tokens();
    if (auto error = check_tensors(source, d)) return Fail{*error};
    shape.head = source.find_tensor("output.weight") != nullptr ? "output.weight" : "token_embd.weight";
    return shape;
}

}  // namespace daidd::import
