#include "work/sampling.h"

#include <gtest/gtest.h>

namespace daidd::work {
namespace {

TEST(SamplingOfAJob, GreedyAtTemperatureZero) {
    EXPECT_EQ(sampling_of({}).inverse_temperature, 0u);
    EXPECT_EQ(sampling_of({}).min_p_gap, UINT32_MAX);
}

TEST(SamplingOfAJob, TemperatureAtItsLimits) {
    const auto inverse = [](uint32_t temperature) {
        return sampling_of({temperature, 0, 0}).inverse_temperature;
    };
    EXPECT_EQ(inverse(1 << 16), 1u << 16);
    EXPECT_EQ(inverse(consensus::kTemperatureMax), 1u << 13);
    EXPECT_EQ(inverse(256), 1u << 24);
    EXPECT_EQ(inverse(1), inference::kInverseTemperatureMax);
    EXPECT_FALSE(inference::check_sampling(sampling_of({1, 0, 0})));
}

TEST(SamplingOfAJob, MinPIsALogarithm) {
    const auto gap = [](uint32_t min_p) { return sampling_of({1 << 16, min_p, 0}).min_p_gap; };
    EXPECT_EQ(gap(1 << 16), 0u);
    // -ln(1/2), -ln(2^-16), -ln(0.1 as 6554/65536), all with 16 fraction bits, rounded down.
    EXPECT_EQ(gap(1 << 15), 45'426u);
    EXPECT_EQ(gap(1), 726'817u);
    EXPECT_EQ(gap(6554), 150'898u);
}

TEST(SamplingOfAJob, SeedsAreHashed) { EXPECT_NE(sampling_of({0, 0, 1}).seed, sampling_of({0, 0, 2}).seed); }

}  // namespace
}  // namespace daidd::work
