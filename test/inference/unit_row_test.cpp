#include "inference/unit_row.h"

#include <gtest/gtest.h>

#include "inference/model.h"
#include "inference/random.h"

namespace daidd::inference {
namespace {

uint64_t squares_of(std::span<const int32_t> x) {
    uint64_t sum = 0;
    for (const int32_t v : x) sum += uint64_t(int64_t{v} * v);
    return sum;
}

TEST(UnitRow, HasLengthOne) {
    constexpr uint64_t kOne = uint64_t{1} << (2 * kUnitBits);
    Random random{1};
    for (int round = 0; round < 300; ++round) {
        std::vector<int32_t> x(size_t(random.in(1, round % 10 == 0 ? kDimMax : 500)));
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
    std::vector<int64_t> x(77);
    for (int64_t& v : x) v = random.spread(20);
    const auto expected = unit_row_of_sums(x);
    for (int shift = 1; shift <= 28; ++shift) {
        auto y = x;
        for (int64_t& v : y) v *= int64_t{1} << shift;
        EXPECT_EQ(unit_row_of_sums(y), expected) << shift;
    }
}

TEST(UnitRow, ReachesBothEndsOfItsRange) {
    const int64_t largest = int64_t{1} << 48;  // 2^17 rows of the largest elements
    for (const int64_t v : {int64_t{1}, int64_t{-1}, largest, -largest}) {
        const int32_t one = v > 0 ? 1 << kUnitBits : -(1 << kUnitBits);
        EXPECT_EQ(unit_row_of_sums(std::vector{v}), std::vector{one});
        // All of one size, as many as there may be: each is 1/128.
        EXPECT_EQ((*unit_row_of_sums(std::vector<int64_t>(kDimMax, v)))[0], one / 128);
    }
    EXPECT_FALSE(unit_row(std::vector<int32_t>(5)));
}

}  // namespace
}  // namespace daidd::inference
