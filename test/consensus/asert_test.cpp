#include "consensus/asert.h"

#include <gtest/gtest.h>

#include "consensus/check.h"
#include "consensus/fixtures.h"

namespace daidd::consensus {
namespace {

// Bitcoin Cash's parameters, under which its vectors are published.
const Uint256 kLimit = ~Uint256{} >> 32;
const AsertSchedule kCash{600, 172'800, kLimit};

/// Of Bitcoin Cash Node's calculate_asert_test. There the time counts from the anchor's parent, which is 600
/// s before the anchor, and the function adds one to the height: both cancel here.
struct AsertCase {
    Uint256 anchor;
    int64_t time_s;
    int64_t blocks;
    Uint256 target;
    uint32_t bits;
};
const AsertCase kCases[] = {
    {kLimit, 0, 2 * 144, kLimit >> 1, 0x1c7f'ffff},
    {kLimit, 0, 4 * 144, kLimit >> 2, 0x1c3f'ffff},
    {kLimit >> 1, 0, 2 * 144, kLimit >> 2, 0x1c3f'ffff},
    {kLimit >> 2, 0, 2 * 144, kLimit >> 3, 0x1c1f'ffff},
    {kLimit >> 3, 0, 2 * 144, kLimit >> 4, 0x1c0f'ffff},
    {kLimit, 0, 2 * (256 - 34) * 144, 3, 0x0103'0000},
    {kLimit, 0, 2 * (256 - 34) * 144 + 119, 3, 0x0103'0000},
    {kLimit, 0, 2 * (256 - 34) * 144 + 120, 2, 0x0102'0000},
    {kLimit, 0, 2 * (256 - 33) * 144 - 1, 2, 0x0102'0000},
    {kLimit, 0, 2 * (256 - 33) * 144, 1, 0x0101'0000},
    {kLimit, 0, 2 * (256 - 32) * 144, 1, 0x0101'0000},
    {1, 0, 2 * (256 - 32) * 144, 1, 0x0101'0000},
    {kLimit, 2 * (512 - 32) * 144, 0, kLimit, 0x1d00'ffff},
    {1, (512 - 64) * 144 * 600, 0, kLimit, 0x1d00'ffff},
    {kLimit, 300, 1, *target_from_bits(0x1d00'ffb1) + ((Uint256{1} << 208) - Uint256{1}), 0x1d00'ffb1},
    // Overflows that a look at the result alone would miss.
    {(Uint256{1} << 223) + ((Uint256{1} << 148) - Uint256{1}), 600 * 2 * 33 * 144, 0, kLimit, 0x1d00'ffff},
    {1, 600 * 2 * 256 * 144, 0, kLimit, 0x1d00'ffff},
    // Below the limit, and of the same bits.
    {1, 600 * 2 * 224 * 144 - 1, 0, Uint256{0xffff8} << 204, 0x1d00'ffff},
};

TEST(Asert, EqualsThePublishedVectors) {
    for (size_t i = 0; i < std::size(kCases); ++i) {
        const AsertCase& test = kCases[i];
        const Uint256 target = asert_target(test.anchor, test.time_s, test.blocks, kCash);
        EXPECT_EQ(target, test.target) << "case " << i;
        EXPECT_EQ(bits_from_target(target), test.bits) << "case " << i;
    }
}

/// From the same suite: what follows an anchor of these bits that came `solve_s` after its parent.
TEST(Asert, FollowsItsAnchor) {
    const auto next = [](uint32_t bits, int64_t solve_s) {
        return bits_from_target(asert_target(*target_from_bits(bits), solve_s, 1, kCash));
    };
    EXPECT_EQ(next(0x1802'36e1, 600), 0x1802'36e1u);
    EXPECT_EQ(next(0x1802'3456, 0), 0x1802'32fdu);
    EXPECT_EQ(next(0x1803'4567, 86'400 * 90), 0x1d00'ffffu);
}

TEST(Asert, DoublesAndHalvesWithEveryHalfLife) {
    const AsertSchedule schedule{120, 21'600, *target_from_bits(kTargetCapBits)};
    const Uint256 anchor = Uint256{1} << 200;
    for (unsigned steps = 0; steps < 30; ++steps) {
        EXPECT_EQ(asert_target(anchor, int64_t{21'600} * steps, 0, schedule), anchor << steps);
        EXPECT_EQ(asert_target(anchor, -int64_t{21'600} * steps, 0, schedule), anchor >> steps);
    }
    EXPECT_EQ(asert_target(anchor, int64_t{21'600} * 36, 0, schedule), schedule.target_max);
}

TEST(Asert, NeverFallsWhenTimePasses) {
    const AsertSchedule schedule{120, 21'600, *target_from_bits(kTargetCapBits)};
    Uint256 last{};
    for (int64_t time_s = -100'000; time_s < 100'000; time_s += 7) {
        const Uint256 target = asert_target(Uint256{1} << 220, time_s, 10, schedule);
        EXPECT_GE(target, last) << time_s;
        last = target;
    }
}

TEST(Asert, StandsTheWidestInputs) {
    const AsertSchedule schedule{120, 21'600, *target_from_bits(kTargetCapBits)};
    EXPECT_EQ(asert_target(schedule.target_max, 0, 0xffff'ffff, schedule), Uint256{1});
    EXPECT_EQ(asert_target(schedule.target_max, 0xffff'ffff, 0, schedule), schedule.target_max);
    EXPECT_EQ(asert_target(schedule.target_max, -int64_t{0xffff'ffff}, 0, schedule), Uint256{1});
}

TEST(RequiredBits, AreTheFirstUpToBlock2AndMoveFromThere) {
    const Params& params = main_params();
    constexpr uint32_t kTime1 = 2'000'000'000;
    EXPECT_EQ(required_bits(1, 77, 0, params), params.genesis_bits);
    EXPECT_EQ(required_bits(2, kTime1, kTime1, params), params.genesis_bits);
    EXPECT_EQ(required_bits(3, kTime1 + 120, kTime1, params), params.genesis_bits);
    const Uint256 first = *target_from_bits(params.genesis_bits);
    EXPECT_EQ(target_from_bits(required_bits(3, kTime1 + 120 + 21'600, kTime1, params)), first << 1);
    EXPECT_EQ(target_from_bits(required_bits(182, kTime1, kTime1, params)), first >> 1);
    EXPECT_EQ(required_bits(3, kTime1 + 50 * 21'600, kTime1, params), kTargetCapBits);
}

TEST(RequiredBits, StayWhereTheChainDoesNotRetarget) {
    EXPECT_EQ(required_bits(100, 1, 2'000'000'000, test::chain()), kTargetCapBits);
}

}  // namespace
}  // namespace daidd::consensus
