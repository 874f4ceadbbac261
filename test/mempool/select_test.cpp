#include "mempool/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "mempool/fake_chain.h"

namespace daidd::mempool::test {
namespace {

using consensus::CommandType;
using consensus::kCoin;
using consensus::txid;

constexpr size_t kNoLimit = 4'000'000;

std::vector<Hash256> ids_of(const std::vector<Transaction>& list) {
    std::vector<Hash256> ids;
    for (const auto& tx : list) ids.push_back(txid(tx));
    return ids;
}

struct Select : testing::Test {
    void SetUp() override {
        for (auto& outpoint : coins) outpoint = chain.coin();
    }
    void accept(const std::vector<Transaction>& list) {
        for (const auto& tx : list) ASSERT_EQ(token_of(chain.pool->accept(tx)), "");
    }
    Transaction job(const OutPoint& from, Amount fee) {
        return chain.pay(
            {from},
            {{kCoin / 10, consensus::command_script(CommandType::kJob, encode(consensus::test::job()))}},
            fee);
    }

    FakeChain chain;
    std::array<OutPoint, 8> coins;
};

TEST_F(Select, OfNothingIsNothing) {
    chain.make_pool();
    EXPECT_TRUE(chain.pool->select(kNoLimit, kNoLimit).empty());
}

TEST_F(Select, TakesTheBestPaidFirstAndEqualsAsTheyCame) {
    chain.make_pool();
    const auto a = chain.spend({coins[0]}, 1'000), b = chain.spend({coins[1]}, 3'000);
    const auto c = chain.spend({coins[2]}, 2'000), d = chain.spend({coins[3]}, 3'000);
    accept({a, b, c, d});
    EXPECT_EQ(ids_of(chain.pool->select(kNoLimit, kNoLimit)), ids_of({b, d, c, a}));
}

TEST_F(Select, LetsAChildPayForItsParents) {
    chain.make_pool();
    const auto poor = chain.spend({coins[0]}, 200), parent = chain.spend({coins[1]}, 1'000);
    const auto child = chain.spend({chain.output_of(parent)}, 9'000);
    const auto middle = chain.spend({coins[2]}, 3'000);
    accept({parent, child, middle});
    EXPECT_EQ(ids_of(chain.pool->select(kNoLimit, kNoLimit)), ids_of({parent, child, middle}));
    // A parent that went with a better child leaves a worse one to its own fee.
    const auto split = chain.spend({coins[3]}, 1'000, 2);
    const auto best = chain.spend({chain.output_of(split, 0)}, 20'000);
    const auto worst = chain.spend({chain.output_of(split, 1)}, 2'000);
    accept({split, worst, best});
    EXPECT_EQ(ids_of(chain.pool->select(kNoLimit, kNoLimit)),
              ids_of({split, best, parent, child, middle, worst}));
    EXPECT_EQ(token_of(chain.pool->check(poor)), "");
}

TEST_F(Select, FillsTheWeightAndNotMore) {
    chain.make_pool();
    const auto parent = chain.spend({coins[0]}, 5'000), child = chain.spend({chain.output_of(parent)}, 9'000);
    const auto small = chain.spend({coins[1]}, 1'000);
    accept({parent, child, small});
    const size_t each = consensus::weight(small);
    EXPECT_EQ(ids_of(chain.pool->select(3 * each, kNoLimit)), ids_of({parent, child, small}));
    EXPECT_EQ(ids_of(chain.pool->select(3 * each - 1, kNoLimit)), ids_of({parent, child}));
    // The pair does not fit, its parent does.
    EXPECT_EQ(ids_of(chain.pool->select(2 * each - 1, kNoLimit)), ids_of({parent}));
    EXPECT_TRUE(chain.pool->select(each - 1, kNoLimit).empty());
}

TEST_F(Select, FillsTheCommandsAndNotMore) {
    chain.make_pool();
    const auto a = job(coins[0], 5'000), b = job(coins[1], 4'000);
    const auto plain = chain.spend({coins[2]}, 1'000);
    accept({a, b, plain});
    const size_t each = consensus::commands_bytes(a);
    ASSERT_GT(each, 0u);
    EXPECT_EQ(ids_of(chain.pool->select(kNoLimit, 2 * each)), ids_of({a, b, plain}));
    EXPECT_EQ(ids_of(chain.pool->select(kNoLimit, 2 * each - 1)), ids_of({a, plain}));
    EXPECT_EQ(ids_of(chain.pool->select(kNoLimit, 0)), ids_of({plain}));
}

TEST_F(Select, GivesUpWhenNothingFitsForLong) {
    std::vector<Candidate> candidates;
    const auto tx = std::make_shared<const Transaction>(chain.spend({coins[0]}, 1'000));
    const auto add = [&](size_t weight, Amount fee) {
        Candidate candidate{{tx, txid(*tx), fee, weight, weight / 4, 0, 0}, 0, {}};
        candidates.push_back(candidate);
    };
    for (size_t i = 0; i < kSelectFailuresMax; ++i) add(1'000, 900);
    add(400, 1);
    const Tip tip{chain.now};
    EXPECT_TRUE(select_best(candidates, 500, kNoLimit, tip, chain.params).empty());
    candidates.erase(candidates.begin());
    EXPECT_EQ(select_best(candidates, 500, kNoLimit, tip, chain.params).size(), 1u);
}

/// The same policy without a queue: each round looks at what everything left would bring along.
std::vector<size_t> reference(const std::vector<Candidate>& candidates, size_t weight_left,
                              size_t commands_left) {
    std::vector<size_t> taken;
    std::set<std::vector<size_t>> too_large;
    const auto is_taken = [&](size_t index) { return std::ranges::find(taken, index) != taken.end(); };
    const auto family_of = [&](size_t index) {
        std::set<size_t> family{index};
        for (size_t member = index + 1; member-- > 0;) {
            if (!family.contains(member)) continue;
            for (const size_t parent : candidates[member].parents) {
                if (!is_taken(parent)) family.insert(parent);
            }
        }
        return std::vector<size_t>(family.begin(), family.end());
    };
    for (;;) {
        std::optional<std::vector<size_t>> best;
        Rate best_rate{};
        for (size_t index = 0; index < candidates.size(); ++index) {
            if (is_taken(index)) continue;
            const auto family = family_of(index);
            Rate rate{0, 0};
            for (const size_t member : family) {
                rate.fee += candidates[member].entry.fee;
                rate.vsize += candidates[member].entry.vsize;
            }
            if (too_large.contains(family) || (best && rate <= best_rate)) continue;
            best = family;
            best_rate = rate;
        }
        if (!best) return taken;
        size_t weight = 0, commands = 0;
        for (const size_t member : *best) {
            weight += candidates[member].entry.weight;
            commands += candidates[member].commands_bytes;
        }
        if (weight > weight_left || commands > commands_left) {
            too_large.insert(*best);
            continue;
        }
        weight_left -= weight;
        commands_left -= commands;
        taken.insert(taken.end(), best->begin(), best->end());
    }
}

TEST_F(Select, EqualsTheSlowWayOnRandomGraphs) {
    std::mt19937 random{20'260'101};
    const auto below = [&](size_t end) { return size_t(random() % end); };
    for (int round = 0; round < 60; ++round) {
        FakeChain world;
        std::vector<OutPoint> free;
        for (int i = 0; i < 5; ++i) free.push_back(world.coin());
        world.make_pool();
        for (int i = 0; i < 9; ++i) {
            std::vector<OutPoint> from;
            for (size_t inputs = 1 + below(3); inputs > 0 && !free.empty(); --inputs) {
                const size_t at = below(free.size());
                from.push_back(free[at]);
                free.erase(free.begin() + ptrdiff_t(at));
            }
            if (from.empty()) break;
            const auto fee = Amount(1'000 + 500 * below(20));
            const bool asks = below(4) == 0;
            const auto tx =
                asks ? world.pay(from,
                                 {{kCoin / 50, consensus::command_script(CommandType::kJob,
                                                                         encode(consensus::test::job()))}},
                                 fee)
                     : world.spend(from, fee, 1 + below(3));
            ASSERT_EQ(token_of(world.pool->accept(tx)), "") << "round " << round;
            for (uint32_t index = asks ? 1 : 0; index < tx.outputs.size(); ++index) {
                free.push_back(world.output_of(tx, index));
            }
        }
        Graph graph;
        for (const auto& entry : world.pool->list()) graph.add(entry, facts_of(*entry.tx));
        const auto candidates = candidates_of(graph);
        size_t weight = 0, commands = 0;
        for (const auto& candidate : candidates) {
            weight += candidate.entry.weight;
            commands += candidate.commands_bytes;
        }
        const size_t weight_max = weight * (1 + below(5)) / 4;
        const size_t commands_max = commands * below(3) / 2;
        std::vector<Hash256> expected;
        for (const size_t index : reference(candidates, weight_max, commands_max)) {
            expected.push_back(candidates[index].entry.txid);
        }
        EXPECT_EQ(ids_of(world.pool->select(weight_max, commands_max)), expected) << "round " << round;
    }
}

}  // namespace
}  // namespace daidd::mempool::test
