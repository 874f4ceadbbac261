#include <gtest/gtest.h>

#include <cmath>

#include "import/convert.h"
#include "import/float_llama.h"
#include "import/llama_shape.h"
#include "import/rope.h"
#include "inference/forward.h"

// Every family against the same model in doubles, and what the files of one may and may not say.
namespace daidd::import {
namespace {

using inference::Backend;
using inference::GgufFile;
using inference::Model;

SmallLlama::Shape shape_of(const std::string& architecture, uint32_t window = 0) {
    return {.architecture = architecture, .window = window};
}
SmallLlama::Shape gemma_shape() {
    // Seven layers, so that the sixth sees everything; heads wider together than the residual stream.
    return {.layers = 7, .head_dim = 16, .tied = true, .architecture = "gemma3", .window = 5};
}

Result<Bytes, inference::GgufError> converted(const SmallLlama& model,
                                              Precision precision = Precision::kFast) {
    const Bytes file = model.file();
    return convert(*GgufFile::parse(file), {.precision = precision, .threads = 1, .progress = {}});
}

std::string error_of(const SmallLlama& model) {
    const Bytes file = model.file();
    const auto shape = read_llama_shape(*GgufFile::parse(file));
    return shape ? "none" : to_string(shape.error());
}

std::vector<std::vector<double>> integer_logits(const Bytes& file, const std::vector<uint32_t>& tokens) {
    const auto model = Model::load(file, Backend::kScalar);
    EXPECT_TRUE(model) << model.error().text();
    inference::Sequence sequence{*model, uint32_t(tokens.size())};
    const auto all = forward(*model, Backend::kScalar, sequence, tokens, {.logits = inference::Logits::kAll});
    std::vector<std::vector<double>> logits(tokens.size());
    const size_t vocabulary = model->dimensions().vocabulary;
    for (size_t i = 0; i < all->size(); ++i) {
        logits[i / vocabulary].push_back(std::ldexp((*all)[i], -int(model->fx())));
    }
    return logits;
}

const std::vector<uint32_t> kText{40, 7, 300, 7, 0, 399, 12, 12, 250, 101, 33, 5};

struct FamilyCase {
    std::string name;
    SmallLlama::Shape shape;
    size_t norms;  ///< of a layer
};
void PrintTo(const FamilyCase& c, std::ostream* out) { *out << c.name; }

class ImportFamily : public testing::TestWithParam<FamilyCase> {};

TEST_P(ImportFamily, TheLogitsAreNearTheFloatModels) {
    for (const Precision precision : {Precision::kFast, Precision::kExact}) {
        const SmallLlama source{GetParam().shape, /*seed=*/2};
        const auto bytes = converted(source, precision);
        ASSERT_TRUE(bytes) << to_string(bytes.error());
        const auto found = integer_logits(*bytes, kText);
        // As for a Llama: weights of eight bits 0.4 % a linear, q, k and v 0.6 %, one plane 1.2 %.
        EXPECT_LT(relative_distance(found, float_logits(source, kText)),
                  (precision == Precision::kFast ? 0.02 : 0.012) * std::sqrt(source.shape.layers + 1.0));
        EXPECT_GT(relative_distance(found, float_logits(source, kText, /*with_positions=*/false)), 0.1)
            << "the measure sees a model that is wrong";
    }
}

TEST_P(ImportFamily, TheGreedyTokensAreTheFloatModels) {
    const SmallLlama source{GetParam().shape, /*seed=*/3};
    const auto found = integer_logits(*converted(source), kText), expected = float_logits(source, kText);
    for (size_t i = 0; i < kText.size(); ++i) {
        const auto best = std::ranges::max_element(expected[i]) - expected[i].begin();
        const auto ours = std::ranges::max_element(found[i]) - found[i].begin();
        // Where two candidates are closer than the distance between the models either may win.
        EXPECT_NEAR(expected[i][size_t(ours)], expected[i][size_t(best)], 0.1) << "position " << i;
    }
}

TEST_P(ImportFamily, HasTheNormsOfItsLayers) {
    const auto bytes = converted(SmallLlama{GetParam().shape});
    const auto model = Model::load(*bytes, Backend::kScalar);
    ASSERT_TRUE(model) << model.error().text();
    EXPECT_EQ(model->parts().architecture, GetParam().shape.architecture);
    EXPECT_EQ(model->parts().norms.size(), GetParam().norms * GetParam().shape.layers + 1);
    EXPECT_EQ(model->parts().window, GetParam().shape.window);
    EXPECT_EQ(model->linears()[0].bias.empty(), GetParam().shape.architecture != "qwen2");
}

const FamilyCase kFamilyCases[] = {
    {"mistral", shape_of("mistral"), 2},
    {"mistral_windowed", shape_of("mistral", 4), 2},
    {"llama_windowed", shape_of("llama", 3), 2},
    {"qwen2", shape_of("qwen2"), 2},
    {"qwen3", shape_of("qwen3"), 3},
    {"gemma3", gemma_shape(), 5},
};
INSTANTIATE_TEST_SUITE_P(Families, ImportFamily, testing::ValuesIn(kFamilyCases),
                         [](const auto& tested) { return tested.param.name; });

TEST(ImportFamily, ThroughNormsAfterTheSumNothingIsRotated) {
    for (const Precision precision : {Precision::kFast, Precision::kExact}) {
        const auto bytes = converted(SmallLlama{gemma_shape()}, precision);
        EXPECT_EQ(*GgufFile::parse(*bytes)->text_at("dai.precision"), "exact");
    }
    EXPECT_EQ(*converted(SmallLlama{gemma_shape()}, Precision::kFast),
              *converted(SmallLlama{gemma_shape()}, Precision::kExact));
}

TEST(ImportFamily, WindowedLayersOfAGemmaHaveTheirOwnRotation) {
    SmallLlama source{gemma_shape()};
    source.fields["gemma3.rope.freq_base"] = 1e6f;
    const auto bytes = converted(source);
    const auto model = Model::load(*bytes, Backend::kScalar);
    EXPECT_EQ(model->parts().rope, rope_constants(1'000'000, 16));
    EXPECT_EQ(model->parts().local_rope, rope_constants(10'000, 16));
    EXPECT_LT(relative_distance(integer_logits(*bytes, kText), float_logits(source, kText)), 0.034);
}

TEST(ImportFamily, DownOfAGemmaIsAPairThatHoldsItToFourteenBits) {
    const SmallLlama source{gemma_shape()};
    const auto bytes = converted(source);
    const auto model = Model::load(*bytes, Backend::kScalar);
    const auto& linears = model->linears();
    ASSERT_EQ(linears.size(), 5 * source.shape.layers + 1);
    for (uint32_t l = 0; l < source.shape.layers; ++l) {
        const auto weights = source.values_of("blk." + std::to_string(l) + ".ffn_down.weight");
        const inference::Linear &rounded = linears[5 * l + 3], &rest = linears[5 * l + 4];
        for (size_t i = 0; i < weights.size(); ++i) {
            const size_t r = i / rounded.k;
            const double unit = std::ldexp(rest.mw[r], -int(rest.ew[r]));
            const double sum =
                std::ldexp(rounded.weights[i] * rounded.mw[r], -int(rounded.ew[r])) + rest.weights[i] * unit;
            ASSERT_LE(std::fabs(sum - double(weights[i])), unit * 0.5000001) << "layer " << l << " at " << i;
            ASSERT_LT(unit, std::ldexp(rounded.mw[r], -int(rounded.ew[r])) / 200);
        }
    }
}

/// Gains that are large where those of the other side are small: no score is another, but one scale a head
/// leaves hardly a bit to the other pairs unless the gains are shared out.
TEST(ImportFamily, GainsThatTakeEachOthersPlaceCostNothing) {
    for (const auto& shape : {shape_of("qwen3"), gemma_shape()}) {
        SmallLlama source{shape, /*seed=*/2};
        for (uint32_t l = 0; l < shape.layers; ++l) {
            const std::string layer = "blk." + std::to_string(l) + ".attn_";
            auto q = source.values_of(layer + "q_norm.weight"), k = source.values_of(layer + "k_norm.weight");
            // The two parts of the first pair.
            for (const size_t i : {size_t{0}, q.size() / 2}) {
                q[i] /= 128;
                k[i] *= 128;
            }
            source.set_values(layer + "q_norm.weight", q);
            source.set_values(layer + "k_norm.weight", k);
        }
        const auto found = integer_logits(*converted(source, Precision::kExact), kText);
        EXPECT_LT(relative_distance(found, float_logits(source, kText)),
                  0.012 * std::sqrt(shape.layers + 1.0))
            << shape.architecture;
    }
}

TEST(ImportFamily, AGemmaOfOneGlobalLayerSaysNothingOfWindows) {
    SmallLlama source{gemma_shape()};
    source.fields["gemma3.attention.sliding_window_pattern"] = 1u;
    const auto model = Model::load(*converted(source), Backend::kScalar);
    ASSERT_TRUE(model) << model.error().text();
    EXPECT_EQ(model->parts().window, 0u);
    EXPECT_TRUE(model->parts().local_rope.empty());
}

struct Refused {
    std::string name;
    SmallLlama::Shape shape;
    void (*spoil)(SmallLlama&);
    std::string expected;
};
void PrintTo(const Refused& c, std::ostream* out) { *out << c.name; }

class RefusedFamily : public testing::TestWithParam<Refused> {};
TEST_P(RefusedFamily, IsNamedByFieldOrTensor) {
    SmallLlama model{GetParam().shape};
    GetParam().spoil(model);
    EXPECT_EQ(error_of(model), GetParam().expected);
}

const Refused kRefused[] = {
    {"gemma_as_it_is", gemma_shape(), [](SmallLlama&) {}, "none"},
    {"window_missing", gemma_shape(),
     [](SmallLlama& m) { m.fields.erase("gemma3.attention.sliding_window"); },
     "gemma3.attention.sliding_window: missing"},
    {"window_0", gemma_shape(), [](SmallLlama& m) { m.fields["gemma3.attention.sliding_window"] = 0u; },
     "gemma3.attention.sliding_window: bad value"},
    {"pattern_0", gemma_shape(),
     [](SmallLlama& m) { m.fields["gemma3.attention.sliding_window_pattern"] = 0u; },
     "gemma3.attention.sliding_window_pattern: bad value"},
    {"scaled_rotation", gemma_shape(), [](SmallLlama& m) { m.fields["gemma3.rope.scaling.factor"] = 8.0f; },
     "gemma3.rope.scaling.factor: bad value"},
    {"post_norm_missing", gemma_shape(), [](SmallLlama& m) { m.tensors.erase("blk.3.post_ffw_norm.weight"); },
     "blk.3.post_ffw_norm.weight: missing"},
    {"head_norm_of_another_width", gemma_shape(),
     [](SmallLlama& m) { m.set_tensor("blk.3.attn_k_norm.weight", {15}); },
     "blk.3.attn_k_norm.weight: bad shape"},
    {"qwen2_without_bias", shape_of("qwen2"), [](SmallLlama& m) { m.tensors.erase("blk.1.attn_k.bias"); },
     "blk.1.attn_k.bias: missing"},
    {"qwen3_with_bias", shape_of("qwen3"), [](SmallLlama& m) { m.set_tensor("blk.1.attn_k.bias", {16}); },
     "blk.1.attn_k.bias: bad value"},
    {"qwen_window_0", shape_of("qwen2"),
     [](SmallLlama& m) { m.fields["qwen2.attention.sliding_window"] = 0u; }, "none"},
    {"qwen_window", shape_of("qwen2"), [](SmallLlama& m) { m.fields["qwen2.attention.sliding_window"] = 1u; },
     "qwen2.attention.sliding_window: bad value"},
};
INSTANTIATE_TEST_SUITE_P(Families, RefusedFamily, testing::ValuesIn(kRefused),
                         [](const auto& tested) { return tested.param.name; });

TEST(ImportFamily, TakesTheLargestBiasThatAnInt32Holds) {
    SmallLlama source{shape_of("qwen2")};
    auto values = source.values_of("blk.0.attn_k.bias");
    values[3] = 131'071.0f;
    source.set_values("blk.0.attn_k.bias", values);
    EXPECT_TRUE(converted(source));
    values[3] = 131'072.0f;
    source.set_values("blk.0.attn_k.bias", values);
    EXPECT_EQ(to_string(converted(source).error()), "blk.0.attn_qkv.bias: bad value");
    values[3] = NAN;
    source.set_values("blk.0.attn_k.bias", values);
    EXPECT_EQ(to_string(converted(source).error()), "blk.0.attn_k.bias: bad value");
}

TEST(ImportFamily, NamesAGainThatIsNotANumber) {
    for (const char* name : {"blk.2.attn_q_norm.weight", "blk.2.post_attention_norm.weight"}) {
        SmallLlama source{gemma_shape()};
        auto values = source.values_of(name);
        values[1] = NAN;
        source.set_values(name, values);
        EXPECT_EQ(to_string(converted(source).error()), std::string{name} + ": bad value");
    }
}

}  // namespace
}  // namespace daidd::import
