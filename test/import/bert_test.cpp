#include "import/bert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "import/convert.h"
#include "import/small_bert.h"
#include "inference/forward.h"
#include "inference/manifest.h"
#include "inference/tokenizer.h"

namespace daidd::import {
namespace {

using inference::Backend;
using inference::GgufFile;
using inference::Model;

Result<Bytes, inference::GgufError> converted(const SmallBert& source,
                                              Precision precision = Precision::kExact, unsigned threads = 1) {
    const Bytes file = source.file();
    return convert(*GgufFile::parse(file), {.precision = precision, .threads = threads, .progress = {}});
}

double cosine(const std::vector<int32_t>& a, const std::vector<double>& b) {
    double product = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < b.size(); ++i) {
        product += a[i] * b[i];
        aa += double(a[i]) * a[i];
        bb += b[i] * b[i];
    }
    return product / std::sqrt(aa * bb);
}

TEST(ImportBert, EmbeddingsAreNearTheFloatModels) {
    const SmallBert::Shape shapes[] = {{},
                                       {.layers = 3, .dim = 60, .ffn = 91, .heads = 6, .context = 9},
                                       {.layers = 1, .dim = 2, .ffn = 1, .heads = 1, .token_types = 1}};
    for (const auto& shape : shapes) {
        const SmallBert source{shape, /*seed=*/7};
        const auto file = converted(source);
        ASSERT_TRUE(file) << to_string(file.error());
        const auto model = Model::load(*file);
        ASSERT_TRUE(model) << model.error().text();
        for (const std::vector<uint32_t>& tokens :
             {std::vector<uint32_t>{2, 3}, {2, 4, 5, 6, 7, 3}, {2, 8, 9, 8, 4, 5, 7, 11, 3}}) {
            const auto embedding = encode_text(*model, inference::best_backend(), tokens);
            ASSERT_TRUE(embedding);
            EXPECT_GT(cosine(*embedding, source.embed(tokens)), 0.9999) << shape.dim << " " << tokens.size();
        }
    }
}

TEST(ImportBert, PairsHoldWhatRoundingLeft) {
    const SmallBert source;
    const Bytes file = source.file();
    const auto imported = import_bert(*GgufFile::parse(file));
    ASSERT_TRUE(imported) << to_string(imported.error());
    const auto value = [&](size_t linear, size_t r, size_t c) {
        const auto& l = imported->parts.linears[linear];
        return l.row(uint32_t(r))[c] * std::ldexp(l.mw[r], -int(l.ew[r]));
    };
    // Of layer 0: 1 qkv, 3 o, 5 up, 7 down.
    const auto& down = source.tensors.at("blk.0.ffn_down.weight").values;
    const size_t cols = source.shape.ffn;
    for (size_t r = 0; r < source.shape.dim; ++r) {
        double most = 0;
        for (size_t c = 0; c < cols; ++c) most = std::max(most, std::fabs(double(down[r * cols + c])));
        for (size_t c = 0; c < cols; ++c) {
            // Half a step of a scale that is a 254th of the first one's, both rounded up by a 512th at most.
            EXPECT_NEAR(value(7, r, c) + value(8, r, c), down[r * cols + c], most / 127 / 254 / 2 * 1.01);
        }
    }
    EXPECT_TRUE(imported->parts.linears[8].bias.empty()) << "the bias is in the first of the two";
    EXPECT_EQ(imported->parts.linears[7].bias.size(), source.shape.dim);
}

TEST(ImportBert, ThereIsOnePrecisionAndNoThreadShows) {
    const SmallBert source;
    const auto expected = converted(source);
    ASSERT_TRUE(expected);
    EXPECT_EQ(*converted(source, Precision::kFast, 2), *expected);
    EXPECT_EQ(*GgufFile::parse(*expected)->text_at("dai.precision"), "exact");
}

struct SpoiledBert {
    const char* name;
    void (*spoil)(SmallBert&);
    const char* error;
};
void PrintTo(const SpoiledBert& c, std::ostream* out) { *out << c.name; }

const SpoiledBert kSpoiled[] = {
    {"good", [](SmallBert&) {}, "none"},
    {"no_pooling", [](auto& b) { b.fields.erase("bert.pooling_type"); }, "bert.pooling_type: missing"},
    {"pooling_of_the_first", [](auto& b) { b.fields["bert.pooling_type"] = 2u; },
     "bert.pooling_type: bad value"},
    {"causal", [](auto& b) { b.fields["bert.attention.causal"] = true; }, "bert.attention.causal: bad value"},
    {"causal_is_a_number", [](auto& b) { b.fields["bert.attention.causal"] = 0u; },
     "bert.attention.causal: bad value"},
    {"causal_unsaid", [](auto& b) { b.fields.erase("bert.attention.causal"); }, "none"},
    {"no_layers", [](auto& b) { b.fields["bert.block_count"] = 0u; }, "bert.block_count: bad value"},
    {"layers_over_limit", [](auto& b) { b.fields["bert.block_count"] = inference::kLayersMax + 1; },
     "bert.block_count: bad value"},
    {"context_over_limit", [](auto& b) { b.fields["bert.context_length"] = inference::kContextMax + 1; },
     "bert.context_length: bad value"},
    {"heads_that_do_not_divide", [](auto& b) { b.fields["bert.attention.head_count"] = 5u; },
     "bert.attention.head_count: bad value"},
    {"odd_heads", [](auto& b) { b.fields["bert.attention.head_count"] = 32u; },
     "bert.attention.head_count: bad value"},
    {"epsilon_of_one", [](auto& b) { b.fields["bert.attention.layer_norm_epsilon"] = 1.0f; }, "none"},
    {"epsilon_above_one",
     [](auto& b) { b.fields["bert.attention.layer_norm_epsilon"] = std::nextafter(1.0f, 2.0f); },
     "bert.attention.layer_norm_epsilon: bad value"},
    {"epsilon_below_zero", [](auto& b) { b.fields["bert.attention.layer_norm_epsilon"] = -1e-12f; },
     "bert.attention.layer_norm_epsilon: bad value"},
    {"epsilon_is_no_number",
     [](auto& b) { b.fields["bert.attention.layer_norm_epsilon"] = std::numeric_limits<float>::quiet_NaN(); },
     "bert.attention.layer_norm_epsilon: bad value"},
    {"no_words", [](auto& b) { b.tensors.erase("token_embd.weight"); }, "token_embd.weight: missing"},
    {"no_token_types", [](auto& b) { b.tensors.erase("token_types.weight"); }, "token_types.weight: missing"},
    {"no_bias", [](auto& b) { b.tensors.erase("blk.1.attn_q.bias"); }, "blk.1.attn_q.bias: missing"},
    {"fewer_positions", [](auto& b) { b.fields["bert.context_length"] = 17u; },
     "position_embd.weight: bad shape"},
    {"transposed",
     [](auto& b) {
         b.tensors["blk.0.ffn_up.weight"].dims = {64, 32};
     },
     "blk.0.ffn_up.weight: bad shape"},
    {"a_layer_more", [](auto& b) { b.tensors["blk.2.ffn_up.weight"] = b.tensors["blk.1.ffn_up.weight"]; },
     "blk.2.ffn_up.weight: bad value"},
    {"a_pooler",
     [](auto& b) {
         b.tensors["cls.weight"] = {{1}, {1}};
     },
     "cls.weight: bad value"},
    {"infinite_weight",
     [](auto& b) { b.tensors["blk.0.attn_v.weight"].values[9] = std::numeric_limits<float>::infinity(); },
     "blk.0.attn_v.weight: bad value"},
    {"infinite_word",
     [](auto& b) { b.tensors["token_embd.weight"].values[9] = std::numeric_limits<float>::infinity(); },
     "token_embd.weight: bad value"},
    {"largest_bias", [](auto& b) { b.tensors["blk.0.ffn_up.bias"].values[3] = 32767; }, "none"},
    {"bias_above", [](auto& b) { b.tensors["blk.0.ffn_up.bias"].values[3] = 32768; },
     "blk.0.ffn_up.bias: bad value"},
    {"gain_too_large", [](auto& b) { b.tensors["token_embd_norm.weight"].values[3] = 65537; },
     "token_embd_norm.weight: bad value"},
};

class RefusedBert : public testing::TestWithParam<SpoiledBert> {};

TEST_P(RefusedBert, NamesFieldAndReason) {
    SmallBert source;
    GetParam().spoil(source);
    const auto file = converted(source);
    EXPECT_EQ(file ? "none" : to_string(file.error()), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Files, RefusedBert, testing::ValuesIn(kSpoiled),
                         [](const auto& c) { return std::string{c.param.name}; });

}  // namespace
}  // namespace daidd::import
