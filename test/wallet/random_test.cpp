#include <random>

#include "wallet/fixture.h"

namespace daidd::wallet {
namespace {

/// A wallet among payments, sends, thefts, blocks, reorganisations and restarts, drawn from a seed.
/// Afterwards a wallet that saw the last chain alone, and then the mempool, must agree.
class RandomTest : public WalletTest, public testing::WithParamInterface<uint32_t> {
protected:
    uint32_t below(uint32_t bound) { return uint32_t(random() % bound); }

    void receive() {
        const Transaction tx = gift(wallet->new_key(), 1'000 + below(1'000'000));
        pending.push_back(tx);
        wallet->transaction_added(tx, kNow);
    }

    void send() {
        SendRequest request{.outputs = {pay(someone(), kDustLimit + below(2'000'000))}};
        request.fee_rate = below(5'000);
        request.subtract_fee = request.outputs[0].value > 500'000 && below(4) == 0;
        const auto sent = wallet->send(request, kNow);
        if (!sent) {
            EXPECT_EQ(sent.error().kind, ErrorKind::kInsufficientFunds);
            return;
        }
        ++sends;
        if (below(10) == 0) {
            EXPECT_FALSE(wallet->abandon(sent->txid));
            return;
        }
        pending.push_back(sent->tx);
        wallet->transaction_added(sent->tx, kNow);
    }

    /// The payer of a waiting gift takes it back in a block.
    void steal() {
        for (size_t i = 0; i < pending.size(); ++i) {
            const auto known = wallet->find_transaction(consensus::txid(pending[i]));
            if (!known || known->debit > 0) continue;
            const Transaction theft = spend(pending[i].inputs[0].previous, {pay(someone(), 1'000)});
            wallet->transaction_removed(known->txid);
            pending.erase(pending.begin() + ptrdiff_t(i));
            mine(someone(), {theft});
            EXPECT_EQ(wallet->find_transaction(known->txid)->state, TxState::kConflicted);
            return;
        }
    }

    void mine_some() {
        const auto count = ptrdiff_t(below(uint32_t(pending.size()) + 1));
        const std::vector<Transaction> taken{pending.begin(), pending.begin() + count};
        pending.erase(pending.begin(), pending.begin() + count);
        mine(below(2) == 0 ? wallet->new_key() : someone(), taken, below(1'000'000));
    }

    void reorganise() {
        const uint32_t depth = std::min(1 + below(5), chain.height());
        std::vector<Transaction> returned;
        for (uint32_t i = 0; i < depth; ++i) {
            const auto transactions = chain.at(chain.height()).transactions;
            returned.insert(returned.begin(), transactions.begin() + 1, transactions.end());
            undo();
        }
        pending.insert(pending.begin(), returned.begin(), returned.end());
        tell_mempool(*wallet);
        for (uint32_t i = 0; i <= depth; ++i) mine_some();
    }

    void tell_mempool(Wallet& to) const {
        for (const Transaction& tx : pending) to.transaction_added(tx, kNow);
    }

    void step() {
        switch (below(12)) {
        case 0:
        case 1:
        case 2: return receive();
        case 3:
        case 4:
        case 5: return send();
        case 6: return steal();
        case 7: return reorganise();
        case 8:
            if (below(4) != 0) return;
            reopen();
            return tell_mempool(*wallet);
        default: return mine_some();
        }
    }

    void expect_equal_to_a_replay() {
        Directory elsewhere;
        auto replay = Wallet::restore(elsewhere.path(), "replay", words, test_network());
        ASSERT_TRUE(replay);
        (*replay)->catch_up(chain.source());
        tell_mempool(**replay);
        const Balances expected = (*replay)->balances();
        expect_balances(expected.trusted, expected.untrusted_pending, expected.immature);
        const auto got = wallet->coins();
        const auto wanted = (*replay)->coins();
        ASSERT_EQ(got.size(), wanted.size());
        for (size_t i = 0; i < got.size(); ++i) {
            EXPECT_EQ(got[i].outpoint, wanted[i].outpoint);
            EXPECT_EQ(got[i].height, wanted[i].height);
            EXPECT_EQ(got[i].trusted, wanted[i].trusted);
        }
    }

    std::mt19937 random{GetParam()};
    std::vector<Transaction> pending;
    size_t sends = 0;
};

TEST_P(RandomTest, EqualsALinearReplay) {
    mine_empty(1);
    for (int i = 0; i < 150; ++i) {
        step();
        if (i % 50 == 49) expect_equal_to_a_replay();
        if (HasFailure()) FAIL() << "seed " << GetParam() << ", step " << i;
    }
    EXPECT_GT(sends, 5u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomTest, testing::Range(1u, 5u));

}  // namespace
}  // namespace daidd::wallet
