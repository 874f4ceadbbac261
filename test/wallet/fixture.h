#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "consensus/script.h"
#include "crypto/hash.h"
#include "wallet/wallet.h"

namespace daidd::wallet {

inline constexpr Amount kReward = 28 * consensus::kCoin;

inline const consensus::Params& test_network() {
    static const consensus::Params params = [] {
        consensus::Params made;
        made.name = "regtest";
        made.hrp = "rdai";
        made.coin_type = 1;
        made.maturity = 20;
        return made;
    }();
    return params;
}

inline crypto::PublicKey someone() { return crypto::SecretKey::random().public_key(); }

inline TxOut pay(const crypto::PublicKey& key, Amount value) {
    return {.value = value, .script = consensus::taproot_script(key)};
}

inline Transaction spend(const OutPoint& outpoint, std::vector<TxOut> outputs) {
    Transaction tx;
    tx.inputs.push_back(
        {.previous = outpoint, .script_sig = {}, .sequence = 0xffff'fffd, .witness = {Bytes(64)}});
    tx.outputs = std::move(outputs);
    return tx;
}

/// A payment to `key` from a coin of nobody's.
inline Transaction gift(const crypto::PublicKey& key, Amount value) {
    Hash256 source;
    crypto::random_bytes(source);
    return spend({source, 0}, {pay(key, value)});
}

/// A directory of its own, removed in the end.
class Directory {
public:
    Directory() {
        Hash256 bytes;
        crypto::random_bytes(bytes);
        path_ = std::filesystem::temp_directory_path() / ("wallet_test_" + to_hex(ByteView{bytes}.first(8)));
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

/// Blocks without work on top of each other.
class TestChain {
public:
    /// Appends a block whose coinbase pays `key`. `nonce` sets apart blocks that are otherwise the same.
    const consensus::Block& mine(const crypto::PublicKey& key, std::vector<Transaction> transactions = {},
                                 Amount reward = kReward, uint32_t nonce = 0) {
        consensus::Block block;
        block.header.nonce = nonce;
        block.header.time = 1'700'000'000 + uint32_t(blocks_.size()) * 120;
        if (!blocks_.empty()) block.header.previous = consensus::block_hash(blocks_.back().header);
        Transaction coinbase = spend(consensus::kNullOutPoint, {pay(key, reward)});
        coinbase.inputs[0].script_sig = consensus::height_script(uint32_t(blocks_.size()));
        coinbase.lock_time = nonce;
        block.transactions.push_back(coinbase);
        for (Transaction& tx : transactions) block.transactions.push_back(std::move(tx));
        block.header.merkle_root = consensus::transactions_root(block.transactions);
        blocks_.push_back(std::move(block));
        return blocks_.back();
    }
    void drop() { blocks_.pop_back(); }

    const consensus::Block& at(uint32_t height) const { return blocks_.at(height); }
    uint32_t height() const { return uint32_t(blocks_.size()) - 1; }
    Hash256 hash() const { return consensus::block_hash(blocks_.back().header); }
    BlockRef tip() const { return {height(), hash()}; }
    Wallet::BlockSource source() const {
        return [this](uint32_t height) {
            return height < blocks_.size() ? std::optional{blocks_[height]} : std::nullopt;
        };
    }

private:
    std::vector<consensus::Block> blocks_;
};

/// A new wallet that follows a chain.
class WalletTest : public testing::Test {
protected:
    WalletTest() {
        auto created = Wallet::create(directory.path(), "w", test_network(), std::nullopt);
        EXPECT_TRUE(created);
        words = created->words;
        wallet = std::move(created->wallet);
    }

    void mine(const crypto::PublicKey& key, std::vector<Transaction> transactions = {}, uint32_t nonce = 0) {
        const auto& block = chain.mine(key, std::move(transactions), kReward, nonce);
        EXPECT_TRUE(wallet->block_connected(block, chain.height(), chain.hash()));
    }
    void mine_empty(uint32_t count) {
        const auto other = someone();
        for (uint32_t i = 0; i < count; ++i) mine(other);
    }
    void undo() {
        EXPECT_TRUE(wallet->block_disconnected(chain.at(chain.height()), chain.height(), chain.hash()));
        chain.drop();
    }
    /// A confirmed coin of the wallet.
    OutPoint fund(Amount value) {
        const Transaction tx = gift(wallet->new_key(), value);
        mine(someone(), {tx});
        return {consensus::txid(tx), 0};
    }
    void reopen() {
        wallet.reset();
        auto opened = Wallet::open(directory.path(), "w", test_network());
        ASSERT_TRUE(opened) << opened.error().detail;
        wallet = std::move(*opened);
    }
    void expect_balances(Amount trusted, Amount pending, Amount immature) {
        const Balances balances = wallet->balances();
        EXPECT_EQ(balances.trusted, trusted);
        EXPECT_EQ(balances.untrusted_pending, pending);
        EXPECT_EQ(balances.immature, immature);
    }

    Directory directory;
    TestChain chain;
    std::string words;
    Wallet::Ptr wallet;
};

inline constexpr int64_t kNow = 1'800'000'000;

}  // namespace daidd::wallet
