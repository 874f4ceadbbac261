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
    std::vector<uint8_t> a(16 * 16);
    std::vector<int8_t> w(16 * 16);
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

class FastFolds : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, FastFolds,
                         testing::Values(Backend::kAvx2, Backend::kAvxVnni, Backend::kAvx512, Backend::kAmx),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

TEST_P(FastFolds, AreTheSame) {
    Random random{6};
    for (int round = 0; round < 120; ++round) {
        const auto r = uint32_t(8 * random.in(1, 16)), k = r * uint32_t(random.in(1, 4096 / r));
        const size_t stride = k + size_t(random.in(0, 9));
        const auto groups = uint32_t(random.in(1, 3));
        // 255 · −128 and 255 · 127 reach the largest sums; a column unlike the others keeps the XOR from
        // being 0.
        const int extreme = round % 8;
        std::vector<uint8_t> rows(size_t{groups} * 16 * k);
        std::vector<int8_t> w(15 * stride + k);
        for (uint8_t& x : rows) x = uint8_t(extreme <= 1 ? 255 : random.in(0, 255));
        for (size_t i = 0; i < w.size(); ++i) {
            const int most = extreme == 0 ? -128 : 127;
            w[i] = int8_t(extreme <= 1 && i >= stride ? most : random.in(-128, 127));
        }
        std::vector<uint32_t> expected(groups * (k / r)), words(expected.size());
        NoisedRows{Backend::kScalar, rows, k}.fold(w, stride, r, expected);
        NoisedRows{GetParam(), rows, k}.fold(w, stride, r, words);
        ASSERT_EQ(words, expected) << "k " << k << " r " << r << " groups " << groups;

        words.assign(k / r, 0);
        noised_tile(GetParam(), std::span{rows}.first(size_t{16} * k), w, stride, k, r, words);
        expected.resize(k / r);
        ASSERT_EQ(words, expected) << "the first group alone";
    }
}

}  // namespace
}  // namespace daidd::inference
