#include "inference/forward.h"

#include <gtest/gtest.h>

#include <cstring>

#include "inference/reference.h"
#include "inference/toys.h"

namespace daidd::inference {
namespace {

struct Outcome {
    std::vector<int32_t> logits;
    std::vector<Bytes> trace;
    bool operator==(const Outcome&) const = default;
};

/// Runs the tokens in chunks of `chunk` (0: all at once).
Outcome run(const Model& model, Backend backend, std::span<const uint32_t> tokens, size_t chunk,
            unsigned threads = 1) {
    Sequence sequence{model, uint32_t(tokens.size())};
    TraceRecorder trace{model};
    Outcome out;
    for (size_t i = 0; i < tokens.size();) {
        const size_t count = chunk == 0 ? tokens.size() : std::min(chunk, tokens.size() - i);
        const auto logits = forward(model, backend, sequence, tokens.subspan(i, count),
                                    {.logits = Logits::kAll, .trace = &trace, .threads = threads});
        EXPECT_TRUE(logits);
        out.logits.insert(out.logits.end(), logits->begin(), logits->end());
        i += count;
    }
    out.trace = trace.tensors;
    return out;
}

TEST(Forward, RefusesWhatItCannotRun) {
    const Model model = build(regtest_toy());
    Sequence sequence{model, 4};
    const auto error = [&](std::vector<uint32_t> tokens) {
        const auto result = forward(model, Backend::kScalar, sequence, tokens);
        return result ? std::string_view{"none"} : to_string(result.error());
    };
    EXPECT_EQ(error({}), "no_tokens");
    EXPECT_EQ(error({271, 272}), "unknown_token");
    EXPECT_EQ(error({1, 2, 3, 4, 5}), "too_long");
    EXPECT_EQ(sequence.length(), 0u);
    EXPECT_EQ(error({1, 2, 3, 4}), "none");
    EXPECT_EQ(error({1}), "too_long");
    sequence.truncate(3);
    EXPECT_EQ(error({1}), "none");
}

TEST(Forward, GivesTheSameBitsHoweverItRuns) {
    for (const ToyShape& shape : {regtest_toy(), odd_toy(), gemma_toy(), paired_toy(), windowed_toy(5)}) {
        const Model model = build(shape);
        const auto tokens = random_tokens(model, 37);
        const Outcome expected = run(model, Backend::kScalar, tokens, 0);
        for (const Backend backend : kBackends) {
            if (!is_supported(backend)) continue;
            for (const size_t chunk : {1u, 5u, 16u, 0u}) {
                EXPECT_EQ(run(model, backend, tokens, chunk), expected)
                    << to_string(backend) << " chunk " << chunk;
            }
            EXPECT_EQ(run(model, backend, tokens, 0, 3), expected) << to_string(backend) << " three threads";
        }
    }
}

TEST(Forward, GivesTheLastLogitsAloneOrNone) {
    const Model model = build(regtest_toy());
    const auto tokens = random_tokens(model, 9);
    const Outcome all = run(model, Backend::kScalar, tokens, 0);
    Sequence sequence{model, 9};
    const auto last = forward(model, best_backend(), sequence, tokens);
    EXPECT_TRUE(std::equal(last->begin(), last->end(), all.logits.end() - 272));
    EXPECT_EQ(last->size(), 272u);
    sequence.truncate(0);
    EXPECT_TRUE(forward(model, best_backend(), sequence, tokens, {.logits = Logits::kNone})->empty());
    EXPECT_EQ(sequence.length(), 9u);
}

TEST(Forward, TakesBackWhatItForgot) {
    const Model model = build(regtest_toy());
    const auto tokens = random_tokens(model, 20);
    Sequence sequence{model, 20};
    const auto first = *forward(model, best_backend(), sequence, tokens);
    sequence.truncate(11);
    Sequence branch = sequence.copy();
    EXPECT_EQ(*forward(model, best_backend(), branch, std::span{tokens}.subspan(11)), first);
    EXPECT_EQ(sequence.length(), 11u);
}

TEST(Trace, HasEveryTensorOfTheProtocol) {
    const Model model = build(regtest_toy());
    const auto tokens = random_tokens(model, 32);
    const Outcome out = run(model, best_backend(), tokens, 0);
    // Per layer: residual, qkv codes, q, k, v, o codes, residual, gate/up codes, down high, down low; then
    // residual, head high, head low.
    ASSERT_EQ(out.trace.size(), 2u * 10 + 3);
    const uint32_t sizes[] = {256, 71, 4 * 23, 2 * 23, 2 * 23, 71, 256, 71, 135, 135, 256};
    for (size_t t = 0; t < std::size(sizes); ++t) EXPECT_EQ(out.trace[t].size(), 32 * sizes[t]) << t;
    for (size_t t = 0; t < out.trace.size(); ++t) {
        const TensorInfo& info = model.plan().tensors[t];
        EXPECT_EQ(out.trace[t].size(), size_t{32} * info.rows * info.row_bytes);
    }
    const std::vector<Operand> operands = {{1, 0, 0},  {5, 1, 0},  {7, 2, 0},  {8, 3, 1},
                                           {9, 3, 2},  {11, 4, 0}, {15, 5, 0}, {17, 6, 0},
                                           {18, 7, 1}, {19, 7, 2}, {21, 8, 1}, {22, 8, 2}};
    EXPECT_EQ(model.plan().operands, operands);
}

/// One code row taken apart as a dispute does.
struct CodeRow {
    std::span<const int8_t> codes;
    Scale scale;
    uint32_t index;
};
CodeRow code_row(ByteView row) {
    const size_t width = row.size() - kTailBytes;
    int16_t exponent;
    uint32_t index;
    std::memcpy(&exponent, row.data() + width + 1, 2);
    std::memcpy(&index, row.data() + width + 3, 4);
    return {{reinterpret_cast<const int8_t*>(row.data()), width}, {row[width], exponent}, index};
}

// The trace alone, with the reference of single operations, gives the next tensor: what a dispute relies on.
TEST(Trace, IsProvableOneElementAtATime) {
    const Model model = build(odd_toy());
    const auto tokens = random_tokens(model, 12);
    const Outcome out = run(model, best_backend(), tokens, 0);
    const Dimensions& d = model.dimensions();
    const auto& tensors = model.plan().tensors;
    for (uint32_t r = 0; r < 12; ++r) {
        const auto row = [&](size_t t, uint32_t i) {
            return ByteView{out.trace[t]}.subspan(size_t{i} * tensors[t].row_bytes, tensors[t].row_bytes);
        };
        std::vector<int32_t> x(d.dim), y(d.dim);
        std::memcpy(x.data(), row(0, r).data(), 4 * x.size());
        const Norm& norm = model.parts().norms[0];
        for (uint32_t i = 0; i < d.dim; ++i) y[i] = gain_element(x[i], norm.gq[i]);
        const CodeRow high = code_row(row(1, r)), low = code_row(row(2, r));
        EXPECT_EQ(high.scale, quant_scale(uint32_t(std::abs(y[high.index])), kQTwoPlanes, model.fx()));
        for (uint32_t i = 0; i < d.dim; ++i) {
            EXPECT_EQ(128 * high.codes[i] + low.codes[i], quant_code(y[i], high.scale, model.fx()));
        }
        const Scale factor = norm_scale(x, high.scale, model.parts().epsilon, norm.ge, model.fx());
        const Linear& qkv = model.linears()[0];
        const uint32_t head = 4;  // one query head, rotated
        std::vector<int32_t> q(d.head_dim);
        for (uint32_t i = 0; i < d.head_dim; ++i) {
            const uint32_t c = head * d.head_dim + i;
            q[i] = linear_element(high.codes, low.codes, factor, qkv.row(c), qkv.mw[c], qkv.ew[c],
                                  qkv.bias[c], model.fx());
        }
        for (uint32_t j = 0; j < d.head_dim / 2; ++j) {
            rotate(q[2 * j], q[2 * j + 1], rotation(r, model.parts().rope[j]));
        }
        std::vector<int8_t> codes(d.head_dim);
        const RowScale scale = quant_row(q, kQHead, model.fx(), codes, {});
        const CodeRow traced = code_row(row(3, r * d.heads + head));
        EXPECT_EQ(scale.scale, traced.scale);
        EXPECT_EQ(scale.index, traced.index);
        EXPECT_TRUE(std::ranges::equal(codes, traced.codes));
    }
}

}  // namespace
}  // namespace daidd::inference
