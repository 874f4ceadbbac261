#include "inference/reference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "inference/kernels.h"
#include "inference/paged_head.h"
#include "inference/random.h"

namespace daidd::inference {
namespace {

TEST(Fixed, RoundsHalvesUp) {
    EXPECT_EQ(rsh(5, 1), 3);
    EXPECT_EQ(rsh(-5, 1), -2);
    EXPECT_EQ(rsh(-3, 2), -1);
    EXPECT_EQ(rsh(-2, 2), 0);
    EXPECT_EQ(rsh(7, 0), 7);
    EXPECT_EQ(rsh(-7, -3), -56);
}

TEST(Fixed, ShiftsAtTheirLimits) {
    constexpr int64_t kMost = int64_t{1} << 62;
    EXPECT_EQ(rsh(kMost, 62), 1);
    EXPECT_EQ(rsh(kMost / 2, 62), 1);
    EXPECT_EQ(rsh(kMost / 2 - 1, 62), 0);
    EXPECT_EQ(rsh(-kMost, 62), -1);
    EXPECT_EQ(rsh(kMost, 63), 0);
    EXPECT_EQ(rsh(1, -62), kMost);
    EXPECT_EQ(rsh(1, -63), kMost);
    EXPECT_EQ(rsh(-1, -63), -kMost);
    EXPECT_EQ(rsh(-2, -62), -kMost);
    EXPECT_EQ(rsh(3, -61), kMost);
    EXPECT_EQ(rsh(0, -200), 0);
}

TEST(Fixed, SaturatesBelowTheLowestInt32) {
    EXPECT_EQ(sat(INT32_MAX), INT32_MAX);
    EXPECT_EQ(sat(int64_t{INT32_MAX} + 1), INT32_MAX);
    EXPECT_EQ(sat(-int64_t{INT32_MAX}), -INT32_MAX);
    EXPECT_EQ(sat(INT32_MIN), -INT32_MAX);
}

TEST(Fixed, SquareRootIsTheFloor) {
    Random random{1};
    EXPECT_EQ(isqrt(0), 0u);
    EXPECT_EQ(isqrt(UINT64_MAX), UINT32_MAX);
    for (int i = 0; i < 20'000; ++i) {
        const uint64_t root = random.next() >> 32, square = root * root;
        EXPECT_EQ(isqrt(square), root);
        EXPECT_EQ(isqrt(square - (root > 0)), root - (root > 0));
        EXPECT_EQ(isqrt(square + 2 * root), root);
    }
}

// Every largest value that begins or ends an octave or a mantissa step, with every Q and fx: the largest code
// reaches Q but for rounding and never passes it, and it stands for its value.
TEST(Quant, NeverClips) {
    Random random{2};
    for (int i = 0; i < 60'000; ++i) {
        const int bits = int(random.in(0, 30));
        auto amax = int32_t((int64_t{1} << bits) + random.in(-2, 2) * (i % 3));
        if (i % 4 == 0) amax = int32_t(random.in(1, INT32_MAX));
        amax = std::max(1, amax);
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        for (const int32_t q : {kQOnePlane, kQHead, kQTwoPlanes}) {
            const Scale scale = quant_scale(uint32_t(amax), q, fx);
            ASSERT_TRUE(scale.m >= 128 && scale.m <= 255);
            for (const int32_t x : {amax, -amax}) {
                const int32_t code = quant_code(x, scale, fx);
                ASSERT_LE(std::abs(code), q);
                ASSERT_GE(std::abs(code), std::min<int64_t>(q - q / 100 - 1, amax / 2));
                const double value = std::ldexp(double(code) * scale.m, -scale.e),
                             step = std::ldexp(scale.m, -scale.e);
                ASSERT_NEAR(value, std::ldexp(double(x), -int(fx)), 0.51 * step);
            }
        }
    }
}

TEST(Quant, LargestValueFitsEveryQ) {
    for (const int32_t q : {kQOnePlane, kQHead, kQTwoPlanes}) {
        for (uint32_t fx = kFxMin; fx <= kFxMax; ++fx) {
            const Scale scale = quant_scale(INT32_MAX, q, fx);
            EXPECT_LE(quant_code(INT32_MAX, scale, fx), q);
            EXPECT_GE(quant_code(-INT32_MAX, scale, fx), -q);
        }
    }
}

TEST(Quant, KnowsItsScales) {
    // One head at 14 fraction bits: b is 10 … 41.
    for (const Scale scale : {Scale{128, 28}, Scale{255, 28}, Scale{128, -3}, Scale{255, -3}}) {
        EXPECT_TRUE(is_quant_scale(scale, kQHead, 14)) << scale.m << " " << scale.e;
    }
    for (const Scale scale : {Scale{127, 10}, Scale{256, 10}, Scale{0, 10}, Scale{128, 29}, Scale{128, -4}}) {
        EXPECT_FALSE(is_quant_scale(scale, kQHead, 14)) << scale.m << " " << scale.e;
    }
}

TEST(Quant, PlanesHoldSevenBits) {
    for (int32_t code = -kQTwoPlanes; code <= kQTwoPlanes; ++code) {
        EXPECT_EQ(128 * high_plane(code) + low_plane(code), code);
        EXPECT_TRUE(high_plane(code) >= -64 && high_plane(code) <= 63);
        EXPECT_TRUE(low_plane(code) >= -64 && low_plane(code) <= 63);
    }
}

TEST(Quant, ZeroRowAndTies) {
    std::vector<int8_t> codes(4);
    const RowScale zero = quant_row(std::vector<int32_t>(4), kQOnePlane, 14, codes, {});
    EXPECT_EQ(zero, (RowScale{quant_scale(1, kQOnePlane, 14), 0, 0}));
    EXPECT_EQ(quant_row(std::vector<int32_t>{3, -9, 9, 9}, kQOnePlane, 14, codes, {}).index, 1u);
}

TEST(Norm, ScaleIsTheReciprocalRoot) {
    Random random{3};
    for (int i = 0; i < 2000; ++i) {
        std::vector<int32_t> x(size_t(random.in(1, 100)));
        const int bits = int(random.in(1, 31));
        double squares = 0;
        for (int32_t& v : x) squares += std::pow(double(v = random.spread(bits)), 2);
        const Scale codes{int32_t(random.in(128, 255)), 30};
        const uint64_t epsilon = 2684;
        const Scale scale = norm_scale(x, codes, epsilon, 2, 14);
        EXPECT_TRUE(scale.m >= 1 << 12 && scale.m < 1 << 14);
        const double rms = std::sqrt(std::max(1.0, squares / double(x.size()) + double(epsilon))) / 16384;
        const double expected = std::ldexp(codes.m, -30 - 2) / rms;
        // The mean is floored to whole units: rows of a few units have less precision.
        EXPECT_NEAR(std::ldexp(double(scale.m), -scale.e) / expected, 1, 4e-4);
    }
}

TEST(Norm, WidestRowOfLargestValues) {
    const std::vector<int32_t> x(kDimMax, -INT32_MAX);
    for (const uint64_t epsilon : {uint64_t{0}, kEpsilonMax}) {
        const Scale scale = norm_scale(x, {255, 24 + 14 - 42}, epsilon, kGainExponentMax, 14);
        EXPECT_NEAR(std::ldexp(double(scale.m), -scale.e) / std::ldexp(255.0 / 131072, 4 - 16), 1, 1e-4);
    }
    const Scale tiny = norm_scale(std::vector<int32_t>(1), {128, 54}, 0, -kGainExponentMax, 16);
    EXPECT_TRUE(tiny.m >= 1 << 12 && tiny.m < 1 << 14);
}

// The deepest product of the largest operands, every way of signs: the sum is what it should be and the
// output saturates instead of wrapping.
TEST(Linear, DeepestProductOfLargestOperands) {
    for (const int8_t weight : {int8_t{-128}, int8_t{127}}) {
        for (const int8_t code : {int8_t{-64}, int8_t{63}}) {
            const std::vector<int8_t> codes(kDepthMax, code), weights(kDepthMax, weight);
            const int64_t sum = int64_t{129} * code * weight * kDepthMax;
            const Scale factor{(1 << 14) - 1, 30};
            const int32_t expected = sat(rsh(sum * factor.m * 1023, 30 + 30 - 14) + INT32_MAX);
            EXPECT_EQ(linear_element(codes, codes, factor, weights, 1023, 30, INT32_MAX, 14), expected);
            EXPECT_EQ(linear_element(codes, codes, {factor.m, -50}, weights, 1023, 8, 0, 16),
                      sum > 0 ? INT32_MAX : -INT32_MAX);
            EXPECT_EQ(linear_element(codes, codes, {factor.m, 100}, weights, 1023, 8, 5, 16), 5);

            std::vector<int8_t> matrix;
            for (int r = 0; r < 3; ++r) matrix.insert(matrix.end(), weights.begin(), weights.end());
            const std::vector<uint16_t> mw(3, 1023);
            const std::vector<uint8_t> ew(3, 30);
            const std::vector<int32_t> bias(3, INT32_MAX);
            Linear linear;
            linear.n = 3;
            linear.k = kDepthMax;
            linear.weights = matrix;
            linear.mw = mw;
            linear.ew = ew;
            linear.bias = bias;
            const PackedLinear packed = pack_linear(linear);
            CodeRows rows;
            rows.resize(1, kDepthMax, 2);
            std::ranges::fill(rows.codes, code);
            rows.factors[0] = factor;
            for (const Backend backend : kBackends) {
                if (!is_supported(backend)) continue;
                std::vector<int32_t> y(3);
                Scratch scratch;
                kernels_of(backend).linear(linear, &packed, rows, 0, 1, 14, y.data(), scratch);
                EXPECT_EQ(y, std::vector<int32_t>(3, expected)) << to_string(backend);
            }
        }
    }
}

TEST(Rope, TurnsLargestPairsWithoutWrapping) {
    Random random{4};
    for (int i = 0; i < 5000; ++i) {
        const auto position = uint32_t(random.in(0, kContextMax));
        const uint64_t f = random.next();
        const double angle = double(position * f) / std::pow(2.0, 64) * 2 * std::acos(-1.0);
        int32_t a = i % 2 == 0 ? INT32_MAX : -INT32_MAX, b = i % 3 == 0 ? INT32_MAX : random.spread(20);
        const double x = a, y = b;
        rotate(a, b, rotation(position, f));
        const auto clamp = [](double v) { return std::max(-2147483647.0, std::min(2147483647.0, v)); };
        // The interpolated sine is within 2^−21.
        EXPECT_NEAR(a, clamp(x * std::cos(angle) - y * std::sin(angle)), 2200);
        EXPECT_NEAR(b, clamp(x * std::sin(angle) + y * std::cos(angle)), 2200);
    }
}

TEST(Exp2, FallsFromOneToNothing) {
    EXPECT_EQ(exp2_negative(0), 1 << 30);
    EXPECT_EQ(exp2_negative((int64_t{31} << 16) - 1), 1);
    EXPECT_EQ(exp2_negative(int64_t{31} << 16), 0);
    EXPECT_EQ(exp2_negative(int64_t{1} << 61), 0);
    int64_t before = 1 << 30;
    for (int64_t d = 0; d < int64_t{32} << 16; d += 7) {
        EXPECT_LE(exp2_negative(d), before);
        before = exp2_negative(d);
        EXPECT_NEAR(double(before), std::pow(2.0, 30 - double(d) / 65536), 1200);
    }
}

TEST(Swiglu, FollowsTheFunction) {
    Random random{5};
    for (int i = 0; i < 20'000; ++i) {
        const int32_t gate = random.spread(20), up = random.spread(20);
        const double g = gate / 16384.0, expected = g / (1 + std::exp(-g)) * up / 16384.0;
        EXPECT_NEAR(gated_element(kSigmoid, gate, up, 14) / 16384.0, expected,
                    std::abs(up / 16384.0) * 2e-3 + 1e-3);
    }
    EXPECT_EQ(gated_element(kSigmoid, INT32_MAX, INT32_MAX, 14), INT32_MAX);
    EXPECT_EQ(gated_element(kSigmoid, INT32_MAX, -INT32_MAX, 16), -INT32_MAX);
    EXPECT_EQ(gated_element(kSigmoid, -INT32_MAX, INT32_MAX, 14), 0);
    EXPECT_EQ(gate_element(kSigmoid, 16 << 14, 14), 65536);
    EXPECT_EQ(gate_element(kSigmoid, 0, 14), 32768);
}

// The longest context of the widest heads, all weights equal, all values at their limit.
TEST(Attention, LongestContextOfLargestValues) {
    constexpr uint32_t kHeadDim = kHeadDimMax;
    const std::vector<int8_t> q(kHeadDim, 127), codes(size_t{kContextMax} * kHeadDim, -127);
    const std::vector<uint8_t> mantissa(kContextMax, 255);
    for (const int16_t exponent : {int16_t(24 + 14 - 41), int16_t(24 + 16 - 10)}) {
        const std::vector<int16_t> exponents(kContextMax, exponent);
        const HeadQuery query{q.data(), {255, exponent}};
        const PagedHead rows{{codes.data(), mantissa.data(), exponents.data()}, kContextMax, kHeadDim};
        for (const Backend backend : kBackends) {
            if (!is_supported(backend)) continue;
            std::vector<int32_t> out(kHeadDim);
            Scratch scratch;
            kernels_of(backend).attention_head(query, rows.pages(), rows.pages(), kContextMax, kHeadDim, 14,
                                               out.data(), scratch);
            const double expected = -127.0 * 255 * std::ldexp(1.0, 14 - exponent);
            for (const int32_t o : out)
                EXPECT_NEAR(o, std::max(-2147483647.0, expected), std::abs(expected) / 4000 + 1);
        }
    }
}

TEST(Attention, OneKeyGivesItsValue) {
    const std::vector<int8_t> q(16, 5), k(16, -3),
        v = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 13, -14, 15, 127};
    const uint8_t mantissa = 200;
    const int16_t exponent = 24;
    std::vector<int32_t> out(16);
    attention_head({q.data(), {150, 25}}, {k.data(), &mantissa, &exponent}, {v.data(), &mantissa, &exponent},
                   1, 16, 14, out.data());
    for (size_t i = 0; i < 16; ++i) EXPECT_NEAR(out[i], v[i] * 200.0 / 1024, 0.51) << i;
}

}  // namespace
}  // namespace daidd::inference
