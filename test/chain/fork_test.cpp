#include <gtest/gtest.h>

#include <algorithm>

#include "chain/header_tree.h"
#include "chain/spoils.h"

namespace daidd::chain {
namespace {

const Branches& branches() { return Branches::instance(); }

/// What the base and these blocks leave where nothing else was ever seen.
Dump replay(const std::vector<work::SealedBlock>& blocks, size_t count) {
    DiskChain chain{base_directory()};
    chain.submit(blocks, 0, count);
    return chain.dump();
}

class Fork : public testing::Test {
protected:
    Hash256 tip() { return chain->snapshot()->tip().hash; }

    DiskChain chain{base_directory()};
};

TEST(Better, MoreWorkThenSeenEarlierThenLowerHash) {
    Node a, b;
    a.hash[0] = 2;
    b.hash[0] = 1;
    EXPECT_FALSE(Better{}(&a, &b));
    EXPECT_TRUE(Better{}(&b, &a));
    b.sequence = 1;
    EXPECT_TRUE(Better{}(&a, &b));
    EXPECT_FALSE(Better{}(&b, &a));
    b.work = 1;
    EXPECT_FALSE(Better{}(&a, &b));
    EXPECT_TRUE(Better{}(&b, &a));
    EXPECT_FALSE(Better{}(&a, &a));
}

TEST_F(Fork, TheBranchWithMoreWorkWins) {
    const auto &a = branches().a, &b = branches().b;
    EXPECT_EQ(submit(*chain, a[0]), "connected");
    EXPECT_EQ(submit(*chain, b[0]), "stored");
    EXPECT_EQ(tip(), hash_of(a[0])) << "as much work, but seen later";
    EXPECT_EQ(submit(*chain, b[1]), "connected");
    EXPECT_EQ(tip(), hash_of(b[1]));
    EXPECT_EQ(submit(*chain, a[1]), "stored");
    EXPECT_EQ(submit(*chain, a[2]), "connected");
    EXPECT_EQ(tip(), hash_of(a[2]));
    EXPECT_EQ(submit(*chain, a[0]), "duplicate");
    EXPECT_EQ(submit(*chain, b[0]), "duplicate");
    EXPECT_EQ(difference(chain.dump(), replay(a, 3)), "");

    const auto tips = chain->snapshot()->tips();
    ASSERT_EQ(tips.size(), 2u);
    EXPECT_EQ(tips[0].hash, hash_of(a[2]));
    EXPECT_EQ(tips[1].hash, hash_of(b[1]));
    EXPECT_GT(tips[0].work, tips[1].work);
}

TEST_F(Fork, FirstSeenWinsATieAlsoAfterARestart) {
    const auto &a = branches().a, &b = branches().b;
    // Both orders, so that no order of hashes or heights can pass for it.
    for (const bool a_first : {true, false}) {
        DiskChain open{base_directory()};
        const auto& first = a_first ? a : b;
        const auto& second = a_first ? b : a;
        open.submit(first, 0, 2);
        open.submit(second, 0, 2);
        for (int restarts = 0; restarts < 3; ++restarts) {
            EXPECT_EQ(open->snapshot()->tip().hash, hash_of(first[1])) << restarts;
            // Whatever makes the chain choose again does not change the choice.
            EXPECT_TRUE(open->reconsider(hash_of(second[1])));
            EXPECT_EQ(open->snapshot()->tip().hash, hash_of(first[1])) << restarts;
            open.reopen();
        }
        EXPECT_EQ(submit(*open, second[2]), "connected");
    }
}

TEST_F(Fork, HeadersWithoutBlocksDoNotCount) {
    const auto &a = branches().a, &b = branches().b;
    EXPECT_EQ(submit(*chain, a[0]), "connected");
    for (size_t i = 0; i < 5; ++i) {
        ASSERT_EQ(chain->accept_header(work::sealed_header(b[i]), kNowS), std::nullopt);
    }
    EXPECT_EQ(tip(), hash_of(a[0]));
    // Four stored blocks above one that is missing: their work cannot be used.
    for (size_t i = 1; i < 5; ++i) EXPECT_EQ(submit(*chain, b[i]), "stored");
    EXPECT_EQ(tip(), hash_of(a[0]));
    EXPECT_EQ(submit(*chain, b[0]), "connected");
    EXPECT_EQ(tip(), hash_of(b[4]));
}

TEST_F(Fork, BlocksMayComeInAnyOrder) {
    const auto& b = branches().b;
    const Dump expected = replay(b, 4);
    std::vector<size_t> order{0, 1, 2, 3};
    do {
        DiskChain fresh{base_directory()};
        for (size_t i = 0; i < order.size(); ++i) {
            ASSERT_EQ(fresh->accept_header(work::sealed_header(b[i]), kNowS), std::nullopt);
        }
        for (const size_t i : order) fresh.submit(b, i, i + 1);
        EXPECT_EQ(difference(fresh.dump(), expected), "") << testing::PrintToString(order);
    } while (std::ranges::next_permutation(order).found);
}

/// Three blocks on the base: a valid one, one that breaks a rule only its connection finds, one on that.
struct BrokenBranch {
    work::SealedBlock first, broken, above;
};
BrokenBranch mine_broken_branch() {
    DiskChain chain{base_directory()};
    Sealer sealer{4};
    BrokenBranch branch;
    branch.first = sealer.extend(*chain, 1)[0];
    const auto honest = sealer.extend(*chain, 1)[0];
    branch.broken = honest;
    ++branch.broken.block.transactions[0].outputs[0].value;
    sealer.finish(branch.broken);
    branch.above = sealer.seal_on(hash_of(branch.broken), *chain);
    return branch;
}

TEST_F(Fork, ABranchThatBreaksARuleWhenItIsTriedGivesTheOldOneBack) {
    const auto& a = branches().a;
    const BrokenBranch broken = mine_broken_branch();
    chain.submit(a, 0, 2);
    EXPECT_EQ(submit(*chain, broken.first), "stored");
    EXPECT_EQ(submit(*chain, broken.broken), "stored") << "as much work: nobody has tried it yet";
    const Dump before = chain.dump();
    EXPECT_EQ(submit(*chain, broken.above), "bad-prevblk");
    EXPECT_EQ(difference(chain.dump(), before), "");

    EXPECT_EQ(submit(*chain, broken.broken), "duplicate-invalid");
    for (int restarts = 0; restarts < 2; ++restarts) {
        EXPECT_FALSE(chain->snapshot()->find_header(hash_of(broken.first))->failed);
        EXPECT_TRUE(chain->snapshot()->find_header(hash_of(broken.broken))->failed);
        EXPECT_TRUE(chain->snapshot()->find_header(hash_of(broken.above))->failed);
        EXPECT_EQ(difference(chain.dump(), before), "");
        chain.reopen();
    }
}

TEST_F(Fork, TheBestPartOfABrokenBranchMayStillWin) {
    const BrokenBranch broken = mine_broken_branch();
    EXPECT_EQ(submit(*chain, broken.first), "connected");
    EXPECT_EQ(submit(*chain, broken.broken), "bad-cb-amount");
    EXPECT_EQ(tip(), hash_of(broken.first));
    EXPECT_EQ(submit(*chain, broken.above), "bad-prevblk");
}

TEST_F(Fork, InvalidateLeavesTheBestOfTheRest) {
    const auto &a = branches().a, &b = branches().b;
    chain.submit(a, 0, 4);
    chain.submit(b, 0, 2);
    EXPECT_FALSE(chain->invalidate(kZeroHash)) << "unknown";
    EXPECT_FALSE(chain->invalidate(chain->snapshot()->header_at(0)->hash)) << "the genesis block";

    EXPECT_TRUE(chain->invalidate(hash_of(a[3])));
    EXPECT_EQ(tip(), hash_of(a[2]));
    EXPECT_EQ(difference(chain.dump(), replay(a, 3)), "");
    EXPECT_TRUE(chain->invalidate(hash_of(a[1])));
    EXPECT_EQ(tip(), hash_of(b[1]));
    EXPECT_EQ(difference(chain.dump(), replay(b, 2)), "");
    EXPECT_TRUE(chain->snapshot()->find_header(hash_of(a[2]))->failed);
    EXPECT_EQ(submit(*chain, a[2]), "duplicate-invalid");
    EXPECT_EQ(submit(*chain, a[4]), "bad-prevblk");

    chain.reopen();
    EXPECT_EQ(tip(), hash_of(b[1]));
    EXPECT_EQ(submit(*chain, a[2]), "duplicate-invalid");
    EXPECT_TRUE(chain->invalidate(hash_of(b[0])));
    EXPECT_EQ(tip(), hash_of(a[0]));
    EXPECT_TRUE(chain->invalidate(hash_of(a[0])));
    EXPECT_EQ(tip(), hash_of(branches().base.back()));
}

TEST_F(Fork, ReconsiderBringsABranchBackWithAllThatWasMarkedOnIt) {
    const auto &a = branches().a, &b = branches().b;
    chain.submit(a, 0, 4);
    chain.submit(b, 0, 2);
    const Dump before = chain.dump();
    EXPECT_FALSE(chain->reconsider(kZeroHash));
    EXPECT_TRUE(chain->reconsider(chain->snapshot()->header_at(0)->hash)) << "nothing was wrong with it";

    // Above, between and below what was marked: each of them clears the branch it is on.
    for (const size_t reconsidered : {0, 1, 2, 3}) {
        ASSERT_TRUE(chain->invalidate(hash_of(a[2])));
        ASSERT_TRUE(chain->invalidate(hash_of(a[1])));
        ASSERT_EQ(tip(), hash_of(b[1]));
        if (reconsidered % 2 == 1) chain.reopen();
        EXPECT_TRUE(chain->reconsider(hash_of(a[reconsidered])));
        EXPECT_EQ(tip(), hash_of(a[3])) << reconsidered;
        EXPECT_EQ(difference(chain.dump(), before), "") << reconsidered;
    }
    EXPECT_EQ(submit(*chain, a[4]), "connected");
}

}  // namespace
}  // namespace daidd::chain
