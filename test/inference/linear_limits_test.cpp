#include <gtest/gtest.h>

#include <algorithm>

#include "inference/kernels.h"
#include "inference/random.h"
#include "inference/sum_bounds.h"

// A fast kernel may skip what a block's exponents and biases make unnecessary: clamping, widening, a shift
// for each column. Here are both sides of each such limit, under every exponent a row can have, with the
// largest sums.
namespace daidd::inference {
namespace {

class LinearLimits : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    }
    void compare(const Linear& linear, uint32_t planes, int8_t high = -64);
    void compare_in_order(const Linear& linear, uint32_t planes, int8_t high, uint32_t stride);
    Random random{23};
};

INSTANTIATE_TEST_SUITE_P(Backends, LinearLimits, testing::ValuesIn(kBackends),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

constexpr int32_t kExponentMin = -30, kExponentMax = 70;

/// A row for each exponent: outputs from clamped to zero, shifts from below 0 to above 62. Once as they
/// follow each other, once so that rows of all kinds lie side by side.
void LinearLimits::compare(const Linear& linear, uint32_t planes, int8_t high) {
    for (const uint32_t stride : {1u, 37u}) compare_in_order(linear, planes, high, stride);
}

void LinearLimits::compare_in_order(const Linear& linear, uint32_t planes, int8_t high, uint32_t stride) {
    const PackedLinear packed = pack_linear(linear);
    CodeRows codes;
    codes.resize(uint32_t(kExponentMax - kExponentMin + 1), linear.k, planes);
    std::ranges::fill(codes.codes, int8_t{-64});
    for (uint32_t r = 0; r < codes.rows; ++r) {
        std::ranges::fill(codes.plane(r, 0), high);
        codes.factors[r] = {(1 << 14) - 1, kExponentMin + int32_t(r * stride % codes.rows)};
        if (r % 2 != 0) codes.plane(r, 0)[random.next() % linear.k] = 63;
    }
    std::vector<int32_t> expected(size_t{codes.rows} * linear.n), found(expected.size());
    Scratch scratch;
    kernels_of(Backend::kScalar)
        .linear(linear, &packed, codes, 0, packed.blocks, kFxMin, expected.data(), scratch);
    kernels_of(GetParam()).linear(linear, &packed, codes, 0, packed.blocks, kFxMin, found.data(), scratch);
    ASSERT_EQ(found, expected) << "k " << linear.k << " planes " << planes << " high " << int{high};
}

/// 16 columns of −128 but for one of 127, and a seventeenth.
struct Extreme {
    std::vector<int8_t> weights;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
    std::vector<int32_t> bias;
    Linear linear;

    Extreme(uint32_t k, uint8_t lift, int32_t bias_of_all)
        : weights(size_t{17} * k, -128), mw(17, kMwMax), ew(17, kEwMin), bias(17, bias_of_all) {
        std::fill_n(weights.begin() + 3 * k, k, int8_t{127});
        ew[5] = uint8_t(kEwMin + lift);
        linear = {.name = "", .n = 17, .k = k, .weights = weights, .mw = mw, .ew = ew, .bias = bias};
    }
};

constexpr int32_t kRoom = 1 << 30;  // what an output may be before its bias and still be an int32 after it

TEST_P(LinearLimits, OfABias) {
    for (const int32_t bias :
         {0, 1, kRoom - 1, kRoom, -kRoom + 1, -kRoom, INT32_MAX, -INT32_MAX, INT32_MIN}) {
        for (const uint32_t planes : {1u, 2u}) compare(Extreme{40, 0, bias}.linear, planes);
    }
}

TEST_P(LinearLimits, OfExponentsThatDiffer) {
    // Of AVX2 and AVX-512: at depth 2032 a lift of 7 is the last; deeper products have room for less.
    for (uint8_t lift = 0; lift <= kEwMax - kEwMin; ++lift) {
        for (const uint32_t planes : {1u, 2u}) {
            for (const uint32_t k : {1u, 67u}) compare(Extreme{k, lift, 5}.linear, planes);
            if (lift >= 1 && lift <= 8) compare(Extreme{kDepthMax, lift, 5}.linear, planes);
        }
    }
}

TEST_P(LinearLimits, OfBlocksWhoseExponentsDiffer) {
    // Blocks side by side are written together where they share an exponent, or can.
    for (uint8_t lift = 0; lift <= 9; ++lift) {
        for (const uint32_t planes : {1u, 2u}) {
            Extreme second{67, 0, 5}, first{67, 0, 5};
            second.ew[16] = uint8_t(kEwMin + lift);
            compare(second.linear, planes);
            std::fill_n(first.ew.begin(), 16, uint8_t(kEwMin + lift));
            compare(first.linear, planes);
        }
    }
}

TEST_P(LinearLimits, OfASumOfBothPlanes) {
    // The deepest sum of planes of −64 that is an int32, and the next.
    constexpr uint32_t kDeepest = INT32_MAX / (128 * (128 * 64 + 64));
    for (const uint8_t lift : std::initializer_list<uint8_t>{0, 6, 7, 8}) {
        for (const uint32_t k : {kDeepest, kDeepest + 1}) compare(Extreme{k, lift, 0}.linear, 2);
    }
}

/// Weights whose magnitudes add up to `magnitude` in every row, of one sign: codes of −64 make the largest
/// sum that they allow.
void set_magnitude(Extreme& extreme, uint32_t magnitude) {
    for (uint32_t row = 0; row < extreme.linear.n; ++row) {
        for (uint32_t c = 0, left = magnitude; c < extreme.linear.k; ++c) {
            const uint32_t weight = std::min(left, 127u);
            extreme.weights[size_t{row} * extreme.linear.k + c] = int8_t(weight);
            left -= weight;
        }
    }
}

TEST_P(LinearLimits, OfTheWeightsMagnitudes) {
    // Sums gain a bit at every power of two.
    for (const uint32_t magnitude : {0u, 1u, 2u, 3u, 4u, 1023u, 1024u, 4095u, 4096u}) {
        for (const uint8_t lift : std::initializer_list<uint8_t>{0, 7, 8}) {
            Extreme extreme{40, lift, kRoom - 1};
            set_magnitude(extreme, magnitude);
            for (const uint32_t planes : {1u, 2u}) compare(extreme.linear, planes);
        }
    }
}

TEST_P(LinearLimits, OfASumOfBothPlanesByMagnitude) {
    // Deeper than any sum of the largest weights that is an int32.
    constexpr uint32_t kMost = INT32_MAX / (128 * 64 + 64);
    for (const uint32_t magnitude : {kMost, kMost + 1}) {
        Extreme extreme{2100, 3, 0};
        set_magnitude(extreme, magnitude);
        compare(extreme.linear, 2);
    }
}

TEST_P(LinearLimits, OfASumOfBothPlanesByTheCodes) {
    // 4096 · 128 · (128 · 31 + 64) is an int32, with one more it is not.
    for (const int high : {-31, -32}) compare(Extreme{4096, 3, 0}.linear, 2, int8_t(high));
}

/// Codes alike and weights alike reach the bound.
TEST(NarrowRows, AreThoseWhoseLargestSumIsAnInt32) {
    for (const uint32_t depth : {1u, 2032u, 2033u, 4096u, 8192u, kDepthMax}) {
        for (const int64_t weight : {0, 1, 3, 127, 128}) {
            const int64_t most = narrow_row_max(depth, weight * weight * depth);
            for (int32_t size = 0; size <= 64; ++size) {
                const int64_t sum = int64_t{depth} * weight * (128 * size + 64);
                EXPECT_EQ(int64_t{depth} * code_weight(-size) <= most, sum <= INT32_MAX)
                    << depth << " · " << weight << ", codes of " << size;
            }
        }
    }
}

}  // namespace
}  // namespace daidd::inference
