#include "inference/prefix_cache.h"

#include "inference/forward.h"
#include "inference/toys.h"

namespace daidd::inference {
namespace {

class PrefixCacheTest : public testing::Test {
protected:
    /// A sequence that holds the tokens, its whole pages shared.
    Sequence read(std::span<const uint32_t> text) {
        Sequence sequence{model, pool, 300};
        PrefixCache::Cursor cursor;
        sequence.adopt(cache.find(text.first(text.size() - 1), cursor));
        EXPECT_TRUE(forward(model, best_backend(), sequence, text.subspan(sequence.length())));
        cache.share(text, sequence, cursor);
        return sequence;
    }
    size_t known(std::span<const uint32_t> text) {
        PrefixCache::Cursor cursor;
        const size_t pages = cache.find(text, cursor).size();
        EXPECT_EQ(cursor.pages, pages);
        return pages;
    }

    Model model = build(odd_toy());
    PagePool pool{model, 8 * PageLayout{model.dimensions()}.page_bytes()};
    PrefixCache cache{kZeroHash};
    std::vector<uint32_t> tokens = random_tokens(model, 3 * kPagePositions);
};

TEST_F(PrefixCacheTest, FindsWholePagesOfTheSameBeginning) {
    read(tokens);
    EXPECT_EQ(cache.pages(), 3u);
    EXPECT_EQ(known(tokens), 3u);
    EXPECT_EQ(known(std::span{tokens}.first(3 * kPagePositions - 1)), 2u);
    EXPECT_EQ(known(std::span{tokens}.first(kPagePositions)), 1u);
    EXPECT_EQ(known(std::span{tokens}.first(kPagePositions - 1)), 0u);
    for (const auto& [changed, pages] : {std::pair{0u, 0u},
                                         {kPagePositions - 1, 0u},
                                         {kPagePositions, 1u},
                                         {2 * kPagePositions - 1, 1u},
                                         {2 * kPagePositions, 2u}}) {
        auto other = tokens;
        other[changed] ^= 1;
        EXPECT_EQ(known(other), pages) << changed;
    }
    // The second page's tokens without the first's.
    EXPECT_EQ(known(std::span{tokens}.subspan(kPagePositions)), 0u);
}

TEST_F(PrefixCacheTest, KnowsNothingOfAnotherModel) {
    Hash256 other{};
    other[31] = 1;
    PrefixCache second{other};
    const Sequence sequence = read(tokens);
    PrefixCache::Cursor here, there;
    cache.find(tokens, here);
    Sequence same = sequence.copy();
    second.share(tokens, same, there);
    EXPECT_EQ(here.pages, there.pages);
    EXPECT_NE(here.key, there.key);
}

TEST_F(PrefixCacheTest, SparesThePagesOfThoseWhoComputedTheSame) {
    Sequence first{model, pool, 300}, second{model, pool, 300};
    PrefixCache::Cursor of_first, of_second;
    for (Sequence* sequence : {&first, &second}) {
        EXPECT_TRUE(forward(model, best_backend(), *sequence, tokens));
    }
    EXPECT_EQ(pool.pages_free(), 2u);
    cache.share(tokens, first, of_first);
    EXPECT_EQ(pool.pages_free(), 2u);
    cache.share(tokens, second, of_second);
    EXPECT_EQ(pool.pages_free(), 5u);
    const auto more = random_tokens(model, 5);
    EXPECT_EQ(*forward(model, best_backend(), first, more), *forward(model, best_backend(), second, more));
}

TEST_F(PrefixCacheTest, GivesBackTheLeastRecentlyUsedFromTheEnd) {
    auto other = tokens;
    other[kPagePositions] ^= 1;  // one page in common
    read(tokens);
    read(other);
    EXPECT_EQ(cache.pages(), 5u);
    EXPECT_EQ(cache.pages_unused(), 5u);
    EXPECT_EQ(known(tokens), 3u);  // used last
    EXPECT_TRUE(cache.give_back());
    EXPECT_EQ(known(std::span{other}.subspan(0)), 2u);
    EXPECT_EQ(known(tokens), 3u);
    EXPECT_TRUE(cache.give_back());
    EXPECT_EQ(known(other), 1u);
    for (size_t left = 3; left > 0; --left) {
        EXPECT_EQ(known(tokens), left);
        EXPECT_EQ(pool.pages_free(), 8 - left);
        EXPECT_TRUE(cache.give_back());
    }
    EXPECT_FALSE(cache.give_back());
    EXPECT_EQ(pool.pages_free(), 8u);
}

TEST_F(PrefixCacheTest, KeepsWhatASequenceHolds) {
    std::optional<Sequence> sequence = read(std::span{tokens}.first(2 * kPagePositions));
    read(tokens);
    EXPECT_EQ(cache.pages_unused(), 1u);
    EXPECT_TRUE(cache.give_back());
    EXPECT_FALSE(cache.give_back());
    EXPECT_EQ(known(tokens), 2u);
    sequence.reset();
    EXPECT_EQ(cache.pages_unused(), 2u);
    EXPECT_TRUE(cache.give_back());
}

}  // namespace
}  // namespace daidd::inference
