#include <gtest/gtest.h>

#include "mempool/fake_chain.h"
#include "mempool/judge.h"

namespace daidd::mempool::test {
namespace {

using consensus::kCoin;

constexpr Amount kFee = 200'000;

struct Limits : testing::Test {
    /// A transaction that fills up the virtual size, give or take a few bytes that the witness makes up.
    Transaction of_vsize(const OutPoint& from, size_t vsize) {
        Transaction tx = chain.pay({from}, {{0, Bytes(vsize / 2, 0x6a)}}, kFee);
        tx = chain.pay({from}, {{0, Bytes(vsize / 2 + vsize - consensus::virtual_size(tx), 0x6a)}}, kFee);
        // The length before a long script may have grown.
        const size_t over = consensus::virtual_size(tx) - vsize;
        tx = chain.pay({from}, {{0, Bytes(tx.outputs[0].script.size() - over, 0x6a)}}, kFee);
        EXPECT_EQ(consensus::virtual_size(tx), vsize);
        return tx;
    }
    std::string accept(const Transaction& tx) { return token_of(chain.pool->accept(tx)); }

    FakeChain chain;
};

TEST_F(Limits, AncestorsInARow) {
    auto at = chain.coin();
    chain.make_pool();
    for (size_t count = 1; count <= kAncestorsMax; ++count) {
        const auto tx = chain.spend({at}, kFee);
        ASSERT_EQ(accept(tx), "") << count;
        at = chain.output_of(tx);
    }
    const auto result = chain.pool->accept(chain.spend({at}, kFee));
    EXPECT_EQ(token_of(result), "too-long-mempool-chain");
    EXPECT_EQ(result.error().kind, RejectKind::kRefused);
    // Once the first is in a block there is room for one more.
    chain.mine({*chain.pool->list().front().tx});
    EXPECT_EQ(accept(chain.spend({at}, kFee)), "");
}

TEST_F(Limits, AncestorsSideBySide) {
    std::vector<OutPoint> coins, outputs;
    for (size_t i = 0; i < kAncestorsMax; ++i) coins.push_back(chain.coin());
    chain.make_pool();
    for (const auto& coin : coins) {
        const auto tx = chain.spend({coin}, kFee);
        ASSERT_EQ(accept(tx), "");
        outputs.push_back(chain.output_of(tx));
    }
    EXPECT_EQ(accept(chain.spend(outputs, kFee)), "too-long-mempool-chain");
    outputs.pop_back();
    EXPECT_EQ(accept(chain.spend(outputs, kFee)), "");
}

TEST_F(Limits, Descendants) {
    const auto from = chain.coin();
    chain.make_pool();
    const auto parent = chain.spend({from}, kFee, kDescendantsMax);
    ASSERT_EQ(accept(parent), "");
    for (uint32_t child = 0; child + 1 < kDescendantsMax; ++child) {
        ASSERT_EQ(accept(chain.spend({chain.output_of(parent, child)}, kFee)), "") << child;
    }
    EXPECT_EQ(accept(chain.spend({chain.output_of(parent, kDescendantsMax - 1)}, kFee)),
              "too-long-mempool-chain");
}

TEST_F(Limits, AncestorsSize) {
    const auto from = chain.coin();
    chain.make_pool();
    const auto parent = of_vsize(from, 60'000);
    ASSERT_EQ(accept(parent), "");
    const auto output = chain.output_of(parent, 1);
    EXPECT_EQ(accept(of_vsize(output, kAncestorsVsizeMax - 60'000 + 1)), "too-long-mempool-chain");
    EXPECT_EQ(accept(of_vsize(output, kAncestorsVsizeMax - 60'000)), "");
}

TEST_F(Limits, DescendantsSize) {
    const auto from = chain.coin();
    chain.make_pool();
    const auto parent = chain.spend({from}, kFee, 3);
    ASSERT_EQ(accept(parent), "");
    const auto child = of_vsize(chain.output_of(parent, 0), 60'000);
    ASSERT_EQ(accept(child), "");
    const size_t left = kDescendantsVsizeMax - 60'000 - consensus::virtual_size(parent);
    EXPECT_EQ(accept(of_vsize(chain.output_of(parent, 1), left + 1)), "too-long-mempool-chain");
    EXPECT_EQ(accept(of_vsize(chain.output_of(parent, 1), left)), "");
}

TEST_F(Limits, OneAloneMayBeLargerThanAFamily) {
    const auto from = chain.coin();
    chain.make_pool();
    auto tx = chain.pay({from}, {{0, Bytes(99'000, 0x6a)}}, kFee);
    ASSERT_LE(consensus::weight(tx), kTxWeightMax);
    EXPECT_EQ(accept(tx), "");
}

/// A pool that holds three transactions of one size and no more.
struct FullPool : testing::Test {
    void SetUp() override {
        for (auto& outpoint : coins) outpoint = chain.coin();
        tx_bytes = encode(chain.spend({coins[0]}, 1'000)).size();
        vsize = consensus::virtual_size(chain.spend({coins[0]}, 1'000));
        chain.make_pool({.bytes_max = 3 * tx_bytes, .fee_rate_min = kRelayFeeRate, .now_s = {}});
    }
    std::string accept(const Transaction& tx) { return token_of(chain.pool->accept(tx)); }

    FakeChain chain;
    std::array<OutPoint, 6> coins;
    size_t tx_bytes = 0, vsize = 0;
};

TEST_F(FullPool, LosesWhoPaysLeast) {
    const auto a = chain.spend({coins[0]}, 3'000), b = chain.spend({coins[1]}, 2'000);
    const auto c = chain.spend({coins[2]}, 4'000), d = chain.spend({coins[3]}, 5'000);
    for (const auto& tx : {a, b, c}) ASSERT_EQ(accept(tx), "");
    EXPECT_EQ(chain.pool->totals().bytes, 3 * tx_bytes);
    EXPECT_EQ(chain.pool->totals().fee_rate_min, kRelayFeeRate);
    ASSERT_EQ(accept(d), "");
    EXPECT_EQ(chain.pool->txids(), (std::vector{consensus::txid(a), consensus::txid(c), consensus::txid(d)}));
    const std::pair lost{consensus::txid(b), std::optional{Removal::kSizeLimit}};
    EXPECT_EQ(chain.news.back(), lost);
}

TEST_F(FullPool, DoesNotTakeWhoPaysLeast) {
    for (size_t i = 0; i < 3; ++i) ASSERT_EQ(accept(chain.spend({coins[i]}, 3'000)), "");
    // Of equals, who came last.
    const auto late = chain.spend({coins[3]}, 3'000);
    const auto result = chain.pool->accept(late);
    EXPECT_EQ(token_of(result), "mempool full");
    EXPECT_EQ(result.error().kind, RejectKind::kRefused);
    EXPECT_FALSE(chain.pool->contains(consensus::txid(late)));
    EXPECT_EQ(chain.pool->size(), 3u);
}

TEST_F(FullPool, AsksForMoreUntilTimeHasPassed) {
    for (size_t i = 0; i < 3; ++i) ASSERT_EQ(accept(chain.spend({coins[i]}, 3'000)), "");
    ASSERT_EQ(accept(chain.spend({coins[3]}, 9'000)), "");
    const Amount gone = Amount(3'000'000 / vsize);
    const Amount floor = chain.pool->totals().fee_rate_min;
    EXPECT_EQ(floor, gone + kRelayFeeRate);
    const auto below = chain.spend({coins[4]}, fee_for(floor, vsize) - 1);
    EXPECT_EQ(accept(below), "mempool min fee not met");
    EXPECT_EQ(token_of(chain.pool->check(chain.spend({coins[4]}, fee_for(floor, vsize)))), "");
    chain.now_s += kFeeFloorHalvingS - 1;
    EXPECT_EQ(chain.pool->totals().fee_rate_min, floor);
    chain.now_s += 1;
    EXPECT_EQ(chain.pool->totals().fee_rate_min, floor / 2);
    EXPECT_EQ(token_of(chain.pool->check(below)), "");
    // It ends where half of what is relayed anyway would be left.
    chain.now_s += 100 * kFeeFloorHalvingS;
    EXPECT_EQ(chain.pool->totals().fee_rate_min, kRelayFeeRate);
}

TEST_F(FullPool, KeepsAParentWhoseChildPaysForIt) {
    const auto parent = chain.spend({coins[0]}, 1'000);
    const auto child = chain.spend({chain.output_of(parent)}, 9'000);
    const auto middle = chain.spend({coins[1]}, 4'000), rich = chain.spend({coins[2]}, 6'000);
    for (const auto& tx : {parent, child, middle}) ASSERT_EQ(accept(tx), "");
    ASSERT_EQ(accept(rich), "");
    EXPECT_EQ(chain.pool->txids(),
              (std::vector{consensus::txid(parent), consensus::txid(child), consensus::txid(rich)}));
}

TEST_F(FullPool, LosesWithAParentWhatHangsOnIt) {
    const auto parent = chain.spend({coins[0]}, 2'000);
    const auto child = chain.spend({chain.output_of(parent)}, 1'500);
    for (const auto& tx : {parent, child, chain.spend({coins[1]}, 4'000)}) ASSERT_EQ(accept(tx), "");
    // The child alone makes room for one more, then the parent.
    ASSERT_EQ(accept(chain.spend({coins[2]}, 5'000)), "");
    EXPECT_FALSE(chain.pool->contains(consensus::txid(child)));
    EXPECT_TRUE(chain.pool->contains(consensus::txid(parent)));
    ASSERT_EQ(accept(chain.spend({coins[3]}, 6'000)), "");
    EXPECT_FALSE(chain.pool->contains(consensus::txid(parent)));
}

TEST(Expiry, TakesWhatWaitedTooLongAndWhatHangsOnIt) {
    FakeChain chain;
    const std::array coins{chain.coin(), chain.coin(), chain.coin()};
    chain.make_pool();
    const auto old = chain.spend({coins[0]}, kFee), other = chain.spend({coins[1]}, kFee);
    ASSERT_EQ(token_of(chain.pool->accept(old)), "");
    chain.now_s += 1;
    const auto child = chain.spend({chain.output_of(old)}, kFee);
    ASSERT_EQ(token_of(chain.pool->accept(child)), "");
    ASSERT_EQ(token_of(chain.pool->accept(other)), "");
    chain.now_s += kExpiryS - 1;
    chain.mine();
    EXPECT_EQ(chain.pool->size(), 3u);
    chain.now_s += 1;
    chain.news.clear();
    const auto fresh = chain.spend({coins[2]}, kFee);
    ASSERT_EQ(token_of(chain.pool->accept(fresh)), "");
    EXPECT_EQ(chain.pool->txids(), (std::vector{consensus::txid(other), consensus::txid(fresh)}));
    const std::vector<std::pair<Hash256, std::optional<Removal>>> expected{
        {consensus::txid(fresh), std::nullopt},
        {consensus::txid(child), Removal::kExpired},
        {consensus::txid(old), Removal::kExpired}};
    EXPECT_EQ(chain.news, expected);
}

/// What a lost block gave back stands before what waited, and is younger.
TEST(Expiry, DoesNotDependOnThePlace) {
    FakeChain chain;
    const std::array coins{chain.coin(), chain.coin()};
    chain.make_pool();
    const auto waits = chain.spend({coins[0]}, kFee), mined = chain.spend({coins[1]}, kFee);
    chain.mine({mined});
    ASSERT_EQ(token_of(chain.pool->accept(waits)), "");
    chain.now_s += kExpiryS;
    chain.disconnect();
    chain.tell_tip();
    ASSERT_EQ(chain.pool->txids(), (std::vector{consensus::txid(mined), consensus::txid(waits)}));
    chain.now_s += 1;
    chain.mine();
    EXPECT_EQ(chain.pool->txids(), std::vector{consensus::txid(mined)});
}

TEST(Expiry, OfVeryManyAtOnceNeedsNoStack) {
    FakeChain chain;
    std::vector<OutPoint> coins;
    for (int i = 0; i < 3'000; ++i) coins.push_back(chain.coin());
    chain.make_pool();
    for (const auto& coin : coins) ASSERT_EQ(token_of(chain.pool->accept(chain.spend({coin}, kFee))), "");
    chain.now_s += kExpiryS + 1;
    chain.mine();
    EXPECT_TRUE(chain.pool->empty());
}

}  // namespace
}  // namespace daidd::mempool::test
