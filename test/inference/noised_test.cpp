#include "inference/noised.h"

#include <gtest/gtest.h>

#include <vector>

#include "inference/random.h"

namespace daidd::inference {
namespace {

TEST(Noised, StepFollowsTheDepth) {
    const uint32_t expected[][2] = {{8, 8},     {127, 8},   {128, 16},  {511, 16},  {512, 32},
                                    {1023, 32}, {1024, 64}, {4095, 64}, {4096, 128}};
    for (const auto& [k, r] : expected) EXPECT_EQ(step_for(k), r) << k;
}

TEST(Noised, FoldsAHandMadeTile) {
    // A' is 1 in row 3 only, W is v + 1 in every column: T[3][v] = 8 (v + 1) after the first step, twice that
    // after the second.
    std::vector<int8_t> a(16 * 16), w(16 * 16);
    for (size_t t = 0; t < 16; ++t) a[3 * 16 + t] = 1;
    for (size_t v = 0; v < 16; ++v) std::fill_n(w.begin() + long(v) * 16, 16, int8_t(v + 1));
    uint32_t one = 0, two = 0;
    for (uint32_t v = 0; v < 16; ++v) {
        one ^= 8 * (v + 1);
        two ^= 16 * (v + 1);
    }
    std::vector<uint32_t> words(2);
    noised_tile(Backend::kScalar, a, w, 16, 16, 8, words);
    EXPECT_EQ(words, (std::vector<uint32_t>{one << 3, two << 3}));
}

TEST(Noised, FastTilesAreTheSame) {
    if (!is_supported(Backend::kAvx2)) GTEST_SKIP() << "this processor has no AVX2";
    Random random{6};
    for (int round = 0; round < 60; ++round) {
        const auto r = uint32_t(8 * random.in(1, 16)), k = r * uint32_t(random.in(1, 4096 / r));
        const size_t stride = k + size_t(random.in(0, 9));
        const bool extreme = round % 4 == 0;  // −128 · −128 everywhere reaches the largest sums
        std::vector<int8_t> a(size_t{16} * k), w(15 * stride + k);
        for (int8_t& x : a) x = int8_t(extreme ? -128 : random.in(-128, 126));
        for (int8_t& x : w) x = int8_t(extreme ? -128 : random.in(-128, 127));
        std::vector<uint32_t> expected(k / r), words(k / r);
        noised_tile(Backend::kScalar, a, w, stride, k, r, expected);
        noised_tile(Backend::kAvx2, a, w, stride, k, r, words);
        ASSERT_EQ(words, expected) << "k " << k << " r " << r;

        std::vector<int8_t> three(size_t{48} * k);
        for (int8_t& x : three) x = int8_t(random.in(-128, 126));
        expected.assign(3 * (k / r), 0);
        words = expected;
        for (size_t g = 0; g < 3; ++g) {
            noised_tile(Backend::kScalar, std::span{three}.subspan(g * 16 * k, 16 * k), w, stride, k, r,
                        std::span{expected}.subspan(g * (k / r), k / r));
        }
        noised_tiles(Backend::kAvx2, three, 3, w, stride, k, r, words);
        ASSERT_EQ(words, expected) << "k " << k << " r " << r;
    }
}

}  // namespace
}  // namespace daidd::inference
