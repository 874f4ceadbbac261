#include "inference/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "inference/toy.h"

namespace daidd::inference {
namespace {

TEST(Gumbel, IsTheFunctionInBothTails) {
    int64_t before = INT64_MAX;
    for (uint64_t word = 0; word < (uint64_t{1} << 32);
         word += 1 + word / 1000 + (uint64_t{1} << 20) * (word > 1u << 30)) {
        const double v = (2.0 * double(word) + 1) / std::pow(2.0, 33);  // 1 − u
        const double exact = -std::log(-std::log1p(-v));
        EXPECT_NEAR(double(gumbel(uint32_t(word))) / 65536, exact, 0.002) << word;
        EXPECT_LE(gumbel(uint32_t(word)), before) << word;
        before = gumbel(uint32_t(word));
    }
    EXPECT_EQ(gumbel(0), 1499061);
    EXPECT_EQ(gumbel(UINT32_MAX), -205127);
}

TEST(Sampling, GreedyTakesTheLowestOfEquals) {
    EXPECT_EQ(sample(std::vector<int32_t>{-5, 7, 3, 7}, {}, 0, 14), 1u);
    EXPECT_EQ(sample(std::vector<int32_t>{-INT32_MAX}, {}, 0, 14), 0u);
}

TEST(Sampling, RefusesATemperatureBelowItsLimit) {
    EXPECT_FALSE(check_sampling({.inverse_temperature = kInverseTemperatureMax}));
    EXPECT_EQ(check_sampling({.inverse_temperature = kInverseTemperatureMax + 1}),
              SamplingError::kInverseTemperature);
}

TEST(Sampling, MinPCutsExactlyAtTheGap) {
    // One nat below the largest: with a gap of one nat it passes, with one step less it does not.
    EXPECT_TRUE(passes_min_p(0, 1 << 14, 65536, 14));
    EXPECT_FALSE(passes_min_p(0, 1 << 14, 65535, 14));
    EXPECT_TRUE(passes_min_p(-INT32_MAX, -INT32_MAX, 0, 16));
    EXPECT_FALSE(passes_min_p(-INT32_MAX, INT32_MAX, UINT32_MAX, 14));
    EXPECT_TRUE(passes_min_p(-INT32_MAX, INT32_MAX, UINT32_MAX, 16));
    const std::vector<int32_t> logits = {0, 20 << 14, 0, 0};
    for (uint32_t position = 0; position < 200; ++position) {
        EXPECT_EQ(sample(logits, {.inverse_temperature = 1, .min_p_gap = 65536}, position, 14), 1u);
    }
}

// Frequencies over positions and seeds follow softmax(logits / temperature).
TEST(Sampling, FollowsTheSoftmax) {
    const std::vector<int32_t> logits = {0, 1 << 14, 2 << 14, -(3 << 14), 1 << 13};
    for (const uint32_t inverse : {65536u, 32768u, 131072u}) {
        constexpr uint32_t kDraws = 40'000;
        std::map<uint32_t, uint32_t> counts;
        for (uint32_t i = 0; i < kDraws; ++i) {
            Sampling sampling{.inverse_temperature = inverse};
            sampling.seed[0] = uint8_t(i % 7);
            ++counts[sample(logits, sampling, i, 14)];
        }
        double total = 0, chi = 0;
        for (const int32_t x : logits) total += std::exp(double(x) / 16384 * inverse / 65536);
        for (uint32_t token = 0; token < logits.size(); ++token) {
            const double expected =
                kDraws * std::exp(double(logits[token]) / 16384 * inverse / 65536) / total;
            chi += (counts[token] - expected) * (counts[token] - expected) / expected;
        }
        EXPECT_LT(chi, 18.5) << inverse;  // 99.9 % of 4 degrees of freedom
    }
}

TEST(Sampling, Vector) {
    Sampling sampling{.inverse_temperature = 65536, .min_p_gap = 3 << 16};
    for (size_t i = 0; i < 32; ++i) sampling.seed[i] = uint8_t(i);
    const auto words = sample_words(sampling.seed, 7, 4);
    const std::vector<uint32_t> expected_words = {37193759u, 120923635u, 1116753480u, 4009393377u};
    EXPECT_EQ(words, expected_words);
    std::vector<int64_t> noise;
    for (const uint32_t word : words) noise.push_back(gumbel(word));
    const std::vector<int64_t> expected_noise = {310971, 233038, 78685, -65354};
    EXPECT_EQ(noise, expected_noise);
    EXPECT_EQ(sample(std::vector<int32_t>{8192, 12288, -40000, 16384}, sampling, 7, 14), 0u);
}

class Generate : public testing::Test {
protected:
    Result<Generated, ForwardError> run(const GenerateOptions& options, uint32_t capacity = 600,
                                        const OnToken& on_token = {}) {
        Sequence sequence{model, capacity};
        auto result = generate(model, sequence, prompt, options, on_token);
        if (const size_t made = result ? result->tokens.size() : 0; made > 0) {
            EXPECT_EQ(sequence.length(), prompt.size() + made - 1);
        }
        return result;
    }
    const Model model = *Model::build(make_toy(regtest_toy()));
    std::vector<uint32_t> prompt = {10, 20, 30};
    GenerateOptions sampled{.tokens_max = 40, .sampling = {.inverse_temperature = 1 << 14, .seed = {1}}};
};

TEST_F(Generate, RefusesWhatForwardRefuses) {
    prompt = {};
    EXPECT_EQ(run(sampled).error(), ForwardError::kNoTokens);
    prompt = {1, 2, 3, 4};
    EXPECT_EQ(run(sampled, 3).error(), ForwardError::kTooLong);
    prompt = {999};
    EXPECT_EQ(run(sampled).error(), ForwardError::kUnknownToken);
}

TEST_F(Generate, TheSameTextWhateverRunsIt) {
    prompt.assign(300, 65);  // longer than a chunk
    sampled.sampling.seed = {5};
    GenerateOptions scalar = sampled;
    scalar.backend = Backend::kScalar;
    const auto expected = run(scalar)->tokens;
    EXPECT_EQ(expected.size(), 40u);
    EXPECT_EQ(run(sampled)->tokens, expected);
    sampled.threads = 2;
    EXPECT_EQ(run(sampled)->tokens, expected);
    sampled.sampling.seed = {2};
    EXPECT_NE(run(sampled)->tokens, expected);
}

// What a verifier does: one pass over the whole text gives every choice again.
TEST_F(Generate, ATeacherForcedPassAgrees) {
    const auto tokens = run(sampled)->tokens;
    std::vector<uint32_t> all = prompt;
    all.insert(all.end(), tokens.begin(), tokens.end());
    Sequence sequence{model, uint32_t(all.size())};
    const auto logits = *forward(model, best_backend(), sequence, all, {.logits = Logits::kAll});
    for (size_t i = prompt.size(); i < all.size(); ++i) {
        const auto row = std::span{logits}.subspan((i - 1) * 272, 272);
        EXPECT_EQ(sample(row, sampled.sampling, uint32_t(i), model.fx()), all[i]);
    }
}

// The sampler's noise goes by the position in the whole sequence, like that of consensus.
TEST_F(Generate, ASamplerChoosesInsteadOfSampling) {
    const auto expected = run(sampled)->tokens;
    Sampler plain{{.sampling = sampled.sampling}, 272, model.fx(), uint32_t(prompt.size())};
    sampled.sampling = {};
    sampled.sampler = &plain;
    EXPECT_EQ(run(sampled)->tokens, expected);

    SamplerOptions banned{.sampling = {.inverse_temperature = 1 << 14, .seed = {1}}};
    banned.biases = {{expected[0], -kLogitBiasMax}};
    Sampler biased{banned, 272, model.fx(), uint32_t(prompt.size())};
    sampled.sampler = &biased;
    const auto other = run(sampled)->tokens;
    EXPECT_EQ(std::ranges::count(other, expected[0]), 0);
}

TEST_F(Generate, StopsWhereTheGrammarEnds) {
    const auto vocabulary = std::make_shared<const TokenTrie>(Tokenizer::bytes());
    const auto made = [&](std::string_view grammar) {
        Sampler sampler{
            {.sampling = sampled.sampling}, 272,    model.fx(),
            uint32_t(prompt.size()),        prompt, GrammarMatcher{*Grammar::parse(grammar), vocabulary}};
        GenerateOptions options;
        options.tokens_max = 40;
        options.sampler = &sampler;
        return *run(options);
    };
    const auto digits = made("root ::= [0-9]{4} \"!\"");
    EXPECT_EQ(digits.reason, StopReason::kSampler);
    ASSERT_EQ(digits.tokens.size(), 5u);
    EXPECT_TRUE(std::ranges::all_of(std::span{digits.tokens}.first(4),
                                    [](uint32_t t) { return t >= '0' && t <= '9'; }));
    EXPECT_EQ(digits.tokens.back(), uint32_t{'!'});
    EXPECT_EQ(made("root ::= \"\"").reason, StopReason::kSampler);
    EXPECT_EQ(made("root ::= [a]*").reason, StopReason::kEndToken);
    EXPECT_EQ(made("root ::= [a-z] root").reason, StopReason::kTokensMax);
}

TEST_F(Generate, LogprobsAreThoseOfEachPosition) {
    EXPECT_TRUE(run(sampled)->logprobs.empty());
    sampled.tokens_max = 5;
    sampled.top_logprobs = 3;
    const auto made = *run(sampled);
    ASSERT_EQ(made.logprobs.size(), 5u);
    std::vector<uint32_t> all = prompt;
    all.insert(all.end(), made.tokens.begin(), made.tokens.end());
    Sequence sequence{model, uint32_t(all.size())};
    const auto logits = *forward(model, best_backend(), sequence, all, {.logits = Logits::kAll});
    for (size_t i = 0; i < 5; ++i) {
        const auto row = std::span{logits}.subspan((prompt.size() + i - 1) * 272, 272);
        EXPECT_EQ(made.logprobs[i], find_logprobs(row, made.tokens[i], 3, model.fx())) << i;
    }
}

TEST_F(Generate, StopsForEachReason) {
    const auto tokens = run(sampled)->tokens;
    EXPECT_EQ(run(sampled)->reason, StopReason::kTokensMax);
    const auto full = run(sampled, 10);
    EXPECT_EQ(full->reason, StopReason::kCapacity);
    EXPECT_EQ(full->tokens, std::vector(tokens.begin(), tokens.begin() + 8));
    size_t calls = 0;
    const auto stopped = run(sampled, 600, [&](uint32_t token) {
        EXPECT_EQ(token, tokens[calls]);
        return ++calls < 5;
    });
    EXPECT_EQ(stopped->reason, StopReason::kCallback);
    EXPECT_EQ(stopped->tokens.size(), 5u);
    sampled.tokens_max = 0;
    EXPECT_TRUE(run(sampled)->tokens.empty());

    ModelParts parts = make_toy(regtest_toy());
    parts.end_tokens = {tokens[6]};
    const Model ending = *Model::build(std::move(parts));
    Sequence sequence{ending, 600};
    sampled.tokens_max = 40;
    const auto ended = generate(ending, sequence, prompt, sampled);
    EXPECT_EQ(ended->reason, StopReason::kEndToken);
    EXPECT_EQ(ended->tokens.back(), tokens[6]);
    EXPECT_LE(ended->tokens.size(), 7u);
}

}  // namespace
}  // namespace daidd::inference
