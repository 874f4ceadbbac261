#include "chain/header_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace daidd::chain {
namespace {

/// Trees without blocks: every header is told from the others by its time and by who made it.
class Tree : public testing::Test {
protected:
    Node* add(const Node& parent) {
        consensus::BlockHeader header;
        header.previous = parent.hash;
        header.time = parent.header.time + 1;
        header.bits = consensus::kTargetCapBits;
        header.merkle_root[0] = uint8_t(made_);
        header.merkle_root[1] = uint8_t(made_ >> 8);
        header.merkle_root[2] = uint8_t(made_ >> 16);
        ++made_;
        return tree.add(header, consensus::block_hash(header), {}, parent);
    }
    /// The last of `count` headers, each on the one before.
    Node* add_chain(const Node& parent, size_t count) {
        Node* last = nullptr;
        for (size_t i = 0; i < count; ++i) last = add(last == nullptr ? parent : *last);
        return last;
    }

    HeaderTree tree;
    Node* genesis = tree.add_genesis(consensus::genesis_block(consensus::regtest_params()).header);

private:
    uint32_t made_ = 0;
};

const Node& slow_ancestor(const Node& node, uint32_t height) {
    const Node* at = &node;
    while (at->height > height) at = at->parent;
    return *at;
}

const Node& slow_common_ancestor(const Node& a, const Node& b) {
    std::set<const Node*> path;
    for (const Node* at = &a; at != nullptr; at = at->parent) path.insert(at);
    const Node* at = &b;
    while (!path.contains(at)) at = at->parent;
    return *at;
}

TEST_F(Tree, AncestorsAreThoseOfTheParentPointers) {
    constexpr uint32_t kSeed = 20'251;
    SCOPED_TRACE("seed " + std::to_string(kSeed));
    std::mt19937 random{kSeed};
    const auto below = [&](size_t bound) { return size_t(random() % bound); };
    std::vector<const Node*> nodes{genesis};
    for (int i = 0; i < 3000; ++i) {
        // Mostly on one of the last, so that the tree is both deep and full of branches.
        const size_t window = below(200) == 0 ? nodes.size() : std::min<size_t>(nodes.size(), 4);
        nodes.push_back(add(*nodes[nodes.size() - 1 - below(window)]));
    }
    const auto deepest = std::ranges::max_element(nodes, {}, &Node::height);
    ASSERT_GT((*deepest)->height, 100u);
    for (int i = 0; i < 20'000; ++i) {
        const Node& a = *nodes[below(nodes.size())];
        const Node& b = *nodes[below(nodes.size())];
        const uint32_t height = uint32_t(below(a.height + 1));
        ASSERT_EQ(&ancestor(a, height), &slow_ancestor(a, height)) << a.height << " to " << height;
        ASSERT_EQ(&common_ancestor(a, b), &slow_common_ancestor(a, b)) << a.height << " and " << b.height;
    }
    for (uint32_t height = 0; height <= (*deepest)->height; ++height) {
        ASSERT_EQ(&ancestor(**deepest, height), &slow_ancestor(**deepest, height));
    }
}

TEST_F(Tree, AncestorsOfALongChainAreFewStepsAway) {
    const Node* tip = add_chain(*genesis, 20'000);
    size_t steps_max = 0;
    for (uint32_t height = 0; height < tip->height; height += 7) {
        size_t steps = 0;
        const Node* at = tip;
        for (; at->height > height; ++steps) {
            at = at->skip != nullptr && at->skip->height >= height ? at->skip : at->parent;
        }
        steps_max = std::max(steps_max, steps);
    }
    EXPECT_LT(steps_max, 110u) << "as Bitcoin Core's skip list promises";
}

TEST_F(Tree, WorkIsOfStoredBlocksAlone) {
    Node* one = add(*genesis);
    Node* two = add(*one);
    EXPECT_EQ(two->work, 0u);
    EXPECT_TRUE(tree.set_have_block(*two, true).empty()) << "not complete: its parent is missing";
    EXPECT_EQ(two->work, two->own_work);
    EXPECT_FALSE(two->complete);
    const auto complete = tree.set_have_block(*one, true);
    EXPECT_EQ(complete, (std::vector<const Node*>{one, two}));
    EXPECT_EQ(two->work, one->own_work + two->own_work);
    EXPECT_LT(one->sequence, two->sequence);
}

TEST_F(Tree, ABrokenBlockFailsWhatIsBelowIt) {
    Node* one = add(*genesis);
    Node* two = add(*one);
    Node* beside = add(*genesis);
    EXPECT_EQ(tree.set_broken(*one, true), (std::vector<const Node*>{one}));
    EXPECT_TRUE(one->failed && two->failed && add(*two)->failed);
    EXPECT_FALSE(two->broken || genesis->failed || beside->failed);

    EXPECT_EQ(tree.set_broken(*two, true), (std::vector<const Node*>{two}));
    EXPECT_EQ(tree.set_broken(*one, false), (std::vector<const Node*>{one, two}));
    EXPECT_FALSE(one->failed || two->failed);
}

TEST_F(Tree, TipsAreTheEndsOfAllBranchesBestFirst) {
    EXPECT_EQ(tree.tips(*genesis).size(), 1u);
    Node* one = add(*genesis);
    Node* two = add(*one);
    Node* beside = add(*genesis);
    Node* header = add(*beside);
    tree.set_have_block(*one, true);
    tree.set_have_block(*two, true);
    tree.set_have_block(*beside, true);
    const auto hashes = [&](const Node& best) {
        std::vector<Hash256> list;
        for (const HeaderInfo& info : tree.tips(best)) list.push_back(info.hash);
        return list;
    };
    EXPECT_EQ(hashes(*two), (std::vector<Hash256>{two->hash, header->hash}));
    // The active tip comes first, also where headers or a branch that lost follow it.
    EXPECT_EQ(hashes(*beside), (std::vector<Hash256>{beside->hash, two->hash, header->hash}));
}

TEST_F(Tree, HeadersWithoutBlocksAreKeptUpToTheLimit) {
    Node* stored = add(*genesis);
    tree.set_have_block(*stored, true);
    Node* gap = add(*stored);
    Node* above_gap = add(*gap);
    tree.set_have_block(*above_gap, true);
    add_chain(*above_gap, kUncreditedMax / 2);
    add_chain(*genesis, kUncreditedMax - kUncreditedMax / 2 - 1);
    ASSERT_EQ(tree.uncredited(), kUncreditedMax);
    tree.limit_uncredited();
    EXPECT_EQ(tree.uncredited(), kUncreditedMax);

    const Hash256 last = add(*stored)->hash;
    tree.limit_uncredited();
    EXPECT_EQ(tree.uncredited(), 1u) << "what a stored block is above of stays";
    EXPECT_EQ(tree.find(last), nullptr);
    EXPECT_EQ(tree.find(gap->hash), gap);
    EXPECT_EQ(tree.tips(*stored).size(), 2u);
    EXPECT_EQ(tree.subtree(*genesis).size(), 4u);
    EXPECT_EQ(add(*above_gap)->height, 4u);
}

}  // namespace
}  // namespace daidd::chain
