#include <gtest/gtest.h>

#include "mempool/fake_chain.h"

namespace daidd::mempool::test {
namespace {

using consensus::CommandType;
using consensus::kCoin;
using consensus::txid;
using News = std::vector<std::pair<Hash256, std::optional<Removal>>>;

constexpr Amount kFee = 10'000;

struct Blocks : testing::Test {
    void SetUp() override {
        for (auto& outpoint : coins) outpoint = chain.coin();
    }
    void accept(const std::vector<Transaction>& list) {
        for (const auto& tx : list) ASSERT_EQ(token_of(chain.pool->accept(tx)), "");
        chain.news.clear();
    }
    Transaction receipt(const Transaction& job, const OutPoint& from) {
        consensus::ReceiptCommand receipt;
        receipt.job = consensus::job_id(chain.output_of(job));
        receipt.worker = chain.key.public_key();
        receipt.answer = {5, 6};
        auto tokens = consensus::test::job().prompt;
        tokens.insert(tokens.end(), receipt.answer.begin(), receipt.answer.end());
        receipt.signature =
            chain.key.sign(consensus::receipt_message(receipt, consensus::tokens_root(tokens)));
        return chain.pay(
            {from},
            {{chain.params.receipt_bond, consensus::command_script(CommandType::kReceipt, encode(receipt))}},
            kFee);
    }
    Transaction job(const OutPoint& from, uint32_t deadline = 100) {
        auto command = consensus::test::job();
        command.deadline = deadline;
        return chain.pay({from},
                         {{kCoin / 10, consensus::command_script(CommandType::kJob, encode(command))}}, kFee);
    }

    FakeChain chain;
    std::array<OutPoint, 6> coins;
};

TEST_F(Blocks, TakeWhatTheyHoldAndLeaveItsChildren) {
    chain.make_pool();
    const auto parent = chain.spend({coins[0]}, kFee), child = chain.spend({chain.output_of(parent)}, kFee);
    const auto other = chain.spend({coins[1]}, kFee);
    accept({parent, child, other});
    chain.connect({parent});
    EXPECT_TRUE(chain.pool->contains(txid(parent)));  // until the tip is told of
    chain.tell_tip();
    EXPECT_EQ(chain.pool->txids(), (std::vector{txid(child), txid(other)}));
    EXPECT_EQ(chain.news, (News{{txid(parent), Removal::kBlock}}));
    EXPECT_TRUE(chain.pool->relations(txid(child))->parents.empty());
    EXPECT_EQ(chain.pool->totals().fees, 2 * kFee);
    EXPECT_EQ(token_of(chain.pool->accept(parent)), "txn-already-known");
}

TEST_F(Blocks, DriveOutWhatConflictsAndWhatHangsOnIt) {
    chain.make_pool();
    const auto mine = chain.spend({coins[0]}, kFee), child = chain.spend({chain.output_of(mine)}, kFee);
    const auto grandchild = chain.spend({chain.output_of(child), coins[2]}, kFee);
    const auto other = chain.spend({coins[1]}, kFee);
    accept({mine, child, grandchild, other});
    chain.mine({chain.spend({coins[0]}, 2 * kFee)});
    EXPECT_EQ(chain.pool->txids(), std::vector{txid(other)});
    EXPECT_EQ(chain.news, (News{{txid(mine), Removal::kConflict},
                                {txid(child), Removal::kConflict},
                                {txid(grandchild), Removal::kConflict}}));
    EXPECT_EQ(chain.pool->spender_of(coins[2]), std::nullopt);
}

TEST_F(Blocks, DriveOutASecondReceiptOfTheirs) {
    const auto asked = job(coins[0]);
    chain.connect({asked});
    chain.connect({});
    chain.make_pool();
    const auto ours = receipt(asked, coins[1]);
    const auto id = consensus::job_id(chain.output_of(asked));
    EXPECT_FALSE(chain.pool->has_receipt(id));
    accept({ours});
    EXPECT_TRUE(chain.pool->has_receipt(id));
    EXPECT_EQ(chain.pool->receipt_of(id), txid(ours));
    EXPECT_FALSE(chain.pool->has_receipt({1}));
    chain.mine({receipt(asked, coins[2])});
    EXPECT_EQ(chain.news, (News{{txid(ours), Removal::kConflict}}));
    EXPECT_FALSE(chain.pool->has_receipt(id));
    EXPECT_EQ(token_of(chain.pool->accept(receipt(asked, coins[3]))), "bad-receipt-closed");
}

TEST_F(Blocks, DriveOutWhatComesTooLate) {
    chain.make_pool();
    const auto asked = job(coins[0], 52), other = job(coins[1], 53);
    accept({asked, other});
    chain.mine();
    EXPECT_EQ(chain.news, (News{{txid(asked), Removal::kInvalid}}));
    EXPECT_EQ(chain.pool->txids(), std::vector{txid(other)});
}

TEST_F(Blocks, GiveBackWhatTheyHeldWhenTheyAreLost) {
    chain.make_pool();
    const auto a = chain.spend({coins[0]}, kFee), b = chain.spend({chain.output_of(a)}, kFee);
    const auto c = chain.spend({chain.output_of(b)}, kFee), waits = chain.spend({coins[1]}, kFee);
    accept({waits});
    chain.connect({a, b});
    chain.connect({c});
    chain.tell_tip();
    chain.disconnect();
    chain.disconnect();
    EXPECT_EQ(chain.pool->size(), 1u);
    chain.tell_tip();
    // Parents first, and before what waited: it may hang on them.
    EXPECT_EQ(chain.pool->txids(), (std::vector{txid(a), txid(b), txid(c), txid(waits)}));
    EXPECT_EQ(chain.news, (News{{txid(a), {}}, {txid(b), {}}, {txid(c), {}}}));
    EXPECT_EQ(chain.pool->relations(txid(a))->descendants.count, 3u);
}

TEST_F(Blocks, GiveNothingBackThatTheNewBranchHolds) {
    chain.make_pool();
    const auto a = chain.spend({coins[0]}, kFee), b = chain.spend({coins[1]}, kFee);
    const auto c = chain.spend({coins[2]}, kFee);
    chain.mine({a, b, c});
    chain.disconnect();
    chain.connect({a, chain.spend({coins[1]}, 2 * kFee)});
    chain.tell_tip();
    EXPECT_EQ(chain.pool->txids(), std::vector{txid(c)});
}

TEST_F(Blocks, GiveBackOnlyWhatPaysEnough) {
    const auto poor = chain.spend({coins[0]}, 1), rich = chain.spend({coins[1]}, kFee);
    const auto child = chain.spend({chain.output_of(poor)}, kFee);
    chain.connect({poor, rich});
    chain.make_pool();
    accept({child});
    chain.disconnect();
    chain.tell_tip();
    EXPECT_EQ(chain.pool->txids(), std::vector{txid(rich)});
    EXPECT_EQ(chain.news, (News{{txid(rich), {}}, {txid(child), Removal::kInvalid}}));
}

/// The lost block's transaction comes back to a branch that spends the same coin.
TEST_F(Blocks, DriveOutWhatHangsOnATransactionThatWasReplaced) {
    chain.make_pool();
    const auto first = chain.spend({coins[0]}, kFee);
    chain.mine({first});
    const auto child = chain.spend({chain.output_of(first)}, kFee);
    accept({child});
    chain.disconnect();
    const auto second = chain.spend({coins[0]}, 2 * kFee);
    chain.connect({second});
    chain.tell_tip();
    EXPECT_TRUE(chain.pool->empty());
    EXPECT_EQ(chain.news, (News{{txid(child), Removal::kInvalid}}));
}

TEST_F(Blocks, CoinbasesOfLostBlocksDoNotWait) {
    chain.make_pool();
    chain.mine();
    chain.disconnect();
    chain.tell_tip();
    EXPECT_TRUE(chain.pool->empty());
}

TEST_F(Blocks, CoinsAreThoseAfterAllThatWaits) {
    chain.make_pool();
    const auto parent = chain.spend({coins[0]}, kFee, 2),
               child = chain.spend({chain.output_of(parent)}, kFee);
    accept({parent, child});
    const auto coins_then = chain.pool->coins();
    EXPECT_FALSE(ledger::find_coin(*coins_then, coins[0]));
    EXPECT_FALSE(ledger::find_coin(*coins_then, chain.output_of(parent)));
    EXPECT_TRUE(ledger::find_coin(*coins_then, chain.output_of(parent, 1)));
    EXPECT_TRUE(ledger::find_coin(*coins_then, chain.output_of(child)));
    EXPECT_TRUE(ledger::find_coin(*coins_then, coins[1]));
    accept({chain.spend({coins[1]}, kFee)});
    EXPECT_TRUE(ledger::find_coin(*coins_then, coins[1]));
    EXPECT_FALSE(ledger::find_coin(*chain.pool->coins(), coins[1]));
}

/// An observer may ask, and even add: what that causes is told afterwards, once.
TEST_F(Blocks, ObserversMayCallTheMempool) {
    chain.make_pool();
    const auto parent = chain.spend({coins[0]}, kFee), child = chain.spend({chain.output_of(parent)}, kFee);
    int depth = 0;
    Observer observer;
    observer.added = [&](const Entry& entry) {
        EXPECT_EQ(++depth, 1);
        EXPECT_TRUE(chain.pool->contains(entry.txid));
        if (entry.txid == txid(parent)) {
            EXPECT_EQ(token_of(chain.pool->accept(child)), "");
        }
        --depth;
    };
    chain.pool->observe(observer);
    ASSERT_EQ(token_of(chain.pool->accept(parent)), "");
    EXPECT_EQ(chain.news, (News{{txid(parent), {}}, {txid(child), {}}}));
}

}  // namespace
}  // namespace daidd::mempool::test
