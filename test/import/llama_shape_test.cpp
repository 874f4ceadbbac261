#include "import/llama_shape.h"

#include <gtest/gtest.h>

#include <cmath>

#include "import/small_llama.h"

namespace daidd::import {
namespace {

using inference::GgufFile;
using inference::GgufType;

Result<LlamaShape, inference::GgufError> shape_of(const SmallLlama& model) {
    const Bytes file = model.file();
    return read_llama_shape(*GgufFile::parse(file));
}

TEST(LlamaShape, SaysWhatTheMetadataSays) {
    SmallLlama model;
    const auto shape = shape_of(model);
    ASSERT_TRUE(shape) << to_string(shape.error());
    const auto vocabulary = uint32_t(model.vocabulary.tokens.size());
    EXPECT_EQ(shape->dimensions, (inference::Dimensions{vocabulary, 2, 32, 64, 4, 2, 8, 64}));
    EXPECT_EQ(shape->epsilon, 0x1p-16);
    EXPECT_EQ(shape->rope_base, 10'000u);
    EXPECT_EQ(shape->head, "output.weight");
    EXPECT_EQ(shape->end_tokens, (std::vector<uint32_t>{400, 402})) << "endoftext and im_end";
}

TEST(LlamaShape, HasDefaultsForWhatMayBeMissing) {
    SmallLlama model{{.kv_heads = 4, .tied = true}};
    for (const char* key :
         {"llama.attention.head_count_kv", "llama.attention.key_length", "llama.rope.freq_base"}) {
        ASSERT_EQ(model.fields.erase(key), 1u);
    }
    const auto shape = shape_of(model);
    ASSERT_TRUE(shape) << to_string(shape.error());
    EXPECT_EQ(shape->dimensions.kv_heads, 4u);
    EXPECT_EQ(shape->dimensions.head_dim, 8u);
    EXPECT_EQ(shape->rope_base, 10'000u);
    EXPECT_EQ(shape->head, "token_embd.weight");
}

TEST(LlamaShape, CutsAContextThatNoModelMayHave) {
    SmallLlama model;
    model.fields["llama.context_length"] = inference::kContextMax + 1;
    EXPECT_EQ(shape_of(model)->dimensions.context, inference::kContextMax);
}

struct ShapeCase {
    std::string name;
    void (*spoil)(SmallLlama&);
    std::string expected;
};
void PrintTo(const ShapeCase& c, std::ostream* out) { *out << c.name; }

class RefusedShape : public testing::TestWithParam<ShapeCase> {};

TEST_P(RefusedShape, IsNamedByFieldOrTensor) {
    SmallLlama model;
    GetParam().spoil(model);
    const auto shape = shape_of(model);
    EXPECT_EQ(shape ? "none" : to_string(shape.error()), GetParam().expected);
}

std::string case_name(const testing::TestParamInfo<ShapeCase>& info) { return info.param.name; }

// Each case changes one thing in a valid file.
const ShapeCase kFieldCases[] = {
    {"valid", [](SmallLlama&) {}, "none"},
    {"architecture_missing", [](SmallLlama& m) { m.fields.erase("general.architecture"); },
     "general.architecture: missing"},
    {"architecture_number", [](SmallLlama& m) { m.fields["general.architecture"] = 7u; },
     "general.architecture: wrong type"},
    {"architecture_other", [](SmallLlama& m) { m.fields["general.architecture"] = "mamba"; },
     "general.architecture = mamba: bad value"},
    {"architecture_of_other_fields", [](SmallLlama& m) { m.fields["general.architecture"] = "qwen2"; },
     "qwen2.block_count: missing"},
    {"soft_cap", [](SmallLlama& m) { m.fields["llama.attn_logit_softcapping"] = 50.0f; },
     "llama.attn_logit_softcapping: bad value"},
    {"soft_cap_of_logits", [](SmallLlama& m) { m.fields["llama.final_logit_softcapping"] = 30.0f; },
     "llama.final_logit_softcapping: bad value"},
    {"scaling_none", [](SmallLlama& m) { m.fields["llama.rope.scaling.type"] = "none"; }, "none"},
    {"scaling_linear", [](SmallLlama& m) { m.fields["llama.rope.scaling.type"] = "linear"; },
     "llama.rope.scaling.type: bad value"},
    {"scaling_yarn", [](SmallLlama& m) { m.fields["llama.rope.scaling.type"] = "yarn"; },
     "llama.rope.scaling.type: bad value"},
    {"scaling_number", [](SmallLlama& m) { m.fields["llama.rope.scaling.type"] = 0u; },
     "llama.rope.scaling.type: bad value"},
    {"scaling_factor", [](SmallLlama& m) { m.fields["llama.rope.scaling.factor"] = 4.0f; },
     "llama.rope.scaling.factor: bad value"},
    {"scaling_factor_one", [](SmallLlama& m) { m.fields["llama.rope.scaling.factor"] = 1.0f; }, "none"},
    {"scaling_factor_unused",
     [](SmallLlama& m) {
         m.fields["llama.rope.scaling.type"] = "none";
         m.fields["llama.rope.scaling.factor"] = 4.0f;
     },
     "none"},
    {"scaling_old_name", [](SmallLlama& m) { m.fields["llama.rope.scale_linear"] = 2.0f; },
     "llama.rope.scale_linear: bad value"},
    {"layers_missing", [](SmallLlama& m) { m.fields.erase("llama.block_count"); },
     "llama.block_count: missing"},
    {"layers_text", [](SmallLlama& m) { m.fields["llama.block_count"] = "2"; },
     "llama.block_count: wrong type"},
    {"layers_0", [](SmallLlama& m) { m.fields["llama.block_count"] = 0u; }, "llama.block_count: bad value"},
    {"layers_over", [](SmallLlama& m) { m.fields["llama.block_count"] = inference::kLayersMax + 1; },
     "llama.block_count: bad value"},
    {"layers_fewer", [](SmallLlama& m) { m.fields["llama.block_count"] = 1u; },
     "llama.block_count: over limit"},
    {"layers_more", [](SmallLlama& m) { m.fields["llama.block_count"] = 3u; },
     "blk.2.attn_norm.weight: missing"},
    {"layers_most", [](SmallLlama& m) { m.fields["llama.block_count"] = inference::kLayersMax; },
     "blk.2.attn_norm.weight: missing"},
    {"dim_0", [](SmallLlama& m) { m.fields["llama.embedding_length"] = 0u; },
     "llama.embedding_length: bad value"},
    {"dim_over", [](SmallLlama& m) { m.fields["llama.embedding_length"] = inference::kDimMax + 1; },
     "llama.embedding_length: bad value"},
    {"dim_other", [](SmallLlama& m) { m.fields["llama.embedding_length"] = 33u; },
     "blk.0.attn_norm.weight: bad shape"},
    {"ffn_0", [](SmallLlama& m) { m.fields["llama.feed_forward_length"] = 0u; },
     "llama.feed_forward_length: bad value"},
    {"ffn_over", [](SmallLlama& m) { m.fields["llama.feed_forward_length"] = inference::kDepthMax + 1; },
     "llama.feed_forward_length: bad value"},
    {"ffn_other", [](SmallLlama& m) { m.fields["llama.feed_forward_length"] = 63u; },
     "blk.0.ffn_up.weight: bad shape"},
    {"heads_missing", [](SmallLlama& m) { m.fields.erase("llama.attention.head_count"); },
     "llama.attention.head_count: missing"},
    {"heads_0", [](SmallLlama& m) { m.fields["llama.attention.head_count"] = 0u; },
     "llama.attention.head_count: bad value"},
    {"heads_over", [](SmallLlama& m) { m.fields["llama.attention.head_count"] = inference::kHeadsMax + 1; },
     "llama.attention.head_count: bad value"},
    {"heads_other", [](SmallLlama& m) { m.fields["llama.attention.head_count"] = 8u; },
     "blk.0.attn_q.weight: bad shape"},
    {"kv_heads_0", [](SmallLlama& m) { m.fields["llama.attention.head_count_kv"] = 0u; },
     "llama.attention.head_count_kv: bad value"},
    {"kv_heads_uneven", [](SmallLlama& m) { m.fields["llama.attention.head_count_kv"] = 3u; },
     "llama.attention.head_count_kv: bad value"},
    {"kv_heads_more_than_heads", [](SmallLlama& m) { m.fields["llama.attention.head_count_kv"] = 8u; },
     "llama.attention.head_count_kv: bad value"},
    {"kv_heads_other", [](SmallLlama& m) { m.fields["llama.attention.head_count_kv"] = 1u; },
     "blk.0.attn_k.weight: bad shape"},
    {"head_dim_under", [](SmallLlama& m) { m.fields["llama.attention.key_length"] = 1u; },
     "llama.attention.key_length: bad value"},
    {"head_dim_over",
     [](SmallLlama& m) { m.fields["llama.attention.key_length"] = inference::kHeadDimMax + 1; },
     "llama.attention.key_length: bad value"},
    {"head_dim_odd", [](SmallLlama& m) { m.fields["llama.attention.key_length"] = 7u; },
     "llama.attention.key_length: bad value"},
    {"head_dim_other", [](SmallLlama& m) { m.fields["llama.attention.key_length"] = 6u; },
     "blk.0.attn_q.weight: bad shape"},
    {"value_length_other", [](SmallLlama& m) { m.fields["llama.attention.value_length"] = 6u; },
     "llama.attention.value_length: bad value"},
    {"value_length_same", [](SmallLlama& m) { m.fields["llama.attention.value_length"] = 8u; }, "none"},
    {"rotated_part", [](SmallLlama& m) { m.fields["llama.rope.dimension_count"] = 4u; },
     "llama.rope.dimension_count: bad value"},
    {"rotated_whole", [](SmallLlama& m) { m.fields["llama.rope.dimension_count"] = 8u; }, "none"},
    {"context_0", [](SmallLlama& m) { m.fields["llama.context_length"] = 0u; },
     "llama.context_length: bad value"},
    {"epsilon_missing", [](SmallLlama& m) { m.fields.erase("llama.attention.layer_norm_rms_epsilon"); },
     "llama.attention.layer_norm_rms_epsilon: missing"},
    {"epsilon_nan", [](SmallLlama& m) { m.fields["llama.attention.layer_norm_rms_epsilon"] = NAN; },
     "llama.attention.layer_norm_rms_epsilon: bad value"},
    {"epsilon_negative",
     [](SmallLlama& m) { m.fields["llama.attention.layer_norm_rms_epsilon"] = -0x1p-149f; },
     "llama.attention.layer_norm_rms_epsilon: bad value"},
    {"epsilon_most", [](SmallLlama& m) { m.fields["llama.attention.layer_norm_rms_epsilon"] = 1.0f; },
     "none"},
    {"epsilon_over",
     [](SmallLlama& m) { m.fields["llama.attention.layer_norm_rms_epsilon"] = 1.0f + 0x1p-23f; },
     "llama.attention.layer_norm_rms_epsilon: bad value"},
    {"epsilon_number", [](SmallLlama& m) { m.fields["llama.attention.layer_norm_rms_epsilon"] = 0u; },
     "llama.attention.layer_norm_rms_epsilon: wrong type"},
    {"rope_base_under", [](SmallLlama& m) { m.fields["llama.rope.freq_base"] = 1.0f; },
     "llama.rope.freq_base: bad value"},
    {"rope_base_least", [](SmallLlama& m) { m.fields["llama.rope.freq_base"] = 2.0f; }, "none"},
    {"rope_base_most", [](SmallLlama& m) { m.fields["llama.rope.freq_base"] = 4e9f; }, "none"},
    {"rope_base_over", [](SmallLlama& m) { m.fields["llama.rope.freq_base"] = 5e9f; },
     "llama.rope.freq_base: bad value"},
    {"rope_base_fraction", [](SmallLlama& m) { m.fields["llama.rope.freq_base"] = 10'000.5f; },
     "llama.rope.freq_base: bad value"},
    {"rope_base_nan", [](SmallLlama& m) { m.fields["llama.rope.freq_base"] = NAN; },
     "llama.rope.freq_base: bad value"},
    {"tokenizer_unknown", [](SmallLlama& m) { m.vocabulary.pre = "other"; }, "tokenizer.ggml.pre: bad value"},
    {"vocabulary_other",
     [](SmallLlama& m) {
         m.vocabulary.tokens.emplace_back("<|more|>");
         m.vocabulary.types.push_back(3);
     },
     "token_embd.weight: bad shape"},
};

INSTANTIATE_TEST_SUITE_P(Fields, RefusedShape, testing::ValuesIn(kFieldCases), case_name);

const ShapeCase kTensorCases[] = {
    {"unknown", [](SmallLlama& m) { m.set_tensor("rope_freqs.weight", {4}); },
     "rope_freqs.weight: bad value"},
    {"unknown_in_layer", [](SmallLlama& m) { m.set_tensor("blk.1.attn_q.bias", {32}); },
     "blk.1.attn_q.bias: bad value"},
    {"unknown_short_name", [](SmallLlama& m) { m.set_tensor("x", {1}); }, "x: bad value"},
    {"layer_too_many", [](SmallLlama& m) { m.set_tensor("blk.2.attn_norm.weight", {32}); },
     "llama.block_count: over limit"},
    {"embedding_missing", [](SmallLlama& m) { m.tensors.erase("token_embd.weight"); },
     "token_embd.weight: missing"},
    {"output_norm_missing", [](SmallLlama& m) { m.tensors.erase("output_norm.weight"); },
     "output_norm.weight: missing"},
    {"head_missing", [](SmallLlama& m) { m.tensors.erase("output.weight"); }, "none"},
    {"head_of_other_vocabulary",
     [](SmallLlama& m) {
         m.set_tensor("output.weight", {32, 16});
     },
     "output.weight: bad shape"},
    {"norm_as_matrix_of_one_row",
     [](SmallLlama& m) {
         m.set_tensor("blk.0.attn_norm.weight", {32, 1});
     },
     "none"},
    {"norm_as_column",
     [](SmallLlama& m) {
         m.set_tensor("blk.0.attn_norm.weight", {1, 32});
     },
     "blk.0.attn_norm.weight: bad shape"},
    {"integers",
     [](SmallLlama& m) {
         m.tensors["blk.1.ffn_up.weight"] = {GgufType::kI8, {32, 64}, Bytes(32 * 64)};
     },
     "blk.1.ffn_up.weight: wrong type"},
    {"halves",
     [](SmallLlama& m) {
         m.tensors["blk.1.ffn_up.weight"] = {GgufType::kF16, {32, 64}, Bytes(2 * 32 * 64)};
     },
     "none"},
};

INSTANTIATE_TEST_SUITE_P(Tensors, RefusedShape, testing::ValuesIn(kTensorCases), case_name);

struct LayerTensor {
    const char* name;
    uint64_t cols, rows;
};
const LayerTensor kLayerTensors[] = {{"attn_norm", 32, 1}, {"attn_q", 32, 32},      {"attn_k", 32, 16},
                                     {"attn_v", 32, 16},   {"attn_output", 32, 32}, {"ffn_norm", 32, 1},
                                     {"ffn_gate", 32, 64}, {"ffn_up", 32, 64},      {"ffn_down", 64, 32}};

TEST(RefusedLayer, NamesEachTensorThatIsMissingOrHasAnotherShape) {
    for (const auto& [name, cols, rows] : kLayerTensors) {
        const std::string full = std::string{"blk.1."} + name + ".weight";
        SmallLlama model;
        ASSERT_EQ(model.tensors.erase(full), 1u) << full;
        EXPECT_EQ(to_string(shape_of(model).error()), full + ": missing");
        model.set_tensor(full, {cols, rows});
        EXPECT_TRUE(shape_of(model)) << full;
        model.set_tensor(full, {cols, rows + 1});
        EXPECT_EQ(to_string(shape_of(model).error()), full + ": bad shape");
        model.set_tensor(full, {cols + 1, rows});
        EXPECT_EQ(to_string(shape_of(model).error()), full + ": bad shape");
    }
}

// Without key_length the size of a head is that of the residual stream over the heads, and has the same
// limits.
TEST(RefusedHeads, HaveLimitsWhereTheirSizeFollows) {
    struct Case {
        uint32_t dim, heads;
        std::string expected;
    };
    const Case cases[] = {
        {2, 2, "llama.attention.head_count: bad value"},
        {2, 3, "llama.attention.head_count: bad value"},
        {6, 2, "llama.attention.head_count: bad value"},
        {4, 2, "none"},
        {256, 1, "none"},
        {258, 1, "llama.attention.head_count: bad value"},
    };
    for (const auto& [dim, heads, expected] : cases) {
        const uint32_t head_dim = std::max(1u, dim / heads);
        SmallLlama model{{.layers = 1, .dim = dim, .heads = heads, .kv_heads = heads, .head_dim = head_dim}};
        model.fields.erase("llama.attention.key_length");
        const auto shape = shape_of(model);
        EXPECT_EQ(shape ? "none" : to_string(shape.error()), expected) << dim << " over " << heads;
    }
}

TEST(RefusedHeads, HaveNoMoreColumnsThanALinearMay) {
    // 256 heads of 130: the attention's output would read 33,280 columns.
    for (const uint32_t head_dim : {128u, 130u}) {
        SmallLlama model{{.layers = 1, .dim = 2, .heads = 256, .kv_heads = 1, .head_dim = head_dim}};
        const auto shape = shape_of(model);
        EXPECT_EQ(shape ? "none" : to_string(shape.error()),
                  head_dim == 128 ? "none" : "llama.attention.head_count: bad value");
    }
}

}  // namespace
}  // namespace daidd::import
