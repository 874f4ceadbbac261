#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "mempool/fake_chain.h"

namespace daidd::mempool::test {
namespace {

using consensus::txid;

constexpr Amount kFee = 5'000;

/// What a pool of plain spends must hold: a list in which nothing spends the same coin twice and everything
/// spends what the chain or something before it made.
struct Model {
    std::vector<Transaction> waiting;

    bool spends_together(const Transaction& a, const Transaction& b) const {
        return std::ranges::any_of(a.inputs, [&](const auto& input) {
            return std::ranges::any_of(b.inputs,
                                       [&](const auto& other) { return other.previous == input.previous; });
        });
    }
    bool has_inputs(const Transaction& tx, const std::vector<Transaction>& before,
                    const ledger::StateView& chain) const {
        return std::ranges::all_of(tx.inputs, [&](const auto& input) {
            const bool made = std::ranges::any_of(before, [&](const auto& parent) {
                return txid(parent) == input.previous.txid && input.previous.index < parent.outputs.size();
            });
            return made || ledger::find_coin(chain, input.previous);
        });
    }
    bool fits(const Transaction& tx, const std::vector<Transaction>& before,
              const FakeSnapshot& chain) const {
        return !chain.find_transaction_block(txid(tx)) && has_inputs(tx, before, chain) &&
               std::ranges::none_of(before, [&](const auto& other) { return spends_together(tx, other); });
    }
    /// What is left of `candidates`, in their order, on this chain.
    void settle(const std::vector<Transaction>& candidates, const FakeSnapshot& chain) {
        waiting.clear();
        for (const auto& tx : candidates) {
            if (fits(tx, waiting, chain)) waiting.push_back(tx);
        }
    }
};

class RandomPool : public testing::TestWithParam<uint32_t> {
protected:
    RandomPool() {
        for (int i = 0; i < 12; ++i) outputs.push_back(chain.coin());
        chain.make_pool();
    }
    size_t below(size_t end) { return size_t(random() % end); }

    void add_one() {
        std::vector<OutPoint> from;
        for (size_t inputs = 1 + below(2); inputs > 0; --inputs) {
            const auto outpoint = outputs[below(outputs.size())];
            if (std::ranges::find(from, outpoint) == from.end()) from.push_back(outpoint);
        }
        const auto tx = chain.spend(from, kFee, 1 + below(2));
        const bool known =
            std::ranges::any_of(model.waiting, [&](const auto& other) { return txid(other) == txid(tx); });
        const bool expected = !known && model.fits(tx, model.waiting, *chain.now);
        const auto result = chain.pool->accept(tx);
        if (token_of(result) == "too-long-mempool-chain") return;  // not of the model
        ASSERT_EQ(bool(result), expected) << token_of(result);
        if (!result) return;
        model.waiting.push_back(tx);
        for (uint32_t index = 0; index < tx.outputs.size(); ++index) {
            outputs.push_back(chain.output_of(tx, index));
        }
    }
    void connect_one() {
        std::vector<Transaction> block;
        if (below(3) == 0) {
            const auto outpoint = outputs[below(outputs.size())];
            // Somebody else's block: perhaps a double spend of what waits here.
            if (ledger::find_coin(*chain.now, outpoint)) block.push_back(chain.spend({outpoint}, 2 * kFee));
        } else {
            block = chain.pool->select(4'000 + below(20'000), 0);
        }
        chain.connect(block);
        mined.push_back(block);
        for (const auto& tx : block) outputs.push_back(chain.output_of(tx));
    }
    void change_chain() {
        std::vector<Transaction> candidates;
        for (size_t lost = below(3); lost > 0 && !mined.empty(); --lost) {
            chain.disconnect();
            candidates.insert(candidates.begin(), mined.back().begin(), mined.back().end());
            mined.pop_back();
        }
        // select() belongs to the tip that was told last, so a block is made of it only without a loss.
        const size_t blocks = candidates.empty() ? 1 : below(2);
        if (candidates.empty())
            connect_one();
        else if (blocks == 1) {
            chain.connect({});
            mined.emplace_back();
        }
        candidates.insert(candidates.end(), model.waiting.begin(), model.waiting.end());
        chain.tell_tip();
        model.settle(candidates, *chain.now);
    }
    void compare() const {
        std::vector<Hash256> expected;
        Amount fees = 0;
        for (const auto& tx : model.waiting) {
            expected.push_back(txid(tx));
            fees += chain.pool->find(txid(tx)) ? chain.pool->find(txid(tx))->fee : 0;
            for (const auto& input : tx.inputs) {
                EXPECT_EQ(chain.pool->spender_of(input.previous), txid(tx));
            }
        }
        ASSERT_EQ(chain.pool->txids(), expected);
        EXPECT_EQ(chain.pool->totals().fees, fees);
        // What the observers were told adds up to what is there.
        std::set<Hash256> told;
        for (const auto& [id, removal] : chain.news) {
            if (removal) {
                EXPECT_EQ(told.erase(id), 1u);
            } else {
                EXPECT_TRUE(told.insert(id).second);
            }
        }
        EXPECT_EQ(told, std::set(expected.begin(), expected.end()));
    }

    std::mt19937 random{GetParam()};
    FakeChain chain;
    Model model;
    std::vector<OutPoint> outputs;
    std::vector<std::vector<Transaction>> mined;
};

TEST_P(RandomPool, HoldsWhatTheModelHolds) {
    for (int step = 0; step < 150; ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        if (below(4) == 0) {
            change_chain();
        } else {
            add_one();
        }
        compare();
        if (HasFatalFailure()) return;
    }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomPool, testing::Range(uint32_t{1}, uint32_t{9}));

}  // namespace
}  // namespace daidd::mempool::test
