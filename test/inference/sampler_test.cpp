#include "inference/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "inference/fixed.h"
#include "inference/logprob.h"
#include "inference/model.h"
#include "inference/random.h"
#include "inference/sampler_keys.h"
#include "inference/tokenizer_fixture.h"

namespace daidd::inference {
namespace {

constexpr uint32_t kOne = 1u << 16;
constexpr uint32_t kFx = 14;

struct LimitCase {
    const char* name;
    void (*set)(SamplerOptions&);
    std::optional<SamplerError> expected;
    friend void PrintTo(const LimitCase& limit, std::ostream* out) { *out << limit.name; }
};
const LimitCase kLimitCases[] = {
    {"defaults", [](SamplerOptions&) {}, std::nullopt},
    {"temperature", [](SamplerOptions& o) { o.sampling.inverse_temperature = kInverseTemperatureMax; }, {}},
    {"too_cold", [](SamplerOptions& o) { o.sampling.inverse_temperature = kInverseTemperatureMax + 1; },
     SamplerError::kInverseTemperature},
    {"bias",
     [](SamplerOptions& o) {
         o.biases = {{0, kLogitBiasMax}, {1023, -kLogitBiasMax}};
     },
     {}},
    {"bias_high",
     [](SamplerOptions& o) {
         o.biases = {{0, kLogitBiasMax + 1}};
     },
     SamplerError::kLogitBias},
    {"bias_low",
     [](SamplerOptions& o) {
         o.biases = {{0, -kLogitBiasMax - 1}};
     },
     SamplerError::kLogitBias},
    {"bias_of_no_token",
     [](SamplerOptions& o) {
         o.biases = {{1024, 0}};
     },
     SamplerError::kLogitBias},
    {"bias_twice",
     [](SamplerOptions& o) {
         o.biases = {{4, 0}, {4, 0}};
     },
     SamplerError::kLogitBias},
    {"bias_unsorted",
     [](SamplerOptions& o) {
         o.biases = {{4, 0}, {3, 0}};
     },
     SamplerError::kLogitBias},
    {"biases",
     [](SamplerOptions& o) {
         for (uint32_t token = 0; token < kLogitBiasesMax; ++token) o.biases.push_back({token, 1});
     },
     {}},
    {"repeat_lowest", [](SamplerOptions& o) { o.repeat_penalty = kRepeatPenaltyMin; }, {}},
    {"repeat_low", [](SamplerOptions& o) { o.repeat_penalty = kRepeatPenaltyMin - 1; },
     SamplerError::kRepeatPenalty},
    {"repeat_highest", [](SamplerOptions& o) { o.repeat_penalty = kRepeatPenaltyMax; }, {}},
    {"repeat_high", [](SamplerOptions& o) { o.repeat_penalty = kRepeatPenaltyMax + 1; },
     SamplerError::kRepeatPenalty},
    {"window", [](SamplerOptions& o) { o.repeat_last = kRepeatLastMax; }, {}},
    {"window_long", [](SamplerOptions& o) { o.repeat_last = kRepeatLastMax + 1; }, SamplerError::kRepeatLast},
    {"frequency", [](SamplerOptions& o) { o.frequency_penalty = kPenaltyMax; }, {}},
    {"frequency_high", [](SamplerOptions& o) { o.frequency_penalty = kPenaltyMax + 1; },
     SamplerError::kFrequencyPenalty},
    {"frequency_low", [](SamplerOptions& o) { o.frequency_penalty = -kPenaltyMax - 1; },
     SamplerError::kFrequencyPenalty},
    {"presence", [](SamplerOptions& o) { o.presence_penalty = -kPenaltyMax; }, {}},
    {"presence_high", [](SamplerOptions& o) { o.presence_penalty = kPenaltyMax + 1; },
     SamplerError::kPresencePenalty},
    {"presence_low", [](SamplerOptions& o) { o.presence_penalty = -kPenaltyMax - 1; },
     SamplerError::kPresencePenalty},
    {"top_p_none", [](SamplerOptions& o) { o.top_p = 0; }, {}},
    {"top_p_all", [](SamplerOptions& o) { o.top_p = kOne; }, {}},
    {"top_p_high", [](SamplerOptions& o) { o.top_p = kOne + 1; }, SamplerError::kTopP},
};

class CheckSampler : public testing::TestWithParam<LimitCase> {};
INSTANTIATE_TEST_SUITE_P(Limits, CheckSampler, testing::ValuesIn(kLimitCases),
                         [](const auto& limit) { return limit.param.name; });
TEST_P(CheckSampler, NamesTheField) {
    SamplerOptions options;
    GetParam().set(options);
    EXPECT_EQ(check_sampler(options, 1024), GetParam().expected);
}

TEST(CheckSamplerBiases, AreCounted) {
    SamplerOptions options;
    for (uint32_t token = 0; token <= kLogitBiasesMax; ++token) options.biases.push_back({token, 1});
    EXPECT_EQ(check_sampler(options, 4096), SamplerError::kLogitBias);
}

TEST(ParseFixed16, ReadsDecimals) {
    const std::pair<const char*, std::optional<int32_t>> cases[] = {
        {"0", 0},
        {"1", 65536},
        {"-1", -65536},
        {"0.95", 62259},  // 62259.2
        {".5", 32768},
        {"5.", 5 << 16},
        {"-0.1", -6554},                    // −6553.6
        {"0.00000762939453125", 0},         // half of 2^−16, cut after twelve digits
        {"0.000007629395", 1},              // a little more than half
        {"0.000007629394", 0},              // a little less
        {"0.99999999999999999999", 65536},  // twelve nines round up
        {"32767.99998474", INT32_MAX},      // 32767 + 65535/65536
        {"32767.999999", std::nullopt},     // rounds to 2^31
        {"99999999999999999999", std::nullopt},
        {"", std::nullopt},
        {"-", std::nullopt},
        {".", std::nullopt},
        {"1e3", std::nullopt},
        {"+1", std::nullopt},
        {"1.2.3", std::nullopt},
        {" 1", std::nullopt},
        {"--1", std::nullopt},
        {"nan", std::nullopt},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(parse_fixed16(text), expected) << text;
}

TEST(MinPGap, IsTheNegativeLogarithm) {
    EXPECT_EQ(min_p_gap_of(0), UINT32_MAX);
    EXPECT_EQ(min_p_gap_of(1), uint32_t(std::lround(16 * std::log(2.0) * 65536)));
    for (uint32_t min_p = 1; min_p <= kOne; min_p += 7) {
        EXPECT_NEAR(min_p_gap_of(min_p), -std::log(min_p / 65536.0) * 65536, 1.1) << min_p;
    }
    EXPECT_EQ(min_p_gap_of(kOne), 0u);
}

/// The rule of doc/generation.md with a full sort and without state: what the next token after `answer` is.
uint32_t reference(std::vector<int32_t> logits, const SamplerOptions& options,
                   const std::vector<uint32_t>& prompt, const std::vector<uint32_t>& answer) {
    for (const LogitBias& bias : options.biases)
        logits[bias.token] = sat(logits[bias.token] + rsh(bias.bias, 16 - kFx));
    std::vector<uint32_t> text = prompt;
    text.insert(text.end(), answer.begin(), answer.end());
    for (uint32_t token = 0; token < logits.size(); ++token) {
        int32_t& logit = logits[token];
        const auto window = std::span{text}.last(std::min<size_t>(text.size(), options.repeat_last));
        if (options.repeat_penalty != kOne && std::ranges::count(window, token) > 0) {
            logit = sat(logit > 0 ? (int64_t{logit} << 16) / options.repeat_penalty
                                  : rsh(int64_t{logit} * options.repeat_penalty, 16));
        }
        const int64_t count = std::ranges::count(answer, token);
        const int64_t penalty = count * options.frequency_penalty + (count > 0) * options.presence_penalty;
        logit = sat(logit + rsh(-penalty, 16 - kFx));
    }
    std::vector<uint64_t> keys;
    for (uint32_t token = 0; token < logits.size(); ++token) keys.push_back(make_key(logits[token], token));
    std::ranges::sort(keys, std::greater{});
    const int32_t logit_max = logit_of_key(keys[0]);
    if (options.top_k > 0) keys.resize(std::min<size_t>(options.top_k, keys.size()));
    if (options.top_p < kOne) {
        const auto weight = [&](uint64_t key) {
            return softmax_weight(int64_t{logit_max} - logit_of_key(key), kFx);
        };
        int64_t total = 0, sum = 0;
        for (const uint64_t key : keys) total += weight(key);
        size_t kept = 0;
        do {
            sum += weight(keys[kept++]);
        } while (sum < int64_t((unsigned __int128)total * options.top_p >> 16));
        keys.resize(kept);
    }
    const Sampling& sampling = options.sampling;
    std::erase_if(keys, [&](uint64_t key) {
        return !passes_min_p(logit_of_key(key), logit_max, sampling.min_p_gap, kFx);
    });
    if (sampling.inverse_temperature == 0) return token_of_key(keys[0]);
    const auto words = sample_words(sampling.seed, uint32_t(text.size()), logits.size());
    std::ranges::sort(keys, {}, token_of_key);
    const auto score = [&](uint64_t key) {
        return sample_score(logit_of_key(key), words[token_of_key(key)], sampling.inverse_temperature, kFx);
    };
    return token_of_key(*std::ranges::max_element(keys, {}, score));
}

std::vector<int32_t> random_logits(Random& random, size_t count, int bits = 17) {
    std::vector<int32_t> logits(count);
    for (int32_t& logit : logits) logit = random.spread(bits);
    return logits;
}

SamplerOptions random_options(Random& random, uint32_t vocabulary) {
    const auto sometimes = [&] { return random.next() % 2 == 0; };
    SamplerOptions options;
    if (sometimes()) options.sampling.inverse_temperature = uint32_t(random.in(0, 1 << 18));
    if (sometimes()) options.sampling.min_p_gap = uint32_t(random.in(0, 8 << 16));
    options.sampling.seed[0] = uint8_t(random.next());
    if (sometimes()) options.top_k = uint32_t(random.in(1, vocabulary + 5));
    if (sometimes()) options.top_p = uint32_t(random.in(0, kOne));
    if (sometimes()) options.repeat_penalty = uint32_t(random.in(kOne / 2, 2 * kOne));
    options.repeat_last = uint32_t(random.in(0, 12));
    if (sometimes()) options.frequency_penalty = int32_t(random.in(-kPenaltyMax, kPenaltyMax));
    if (sometimes()) options.presence_penalty = int32_t(random.in(-kPenaltyMax, kPenaltyMax));
    for (uint32_t token = 0; token < vocabulary && sometimes(); token += uint32_t(random.in(1, 9)))
        options.biases.push_back({token, int32_t(random.in(-kLogitBiasMax, kLogitBiasMax))});
    return options;
}

TEST(Sampler, IsItsDefinition) {
    Random random{1};
    for (int i = 0; i < 400; ++i) {
        const auto vocabulary = uint32_t(random.in(1, 60));
        const SamplerOptions options = random_options(random, vocabulary);
        ASSERT_FALSE(check_sampler(options, vocabulary));
        std::vector<uint32_t> prompt(size_t(random.in(0, 20))), answer;
        for (uint32_t& token : prompt) token = uint32_t(random.in(0, vocabulary - 1));
        Sampler sampler{options, vocabulary, kFx, uint32_t(prompt.size()), prompt};
        for (int step = 0; step < 20; ++step) {
            const auto logits = random_logits(random, vocabulary);
            answer.push_back(sampler.next(logits));
            const std::vector<uint32_t> before(answer.begin(), answer.end() - 1);
            ASSERT_EQ(answer.back(), reference(logits, options, prompt, before)) << i << " " << step;
        }
        EXPECT_EQ(sampler.position(), prompt.size() + 20);
    }
}

// With nothing of its own set it is the sampler of consensus, with any logits.
TEST(Sampler, WithoutExtensionsIsTheConsensusSampler) {
    Random random{2};
    for (int i = 0; i < 300; ++i) {
        SamplerOptions options;
        options.sampling = {.inverse_temperature = uint32_t(random.in(0, 4) * random.in(0, 1 << 17)),
                            .min_p_gap = i % 2 == 0 ? UINT32_MAX : uint32_t(random.in(0, 1 << 20)),
                            .seed = {uint8_t(i)}};
        Sampler sampler{options, 500, kFx, 77};
        for (uint32_t step = 0; step < 4; ++step) {
            const auto logits = random_logits(random, 500, i % 3 == 0 ? 31 : 17);
            EXPECT_EQ(sampler.next(logits), sample(logits, options.sampling, 77 + step, kFx));
        }
    }
}

TEST(Sampler, LogitsStayWithinInt32) {
    SamplerOptions options;
    options.biases = {{0, -kLogitBiasMax}, {1, kLogitBiasMax}};
    options.repeat_penalty = kRepeatPenaltyMax;
    options.frequency_penalty = options.presence_penalty = kPenaltyMax;
    for (uint32_t fx = kFxMin; fx <= kFxMax; ++fx) {
        Sampler sampler{options, 3, fx, 0, std::vector<uint32_t>{0}};
        const std::vector<int32_t> logits = {-INT32_MAX, INT32_MAX, INT32_MAX - 1};
        EXPECT_EQ(sampler.next(logits), 1u);
        EXPECT_EQ(sampler.next(logits), 2u);  // 1 is a sixteenth now
    }
    options.repeat_penalty = kRepeatPenaltyMin;
    Sampler sampler{options, 3, kFx, 0, std::vector<uint32_t>{1, 2}};
    EXPECT_EQ(sampler.next(std::vector<int32_t>{0, INT32_MAX, INT32_MAX - 1}), 1u);
}

TEST(Sampler, RepeatWindowForgets) {
    SamplerOptions options;
    options.repeat_penalty = 2 * kOne;
    options.repeat_last = 2;
    const std::vector<int32_t> logits = {100, 60, 51};
    Sampler sampler{options, 3, kFx, 3, std::vector<uint32_t>{1, 2, 2}};
    std::vector<uint32_t> answer;
    for (int i = 0; i < 5; ++i) answer.push_back(sampler.next(logits));
    // 0; then 0 is 50: 1; then 1 is 30: 2; then 0 is whole again.
    EXPECT_EQ(answer, (std::vector<uint32_t>{0, 1, 2, 0, 1}));
    options.repeat_last = 0;
    Sampler without{options, 3, kFx, 3, std::vector<uint32_t>{0, 0, 0}};
    EXPECT_EQ(without.next(logits), 0u);
    EXPECT_EQ(without.next(logits), 0u);
}

TEST(Sampler, PenaltiesCountTheAnswerAlone) {
    const auto made = [](int32_t frequency, int32_t presence) {
        SamplerOptions options;
        options.frequency_penalty = frequency;
        options.presence_penalty = presence;
        Sampler sampler{options, 2, kFx, 4, std::vector<uint32_t>{0, 0, 0, 0}};
        std::vector<uint32_t> answer;
        for (int i = 0; i < 6; ++i) answer.push_back(sampler.next(std::vector<int32_t>{3 << kFx, 1 << kFx}));
        return answer;
    };
    EXPECT_EQ(made(kOne / 2, 0), (std::vector<uint32_t>{0, 0, 0, 0, 0, 1}));  // 3 − 4 · ½ = 1 ties: 0
    EXPECT_EQ(made(0, 2 << 16), (std::vector<uint32_t>{0, 0, 0, 0, 0, 0}));   // 3 − 2 = 1 ties: 0
    EXPECT_EQ(made(4, 2 << 16), (std::vector<uint32_t>{0, 1, 0, 0, 0, 0}));   // then 1 has its penalty too
}

std::shared_ptr<const TokenTrie> byte_vocabulary() {
    static const auto trie = std::make_shared<const TokenTrie>(Tokenizer::bytes());
    return trie;
}

Sampler bound_sampler(const SamplerOptions& options, std::string_view grammar) {
    return {
        options, kByteVocabulary, kFx, 0, {}, GrammarMatcher{*Grammar::parse(grammar), byte_vocabulary()}};
}

// Whatever the logits and the filters: top-k and top-p count what the grammar allows.
TEST(Sampler, NeverLeavesTheGrammar) {
    Random random{3};
    for (int i = 0; i < 100; ++i) {
        Sampler sampler = bound_sampler(random_options(random, kByteVocabulary), "root ::= [a-c]{3,9} \";\"");
        std::string text;
        while (!sampler.stop()) text += char(sampler.next(random_logits(random, kByteVocabulary, 20)));
        EXPECT_EQ(sampler.stop(), SamplerStop::kGrammarEnd);
        EXPECT_TRUE(text.size() >= 4 && text.size() <= 10 && text.back() == ';') << text;
        EXPECT_EQ(text.find_first_not_of("abc"), text.size() - 1) << text;
    }
}

TEST(Sampler, GrammarEndsOnlyByAnEndTokenWhereMoreMayFollow) {
    std::vector<int32_t> logits(kByteVocabulary);
    logits[257] = 3;  // special, and not an end
    logits[258] = 2;
    logits['a'] = 1;
    Sampler sampler = bound_sampler({}, "root ::= \"a\" [a]*");
    EXPECT_EQ(sampler.next(logits), uint32_t{'a'});
    EXPECT_FALSE(sampler.stop());
    EXPECT_EQ(sampler.next(logits), 258u);
    EXPECT_EQ(sampler.stop(), SamplerStop::kGrammarEnd);
}

TEST(Sampler, SaysWhyNothingMayFollow) {
    EXPECT_EQ(bound_sampler({}, "root ::= \"\"").stop(), SamplerStop::kGrammarEnd);
    EXPECT_EQ(bound_sampler({}, "root ::= \"a\"").stop(), std::nullopt);
    Sampler doubling = bound_sampler({}, "root ::= \"a\" root x | \"a\" root y\nx ::= \"x\"\ny ::= \"x\"");
    while (!doubling.stop()) doubling.next(std::vector<int32_t>(kByteVocabulary));
    EXPECT_EQ(doubling.stop(), SamplerStop::kGrammarTooAmbiguous);
    EXPECT_LT(doubling.position(), 20u);

    SmallVocabulary letters;
    letters.tokens = {"a", "<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    letters.merges = {};
    letters.types = {1, 3, 3, 3};
    letters.end_token = 1;
    const auto vocabulary = std::make_shared<const TokenTrie>(*letters.load());
    Sampler stuck{{}, 4, kFx, 0, {}, GrammarMatcher{*Grammar::parse("root ::= \"ab\""), vocabulary}};
    EXPECT_EQ(stuck.next(std::vector<int32_t>(4)), 0u);
    EXPECT_EQ(stuck.stop(), SamplerStop::kGrammarStuck);
}

TEST(Sampler, Vector) {
    SamplerOptions options;
    options.sampling = {.inverse_temperature = kOne, .min_p_gap = 4 << 16};
    for (size_t i = 0; i < 32; ++i) options.sampling.seed[i] = uint8_t(i);
    options.biases = {{2, 3 << 16}};
    options.repeat_penalty = 72090;  // 1.1
    options.frequency_penalty = kOne / 4;
    options.presence_penalty = kOne / 8;
    options.top_k = 6;
    options.top_p = 62259;  // 0.95
    const std::vector<int32_t> logits = {8192, 12288, -40000, 16384, 4096, 0, 20000, -5000};
    Sampler sampler{options, 8, kFx, 7, std::vector<uint32_t>{3, 6}};
    std::vector<uint32_t> answer;
    for (int i = 0; i < 16; ++i) answer.push_back(sampler.next(logits));
    EXPECT_EQ(answer, (std::vector<uint32_t>{0, 6, 6, 1, 0, 2, 2, 6, 4, 6, 5, 3, 1, 6, 6, 3}));
}

}  // namespace
}  // namespace daidd::inference
