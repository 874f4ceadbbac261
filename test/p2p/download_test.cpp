#include "p2p/download.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace daidd::p2p {
namespace {

using namespace std::chrono_literals;

constexpr auto kStallMin = 2s;
constexpr auto kStallMax = 64s;

/// Block `number` of a branch.
Hash256 block(uint32_t number, uint8_t branch = 0) {
    Hash256 hash{};
    hash[0] = uint8_t(number);
    hash[1] = uint8_t(number >> 8);
    hash[2] = uint8_t(number >> 16);
    hash[30] = branch;
    hash[31] = 1;
    return hash;
}
std::vector<Hash256> blocks(uint32_t first, uint32_t last, uint8_t branch = 0) {
    std::vector<Hash256> list;
    for (uint32_t number = first; number <= last; ++number) list.push_back(block(number, branch));
    return list;
}

struct Downloads : testing::Test {
    void announce(int64_t peer, uint32_t first, uint32_t last, uint8_t branch = 0) {
        for (uint32_t number = first; number <= last; ++number)
            download.add(peer, block(number, branch), block(number - 1, branch), number);
    }
    std::vector<Hash256> next(int64_t peer) { return download.next(peer, now); }
    bool receive(int64_t peer, uint32_t number, size_t bytes = 1'000) {
        return download.received(peer, block(number), bytes, now);
    }
    std::vector<Hash256> take_all() {
        std::vector<Hash256> ready;
        while (const auto hash = download.take_ready()) ready.push_back(*hash);
        return ready;
    }

    Download download{kStallMin, kStallMax};
    Download::Time now{1000s};
};

TEST_F(Downloads, AskNobodyForNothing) {
    EXPECT_TRUE(next(1).empty());
    EXPECT_EQ(download.take_ready(), std::nullopt);
    EXPECT_FALSE(download.stalled(now));
    EXPECT_FALSE(receive(1, 1));
    download.not_found(1, block(1));
    download.remove_peer(1);
    EXPECT_TRUE(download.refuse(block(1)).empty());
    EXPECT_EQ(download.blocks(), 0u);
}

TEST_F(Downloads, AskSixteenOfAPeerLowestFirst) {
    announce(1, 1, 40);
    EXPECT_EQ(next(1), blocks(1, 16));
    EXPECT_TRUE(next(1).empty());
    ASSERT_TRUE(receive(1, 3));
    EXPECT_EQ(next(1), blocks(17, 17));
    EXPECT_EQ(download.in_flight(1).size(), kBlocksInFlightMax);
    EXPECT_EQ(download.in_flight(1).front(), 1u);
}

TEST_F(Downloads, AskEachBlockOfOnePeer) {
    announce(1, 1, 40);
    announce(2, 1, 40);
    EXPECT_EQ(next(1), blocks(1, 16));
    EXPECT_EQ(next(2), blocks(17, 32));
    EXPECT_FALSE(receive(2, 1));  // it was not asked for that one
    EXPECT_TRUE(receive(1, 1));
    EXPECT_FALSE(receive(1, 1));
}

TEST_F(Downloads, AskWithinAWindow) {
    announce(1, 10, 10 + uint32_t(kDownloadWindow));
    announce(2, 10, 10);
    ASSERT_EQ(next(2), blocks(10, 10));
    std::vector<Hash256> asked;
    for (auto more = next(1); !more.empty(); more = next(1)) {
        for (const auto& hash : more) {
            asked.push_back(hash);
            ASSERT_TRUE(download.received(1, hash, 1, now));
        }
    }
    EXPECT_EQ(asked, blocks(11, 10 + uint32_t(kDownloadWindow) - 1));
    EXPECT_EQ(download.take_ready(), std::nullopt);
    ASSERT_TRUE(receive(2, 10));
    EXPECT_EQ(take_all().size(), kDownloadWindow);
    EXPECT_EQ(next(1), blocks(10 + uint32_t(kDownloadWindow), 10 + uint32_t(kDownloadWindow)));
}

/// Headers cost nothing, so anybody can have a branch of them, as low as he likes, and never send a block.
TEST_F(Downloads, AreNotHeldUpByAnotherPeersBranch) {
    announce(1, 1, 2'000, 7);
    announce(2, 100'000, 100'100);
    EXPECT_EQ(next(1), blocks(1, 16, 7));
    EXPECT_EQ(next(2), blocks(100'000, 100'015));
    ASSERT_TRUE(receive(2, 100'000));
    EXPECT_EQ(take_all(), blocks(100'000, 100'000));
}

TEST_F(Downloads, GiveBlocksInTheOrderOfParents) {
    announce(1, 1, 5);
    next(1);
    ASSERT_TRUE(receive(1, 3));
    ASSERT_TRUE(receive(1, 2));
    EXPECT_EQ(download.take_ready(), std::nullopt);
    ASSERT_TRUE(receive(1, 1));
    EXPECT_EQ(take_all(), blocks(1, 3));
    ASSERT_TRUE(receive(1, 5));
    EXPECT_TRUE(take_all().empty());
    // Nobody has block 4 any more: block 5 is given up as it is.
    download.not_found(1, block(4));
    EXPECT_EQ(take_all(), blocks(5, 5));
    EXPECT_EQ(download.blocks(), 0u);
    EXPECT_EQ(download.blocks_of(1), 0u);
}

TEST_F(Downloads, ForgetWithARefusedBlockWhatBuildsOnIt) {
    announce(1, 1, 6);
    download.add(1, block(3, 9), block(2), 3);
    download.add(1, block(4, 9), block(3, 9), 4);
    next(1);
    ASSERT_TRUE(receive(1, 1));
    ASSERT_EQ(download.take_ready(), block(1));
    ASSERT_TRUE(receive(1, 3));
    ASSERT_TRUE(receive(1, 5));
    ASSERT_TRUE(download.received(1, block(4, 9), 1, now));
    auto received = download.refuse(block(1));
    std::ranges::sort(received);
    std::vector<Hash256> expected{block(3), block(5), block(4, 9)};
    std::ranges::sort(expected);
    EXPECT_EQ(received, expected);
    EXPECT_EQ(download.blocks(), 0u);
    EXPECT_TRUE(take_all().empty());
    EXPECT_TRUE(download.in_flight(1).empty());
}

TEST_F(Downloads, AskOthersForWhatAPeerDoesNotHave) {
    announce(1, 1, 2);
    announce(2, 1, 1);
    next(1);
    download.not_found(1, block(1));
    EXPECT_FALSE(download.has(1, block(1)));
    EXPECT_TRUE(next(1).empty());
    EXPECT_EQ(next(2), blocks(1, 1));
    download.not_found(1, block(1));  // asked of another
    EXPECT_EQ(download.in_flight(2), std::vector{1u});
}

TEST_F(Downloads, AskOthersForWhatALostPeerOwes) {
    announce(1, 1, 20);
    announce(2, 1, 4);
    next(1);
    ASSERT_TRUE(receive(1, 2));
    download.remove_peer(1);
    // What nobody else has is forgotten, what has come is kept.
    EXPECT_EQ(next(2), (std::vector{block(1), block(3), block(4)}));
    EXPECT_EQ(download.blocks(), 4u);
    ASSERT_TRUE(receive(2, 1));
    EXPECT_EQ(take_all(), blocks(1, 2));
}

TEST_F(Downloads, HoldNoMoreBytesThanTheyMay) {
    announce(1, 1, 50);
    ASSERT_EQ(next(1), blocks(1, 16));
    ASSERT_TRUE(receive(1, 2, kBufferedBytesMax - 1));
    ASSERT_TRUE(receive(1, 3, 1'000));  // there was room for a byte
    EXPECT_FALSE(receive(1, 4, 1'000));
    EXPECT_TRUE(next(1).empty());
    // The first is what makes room, so there is always some for it.
    ASSERT_TRUE(receive(1, 1, 1'000));
    EXPECT_EQ(take_all(), blocks(1, 3));
    const auto again = next(1);
    ASSERT_FALSE(again.empty());
    EXPECT_EQ(again.front(), block(4));
}

TEST_F(Downloads, HoldNoMoreReadyBytesThanTheyMay) {
    for (uint8_t branch = 1; branch <= 4; ++branch) download.add(1, block(1, branch), block(0), 1);
    ASSERT_EQ(next(1).size(), 4u);
    ASSERT_TRUE(download.received(1, block(1, 1), kBufferedBytesMax, now));
    EXPECT_FALSE(download.received(1, block(1, 2), 1'000, now));
    ASSERT_EQ(download.take_ready(), block(1, 1));
    EXPECT_EQ(next(1), blocks(1, 1, 2));
    EXPECT_TRUE(download.received(1, block(1, 2), 1'000, now));
}

TEST_F(Downloads, AskForNoBlockThatWouldWaitWhileTooMuchDoes) {
    announce(1, 1, 3);
    announce(2, 100, 103, 5);
    ASSERT_EQ(next(1), blocks(1, 3));
    ASSERT_TRUE(receive(1, 2, kBufferedBytesMax));
    EXPECT_EQ(next(2), blocks(100, 100, 5));
}

TEST_F(Downloads, ReplaceAPeerThatHoldsThemUp) {
    announce(1, 1, 16);
    announce(2, 1, 40);
    next(1);
    next(2);
    now += kStallMin - 1ms;
    EXPECT_FALSE(download.stalled(now));
    now += 1ms;
    const auto stalled = download.stalled(now);
    ASSERT_TRUE(stalled);
    EXPECT_EQ(stalled->peer, 1);
    EXPECT_FALSE(stalled->alone);
    EXPECT_TRUE(download.in_flight(1).empty());
    EXPECT_FALSE(download.stalled(now));
    // It is left alone for as long as the next one gets, which is twice as long.
    EXPECT_TRUE(next(1).empty());
    now += 2 * kStallMin - 1ms;
    EXPECT_TRUE(next(1).empty());
    now += 1ms;
    EXPECT_EQ(next(1), blocks(1, 16));
}

TEST_F(Downloads, GiveLongerToAPeerThatAloneHasABlock) {
    announce(1, 1, 1);
    next(1);
    now += kStallMax - 1ms;
    EXPECT_FALSE(download.stalled(now));
    now += 1ms;
    const auto stalled = download.stalled(now);
    ASSERT_TRUE(stalled);
    EXPECT_TRUE(stalled->alone);
}

TEST_F(Downloads, DoNotCountTheTimeBeforeABlocksTurn) {
    announce(1, 1, 3);
    announce(2, 1, 3);
    next(1);
    for (uint32_t number = 1; number <= 3; ++number) {
        now += kStallMin - 1ms;
        EXPECT_FALSE(download.stalled(now)) << number;
        ASSERT_TRUE(receive(1, number));
    }
}

/// Other blocks in between do not excuse the one that everything waits for.
TEST_F(Downloads, SeeThroughAPeerThatSendsAllButTheFirst) {
    announce(1, 1, 16);
    announce(2, 1, 16);
    next(1);
    for (uint32_t number = 2; number <= 4; ++number) {
        now += 500ms;
        ASSERT_TRUE(receive(1, number));
        EXPECT_FALSE(download.stalled(now));
    }
    now += 500ms;
    EXPECT_TRUE(download.stalled(now));
}

TEST_F(Downloads, DoNotBlameAPeerForWhatWaitsForAnother) {
    announce(1, 1, 1);
    announce(2, 1, 2);
    ASSERT_EQ(next(1), blocks(1, 1));
    ASSERT_EQ(next(2), blocks(2, 2));
    now += kStallMin;
    const auto stalled = download.stalled(now);
    ASSERT_TRUE(stalled);
    EXPECT_EQ(stalled->peer, 1);
    EXPECT_FALSE(download.stalled(now));
}

TEST_F(Downloads, BecomeMorePatientAndLessSoAgain) {
    announce(1, 1, 200);
    announce(2, 1, 200);
    next(1);
    now += kStallMin;
    ASSERT_TRUE(download.stalled(now));
    next(2);
    now += 2 * kStallMin - 1ms;
    EXPECT_FALSE(download.stalled(now));
    now += 1ms;
    ASSERT_TRUE(download.stalled(now));
    // Blocks that come bring the time down again.
    now += 8 * kStallMin;
    uint32_t number = 1;
    for (int i = 0; i < 40; ++i) {
        if (download.in_flight(1).empty()) {
            ASSERT_FALSE(next(1).empty());
        }
        ASSERT_TRUE(receive(1, number++));
        take_all();
    }
    next(1);
    now += kStallMin;
    EXPECT_TRUE(download.stalled(now));
}

/// Peers come, go, answer, refuse and stall at random: what is counted stays what is there, and in the end an
/// honest peer brings everything.
TEST_F(Downloads, KeepTheirCountsThroughAnything) {
    std::mt19937 random{77};
    const auto below = [&](uint32_t end) { return uint32_t(random() % end); };
    for (int step = 0; step < 20'000; ++step) {
        now += 50ms;
        const int64_t peer = 1 + below(5);
        const uint32_t number = 1 + below(60);
        const uint8_t branch = uint8_t(below(3));
        switch (below(8)) {
        case 0: download.add(peer, block(number, branch), block(number - 1, branch), number); break;
        case 1: download.remove_peer(peer); break;
        case 2: download.not_found(peer, block(number, branch)); break;
        case 3: download.refuse(block(number, branch)); break;
        case 4: (void)download.stalled(now); break;
        case 5: (void)download.take_ready(); break;
        case 6: (void)download.next(peer, now); break;
        case 7: (void)download.received(peer, block(number, branch), 1u << below(26), now); break;
        }
        for (int64_t id = 1; id <= 5; ++id) {
            ASSERT_LE(download.in_flight(id).size(), kBlocksInFlightMax);
            ASSERT_LE(download.blocks_of(id), download.blocks());
        }
    }
    for (int64_t id = 1; id <= 5; ++id) download.remove_peer(id);
    take_all();
    announce(6, 1, 60);
    std::vector<Hash256> taken;
    for (int round = 0; round < 60; ++round) {
        for (const Hash256& hash : next(6)) ASSERT_TRUE(download.received(6, hash, 1'000, now));
        for (const Hash256& hash : take_all()) taken.push_back(hash);
    }
    EXPECT_EQ(download.blocks(), 0u);
    EXPECT_GE(taken.size(), 60u - 3);
}

}  // namespace
}  // namespace daidd::p2p
