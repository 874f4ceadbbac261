#include <thread>

#include "wallet/fixture.h"
#include "wallet/select.h"

namespace daidd::wallet {
namespace {

using SendTest = WalletTest;

SendRequest to_someone(Amount value) { return {.outputs = {pay(someone(), value)}}; }

TEST_F(SendTest, RefusesWhatCannotBeSent) {
    fund(1'000'000);
    const auto kind = [&](const SendRequest& request) { return wallet->send(request, kNow).error().kind; };
    EXPECT_EQ(kind({}), ErrorKind::kNoOutputs);
    EXPECT_EQ(kind(to_someone(-1)), ErrorKind::kBadAmount);
    EXPECT_EQ(kind(to_someone(consensus::kMoneyMax + 1)), ErrorKind::kBadAmount);
    EXPECT_EQ(kind({.outputs = {pay(someone(), consensus::kMoneyMax), pay(someone(), kDustLimit)}}),
              ErrorKind::kBadAmount);
    EXPECT_EQ(kind({.outputs = {{.value = 1'000, .script = {0x51}}}}), ErrorKind::kBadScript);
    EXPECT_EQ(kind({.outputs = {{.value = 1'000, .script = {0x6a}}}}), ErrorKind::kBadScript)
        << "money burnt";
    EXPECT_EQ(kind({.outputs = {pay(someone(), 1'000)}, .fee_rate = -1}), ErrorKind::kFeeTooHigh);
    const auto dust = wallet->send(to_someone(kDustLimit - 1), kNow);
    EXPECT_EQ(dust.error().kind, ErrorKind::kDust);
    EXPECT_EQ(dust.error().needed, kDustLimit);
    EXPECT_TRUE(wallet->send(to_someone(kDustLimit), kNow));
}

TEST_F(SendTest, InsufficientFundsSaysTheAmounts) {
    fund(10'000);
    mine(wallet->new_key());  // immature
    wallet->transaction_added(gift(wallet->new_key(), 50'000), kNow);
    const auto sent = wallet->send(to_someone(20'000), kNow);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().kind, ErrorKind::kInsufficientFunds);
    EXPECT_EQ(sent.error().available, 10'000);
    EXPECT_EQ(sent.error().needed, 20'111);
    EXPECT_EQ(wallet->transactions().size(), 3u) << "nothing was recorded";
}

TEST_F(SendTest, TheFeeHasAMaximum) {
    fund(consensus::kCoin);
    SendRequest request = to_someone(100'000);
    // One input and two outputs are 154 virtual bytes.
    request.fee_rate = kFeeMax * 1'000 / 154;
    const auto fits = wallet->send(request, kNow);
    ASSERT_TRUE(fits);
    EXPECT_LE(fits->fee, kFeeMax);
    fund(consensus::kCoin);
    request.fee_rate += 7;
    const auto over = wallet->send(request, kNow);
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().kind, ErrorKind::kFeeTooHigh);
}

TEST_F(SendTest, SignsAndPaysTheRate) {
    const OutPoint coin = fund(100'000);
    const auto target = pay(someone(), 30'000);
    const auto sent = wallet->send({.outputs = {target}, .fee_rate = 2'000}, kNow);
    ASSERT_TRUE(sent);
    ASSERT_EQ(sent->tx.inputs.size(), 1u);
    EXPECT_EQ(sent->tx.inputs[0].previous, coin);
    ASSERT_EQ(sent->tx.outputs.size(), 2u);
    EXPECT_EQ(sent->tx.outputs[0], target);
    EXPECT_EQ(sent->fee, Amount(consensus::virtual_size(sent->tx)) * 2);
    EXPECT_EQ(sent->tx.outputs[1].value, 100'000 - 30'000 - sent->fee);
    EXPECT_EQ(consensus::weight(sent->tx), signed_weight(1, {target}, true));
    const auto change = wallet->find_key(*consensus::taproot_key(sent->tx.outputs[1].script));
    ASSERT_TRUE(change);
    EXPECT_EQ(change->branch, Branch::kChange);

    const auto funding = wallet->find_transaction(coin.txid);
    const std::vector<TxOut> spent = {funding->tx.outputs[0]};
    ASSERT_EQ(sent->tx.inputs[0].witness.size(), 1u);
    ASSERT_EQ(sent->tx.inputs[0].witness[0].size(), 64u);
    crypto::Signature signature;
    std::ranges::copy(sent->tx.inputs[0].witness[0], signature.begin());
    EXPECT_TRUE(crypto::verify(*consensus::taproot_key(spent[0].script),
                               consensus::signature_hash(sent->tx, 0, spent), signature));
}

TEST_F(SendTest, CommandsCarryTheirValueAndComeFirst) {
    fund(consensus::kCoin);
    const TxOut job{.value = 70'000,
                    .script = consensus::command_script(consensus::CommandType::kJob, Bytes(500, 7))};
    const TxOut bond{.value = 0,
                     .script = consensus::command_script(consensus::CommandType::kReceipt, Bytes(9))};
    const auto sent = wallet->send({.outputs = {job, bond}}, kNow);
    ASSERT_TRUE(sent);
    ASSERT_EQ(sent->tx.outputs.size(), 3u);
    EXPECT_EQ(sent->tx.outputs[0], job);
    EXPECT_EQ(sent->tx.outputs[1], bond);
    EXPECT_EQ(sent->fee, Amount(consensus::virtual_size(sent->tx)));
    SendRequest subtract{.outputs = {job}};
    subtract.subtract_fee = true;
    EXPECT_EQ(wallet->send(subtract, kNow).error().kind, ErrorKind::kBadScript);
}

TEST_F(SendTest, ChangeIsTrustedInTheMempoolOnly) {
    fund(100'000);
    const auto sent = wallet->send(to_someone(30'000), kNow);
    ASSERT_TRUE(sent);
    expect_balances(0, 0, 0);
    wallet->transaction_added(sent->tx, kNow);
    const Amount change = 70'000 - sent->fee;
    expect_balances(change, 0, 0);
    const auto again = wallet->send(to_someone(10'000), kNow);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->tx.inputs[0].previous.txid, sent->txid);
    wallet->transaction_added(again->tx, kNow);
    mine(someone(), {sent->tx, again->tx});
    expect_balances(change - 10'000 - again->fee, 0, 0);
    const auto known = wallet->find_transaction(sent->txid);
    EXPECT_EQ(known->fee, sent->fee);
    EXPECT_EQ(known->debit, 100'000);
}

TEST_F(SendTest, ConfirmedCoinsGoFirst) {
    fund(1'000'000);
    const auto first = wallet->send(to_someone(10'000), kNow);
    ASSERT_TRUE(first);
    wallet->transaction_added(first->tx, kNow);
    const OutPoint confirmed = fund(50'000);
    const auto second = wallet->send(to_someone(10'000), kNow);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->tx.inputs.at(0).previous, confirmed);
}

TEST_F(SendTest, ImmatureAndLockedCoinsAreLeft) {
    mine(wallet->new_key());
    mine_empty(test_network().maturity - 1);
    EXPECT_EQ(wallet->send(to_someone(1'000), kNow).error().kind, ErrorKind::kInsufficientFunds);
    mine_empty(1);
    const OutPoint coin = wallet->coins().at(0).outpoint;
    wallet->set_locked(coin, true);
    EXPECT_TRUE(wallet->coins().at(0).locked);
    EXPECT_EQ(wallet->send(to_someone(1'000), kNow).error().kind, ErrorKind::kInsufficientFunds);
    expect_balances(kReward, 0, 0);
    wallet->set_locked(coin, false);
    EXPECT_TRUE(wallet->send(to_someone(1'000), kNow));
}

TEST_F(SendTest, TwoAtATimeNeverSpendTheSame) {
    for (int i = 0; i < 20; ++i) fund(100'000);
    std::vector<Transaction> all[4];
    std::vector<std::thread> threads;
    for (auto& mine_of : all) {
        threads.emplace_back([&] {
            for (int i = 0; i < 5; ++i) {
                const auto sent = wallet->send(to_someone(60'000), kNow);
                ASSERT_TRUE(sent);
                mine_of.push_back(sent->tx);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::set<OutPoint> spent;
    for (const auto& list : all) {
        for (const Transaction& tx : list) {
            for (const auto& input : tx.inputs) EXPECT_TRUE(spent.insert(input.previous).second);
        }
    }
    EXPECT_EQ(spent.size(), 20u);
    EXPECT_EQ(wallet->send(to_someone(1'000), kNow).error().kind, ErrorKind::kInsufficientFunds);
    reopen();
    EXPECT_EQ(wallet->inactive_transactions().size(), 20u) << "on disk before they were handed out";
    EXPECT_EQ(wallet->send(to_someone(1'000), kNow).error().kind, ErrorKind::kInsufficientFunds);
}

TEST_F(SendTest, AbandoningFreesTheCoins) {
    fund(100'000);
    const auto sent = wallet->send(to_someone(30'000), kNow);
    ASSERT_TRUE(sent);
    EXPECT_EQ(wallet->abandon(someone())->kind, ErrorKind::kNotFound);
    wallet->transaction_added(sent->tx, kNow);
    EXPECT_EQ(wallet->abandon(sent->txid)->kind, ErrorKind::kNotAbandonable);
    wallet->transaction_removed(sent->txid);
    EXPECT_FALSE(wallet->abandon(sent->txid));
    expect_balances(100'000, 0, 0);
    EXPECT_TRUE(wallet->inactive_transactions().empty());
    reopen();
    expect_balances(100'000, 0, 0);
    // Someone kept it, and it is confirmed all the same.
    mine(someone(), {sent->tx});
    expect_balances(70'000 - sent->fee, 0, 0);
    EXPECT_EQ(wallet->abandon(sent->txid)->kind, ErrorKind::kNotAbandonable);
}

TEST_F(SendTest, AbandonedAfterItsBlockWasTakenBack) {
    fund(100'000);
    const auto sent = wallet->send(to_someone(30'000), kNow);
    ASSERT_TRUE(sent);
    mine(someone(), {sent->tx});
    expect_balances(70'000 - sent->fee, 0, 0);
    undo();
    expect_balances(0, 0, 0);
    EXPECT_FALSE(wallet->abandon(sent->txid));
    expect_balances(100'000, 0, 0);
}

TEST_F(SendTest, AReorganisationThatTakesTheCoinbaseAbandonsItsSpender) {
    mine(wallet->new_key());
    mine_empty(test_network().maturity);
    const OutPoint other = fund(500'000);
    const auto sent = wallet->send(to_someone(kReward - 1'000'000), kNow);
    ASSERT_TRUE(sent);
    wallet->transaction_added(sent->tx, kNow);
    const uint32_t blocks = chain.height() + 1;
    for (uint32_t i = 0; i < blocks; ++i) undo();
    EXPECT_FALSE(wallet->tip());
    EXPECT_EQ(wallet->find_transaction(sent->txid)->state, TxState::kAbandoned);
    EXPECT_EQ(wallet->find_transaction(other.txid)->state, TxState::kInactive);
    expect_balances(0, 0, 0);
}

TEST_F(SendTest, TwentyBlocksBackAndForthEqualALinearReplay) {
    const auto words_before = words;
    for (int i = 0; i < 25; ++i) mine(wallet->new_key());
    std::vector<std::vector<Transaction>> mined;
    for (int i = 0; i < 20; ++i) {
        const auto sent = wallet->send(to_someone(2 * consensus::kCoin), kNow);
        ASSERT_TRUE(sent);
        wallet->transaction_added(sent->tx, kNow);
        mined.push_back({sent->tx});
        mine(wallet->new_key(), {sent->tx});
    }
    for (int i = 0; i < 20; ++i) undo();
    for (const auto& transactions : mined) mine(someone(), transactions, 1);
    mine_empty(1);
    auto linear = Wallet::restore(directory.path(), "linear", words_before, test_network());
    ASSERT_TRUE(linear);
    (*linear)->catch_up(chain.source());
    const Balances expected = (*linear)->balances();
    expect_balances(expected.trusted, expected.untrusted_pending, expected.immature);
    const auto mine_coins = wallet->coins();
    const auto linear_coins = (*linear)->coins();
    ASSERT_EQ(mine_coins.size(), linear_coins.size());
    for (size_t i = 0; i < mine_coins.size(); ++i)
        EXPECT_EQ(mine_coins[i].outpoint, linear_coins[i].outpoint);
}

TEST_F(SendTest, SubtractingTheFeeSpendsEverything) {
    fund(60'000);
    fund(40'000);
    SendRequest request = to_someone(100'000);
    request.subtract_fee = true;
    const auto sent = wallet->send(request, kNow);
    ASSERT_TRUE(sent);
    ASSERT_EQ(sent->tx.outputs.size(), 1u);
    EXPECT_EQ(sent->tx.outputs[0].value, 100'000 - sent->fee);
    EXPECT_EQ(sent->fee, Amount(consensus::virtual_size(sent->tx)));
    fund(kDustLimit + 110);
    request.outputs[0].value = kDustLimit + 110;
    EXPECT_EQ(wallet->send(request, kNow).error().kind, ErrorKind::kDust);
}

}  // namespace
}  // namespace daidd::wallet
