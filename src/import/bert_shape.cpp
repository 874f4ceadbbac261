#include "import/bert_shape.h"

#include <bit>
#include <optional>
#include <set>
#include <string>

#include "import/dequantize.h"

namespace daidd::import {

using inference::Dimensions;
using inference::GgufError;
using inference::GgufFile;
using inference::GgufReason;

namespace {

constexpr uint64_t kMeanPooling = 1;  // of bert.pooling_type: GGUF's own number
constexpr const char* kPooling = "bert.pooling_type";
constexpr const char* kCausal = "bert.attention.causal";
constexpr const char* kEpsilon = "bert.attention.layer_norm_epsilon";

struct TensorShape {
    std::string name;
    uint64_t cols, rows;
};

void add_linear(std::vector<TensorShape>& shapes, const std::string& name, uint64_t cols, uint64_t rows) {
    shapes.push_back({name + ".weight", cols, rows});
    shapes.push_back({name + ".bias", rows, 1});
}

void add_norm(std::vector<TensorShape>& shapes, const std::string& name, uint64_t width) {
    shapes.push_back({name + ".weight", width, 1});
    shapes.push_back({name + ".bias", width, 1});
}

std::vector<TensorShape> tensor_shapes(const Dimensions& d, uint64_t token_types) {
    std::vector<TensorShape> shapes{{"token_embd.weight", d.dim, d.vocabulary},
                                    {"token_types.weight", d.dim, token_types},
                                    {"position_embd.weight", d.dim, d.context}};
    add_norm(shapes, "token_embd_norm", d.dim);
    for (uint32_t l = 0; l < d.layers; ++l) {
        const std::string layer = "blk." + std::to_string(l) + ".";
        for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
            add_linear(shapes, layer + name, d.dim, d.dim);
        }
        add_norm(shapes, layer + "attn_output_norm", d.dim);
        add_linear(shapes, layer + "ffn_up", d.dim, d.ffn);
        add_linear(shapes, layer + "ffn_down", d.ffn, d.dim);
        add_norm(shapes, layer + "layer_output_norm", d.dim);
    }
    return shapes;
}

std::optional<GgufError> check_tensors(const GgufFile& source, const std::vector<TensorShape>& shapes) {
    for (const TensorShape& shape : shapes) {
        const auto* tensor = source.find_tensor(shape.name);
        if (tensor == nullptr) return GgufError{GgufReason::kMissing, shape.name};
        if (!is_float_type(tensor->type)) return GgufError{GgufReason::kWrongType, shape.name};
        if (tensor->cols() != shape.cols || tensor->rows() != shape.rows)
            return GgufError{GgufReason::kBadShape, shape.name};
    }
    std::set<std::string_view> known;
    for (const TensorShape& shape : shapes) known.insert(shape.name);
    for (const auto& tensor : source.tensors()) {
        if (!known.contains(tensor.name)) return GgufError{GgufReason::kBadValue, std::string{tensor.name}};
    }
    return std::nullopt;
}

std::optional<GgufError> check_kind(const GgufFile& source) {
    const auto architecture = source.text_at("general.architecture");
    if (!architecture) return architecture.error();
    if (*architecture != "bert") return GgufError{GgufReason::kBadValue, "general.architecture"};
    const auto pooling = source.number_at(kPooling, UINT32_MAX);
    if (!pooling) return pooling.error();
    if (*pooling != kMeanPooling) return GgufError{GgufReason::kBadValue, kPooling};
    const auto* causal = source.find_value(kCausal);
    if (causal != nullptr && (causal->type != inference::GgufValueType::kBool || causal->numbers[0] != 0))
        return GgufError{GgufReason::kBadValue, kCausal};
    return std::nullopt;
}

}  // namespace

Result<BertShape, GgufError> read_bert_shape(const GgufFile& source) {
    if (const auto error = check_kind(source)) return Fail{*error};
    BertShape shape;
    Dimensions& d = shape.dimensions;
    const struct {
        const char* key;
        uint32_t& value;
        uint32_t max;
    } numbers[] = {{"bert.block_count", d.layers, inference::kLayersMax},
                   {"bert.embedding_length", d.dim, inference::kDimMax},
                   {"bert.feed_forward_length", d.ffn, inference::kDepthMax},
                   {"bert.attention.head_count", d.heads, inference::kHeadsMax},
                   {"bert.context_length", d.context, inference::kContextMax}};
    for (const auto& number : numbers) {
        const auto value = source.number_at(number.key, number.max);
        if (!value) return Fail{value.error()};
        if (*value == 0) return Fail{GgufError{GgufReason::kBadValue, number.key}};
        number.value = uint32_t(*value);
    }
    d.kv_heads = d.heads;
    d.head_dim = d.dim / d.heads;
    if (d.dim % d.heads != 0 || d.head_dim % 2 != 0 || d.head_dim > inference::kHeadDimMax)
        return Fail{GgufError{GgufReason::kBadValue, "bert.attention.head_count"}};
    const auto bits = source.float_bits_at(kEpsilon);
    if (!bits) return Fail{bits.error()};
    shape.epsilon = double(std::bit_cast<float>(*bits));
    if (!(shape.epsilon >= 0 && shape.epsilon <= 1)) return Fail{GgufError{GgufReason::kBadValue, kEpsilon}};

    const auto rows_of = [&source](const char* name) {
        const auto* tensor = source.find_tensor(name);
        return tensor == nullptr ? 1 : tensor->rows();
    };
    const uint64_t vocabulary = rows_of("token_embd.weight");
    if (vocabulary > inference::kVocabularyMax)
        return Fail{GgufError{GgufReason::kOverLimit, "token_embd.weight"}};
    d.vocabulary = uint32_t(vocabulary);
    if (const auto error = check_tensors(source, tensor_shapes(d, rows_of("token_types.weight"))))
        return Fail{*error};
    return shape;
}

}  // namespace daidd::import
