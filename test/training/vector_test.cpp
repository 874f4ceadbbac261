#include "training/vector.h"

#include <gtest/gtest.h>

#include "inference/fixed.h"
#include "inference/random.h"
#include "training/vector_kernels.h"
#include "training/vectors.h"

namespace daidd::training {
namespace {

using inference::Random;

constexpr uint64_t kOne = uint64_t{1} << (2 * kUnitBits);  // the square of length 1

uint64_t squares_of(std::span<const int32_t> x) {
    uint64_t sum = 0;
    for (const int32_t v : x) sum += uint64_t(int64_t{v} * v);
    return sum;
}

TEST(UnitRow, EqualsTheVectors) {
    const auto vectors = index_vectors();
    for (const auto& unit : vectors["units"]) {
        EXPECT_EQ(unit_row(unit["x"].get<std::vector<int32_t>>()), unit["unit"].get<std::vector<int32_t>>());
    }
    for (size_t i = 0; i < vectors["sources"].size(); ++i) {
        EXPECT_EQ(make_vector(vectors["sources"][i].get<std::vector<int32_t>>()),
                  vector_of(vectors["rows"][i]["vector"]))
            << i;
    }
}

TEST(UnitRow, HasLengthOne) {
    Random random{1};
    for (int round = 0; round < 300; ++round) {
        std::vector<int32_t> x(size_t(random.in(1, round % 10 == 0 ? kVectorWidthMax : 500)));
        for (int32_t& v : x) v = random.spread(31);
        x[0] |= 1;
        const auto y = unit_row(x);
        ASSERT_TRUE(y);
        // Half a unit an element in rounding, and twice the root's: at most 2^7 · 2^31.
        const uint64_t squares = squares_of(*y);
        EXPECT_LE(squares > kOne ? squares - kOne : kOne - squares, uint64_t{1} << 39) << x.size();
        for (size_t i = 0; i < x.size(); ++i) {
            ASSERT_GE(int64_t{x[i]} * (*y)[i], 0) << "keeps the sign";
            ASSERT_LE(std::abs((*y)[i]), 1 << kUnitBits);
        }
    }
}

TEST(UnitRow, DoesNotDependOnTheUnit) {
    Random random{2};
    std::vector<int32_t> x(77);
    for (int32_t& v : x) v = random.spread(20);
    const auto expected = unit_row(x);
    for (int shift = 1; shift <= 4; ++shift) {
        auto y = x;
        for (int32_t& v : y) v *= 1 << shift;
        EXPECT_EQ(unit_row(y), expected) << shift;
    }
}

TEST(UnitRow, ReachesBothEndsOfItsRange) {
    const int32_t largest = inference::kSatMax;
    for (const int32_t v : {1, -1, largest, -largest}) {
        EXPECT_EQ(unit_row(std::vector{v}), (std::vector{v > 0 ? 1 << kUnitBits : -(1 << kUnitBits)}));
        EXPECT_EQ(make_vector(std::vector{v})->exponent, 0);
        // All of one size, as many as there may be: each is 1/128.
        const std::vector<int32_t> even(kVectorWidthMax, v);
        EXPECT_EQ((*unit_row(even))[0], v > 0 ? 1 << 23 : -(1 << 23));
        EXPECT_EQ(make_vector(even)->exponent, kVectorExponentMax);
    }
    EXPECT_FALSE(unit_row(std::vector<int32_t>(5)));
    EXPECT_FALSE(make_vector(std::vector<int32_t>(5)));
}

TEST(Vector, LimitsOnBothSides) {
    const Vector good{{0, 127, -127}, 128, kVectorExponentMax};
    EXPECT_TRUE(is_valid(good));
    const struct {
        const char* name;
        Vector vector;
        bool is_good;
    } cases[] = {{"lowest code", {{-128, 127}, 128, 0}, false},
                 {"all zero", {{0, 0}, 128, 0}, false},
                 {"one code", {{0, 1}, 255, 0}, true},
                 {"no code", {{}, 128, 0}, false},
                 {"mantissa", {{1}, 127, 0}, false},
                 {"exponent", {{1}, 128, kVectorExponentMax + 1}, false},
                 {"widest", {std::vector<int8_t>(kVectorWidthMax, 1), 128, 0}, true},
                 {"too wide", {std::vector<int8_t>(kVectorWidthMax + 1, 1), 128, 0}, false}};
    for (const auto& c : cases) EXPECT_EQ(is_valid(c.vector), c.is_good) << c.name;
}

class FastDots : public testing::TestWithParam<inference::Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, FastDots,
                         testing::Values(inference::Backend::kAvx2, inference::Backend::kAvx512),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

TEST_P(FastDots, AreTheSame) {
    Random random{3};
    for (int round = 0; round < 200; ++round) {
        const auto width = size_t(random.in(1, 300)), count = size_t(random.in(1, 9));
        std::vector<int8_t> query(width), rows(width * count);
        for (int8_t& code : query) code = int8_t(random.in(-127, 127));
        for (int8_t& code : rows) code = int8_t(random.in(-127, 127));
        std::vector<int32_t> expected(count), sums(count);
        dot_rows_scalar(query.data(), rows.data(), width, count, expected.data());
        dot_rows(GetParam())(query.data(), rows.data(), width, count, sums.data());
        ASSERT_EQ(sums, expected) << width;
    }
}

TEST_P(FastDots, HoldAtTheLargestSums) {
    for (const int8_t a : {int8_t{127}, int8_t{-127}}) {
        for (const int8_t b : {int8_t{127}, int8_t{-127}}) {
            const std::vector<int8_t> query(kVectorWidthMax, a), row(kVectorWidthMax, b);
            int32_t sum = 0;
            dot_rows(GetParam())(query.data(), row.data(), kVectorWidthMax, 1, &sum);
            EXPECT_EQ(sum, int32_t{kVectorWidthMax} * a * b);
        }
    }
}

}  // namespace
}  // namespace daidd::training
