#include "inference/batcher.h"

#include <algorithm>
#include <deque>

#include "inference/toys.h"

namespace daidd::inference {
namespace {

struct Answer {
    std::vector<uint32_t> tokens;
    std::optional<StopReason> end;
};

/// What a request gets on its own.
Answer alone(const Model& model, const BatchRequest& request) {
    const auto wanted = uint32_t(request.prompt.size()) + request.tokens_max;
    Sequence sequence{model, std::min(wanted, model.dimensions().context)};
    const auto generated = *generate(model, sequence, request.prompt,
                                     {.tokens_max = request.tokens_max, .sampling = request.sampling});
    return {generated.tokens, generated.reason};
}

BatchRequest watched(BatchRequest request, Answer& answer) {
    request.on_token = [&answer](uint32_t token) {
        answer.tokens.push_back(token);
        return true;
    };
    request.on_end = [&answer](StopReason reason) {
        EXPECT_FALSE(answer.end);
        answer.end = reason;
    };
    return request;
}

size_t page_bytes(const Model& model) { return PageLayout{model.dimensions()}.page_bytes(); }

BatchRequest random_request(const Model& model, Random& random) {
    BatchRequest request;
    // Few beginnings, so that many have one in common.
    request.prompt = random_tokens(model, size_t(random.in(1, 3)) * kPagePositions);
    request.prompt.resize(size_t(random.in(1, int64_t(request.prompt.size()))));
    if (random.next() % 2 == 0) request.prompt.back() = uint32_t(random.in(0, 271));
    request.tokens_max = uint32_t(random.in(1, 90));
    if (random.next() % 2 == 0) request.sampling.inverse_temperature = uint32_t(random.in(1, 1 << 17));
    request.sampling.seed[0] = uint8_t(random.next());
    return request;
}

/// Requests come and are cancelled at random moments; each that ends got what it gets alone, each that was
/// cancelled a beginning of it. Adds up what happened.
void serve_at_random(const Model& model, const BatcherOptions& options, uint64_t seed, uint64_t& preemptions,
                     uint64_t& tokens_reused) {
    Random random{seed};
    Batcher batcher{model, kZeroHash, options};
    std::deque<std::pair<BatchRequest, Answer>> all;  // by id
    std::vector<bool> cancelled;
    while (all.size() < 12 || batcher.running() + batcher.waiting() > 0) {
        if (all.size() < 12 && random.next() % 4 == 0) {
            auto& [request, answer] = all.emplace_back(random_request(model, random), Answer{});
            ASSERT_EQ(*batcher.add(watched(request, answer)), all.size() - 1);
            cancelled.push_back(false);
        }
        if (!all.empty() && random.next() % 64 == 0) {
            const size_t id = random.next() % all.size();
            const bool there = !all[id].second.end && !cancelled[id];
            ASSERT_EQ(batcher.cancel(id), there);
            if (there) cancelled[id] = true;
        }
        batcher.step();
        ASSERT_LE(batcher.running(), options.sequences_max);
    }
    for (size_t id = 0; id < all.size(); ++id) {
        const auto& [request, answer] = all[id];
        Answer expected = alone(model, request);
        ASSERT_NE(answer.end.has_value(), cancelled[id]) << "seed " << seed << " id " << id;
        if (cancelled[id])
            expected = {{expected.tokens.begin(), expected.tokens.begin() + ptrdiff_t(answer.tokens.size())},
                        {}};
        ASSERT_EQ(answer.tokens, expected.tokens) << "seed " << seed << " id " << id;
        ASSERT_EQ(answer.end, expected.end);
    }
    preemptions += batcher.preemptions();
    tokens_reused += batcher.tokens_reused();
}

TEST(Batcher, AnswersDoNotDependOnTheOthers) {
    const Model model = build(odd_toy());
    const size_t page = page_bytes(model);
    uint64_t preemptions = 0, tokens_reused = 0;
    struct Case {
        uint32_t pages, sequences_max, rows_max;
        bool keep_prefixes;
        unsigned threads;
    };
    for (const Case& c : {Case{100, 16, 64, true, 1}, Case{100, 16, 64, false, 3}, Case{5, 8, 8, true, 1},
                          Case{5, 4, 300, true, 2}, Case{6, 3, 7, false, 1}, Case{5, 1, 1, true, 1}}) {
        BatcherOptions options{.page_bytes_max = c.pages * page,
                               .sequences_max = c.sequences_max,
                               .rows_max = c.rows_max,
                               .keep_prefixes = c.keep_prefixes,
                               .threads = c.threads};
        for (uint64_t seed = 0; seed < 3; ++seed)
            serve_at_random(model, options, seed + 10 * c.rows_max, preemptions, tokens_reused);
    }
    EXPECT_GT(preemptions, 0u);
    EXPECT_GT(tokens_reused, 0u);
}

TEST(Batcher, RefusesWhatCanNotBeAnswered) {
    const Model model = build(odd_toy());
    const uint32_t vocabulary = model.dimensions().vocabulary, context = model.dimensions().context;
    BatcherOptions options{.page_bytes_max = 3 * page_bytes(model), .waiting_max = 3};
    Batcher batcher{model, kZeroHash, options};
    const auto error = [&](size_t prompt, uint32_t tokens_max, uint32_t token = 1, uint32_t temperature = 0) {
        const auto added = batcher.add({.prompt = std::vector<uint32_t>(prompt, token),
                                        .tokens_max = tokens_max,
                                        .sampling = {.inverse_temperature = temperature}});
        return added ? std::string_view{"none"} : to_string(added.error());
    };
    EXPECT_EQ(error(0, 1), "no_tokens");
    EXPECT_EQ(error(1, 0), "no_tokens");
    EXPECT_EQ(error(1, 1, vocabulary), "unknown_token");
    EXPECT_EQ(error(context + 1, 1), "too_long");
    EXPECT_EQ(error(context, 1), "too_few_pages");
    EXPECT_EQ(error(1, UINT32_MAX), "too_few_pages");
    EXPECT_EQ(error(100, 3 * kPagePositions - 99), "too_few_pages");
    EXPECT_EQ(error(1, 1, 1, kInverseTemperatureMax + 1), "sampling");
    EXPECT_FALSE(batcher.step());
    EXPECT_EQ(error(100, 3 * kPagePositions - 100), "none");
    EXPECT_EQ(error(1, 1, vocabulary - 1), "none");
    EXPECT_EQ(error(1, 1, 1, kInverseTemperatureMax), "none");
    EXPECT_EQ(error(1, 1), "queue_full");
    EXPECT_TRUE(batcher.step());
    EXPECT_EQ(error(1, 1), "none");
}

TEST(Batcher, EndsWhenTheContextIsFullOrTheCallerSaysSo) {
    const Model model = build(odd_toy());
    Batcher batcher{model, kZeroHash, {}};
    const BatchRequest request{.prompt = random_tokens(model, 290), .tokens_max = 100};
    Answer full, stopped;
    BatchRequest stopping = watched(request, stopped);
    stopping.on_token = [&](uint32_t token) {
        stopped.tokens.push_back(token);
        return stopped.tokens.size() < 3;
    };
    EXPECT_TRUE(batcher.add(watched(request, full)) && batcher.add(stopping));
    while (batcher.step()) {
    }
    const Answer expected = alone(model, request);
    EXPECT_EQ(expected.end, StopReason::kCapacity);
    EXPECT_EQ(full.tokens, expected.tokens);
    EXPECT_EQ(full.end, StopReason::kCapacity);
    EXPECT_EQ(stopped.tokens, (std::vector(expected.tokens.begin(), expected.tokens.begin() + 3)));
    EXPECT_EQ(stopped.end, StopReason::kCallback);
}

TEST(Batcher, LetsASamplerChoose) {
    const Model model = build(odd_toy());
    const auto prompt = random_tokens(model, 20);
    const auto sampler = [&] {
        return Sampler{
            {.sampling = {.inverse_temperature = 1 << 16}, .frequency_penalty = 1 << 16, .top_k = 5},
            model.dimensions().vocabulary,
            model.fx(),
            20,
            prompt};
    };
    Sampler lone = sampler(), batched = sampler();
    Sequence sequence{model, 60};
    const auto expected =
        *generate(model, sequence, prompt, {.tokens_max = 40, .sampling = {}, .sampler = &lone});
    Answer answer, other;
    Batcher batcher{model, kZeroHash, {}};
    BatchRequest request = watched({.prompt = prompt, .tokens_max = 40}, answer);
    request.choose = [&](std::span<const int32_t> logits) { return batched.next(logits); };
    EXPECT_TRUE(batcher.add(watched({.prompt = prompt, .tokens_max = 40}, other)) && batcher.add(request));
    while (batcher.step()) {
    }
    EXPECT_EQ(answer.tokens, expected.tokens);
    EXPECT_NE(other.tokens, expected.tokens);
}

/// A long prompt is read beside running answers, which get a token each step; and it is read although they
/// never rest.
TEST(Batcher, PromptsAndAnswersDoNotStallEachOther) {
    const Model model = build(odd_toy());
    Batcher batcher{model, kZeroHash, {.sequences_max = 4, .rows_max = 4}};
    Answer answers[3], late;
    for (Answer& answer : answers) {
        EXPECT_TRUE(batcher.add(watched({.prompt = {1}, .tokens_max = 250}, answer)));
    }
    EXPECT_TRUE(batcher.step());
    EXPECT_TRUE(batcher.add(watched({.prompt = random_tokens(model, 200), .tokens_max = 1}, late)));
    for (size_t step = 1; !late.end; ++step) {
        ASSERT_LE(step, 200u);
        EXPECT_TRUE(batcher.step());
        for (const Answer& answer : answers) ASSERT_TRUE(answer.end || answer.tokens.size() == step + 1);
    }
    EXPECT_EQ(batcher.preemptions(), 0u);
}

/// Everybody wants all pages; the first to come is never stopped.
TEST(Batcher, TheOldestIsNeverStopped) {
    const Model model = build(odd_toy());
    Batcher batcher{model, kZeroHash, {.page_bytes_max = 4 * page_bytes(model), .keep_prefixes = false}};
    Answer answers[4];
    const auto prompt = random_tokens(model, kPagePositions - 2);
    for (Answer& answer : answers) {
        EXPECT_TRUE(batcher.add(watched({.prompt = prompt, .tokens_max = 3 * kPagePositions}, answer)));
    }
    for (size_t step = 1; !answers[0].end; ++step) {
        EXPECT_TRUE(batcher.step());
        ASSERT_EQ(answers[0].tokens.size(), step);
    }
    EXPECT_GT(batcher.preemptions(), 0u);
    while (batcher.step()) {
    }
    const Answer expected = alone(model, {.prompt = prompt, .tokens_max = 3 * kPagePositions});
    for (const Answer& answer : answers) EXPECT_EQ(answer.tokens, expected.tokens);
}

TEST(Batcher, ReusesCommonBeginnings) {
    const Model model = build(odd_toy());
    const auto prompt = random_tokens(model, 2 * kPagePositions + 5);
    for (const bool keep : {true, false}) {
        Batcher batcher{model, kZeroHash, {.keep_prefixes = keep}};
        Answer answers[2];
        for (Answer& answer : answers) {
            EXPECT_TRUE(batcher.add(watched({.prompt = prompt, .tokens_max = 10}, answer)));
            while (batcher.step()) {
            }
        }
        EXPECT_EQ(batcher.tokens_reused(), keep ? 2 * kPagePositions : 0);
        EXPECT_EQ(answers[0].tokens, answers[1].tokens);
        EXPECT_EQ(answers[0].tokens, alone(model, {.prompt = prompt, .tokens_max = 10}).tokens);
    }
}

}  // namespace
}  // namespace daidd::inference
