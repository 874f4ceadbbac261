#include "inference/sequence.h"

#include "inference/forward.h"
#include "inference/toys.h"

namespace daidd::inference {
namespace {

BigVector<int32_t> continue_with(const Model& model, Sequence& sequence, std::span<const uint32_t> tokens) {
    const auto logits = forward(model, best_backend(), sequence, tokens, {.logits = Logits::kAll});
    EXPECT_TRUE(logits) << to_string(logits.error());
    return logits ? *logits : BigVector<int32_t>{};
}

TEST(PagePool, HoldsWhatItsBudgetHolds) {
    const Model model = build(odd_toy());
    const size_t page_bytes = PageLayout{model.dimensions()}.page_bytes();
    for (const auto& [bytes, pages] :
         {std::pair{page_bytes - 1, 0u}, {page_bytes, 1u}, {3 * page_bytes - 1, 2u}, {3 * page_bytes, 3u}}) {
        PagePool pool{model, bytes};
        EXPECT_EQ(pool.pages_max(), pages);
        std::vector<Page> taken;
        for (uint32_t i = 0; i < pages; ++i) {
            EXPECT_EQ(pool.pages_free(), pages - i);
            taken.push_back(pool.take());
            ASSERT_NE(taken.back(), nullptr);
            EXPECT_EQ(reinterpret_cast<uintptr_t>(taken.back().get()) % 64, 0u);
        }
        EXPECT_EQ(pool.take(), nullptr);
        if (pages == 0) continue;
        const Page shared = taken.back();
        taken.pop_back();
        EXPECT_EQ(pool.take(), nullptr) << "a holder is left";
        taken.clear();
        EXPECT_EQ(pool.pages_free(), pages - 1);
    }
}

TEST(PagePool, LivesAsLongAsItsPages) {
    const Model model = build(regtest_toy());
    Page page;
    {
        PagePool pool{model, SIZE_MAX};
        page = pool.take();
    }
    page[0] = 1;
    EXPECT_EQ(page[0], 1);
}

TEST(Sequence, TakesPagesAsPositionsComeAndGivesThemBack) {
    const Model model = build(odd_toy());
    PagePool pool{model, 3 * PageLayout{model.dimensions()}.page_bytes()};
    Sequence sequence{model, pool, 300};
    EXPECT_EQ(pool.pages_free(), 3u);
    const auto tokens = random_tokens(model, 300);
    continue_with(model, sequence, std::span{tokens}.first(kPagePositions));
    EXPECT_EQ(pool.pages_free(), 2u);
    continue_with(model, sequence, std::span{tokens}.first(1));
    EXPECT_EQ(pool.pages_free(), 1u);
    sequence.truncate(kPagePositions);
    EXPECT_EQ(pool.pages_free(), 2u);
    EXPECT_TRUE(sequence.reserve(2 * kPagePositions));
    EXPECT_EQ(pool.pages_free(), 0u);
    sequence.truncate(kPagePositions - 1);
    EXPECT_EQ(pool.pages_free(), 2u);
    { const Sequence moved = std::move(sequence); }
    EXPECT_EQ(pool.pages_free(), 3u);
}

TEST(Sequence, IsAsItWasWhenPagesRunOut) {
    const Model model = build(odd_toy());
    PagePool pool{model, 2 * PageLayout{model.dimensions()}.page_bytes()};
    const auto tokens = random_tokens(model, 2 * kPagePositions + 1);
    Sequence sequence{model, pool, 300}, whole{model, 300};
    const auto expected = continue_with(model, whole, tokens);
    const auto first = continue_with(model, sequence, std::span{tokens}.first(10));
    const auto rest = std::span{tokens}.subspan(10);
    const auto refused = forward(model, best_backend(), sequence, rest);
    ASSERT_FALSE(refused);
    EXPECT_EQ(to_string(refused.error()), "out_of_pages");
    EXPECT_EQ(sequence.length(), 10u);
    EXPECT_EQ(pool.pages_free(), 1u);
    auto logits = continue_with(model, sequence, rest.first(rest.size() - 1));
    logits.insert(logits.begin(), first.begin(), first.end());
    EXPECT_TRUE(std::equal(logits.begin(), logits.end(), expected.begin()));
    EXPECT_EQ(logits.size() + model.dimensions().vocabulary, expected.size());
}

/// Both copies go on with texts of their own, from everywhere around the end of a page.
TEST(Sequence, CopiesShareNothingButTheirPast) {
    const Model model = build(odd_toy());
    const auto tokens = random_tokens(model, 3 * kPagePositions), other = random_tokens(model, 20);
    for (const uint32_t at : {kPagePositions - 1, kPagePositions, kPagePositions + 1}) {
        const auto past = std::span{tokens}.first(at), future = std::span{tokens}.subspan(at, 20);
        Sequence alone{model, 300};
        continue_with(model, alone, past);
        const auto expected = continue_with(model, alone, future);
        alone.truncate(at);
        const auto expected_other = continue_with(model, alone, other);

        PagePool pool{model, SIZE_MAX};
        Sequence sequence{model, pool, 300};
        continue_with(model, sequence, past);
        const size_t before = pool.pages_free();
        Sequence copy = sequence.copy();
        EXPECT_EQ(pool.pages_free(), before);
        EXPECT_EQ(continue_with(model, sequence, future), expected);
        EXPECT_EQ(continue_with(model, copy, other), expected_other);
        EXPECT_EQ(copy.pages().front() == sequence.pages().front(), at >= kPagePositions);
    }
}

TEST(Sequence, CopiesShareNotEvenWhatWasReserved) {
    const Model model = build(odd_toy());
    const auto tokens = random_tokens(model, 2 * kPagePositions), other = random_tokens(model, 20);
    Sequence sequence{model, 300};
    EXPECT_TRUE(sequence.reserve(2 * kPagePositions));
    Sequence copy = sequence.copy();
    const auto expected = continue_with(model, sequence, tokens);
    Sequence second = sequence.copy();
    continue_with(model, copy, other);
    second.truncate(0);
    EXPECT_EQ(continue_with(model, second, tokens), expected);
    sequence.truncate(kPagePositions);
    EXPECT_EQ(continue_with(model, sequence, std::span{tokens}.subspan(kPagePositions)),
              (BigVector<int32_t>(expected.begin() + kPagePositions * model.dimensions().vocabulary,
                                  expected.end())));
}

TEST(Sequence, GoesOnFromPagesOfAnother) {
    const Model model = build(odd_toy());
    const auto tokens = random_tokens(model, 3 * kPagePositions);
    PagePool pool{model, SIZE_MAX};
    Sequence sequence{model, pool, 300};
    continue_with(model, sequence, std::span{tokens}.first(2 * kPagePositions));
    const auto expected = continue_with(model, sequence, std::span{tokens}.subspan(2 * kPagePositions));
    Sequence other{model, pool, 3 * kPagePositions};
    other.adopt(sequence.pages().first(2));
    EXPECT_EQ(other.length(), 2 * kPagePositions);
    EXPECT_EQ(continue_with(model, other, std::span{tokens}.subspan(2 * kPagePositions)), expected);
}

}  // namespace
}  // namespace daidd::inference
