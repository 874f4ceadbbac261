#include "training/embed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "inference/random.h"
#include "inference/toy.h"

namespace daidd::training {
namespace {

using namespace inference;

std::vector<uint32_t> some_tokens(size_t count) {
    Random random{count};
    std::vector<uint32_t> tokens(count);
    for (uint32_t& token : tokens) token = uint32_t(random.in(0, 271));
    return tokens;
}

ToyShape toy_with(bool gains) {
    ToyShape shape = regtest_toy();
    shape.gains = gains;
    return shape;
}

ToyShape encoder_shape() {
    ToyShape shape = regtest_toy();
    shape.dimensions.kv_heads = shape.dimensions.heads;
    shape.dimensions.context = 64;
    return shape;
}

/// Pooled in doubles from the last residual rows.
std::vector<double> pooled(const Model& model, const std::vector<uint32_t>& tokens) {
    TraceRecorder trace{model};
    Sequence sequence{model, uint32_t(tokens.size())};
    EXPECT_TRUE(forward(model, Backend::kScalar, sequence, tokens, {.trace = &trace}));
    size_t last = 0;
    for (size_t t = 0; t < trace.tensors.size(); ++t) {
        if (model.plan().tensors[t].kind == TensorKind::kResidual) last = t;
    }
    const uint32_t dim = model.dimensions().dim;
    const auto& gains = model.parts().norms.back().gq;
    std::vector<double> sums(dim);
    std::vector<int32_t> row(dim);
    for (size_t r = 0; r < tokens.size(); ++r) {
        std::memcpy(row.data(), trace.tensors[last].data() + r * 4 * dim, 4 * dim);
        double squares = 0;
        for (const int32_t v : row) squares += double(v) * v;
        for (uint32_t i = 0; i < dim; ++i) {
            sums[i] += row[i] / std::sqrt(squares) * (gains.empty() ? 1 : std::ldexp(gains[i], -15));
        }
    }
    return sums;
}

double cosine(const Vector& vector, const std::vector<double>& other) {
    double product = 0, a = 0, b = 0;
    for (size_t i = 0; i < other.size(); ++i) {
        product += vector.codes[i] * other[i];
        a += double(vector.codes[i]) * vector.codes[i];
        b += other[i] * other[i];
    }
    return product / std::sqrt(a * b);
}

TEST(Embed, OfADecoderIsTheMeanOfItsFinalNorm) {
    for (const bool gains : {false, true}) {
        const Model model = *Model::build(make_toy(toy_with(gains)));
        for (const size_t count : {1u, 2u, 40u}) {
            const auto tokens = some_tokens(count);
            const auto vector = embed(model, tokens);
            ASSERT_TRUE(vector);
            EXPECT_TRUE(is_valid(*vector));
            EXPECT_GT(cosine(*vector, pooled(model, tokens)), 0.9999) << count;
        }
    }
}

TEST(Embed, OfAnEncoderIsWhatItSays) {
    const Model model = *Model::build(make_toy_encoder(encoder_shape()));
    const auto tokens = some_tokens(20);
    EXPECT_EQ(*embed(model, tokens), *make_vector(*encode_text(model, Backend::kScalar, tokens)));
}

TEST(Embed, ChunksThreadsAndBackendsNeverShow) {
    const auto tokens = some_tokens(50);
    for (const auto& parts :
         {make_toy(toy_with(false)), make_toy(toy_with(true)), make_toy_encoder(encoder_shape())}) {
        const Model model = *Model::build(parts);
        const auto expected = embed(model, tokens, {.backend = Backend::kScalar});
        ASSERT_TRUE(expected);
        for (const Backend backend : kBackends) {
            if (!is_supported(backend)) continue;
            for (const unsigned threads : {1u, 3u}) {
                for (const uint32_t chunk : {1u, 7u, 1000u}) {
                    EXPECT_EQ(*embed(model, tokens, {backend, threads, chunk}), *expected)
                        << to_string(backend) << " " << threads << " " << chunk;
                }
            }
        }
    }
}

TEST(Embed, NamesWhatIsWrong) {
    ToyShape shape = regtest_toy();
    shape.dimensions.context = 64;
    for (const auto& each : {make_toy(shape), make_toy_encoder(encoder_shape())}) {
        const Model model = *Model::build(each);
        EXPECT_EQ(embed(model, {}).error(), EmbedError::kNoTokens);
        EXPECT_EQ(embed(model, std::vector<uint32_t>{272}).error(), EmbedError::kUnknownToken);
        EXPECT_TRUE(embed(model, some_tokens(64)));
        EXPECT_EQ(embed(model, some_tokens(65)).error(), EmbedError::kTooLong);
    }
    // A head that reads codes without a norm.
    ModelParts parts = make_toy(shape);
    auto& quant = parts.graph.ops[parts.graph.ops.size() - 2];
    quant.kind = uint8_t(OpKind::kQuant);
    quant.norm = kNoIndex;
    parts.norms.pop_back();
    EXPECT_EQ(embed(*Model::build(parts), some_tokens(3)).error(), EmbedError::kNoFinalNorm);
    // A text of nothing but zeros.
    parts = make_toy(shape);
    const std::vector<int32_t> zeros(shape.dimensions.dim);
    parts.norms.back() = {zeros, 0};
    EXPECT_EQ(embed(*Model::build(parts), some_tokens(3)).error(), EmbedError::kNoDirection);
    ModelParts encoder = make_toy_encoder(encoder_shape());
    const std::vector<int32_t> numbers(encoder.norms.back().gq.size());
    encoder.norms.back() = {numbers, 0};
    EXPECT_EQ(embed(*Model::build(encoder), some_tokens(3)).error(), EmbedError::kNoDirection);
}

TEST(Embedding, IsTheSameInStepsOfAChunk) {
    const Model model = *Model::build(inference::make_toy(inference::regtest_toy()));
    std::vector<uint32_t> tokens(20);
    for (uint32_t i = 0; i < tokens.size(); ++i) tokens[i] = i * 13 % 256;
    const auto whole = embed(model, tokens);
    ASSERT_TRUE(whole);
    for (const uint32_t chunk : {1u, 7u, 10u, 19u, 20u, 21u}) {
        Embedding embedding{model, tokens, {.chunk = chunk}};
        uint32_t steps = 1;
        std::optional<Result<Vector, EmbedError>> vector;
        while (!(vector = embedding.step())) ++steps;
        EXPECT_EQ(steps, (20 + chunk - 1) / chunk);
        ASSERT_TRUE(*vector);
        EXPECT_EQ(**vector, *whole) << chunk;
    }
}

}  // namespace
}  // namespace daidd::training
