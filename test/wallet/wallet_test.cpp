#include "wallet/wallet.h"

#include <fstream>

#include "crypto/bech32.h"
#include "crypto/hd.h"
#include "wallet/fixture.h"

namespace daidd::wallet {
namespace {

TEST(WalletName, Limits) {
    EXPECT_TRUE(Wallet::is_name("a"));
    EXPECT_TRUE(Wallet::is_name("My_wallet-2.old"));
    EXPECT_TRUE(Wallet::is_name(std::string(kWalletNameMax, 'a')));
    EXPECT_FALSE(Wallet::is_name(std::string(kWalletNameMax + 1, 'a')));
    for (const char* name : {"", ".", "..", ".hidden", "a/b", "a b", "a\\b", "\xc3\xa4"}) {
        EXPECT_FALSE(Wallet::is_name(name)) << name;
    }
}

TEST_F(WalletTest, CannotBeMadeTwice) {
    const auto while_open = Wallet::create(directory.path(), "w", test_network(), std::nullopt);
    ASSERT_FALSE(while_open);
    EXPECT_EQ(while_open.error().kind, ErrorKind::kExists);
    wallet.reset();
    const auto closed = Wallet::create(directory.path(), "w", test_network(), std::nullopt);
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().kind, ErrorKind::kExists);
    EXPECT_EQ(Wallet::restore(directory.path(), "w", words, test_network()).error().kind, ErrorKind::kExists);
    reopen();
    EXPECT_EQ(wallet->mnemonic(), words);
}

TEST_F(WalletTest, OpeningFailures) {
    EXPECT_EQ(Wallet::open(directory.path(), "w", test_network()).error().kind, ErrorKind::kStorage);
    EXPECT_EQ(Wallet::open(directory.path(), "none", test_network()).error().kind, ErrorKind::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(directory.path() + "/none"));
    EXPECT_EQ(Wallet::open(directory.path(), "../w", test_network()).error().kind, ErrorKind::kBadName);
    EXPECT_EQ(Wallet::restore(directory.path(), "r", words + " zoo", test_network()).error().kind,
              ErrorKind::kBadMnemonic);
    wallet.reset();
    consensus::Params other = test_network();
    other.name = "test";
    EXPECT_EQ(Wallet::open(directory.path(), "w", other).error().kind, ErrorKind::kOtherNetwork);
}

TEST_F(WalletTest, KeysAreBip86) {
    auto master = crypto::ExtendedKey::from_seed(crypto::seed_from_mnemonic(words));
    const auto key = master->child(86 + crypto::kHardened)
                         ->child(1 + crypto::kHardened)
                         ->child(crypto::kHardened)
                         ->child(0)
                         ->child(1)
                         ->key;
    wallet->new_key();
    const auto output_key = wallet->new_key("second");
    EXPECT_EQ(output_key, crypto::output_key(key.public_key()));
    const auto info = wallet->find_key(output_key);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->path, "m/86'/1'/0'/0/1");
    EXPECT_EQ(info->label, "second");
    EXPECT_EQ(crypto::parse_address("rdai", info->address)->program,
              Bytes(output_key.begin(), output_key.end()));
    EXPECT_EQ(wallet->find_key(wallet->new_change_key())->path, "m/86'/1'/0'/1/0");
    EXPECT_FALSE(wallet->find_key(someone()));
    EXPECT_EQ(wallet->keys().size(), 3u);
}

TEST_F(WalletTest, SignsWithTheOutputKey) {
    const auto key = wallet->new_key();
    const Hash256 message = crypto::sha256(as_bytes("header"));
    const auto signature = wallet->sign_with(key, message);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(crypto::verify(key, message, *signature));
    EXPECT_FALSE(wallet->sign_with(someone(), message));
}

TEST_F(WalletTest, LabelsAtTheLimit) {
    const auto key = wallet->new_key();
    EXPECT_FALSE(wallet->set_label(key, std::string(kLabelBytesMax, 'x')));
    EXPECT_EQ(wallet->set_label(key, std::string(kLabelBytesMax + 1, 'x'))->kind, ErrorKind::kBadName);
    EXPECT_EQ(wallet->set_label(someone(), "x")->kind, ErrorKind::kNotFound);
    EXPECT_EQ(wallet->find_key(key)->label, std::string(kLabelBytesMax, 'x'));
}

TEST_F(WalletTest, CoinbaseMaturesAsInCore) {
    mine(wallet->new_key());
    expect_balances(0, 0, kReward);
    mine_empty(test_network().maturity - 1);
    expect_balances(0, 0, kReward);
    EXPECT_FALSE(wallet->coins()[0].mature);
    mine_empty(1);
    expect_balances(kReward, 0, 0);
    EXPECT_TRUE(wallet->coins()[0].mature);
    undo();
    expect_balances(0, 0, kReward);
}

TEST_F(WalletTest, PaymentsByTrust) {
    const Transaction tx = gift(wallet->new_key(), 5'000);
    wallet->transaction_added(tx, kNow);
    expect_balances(0, 5'000, 0);
    wallet->transaction_removed(consensus::txid(tx));
    expect_balances(0, 0, 0);
    wallet->transaction_added(tx, kNow + 1);
    mine(someone(), {tx});
    expect_balances(5'000, 0, 0);
    const auto known = wallet->find_transaction(consensus::txid(tx));
    ASSERT_TRUE(known);
    EXPECT_EQ(known->state, TxState::kConfirmed);
    EXPECT_EQ(known->block, chain.tip());
    EXPECT_EQ(known->time_s, kNow) << "first heard of";
    EXPECT_EQ(known->credit, 5'000);
    EXPECT_FALSE(known->fee);
    wallet->transaction_added(gift(someone(), 1), kNow);
    EXPECT_EQ(wallet->transactions().size(), 1u) << "other people's are not kept";
}

TEST_F(WalletTest, BlocksOutOfOrderChangeNothing) {
    mine_empty(2);
    const auto& block = chain.mine(wallet->new_key());
    EXPECT_FALSE(wallet->block_connected(block, chain.height() + 1, chain.hash())) << "height";
    consensus::Block stranger = block;
    stranger.header.previous[0] ^= 1;
    EXPECT_FALSE(wallet->block_connected(stranger, chain.height(), consensus::block_hash(stranger.header)));
    EXPECT_FALSE(wallet->block_disconnected(block, chain.height(), chain.hash())) << "not connected yet";
    expect_balances(0, 0, 0);
    EXPECT_TRUE(wallet->block_connected(block, chain.height(), chain.hash()));
    EXPECT_FALSE(wallet->block_connected(block, chain.height(), chain.hash())) << "twice";
    expect_balances(0, 0, kReward);
}

TEST_F(WalletTest, ReorganisationMovesAPayment) {
    mine_empty(1);
    const Transaction tx = gift(wallet->new_key(), 7'000);
    mine(wallet->new_key(), {tx});
    const auto mined = wallet->transactions();
    ASSERT_EQ(mined.size(), 2u);
    expect_balances(7'000, 0, kReward);
    undo();
    expect_balances(0, 0, 0);
    EXPECT_EQ(wallet->find_transaction(mined[0].txid)->state, TxState::kAbandoned) << "its coinbase";
    wallet->transaction_added(tx, kNow);
    expect_balances(0, 7'000, 0);
    mine(someone(), {tx}, 1);
    expect_balances(7'000, 0, 0);
    EXPECT_EQ(wallet->find_transaction(consensus::txid(tx))->block, chain.tip());
}

TEST_F(WalletTest, TheSameBlockAgainRestoresItsCoinbase) {
    mine(wallet->new_key());
    const consensus::Block block = chain.at(0);
    undo();
    expect_balances(0, 0, 0);
    EXPECT_TRUE(wallet->block_connected(block, 0, consensus::block_hash(block.header)));
    expect_balances(0, 0, kReward);
}

TEST_F(WalletTest, ADoubleSpendInABlockIsAConflictUntilItIsGone) {
    const Transaction tx = gift(wallet->new_key(), 9'000);
    const Transaction child = spend({consensus::txid(tx), 0}, {pay(wallet->new_key(), 8'000)});
    wallet->transaction_added(tx, kNow);
    wallet->transaction_added(child, kNow);
    expect_balances(0, 8'000, 0);
    mine(someone(), {spend(tx.inputs[0].previous, {pay(someone(), 9'000)})});
    EXPECT_EQ(wallet->find_transaction(consensus::txid(tx))->state, TxState::kConflicted);
    EXPECT_EQ(wallet->find_transaction(consensus::txid(child))->state, TxState::kConflicted);
    expect_balances(0, 0, 0);
    wallet->transaction_removed(consensus::txid(tx));
    EXPECT_EQ(wallet->find_transaction(consensus::txid(tx))->state, TxState::kConflicted);
    undo();
    EXPECT_EQ(wallet->find_transaction(consensus::txid(tx))->state, TxState::kInactive);
    wallet->transaction_added(tx, kNow);
    wallet->transaction_added(child, kNow);
    expect_balances(0, 8'000, 0);
}

TEST_F(WalletTest, TheOldestConflictCounts) {
    Transaction tx = gift(wallet->new_key(), 9'000);
    tx.inputs.push_back(gift(someone(), 1).inputs[0]);
    wallet->transaction_added(tx, kNow);
    mine(someone(), {spend(tx.inputs[0].previous, {pay(someone(), 1)})});
    mine(someone(), {spend(tx.inputs[1].previous, {pay(someone(), 1)})});
    undo();
    EXPECT_EQ(wallet->find_transaction(consensus::txid(tx))->state, TxState::kConflicted);
    undo();
    EXPECT_EQ(wallet->find_transaction(consensus::txid(tx))->state, TxState::kInactive);
}

TEST_F(WalletTest, SurvivesARestart) {
    const auto key = wallet->new_key("salary");
    const Transaction confirmed = gift(key, 50'000);
    mine(wallet->new_key(), {confirmed});
    mine_empty(3);
    const Transaction pending = gift(wallet->new_key(), 4'000);
    wallet->transaction_added(pending, kNow);
    const auto sent = wallet->send({.outputs = {pay(someone(), 10'000)}}, kNow);
    ASSERT_TRUE(sent);
    wallet->transaction_added(sent->tx, kNow);
    const auto before = wallet->transactions();
    const Balances balances = wallet->balances();

    reopen();
    EXPECT_EQ(wallet->tip(), chain.tip());
    EXPECT_EQ(wallet->block_at(1), consensus::block_hash(chain.at(1).header));
    EXPECT_EQ(wallet->find_key(key)->label, "salary");
    // The mempool is not known yet: neither the gift nor the change counts, nor is the spent coin free.
    expect_balances(0, 0, balances.immature);
    ASSERT_EQ(wallet->inactive_transactions().size(), 1u);
    EXPECT_EQ(consensus::txid(wallet->inactive_transactions()[0]), sent->txid);
    wallet->transaction_added(pending, kNow);
    wallet->transaction_added(sent->tx, kNow);
    expect_balances(balances.trusted, balances.untrusted_pending, balances.immature);
    const auto after = wallet->transactions();
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 0; i < after.size(); ++i) {
        EXPECT_EQ(after[i].txid, before[i].txid);
        EXPECT_EQ(after[i].state, before[i].state);
        EXPECT_EQ(after[i].block, before[i].block);
        EXPECT_EQ(after[i].time_s, before[i].time_s);
    }
    EXPECT_NE(wallet->new_key(), key) << "indices are kept";
    mine_empty(1);
}

TEST_F(WalletTest, RestoredFromWordsFindsEverything) {
    for (int i = 0; i < 30; ++i) mine(wallet->new_key());
    fund(100'000);
    const auto sent = wallet->send({.outputs = {pay(someone(), 30'000)}}, kNow);
    ASSERT_TRUE(sent);
    mine(someone(), {sent->tx});
    auto restored = Wallet::restore(directory.path(), "again", words, test_network());
    ASSERT_TRUE(restored);
    EXPECT_FALSE((*restored)->tip());
    EXPECT_EQ((*restored)->catch_up(chain.source()), chain.height() + 1);
    EXPECT_EQ((*restored)->tip(), chain.tip());
    EXPECT_EQ((*restored)->balances().trusted, wallet->balances().trusted);
    EXPECT_EQ((*restored)->balances().immature, wallet->balances().immature);
    EXPECT_EQ((*restored)->transactions().size(), wallet->transactions().size());
    EXPECT_EQ((*restored)->find_transaction(sent->txid)->fee, sent->fee);
    EXPECT_EQ((*restored)->catch_up(chain.source()), 0u);
}

TEST_F(WalletTest, GapLimitAndOnePast) {
    // Keys that the wallet did not hand out, as another copy of it would.
    auto twin = Wallet::restore(directory.path(), "twin", words, test_network());
    ASSERT_TRUE(twin);
    std::vector<crypto::PublicKey> keys;
    for (uint32_t i = 0; i <= kGapLimit; ++i) keys.push_back((*twin)->new_key());
    mine(someone(), {gift(keys[kGapLimit], 1'000)});
    expect_balances(0, 0, 0);
    mine(someone(), {gift(keys[kGapLimit - 1], 2'000)});
    expect_balances(2'000, 0, 0);
    // That payment moved the window, so a second look finds the first.
    EXPECT_EQ(wallet->rescan(0, chain.source()), 2u);
    expect_balances(3'000, 0, 0);
    EXPECT_EQ(wallet->tip(), chain.tip());
}

TEST_F(WalletTest, RescanSeesThatALateFoundCoinIsSpent) {
    auto twin = Wallet::restore(directory.path(), "twin", words, test_network());
    ASSERT_TRUE(twin);
    std::vector<crypto::PublicKey> keys;
    for (uint32_t i = 0; i <= kGapLimit; ++i) keys.push_back((*twin)->new_key());
    const Transaction late = gift(keys[kGapLimit], 1'000);
    mine(someone(), {late});
    mine(someone(), {spend({consensus::txid(late), 0}, {pay(keys[0], 900)})});
    expect_balances(900, 0, 0);
    mine(someone(), {gift(keys[kGapLimit - 1], 2'000)});
    wallet->rescan(0, chain.source());
    expect_balances(2'900, 0, 0);
}

TEST_F(WalletTest, RewindWithoutBodies) {
    mine_empty(5);
    const auto early = fund(1'000);
    const BlockRef fork = chain.tip();
    fund(2'000);
    mine(wallet->new_key());
    expect_balances(3'000, 0, kReward);
    wallet->rewind(fork.height);
    EXPECT_EQ(wallet->tip(), fork);
    expect_balances(1'000, 0, 0);
    EXPECT_EQ(wallet->coins().at(0).outpoint, early);
    EXPECT_FALSE(wallet->block_at(fork.height + 1));
    EXPECT_EQ(wallet->catch_up(chain.source()), 2u);
    expect_balances(3'000, 0, kReward);
}

TEST_F(WalletTest, RewindBelowWhatIsRememberedStartsOver) {
    mine(wallet->new_key());
    mine_empty(kBlocksKept + 2);
    EXPECT_FALSE(wallet->block_at(2));
    EXPECT_TRUE(wallet->block_at(3));
    EXPECT_FALSE(wallet->block_at(chain.height() + 1));
    wallet->rewind(2);
    EXPECT_FALSE(wallet->tip());
    expect_balances(0, 0, 0);
    EXPECT_EQ(wallet->catch_up(chain.source()), chain.height() + 1);
    expect_balances(kReward, 0, 0);
}

TEST_F(WalletTest, BornAtTheTip) {
    mine_empty(10);
    const auto young = Wallet::create(directory.path(), "young", test_network(), chain.tip());
    ASSERT_TRUE(young);
    EXPECT_EQ(young->wallet->tip(), chain.tip());
    EXPECT_EQ(young->wallet->catch_up(chain.source()), 0u);
    EXPECT_EQ(young->wallet->block_at(9), chain.hash());
}

TEST_F(WalletTest, ADamagedFileIsAnErrorAndNotAnotherBalance) {
    for (int i = 0; i < 5; ++i) fund(1'000 + i);
    wallet.reset();
    const std::string path = directory.path() + "/w/data.mdb";
    std::string bytes;
    {
        std::ifstream file{path, std::ios::binary};
        bytes.assign(std::istreambuf_iterator<char>{file}, {});
    }
    // Inside the entropy's record, wherever copies of its page lie.
    size_t spoiled = 0;
    for (size_t at = bytes.find("regtest"); at != std::string::npos; at = bytes.find("regtest", at + 1)) {
        bytes[at + 10] = char(bytes[at + 10] ^ 1);
        ++spoiled;
    }
    ASSERT_GT(spoiled, 0u);
    std::ofstream{path, std::ios::binary} << bytes;
    const auto opened = Wallet::open(directory.path(), "w", test_network());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::kStorage);
}

}  // namespace
}  // namespace daidd::wallet
