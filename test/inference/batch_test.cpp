#include "inference/forward.h"

#include "inference/toys.h"

namespace daidd::inference {
namespace {

/// A text, how far it is read, and the logits of every position when it is read alone.
struct Text {
    std::vector<uint32_t> tokens;
    BigVector<int32_t> logits;
    Sequence sequence;
};

Text make_text(const Model& model, size_t length) {
    auto tokens = random_tokens(model, length);
    Sequence alone{model, uint32_t(length)};
    auto logits = *forward(model, Backend::kScalar, alone, tokens, {.logits = Logits::kAll});
    return {std::move(tokens), std::move(logits), Sequence{model, uint32_t(length)}};
}

/// Texts of random lengths, each read in random pieces, some of them resting in each pass.
void read_in_random_batches(const Model& model, Backend backend, unsigned threads, uint64_t seed) {
    Random random{seed};
    const size_t vocabulary = model.dimensions().vocabulary;
    std::vector<Text> texts;
    for (int i = 0; i < 5; ++i) texts.push_back(make_text(model, size_t(random.in(1, 2 * kPagePositions))));
    for (bool left = true; left;) {
        std::vector<BatchItem> items;
        BigVector<int32_t> expected;
        left = false;
        for (Text& text : texts) {
            const auto done = text.sequence.length(), rest = uint32_t(text.tokens.size()) - done;
            left |= rest > 0;
            if (rest == 0 || random.next() % 3 == 0) continue;
            const auto count = uint32_t(random.next() % 2 == 0 ? 1 : random.in(1, rest));
            const auto wanted = Logits(random.next() % 3);
            items.push_back({&text.sequence, std::span{text.tokens}.subspan(done, count), wanted});
            if (wanted == Logits::kNone) continue;
            const uint32_t first = wanted == Logits::kAll ? done : done + count - 1;
            const auto logits = std::span{text.logits}.subspan(first * vocabulary);
            expected.insert(expected.end(), logits.begin(),
                            logits.begin() + ptrdiff_t((done + count - first) * vocabulary));
        }
        if (items.empty()) continue;
        const auto logits = forward_batch(model, backend, items, threads);
        ASSERT_TRUE(logits);
        ASSERT_EQ(*logits, expected) << to_string(backend) << " seed " << seed;
    }
}

TEST(Batch, GivesEachSequenceWhatItGetsAlone) {
    for (const ToyShape& shape : {regtest_toy(), odd_toy()}) {
        const Model model = build(shape);
        for (const Backend backend : kBackends) {
            if (!is_supported(backend)) continue;
            for (uint64_t seed = 0; seed < 4; ++seed) {
                read_in_random_batches(model, backend, seed % 2 == 0 ? 1 : 3, seed);
            }
        }
    }
}

TEST(Batch, RefusesAsAWholeAndChangesNothing) {
    const Model model = build(regtest_toy());
    PagePool pool{model, 2 * PageLayout{model.dimensions()}.page_bytes()};
    const uint32_t capacity = kPagePositions + 1;
    Sequence good{model, pool, capacity}, other{model, pool, capacity};
    const auto tokens = random_tokens(model, capacity + 1);
    const auto few = std::span{tokens}.first(3);
    const std::vector<uint32_t> unknown = {1, model.dimensions().vocabulary};
    const auto error = [&](std::span<const uint32_t> second) {
        const BatchItem items[] = {{&good, few}, {&other, second}};
        const auto result = forward_batch(model, best_backend(), items);
        EXPECT_EQ(good.length() + other.length(), result ? few.size() + second.size() : 0);
        EXPECT_EQ(pool.pages_free(), result ? 0u : 2u);
        return result ? std::string_view{"none"} : to_string(result.error());
    };
    EXPECT_EQ(error({}), "no_tokens");
    EXPECT_EQ(error(unknown), "unknown_token");
    EXPECT_EQ(error(tokens), "too_long");
    EXPECT_EQ(error(std::span{tokens}.first(capacity)), "out_of_pages");
    EXPECT_EQ(error(few), "none");
    EXPECT_EQ(to_string(forward_batch(model, best_backend(), {}).error()), "no_tokens");
}

}  // namespace
}  // namespace daidd::inference
