#include "import/convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "crypto/hash.h"
#include "import/float_llama.h"
#include "import/rope.h"
#include "inference/forward.h"
#include "inference/model_file.h"

namespace daidd::import {
namespace {

using inference::Backend;
using inference::GgufFile;
using inference::GgufType;
using inference::Model;

constexpr Precision kPrecisions[] = {Precision::kFast, Precision::kExact};
std::string name_of(Precision precision) { return precision == Precision::kFast ? "fast" : "exact"; }

Result<Bytes, inference::GgufError> converted(const SmallLlama& model, Precision precision,
                                              unsigned threads = 1) {
    const Bytes file = model.file();
    return convert(*GgufFile::parse(file), {.precision = precision, .threads = threads, .progress = {}});
}

std::string error_of(const SmallLlama& model, Precision precision) {
    const auto bytes = converted(model, precision);
    return bytes ? "none" : to_string(bytes.error());
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

class ConvertIn : public testing::TestWithParam<Precision> {};

TEST_P(ConvertIn, MakesAModelOfTheSourcesShape) {
    const SmallLlama source;
    const auto bytes = converted(source, GetParam());
    ASSERT_TRUE(bytes) << to_string(bytes.error());
    const auto model = Model::load(*bytes, Backend::kScalar);
    ASSERT_TRUE(model) << model.error().text();
    const auto vocabulary = uint32_t(source.vocabulary.tokens.size());
    EXPECT_EQ(model->dimensions(), (inference::Dimensions{vocabulary, 2, 32, 64, 4, 2, 8, 64}));
    EXPECT_EQ(model->fx(), kImportFx);
    EXPECT_EQ(model->parts().epsilon, 1u << (2 * kImportFx - 16)) << "2^−16 in 4^−fx";
    EXPECT_EQ(model->parts().rope, rope_constants(10'000, 8));
    EXPECT_EQ(model->parts().end_tokens, (std::vector<uint32_t>{400, 402})) << "endoftext and im_end";
    ASSERT_EQ(model->parts().norms.size(), 5u);
    for (const auto& norm : model->parts().norms) {
        EXPECT_EQ(norm.gq.size(), GetParam() == Precision::kFast ? 0u : 32u) << "folded in fast alone";
    }
}

TEST_P(ConvertIn, KeepsNameLicenceAndWordsAndNothingElse) {
    const SmallLlama source;
    const auto bytes = converted(source, GetParam());
    const auto file = GgufFile::parse(*bytes);
    EXPECT_EQ(*file->text_at("dai.precision"), name_of(GetParam()));
    EXPECT_EQ(*file->text_at("general.name"), "Small");
    EXPECT_EQ(*file->text_at("general.license"), "mit");
    EXPECT_EQ(*file->text_at("general.architecture"), inference::kModelArchitecture);
    EXPECT_EQ(file->find_value("general.source.url"), nullptr);
    EXPECT_EQ(file->find_value("llama.block_count"), nullptr);
    const std::string text = "The keeper's gulls";
    EXPECT_EQ(inference::Tokenizer::load(*file)->encode(text), source.vocabulary.load()->encode(text));
}

TEST_P(ConvertIn, GivesTheSameBytesWithAnyNumberOfThreads) {
    const SmallLlama source;
    const auto expected = converted(source, GetParam(), 1);
    for (const unsigned threads : {1, 2, 3}) {
        EXPECT_TRUE(*converted(source, GetParam(), threads) == *expected) << threads << " threads";
    }
}

TEST_P(ConvertIn, ReportsEveryStepOnce) {
    const Bytes file = SmallLlama{}.file();
    std::vector<uint32_t> steps;
    const auto progress = [&steps](uint32_t step, uint32_t of) {
        EXPECT_EQ(of, 4u);
        steps.push_back(step);
    };
    ASSERT_TRUE(convert(*GgufFile::parse(file), {GetParam(), 1, progress}));
    EXPECT_EQ(steps, (std::vector<uint32_t>{1, 2, 3, 4}));
}

/// Errors are independent, so their squares add up. In parts of the values: weights of eight bits 0.4 % a
/// linear, q, k and v of eight bits 0.6 %, the one plane that `fast` has for the attention's output 1.2 %;
/// two planes nothing. Two paths a layer, and the head.
double logits_distance_max(Precision precision, uint32_t layers) {
    return (precision == Precision::kFast ? 0.02 : 0.012) * std::sqrt(layers + 1.0);
}

TEST_P(ConvertIn, TheLogitsAreNearTheFloatModels) {
    const SmallLlama::Shape shapes[] = {
        {},
        {.layers = 1, .tied = true},
        {.layers = 4, .kv_heads = 4},
        // Heads that no Hadamard matrix fits, and heads that are wider together than the residual stream.
        {.dim = 48, .ffn = 40, .heads = 6, .kv_heads = 1, .head_dim = 6},
        {.dim = 30, .ffn = 50, .heads = 3, .kv_heads = 3, .head_dim = 16},
    };
    for (const auto& shape : shapes) {
        const SmallLlama source{shape, /*seed=*/2};
        const auto bytes = converted(source, GetParam());
        ASSERT_TRUE(bytes) << to_string(bytes.error());
        const auto found = integer_logits(*bytes, kText);
        const std::string what = std::to_string(shape.layers) + " layers of " + std::to_string(shape.dim);
        EXPECT_LT(relative_distance(found, float_logits(source, kText)),
                  logits_distance_max(GetParam(), shape.layers))
            << what;
        // The measure sees a model that is wrong: here one without positions.
        EXPECT_GT(relative_distance(found, float_logits(source, kText, /*with_positions=*/false)), 0.25)
            << what;
    }
}

/// The numbers of `values`, as codes of one scale a block of 32.
SmallLlama::Tensor tensor_of(GgufType type, const std::vector<uint64_t>& dims, std::vector<float>& values) {
    SmallLlama::Tensor tensor{type, dims, {}};
    for (size_t i = 0; i < values.size(); ++i) {
        const auto code = int(i * 7 % 15) - 7;  // −7 … 7: all types hold it over 16
        values[i] = float(code) / 16;
        if (type == GgufType::kF16) {
            // A small whole number over 16 as a half: its float without the low 13 bits.
            const auto bits = std::bit_cast<uint32_t>(values[i]);
            const uint32_t half =
                code == 0 ? 0
                          : (bits >> 16 & 0x8000) | (((bits >> 23 & 255) - 112) << 10) | (bits >> 13 & 1023);
            tensor.data.insert(tensor.data.end(), {uint8_t(half), uint8_t(half >> 8)});
            continue;
        }
        const bool is_q8 = type == GgufType::kQ8_0;
        if (i % 32 == 0) {
            tensor.data.insert(tensor.data.end(), {0x00, 0x2c});              // scale 1/16
            if (!is_q8) tensor.data.insert(tensor.data.end(), {0x00, 0xb7});  // minimum −7/16
            if (!is_q8) tensor.data.resize(tensor.data.size() + 16);
        }
        if (is_q8) tensor.data.push_back(uint8_t(code));
        if (!is_q8)
            *(tensor.data.end() - 16 + ptrdiff_t(i % 16)) |= uint8_t((code + 7) << (i % 32 < 16 ? 0 : 4));
    }
    return tensor;
}

TEST_P(ConvertIn, TheTypeOfTheSourceDoesNotMatterForTheSameNumbers) {
    for (const GgufType type : {GgufType::kF16, GgufType::kQ8_0, GgufType::kQ4_1}) {
        SmallLlama floats, other;
        for (auto& [name, tensor] : floats.tensors) {
            if (name.find("norm") != name.npos) continue;
            std::vector<float> values(floats.values_of(name).size());
            other.tensors[name] = tensor_of(type, tensor.dims, values);
            floats.set_values(name, values);
        }
        const auto expected = converted(floats, GetParam());
        const auto found = converted(other, GetParam());
        ASSERT_TRUE(found) << to_string(found.error());
        EXPECT_TRUE(*found == *expected) << to_string(type);
    }
}

INSTANTIATE_TEST_SUITE_P(Precisions, ConvertIn, testing::ValuesIn(kPrecisions),
                         [](const auto& p) { return name_of(p.param); });

/// All that was computed with doubles. Which operands take two planes is the graph's business.
Hash256 weights_hash(const Bytes& file) {
    const auto model = Model::load(file, Backend::kScalar);
    Bytes all;
    const auto append = [&all](auto values) {
        for (const auto value : values) {
            for (size_t i = 0; i < sizeof value; ++i) all.push_back(uint8_t(uint64_t(value) >> (8 * i)));
        }
    };
    for (const auto& linear : model->linears()) {
        append(linear.weights);
        append(linear.mw);
        append(linear.ew);
    }
    append(model->parts().embedding.codes);
    append(model->parts().embedding.mw);
    append(model->parts().embedding.ew);
    for (const auto& norm : model->parts().norms) append(norm.gq);
    return crypto::sha256(all);
}

/// A model's root is committed to by a chain: another compiler, or a machine with other roundings, shows
/// here.
TEST(Convert, GivesTheSameWeightsEverywhere) {
    const SmallLlama source;
    EXPECT_EQ(to_hex(weights_hash(*converted(source, Precision::kFast))),
              "30697fe6a680ab8374b30fe3626df2cf4f4cb49aa331c25f0984bd023cd90223");
    EXPECT_EQ(to_hex(weights_hash(*converted(source, Precision::kExact))),
              "7ce2981581e905990463cbde2ad36ba13e1fb0054bdd46ddc33b8695b4b43eca");
}

TEST(Convert, RefusesAShapeByItsField) {
    SmallLlama source;
    source.fields["general.architecture"] = "gemma";
    EXPECT_EQ(error_of(source, Precision::kFast), "general.architecture = gemma: bad value");
}

struct WeightCase {
    std::string tensor;
    std::string fast, exact;  ///< the linear that the tensor has become a part of
};
void PrintTo(const WeightCase& c, std::ostream* out) { *out << c.tensor; }

class RefusedWeight : public testing::TestWithParam<WeightCase> {};

TEST_P(RefusedWeight, IsNamed) {
    const auto& [tensor, fast, exact] = GetParam();
    for (const float bad : {float(NAN), -std::numeric_limits<float>::infinity(), -1e30f}) {
        const bool is_finite = std::isfinite(bad);
        for (const bool at_end : {false, true}) {
            SmallLlama source;
            auto values = source.values_of(tensor + ".weight");
            (at_end ? values.back() : values.front()) = bad;
            source.set_values(tensor + ".weight", values);
            EXPECT_EQ(error_of(source, Precision::kFast), (is_finite ? fast : tensor) + ".weight: bad value")
                << bad;
            EXPECT_EQ(error_of(source, Precision::kExact),
                      (is_finite ? exact : tensor) + ".weight: bad value")
                << bad;
        }
    }
}

const WeightCase kWeightCases[] = {
    {"blk.1.attn_norm", "blk.1.attn_qkv", "blk.1.attn_norm"},
    {"blk.1.attn_q", "blk.1.attn_qkv", "blk.1.attn_qkv"},
    {"blk.1.attn_k", "blk.1.attn_qkv", "blk.1.attn_qkv"},
    {"blk.1.attn_v", "blk.1.attn_qkv", "blk.1.attn_qkv"},
    {"blk.1.attn_output", "blk.1.attn_output", "blk.1.attn_output"},
    {"blk.0.ffn_norm", "blk.0.ffn_gate_up", "blk.0.ffn_norm"},
    {"blk.0.ffn_gate", "blk.0.ffn_gate_up", "blk.0.ffn_gate_up"},
    {"blk.0.ffn_up", "blk.0.ffn_gate_up", "blk.0.ffn_gate_up"},
    {"blk.0.ffn_down", "blk.0.ffn_down", "blk.0.ffn_down"},
    {"output_norm", "output", "output_norm"},
    {"output", "output", "output"},
    {"token_embd", "token_embd", "token_embd"},
};

INSTANTIATE_TEST_SUITE_P(Tensors, RefusedWeight, testing::ValuesIn(kWeightCases), [](const auto& p) {
    std::string name = p.param.tensor;
    std::ranges::replace(name, '.', '_');
    return name;
});

TEST(Convert, NamesTheEmbeddingWhereItIsTheHead) {
    SmallLlama source{{.tied = true}};
    auto values = source.values_of("token_embd.weight");
    values[100] = NAN;
    source.set_values("token_embd.weight", values);
    for (const Precision precision : kPrecisions) {
        EXPECT_EQ(error_of(source, precision), "token_embd.weight: bad value");
    }
}

TEST(Convert, TakesTheLargestWeightThatAScaleReaches) {
    const double most = 127 * 1023.0 / 256;  // 507.50…
    SmallLlama source;
    auto values = source.values_of("blk.0.ffn_down.weight");
    values[5] = float(most);
    source.set_values("blk.0.ffn_down.weight", values);
    EXPECT_EQ(error_of(source, Precision::kExact), "none");
    values[5] = std::nextafter(float(most), 1e9f);
    source.set_values("blk.0.ffn_down.weight", values);
    EXPECT_EQ(error_of(source, Precision::kExact), "blk.0.ffn_down.weight: bad value");
}

TEST(Convert, TakesTheLargestGainThatAnExponentReaches) {
    SmallLlama source;
    auto values = source.values_of("blk.0.ffn_norm.weight");
    values[5] = 65'536;
    source.set_values("blk.0.ffn_norm.weight", values);
    EXPECT_EQ(error_of(source, Precision::kExact), "none");
    values[5] = std::nextafter(65'536.0f, 1e9f);
    source.set_values("blk.0.ffn_norm.weight", values);
    EXPECT_EQ(error_of(source, Precision::kExact), "blk.0.ffn_norm.weight: bad value");
}

}  // namespace
}  // namespace daidd::import
