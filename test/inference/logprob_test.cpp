#include "inference/logprob.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "inference/model.h"
#include "inference/random.h"
#include "inference/sampler_keys.h"

namespace daidd::inference {
namespace {

constexpr double kUnit = 1.0 / 65536;

TEST(SoftmaxWeight, IsTheExponentialWithinItsBound) {
    for (uint32_t fx = kFxMin; fx <= kFxMax; ++fx) {
        EXPECT_EQ(softmax_weight(0, fx), 1 << 30);
        for (int64_t gap = 0; gap < int64_t{23} << fx; gap += 1 + gap / 977) {
            const double exact = std::ldexp(std::exp(-std::ldexp(double(gap), -int(fx))), 30);
            EXPECT_NEAR(double(softmax_weight(gap, fx)), exact, 0.41 * kUnit * exact + 1) << gap;
        }
    }
}

TEST(SoftmaxWeight, EndsAfter31Octaves) {
    EXPECT_EQ(softmax_weight(1'408'208, 16), 1);
    EXPECT_EQ(softmax_weight(1'408'209, 16), 0);
    EXPECT_EQ(softmax_weight((int64_t{22} << 16) - 1, 16), 0);
    EXPECT_EQ(softmax_weight(int64_t{22} << 16, 16), 0);
    EXPECT_EQ(softmax_weight(2 * int64_t{INT32_MAX}, 14), 0);
}

TEST(LnInteger, IsTheLogarithmWithinItsBound) {
    EXPECT_EQ(ln_integer(1), 0);
    EXPECT_EQ(ln_integer(2), 45426);
    EXPECT_EQ(ln_integer(UINT64_MAX), 2907270);  // 64 · ln 2
    Random random{1};
    for (int i = 0; i < 100'000; ++i) {
        const uint64_t v = std::max<uint64_t>(1, random.next() >> random.in(0, 63));
        const double exact = double(std::log((long double)v)) / kUnit;
        EXPECT_NEAR(double(ln_integer(v)), exact, 0.55) << v;
    }
}

// Rows as models make them, flat ones and ones of extremes, against the exact softmax.
TEST(Logprobs, AreWithinTheirBound) {
    Random random{2};
    for (int i = 0; i < 300; ++i) {
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        std::vector<int32_t> logits(size_t(random.in(1, 2000)));
        const int bits = i % 10 == 0 ? 31 : int(random.in(0, 21));
        for (int32_t& logit : logits) logit = random.spread(bits);
        const auto chosen = uint32_t(random.in(0, int64_t(logits.size()) - 1));
        const int32_t logit_max = *std::ranges::max_element(logits);
        double sum = 0;
        for (const int32_t x : logits) sum += std::exp(std::ldexp(double(x) - logit_max, -int(fx)));
        const auto exact = [&](uint32_t token) {
            return std::ldexp(double(logits[token]) - logit_max, -int(fx)) - std::log(sum);
        };
        const double bound = kUnit + std::ldexp(double(logits.size()), -31);
        const Logprobs out = find_logprobs(logits, chosen, kTopLogprobsMax, fx);
        EXPECT_EQ(out.chosen.token, chosen);
        EXPECT_NEAR(double(out.chosen.logprob) * kUnit, exact(chosen), bound);
        ASSERT_EQ(out.top.size(), std::min<size_t>(logits.size(), kTopLogprobsMax));
        for (const auto& [token, logprob] : out.top) {
            EXPECT_NEAR(double(logprob) * kUnit, exact(token), bound);
        }
    }
}

TEST(Logprobs, AreNeverAboveZero) {
    EXPECT_EQ(find_logprobs(std::vector<int32_t>{5}, 0, 1, 14).chosen.logprob, 0);
    const std::vector<int32_t> sure = {INT32_MAX, -INT32_MAX};
    const Logprobs out = find_logprobs(sure, 1, 0, 14);
    EXPECT_EQ(out.chosen.logprob, -(2 * int64_t{INT32_MAX} << 2));
    EXPECT_TRUE(out.top.empty());
    EXPECT_EQ(find_logprobs(sure, 0, 0, 14).chosen.logprob, 0);
}

TEST(Logprobs, TopIsSortedWithTheLowestIdOnTies) {
    const std::vector<int32_t> logits = {3, 9, -4, 9, 5};
    std::vector<uint32_t> tokens;
    for (const auto& entry : find_logprobs(logits, 2, 4, 14).top) tokens.push_back(entry.token);
    EXPECT_EQ(tokens, (std::vector<uint32_t>{1, 3, 4, 0}));
}

TEST(SoftmaxSum, HoldsTheLargestVocabulary) {
    const std::vector<int32_t> flat(kVocabularyMax, INT32_MAX);
    EXPECT_EQ(softmax_sum(flat, INT32_MAX, 16), int64_t{1} << 50);
    EXPECT_EQ(find_logprobs(flat, 7, 0, 16).chosen.logprob, -ln_integer(kVocabularyMax));
    std::vector<uint64_t> keys;
    for (uint32_t token = 0; token < kVocabularyMax; ++token) keys.push_back(make_key(INT32_MAX, token));
    keep_top_share(keys, 65535, 16);
    EXPECT_EQ(keys.size(), kVocabularyMax / 65536 * 65535);
}

TEST(SamplerKeys, OrderIsLogitThenLowestId) {
    const std::vector<std::pair<int32_t, uint32_t>> falling = {
        {INT32_MAX, 0}, {INT32_MAX, 1}, {1, 9}, {0, 0}, {0, UINT32_MAX}, {-1, 0}, {-INT32_MAX, 3}};
    for (size_t i = 0; i < falling.size(); ++i) {
        const uint64_t key = make_key(falling[i].first, falling[i].second);
        EXPECT_EQ(logit_of_key(key), falling[i].first);
        EXPECT_EQ(token_of_key(key), falling[i].second);
        if (i == 0) continue;
        EXPECT_LT(key, make_key(falling[i - 1].first, falling[i - 1].second));
    }
}

TEST(SamplerKeys, TopKeysAreThoseOfASort) {
    Random random{3};
    for (int i = 0; i < 500; ++i) {
        const auto size = size_t(random.in(0, 300)), count = size_t(random.in(1, 100));
        std::vector<uint64_t> all;
        TopKeys largest{count};
        for (uint32_t token = 0; token < size; ++token) {
            all.push_back(make_key(random.spread(5), token));
            largest.push(all.back());
        }
        std::ranges::sort(all, std::greater{});
        all.resize(std::min(size, count));
        EXPECT_EQ(largest.take_sorted(), all);
        EXPECT_TRUE(largest.take().empty());
    }
}

TEST(SamplerKeys, TopShareIsTheShortestRun) {
    const auto kept = [](std::vector<int32_t> logits, uint32_t share) {
        std::vector<uint64_t> keys;
        for (const int32_t logit : logits) keys.push_back(make_key(logit, uint32_t(keys.size())));
        keep_top_share(keys, share, 14);
        std::vector<uint32_t> tokens;
        for (const uint64_t key : keys) tokens.push_back(token_of_key(key));
        std::ranges::sort(tokens);
        return tokens;
    };
    const std::vector<int32_t> flat = {7, 7, 7, 7};
    EXPECT_EQ(kept(flat, 0), (std::vector<uint32_t>{0}));
    EXPECT_EQ(kept(flat, 1 << 14), (std::vector<uint32_t>{0}));
    EXPECT_EQ(kept(flat, (1 << 14) + 1), (std::vector<uint32_t>{0, 1}));
    EXPECT_EQ(kept(flat, 1 << 16), (std::vector<uint32_t>{0, 1, 2, 3}));
    EXPECT_EQ(kept({0, 40 << 14, 1}, 1 << 16), (std::vector<uint32_t>{1}));  // the others weigh nothing
    EXPECT_EQ(kept(std::vector<int32_t>(1000, 0), 1 << 15).size(), 500u);
}

}  // namespace
}  // namespace daidd::inference
