#include "import/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "inference/model.h"
#include "inference/random.h"

namespace daidd::import {
namespace {

using inference::kEmbeddingCodeMax;
using inference::kEwMax;
using inference::kEwMin;
using inference::kGainExponentMax;
using inference::kGainMax;
using inference::kMwMax;
using inference::kMwMin;
using inference::Random;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kUnitMax = std::ldexp(kMwMax, -int(kEwMin));
const double kUnitMin = std::ldexp(kMwMin, -int(kEwMax));

double after(double x) { return std::nextafter(x, kInfinity); }
double before(double x) { return std::nextafter(x, -kInfinity); }

Matrix row_of(std::vector<double> values) {
    Matrix row{1, values.size()};
    row.values = std::move(values);
    return row;
}

struct ScaleCase {
    std::string name;
    double wanted;
    int mw;  ///< 0: refused
    int ew = 0;
};
void PrintTo(const ScaleCase& c, std::ostream* out) { *out << c.name; }

const ScaleCase kScaleCases[] = {
    {"nan", NAN, 0},
    {"infinity", kInfinity, 0},
    {"minus_infinity", -kInfinity, 0},
    {"most_double", std::numeric_limits<double>::max(), 0},
    {"four", 4.0, 0},
    {"over_the_largest_scale", after(kUnitMax), 0},
    {"largest_scale", kUnitMax, 1023, 8},
    {"largest_scale_negative", -kUnitMax, 1023, 8},
    {"over_a_power_of_two", after(1.0), 513, 9},
    {"power_of_two", 1.0, 512, 9},
    {"under_a_power_of_two", before(1.0), 512, 9},
    {"last_mantissa", 1023.0 / 1024, 1023, 10},
    {"over_the_last_mantissa", after(1023.0 / 1024), 512, 9},
    {"over_the_smallest_scale", after(kUnitMin), 513, 30},
    {"smallest_scale", kUnitMin, 512, 30},
    {"under_the_smallest_scale", before(kUnitMin), 512, 30},
    {"least_double", std::numeric_limits<double>::denorm_min(), 512, 30},
};

class RowScale : public testing::TestWithParam<ScaleCase> {};

TEST_P(RowScale, IsTheSmallestAllowedOneThatReaches) {
    const auto& [name, wanted, mw, ew] = GetParam();
    QuantizedRows<int8_t> rows;
    ASSERT_EQ(append_rows(row_of({wanted}), /*code_max=*/1, rows), mw != 0);
    if (mw == 0) return;
    EXPECT_EQ(rows.mw, std::vector<uint16_t>{uint16_t(mw)});
    EXPECT_EQ(rows.ew, std::vector<uint8_t>{uint8_t(ew)});
}

INSTANTIATE_TEST_SUITE_P(Limits, RowScale, testing::ValuesIn(kScaleCases),
                         [](const auto& p) { return p.param.name; });

TEST(AppendRows, RoundsTiesToEven) {
    QuantizedRows<int8_t> rows;
    ASSERT_TRUE(append_rows(row_of({127, 0.5, 1.5, 2.5, -0.5, -1.5, after(0.5), -127}), 127, rows));
    EXPECT_EQ(rows.codes, (std::vector<int8_t>{127, 0, 2, 2, 0, -2, 1, -127}));
}

TEST(AppendRows, ZeroRowsHaveZeroCodesAndAnAllowedScale) {
    QuantizedRows<int16_t> rows;
    ASSERT_TRUE(append_rows(row_of({0.0, -0.0, 0.0}), kEmbeddingCodeMax, rows));
    EXPECT_EQ(rows.codes, std::vector<int16_t>(3, 0));
    EXPECT_GE(rows.mw[0], kMwMin);
    EXPECT_LE(rows.mw[0], kMwMax);
    EXPECT_GE(rows.ew[0], kEwMin);
    EXPECT_LE(rows.ew[0], kEwMax);
}

TEST(AppendRows, GoesOnBehindWhatIsThere) {
    QuantizedRows<int8_t> rows;
    ASSERT_TRUE(append_rows(row_of({1, 127}), 127, rows));
    Matrix two{2, 2};
    two.values = {254, -2, 0, 63.5};
    ASSERT_TRUE(append_rows(two, 127, rows));
    EXPECT_EQ(rows.codes, (std::vector<int8_t>{1, 127, 127, -1, 0, 127}));
    EXPECT_EQ(rows.mw, (std::vector<uint16_t>{512, 512, 512}));
    EXPECT_EQ(rows.ew, (std::vector<uint8_t>{9, 8, 10}));
}

TEST(AppendRows, RefusesOneBadValueAmongGoodRows) {
    for (const double bad : {double(NAN), kInfinity, -kInfinity, 127 * 4.0}) {
        for (size_t at = 0; at < 6; ++at) {
            Matrix rows{3, 2};
            rows.values.assign(6, 1.0);
            rows.values[at] = bad;
            QuantizedRows<int8_t> to;
            EXPECT_FALSE(append_rows(rows, 127, to)) << bad << " at " << at;
        }
    }
}

/// A value of either sign whose magnitude has any exponent of [low, high].
double random_value(Random& random, int64_t low, int64_t high) {
    const double fraction = std::ldexp(double(random.next() >> 11), -53);
    return std::ldexp(random.next() % 2 == 0 ? 0.5 + fraction / 2 : -0.5 - fraction / 2,
                      int(random.in(low, high)));
}

template <class Code>
void expect_near_and_tight(int32_t code_max, uint64_t seed) {
    Random random{seed};
    for (int round = 0; round < 2000; ++round) {
        const int64_t high = random.in(-30, int64_t(std::floor(std::log2(code_max * kUnitMax))));
        Matrix row{1, size_t(random.in(1, 40))};
        double most = 0;
        for (double& value : row.values) {
            value = random_value(random, random.in(high - 12, high), high);
            most = std::max(most, std::fabs(value));
        }
        QuantizedRows<Code> to;
        ASSERT_TRUE(append_rows(row, code_max, to)) << "round " << round;
        const int mw = to.mw[0], ew = to.ew[0];
        ASSERT_TRUE(mw >= int(kMwMin) && mw <= int(kMwMax) && ew >= int(kEwMin) && ew <= int(kEwMax));
        const double unit = std::ldexp(mw, -ew);
        for (size_t c = 0; c < row.cols; ++c) {
            ASSERT_LE(std::abs(int32_t{to.codes[c]}), code_max) << "round " << round;
            // Half a unit, and the last bit of the quotient that is rounded.
            const double slack = std::fabs(row.values[c]) * 0x1p-52;
            ASSERT_LE(std::fabs(row.values[c] - to.codes[c] * unit), unit / 2 + slack) << "round " << round;
        }
        if (mw == int(kMwMin) && ew == int(kEwMax)) continue;
        const double next = mw == int(kMwMin) ? std::ldexp(kMwMax, -ew - 1) : std::ldexp(mw - 1, -ew);
        ASSERT_LT(next * code_max, most) << "round " << round << ": a smaller scale would have done";
    }
}

TEST(AppendRows, WeightsAreWithinHalfAUnitOfATightScale) { expect_near_and_tight<int8_t>(127, 1); }
TEST(AppendRows, EmbeddingsAreWithinHalfAUnitOfATightScale) {
    expect_near_and_tight<int16_t>(kEmbeddingCodeMax, 2);
}

TEST(RoundingRest, WithTheCodesItIsTheMatrixToTheLastBit) {
    Random random{5};
    for (int round = 0; round < 500; ++round) {
        Matrix a{size_t(random.in(1, 4)), size_t(random.in(1, 40))};
        for (double& value : a.values) value = random_value(random, -20, 3);
        QuantizedRows<int8_t> rows;
        ASSERT_TRUE(append_rows(a, 127, rows));
        const Matrix rest = rounding_rest(a, rows);
        for (size_t r = 0; r < a.rows; ++r) {
            const double unit = std::ldexp(rows.mw[r], -int(rows.ew[r]));
            for (size_t c = 0; c < a.cols; ++c) {
                const double rounded = rows.codes[r * a.cols + c] * unit;
                ASSERT_EQ(rounded + rest.row(r)[c], a.row(r)[c]) << "round " << round;
                ASSERT_LE(std::fabs(rest.row(r)[c]), unit / 2 + std::fabs(a.row(r)[c]) * 0x1p-52);
            }
        }
    }
}

struct GainCase {
    std::string name;
    std::vector<double> gains;
    std::vector<int32_t> gq;  ///< empty: refused
    int32_t ge = 0;
};
void PrintTo(const GainCase& c, std::ostream* out) { *out << c.name; }

const GainCase kGainCases[] = {
    {"nan", {1, NAN}, {}},
    {"infinity", {kInfinity, 1}, {}},
    {"minus_infinity", {-kInfinity}, {}},
    {"over_the_largest", {after(65'536)}, {}},
    {"largest", {65'536, -65'536}, {kGainMax, -kGainMax}, -16},
    {"zero", {0, -0.0}, {0, 0}, 0},
    {"over_one", {after(1)}, {kGainMax / 2}, -1},
    {"one", {1, -1}, {kGainMax, -kGainMax}, 0},
    {"under_one", {before(1)}, {kGainMax}, 0},
    {"mixed", {0.75, -1.5, 0}, {12'288, -24'576, 0}, -1},
    {"ties_to_even", {1, 0.5 * 0x1p-15, 1.5 * 0x1p-15, -2.5 * 0x1p-15}, {kGainMax, 0, 2, -2}, 0},
    {"over_the_last_exponent", {after(0x1p-16)}, {kGainMax / 2}, 15},
    {"last_exponent", {0x1p-16}, {kGainMax}, 16},
    {"under_the_last_exponent", {0x1p-17}, {kGainMax / 2}, 16},
    {"least_double", {std::numeric_limits<double>::denorm_min()}, {0}, 16},
};

class GainOfANorm : public testing::TestWithParam<GainCase> {};

TEST_P(GainOfANorm, IsExactToItsLastBit) {
    const auto& [name, gains, gq, ge] = GetParam();
    const auto found = quantize_gain(gains);
    ASSERT_EQ(found.has_value(), !gq.empty());
    if (!found) return;
    EXPECT_EQ(found->gq, gq);
    EXPECT_EQ(found->ge, ge);
}

INSTANTIATE_TEST_SUITE_P(Limits, GainOfANorm, testing::ValuesIn(kGainCases),
                         [](const auto& p) { return p.param.name; });

TEST(GainOfRandomNorms, IsWithinHalfAUnitAndUsesAllBits) {
    Random random{3};
    for (int round = 0; round < 2000; ++round) {
        const int64_t high = random.in(-24, 16);
        std::vector<double> gains(size_t(random.in(1, 20)));
        for (double& gain : gains) gain = random_value(random, high - 4, high);
        const auto found = quantize_gain(gains);
        ASSERT_TRUE(found) << "round " << round;
        const double unit = std::ldexp(1, -(15 + found->ge));
        int32_t most = 0;
        for (size_t i = 0; i < gains.size(); ++i) {
            ASSERT_LE(std::fabs(gains[i] - found->gq[i] * unit), unit / 2) << "round " << round;
            most = std::max(most, std::abs(found->gq[i]));
        }
        ASSERT_LE(most, kGainMax);
        ASSERT_LE(std::abs(found->ge), kGainExponentMax);
        ASSERT_TRUE(found->ge == kGainExponentMax || most >= kGainMax / 2) << "round " << round;
    }
}

struct PairCase {
    std::string name;
    double factor;
    std::vector<double> q, k, equal_q, equal_k;
};
void PrintTo(const PairCase& c, std::ostream* out) { *out << c.name; }

const PairCase kPairCases[] = {
    {"nothing", 1, {}, {}, {}, {}},
    {"equal_already", 1, {2, 1}, {1, 2}, {2, 1}, {1, 2}},
    {"large_key", 1, {1, -0.5}, {16, 4}, {4, -2}, {4, 1}},
    {"large_query", 1, {-4, 64}, {0.25, 1}, {-0.5, 8}, {2, 8}},
    {"each_pair_apart", 1, {1, 1, 9, 0}, {4, 4, 0, -1}, {2, 2, 3, 0}, {2, 2, 0, -3}},
    {"factor_goes_to_the_queries", 0.25, {4, 2}, {1, 0.5}, {1, 0.5}, {1, 0.5}},
    {"pair_without_key", 1, {3, -3, 1, 1}, {0, -0.0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}},
    {"pair_without_query", 1, {0, 0, 1, 1}, {5, 7, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}},
    {"pair_without_either", 1, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
};

class GainsOfPairs : public testing::TestWithParam<PairCase> {};

TEST_P(GainsOfPairs, ReachTheSame) {
    auto [name, factor, q, k, equal_q, equal_k] = GetParam();
    equalize_gains(factor, q, k);
    EXPECT_EQ(q, equal_q);
    EXPECT_EQ(k, equal_k);
}

INSTANTIATE_TEST_SUITE_P(Exact, GainsOfPairs, testing::ValuesIn(kPairCases),
                         [](const auto& p) { return p.param.name; });

TEST(GainsOfRandomPairs, ReachTheSameAndChangeNoScore) {
    Random random{4};
    for (int round = 0; round < 2000; ++round) {
        const double factor = std::fabs(random_value(random, -8, 8));
        std::vector<double> q(2 * size_t(random.in(1, 20))), k(q.size());
        for (auto* gains : {&q, &k}) {
            for (double& gain : *gains) gain = random_value(random, -12, 12);
        }
        const auto old_q = q, old_k = k;
        equalize_gains(factor, q, k);
        for (size_t i = 0; i < q.size(); i += 2) {
            const double q_most = std::max(std::fabs(q[i]), std::fabs(q[i + 1]));
            const double k_most = std::max(std::fabs(k[i]), std::fabs(k[i + 1]));
            ASSERT_NEAR(q_most / k_most, 1, 1e-14) << "round " << round;
            // Both parts of q meet both of k once they are rotated.
            for (const size_t a : {i, i + 1}) {
                for (const size_t b : {i, i + 1}) {
                    const double score = factor * old_q[a] * old_k[b];
                    ASSERT_NEAR(q[a] * k[b] / score, 1, 1e-14) << "round " << round;
                }
            }
        }
    }
}

}  // namespace
}  // namespace daidd::import
