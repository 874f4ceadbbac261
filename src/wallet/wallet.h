#pragma once

#include <functional>
#include <memory>

#include "consensus/block.h"
#include "consensus/params.h"
#include "util/result.h"
#include "wallet/types.h"

namespace daidd::wallet {

/// Addresses of each chain watched beyond the last one used or handed out (BIP44).
inline constexpr uint32_t kGapLimit = 20;
/// Core's threshold for a taproot output: the fee of spending it at 3,000 units a 1000 virtual bytes.
inline constexpr Amount kDustLimit = 330;
/// A fee above this is taken for a mistake, as Core's -maxtxfee.
inline constexpr Amount kFeeMax = consensus::kCoin / 10;
/// Inputs of one transaction: 230,000 of a block's 4,000,000 units of weight.
inline constexpr size_t kInputsMax = 1'000;
/// Hashes of blocks that are remembered, to find where a chain that went on without the wallet left it.
inline constexpr uint32_t kBlocksKept = 2'880;
inline constexpr size_t kWalletNameMax = 64;
inline constexpr size_t kLabelBytesMax = 255;

/// A BIP39 and BIP86 wallet, account 0, in a directory of its own. It hears of blocks and transactions and
/// never asks the chain. Thread safe. A disk that fails throws store::Error, except from the functions that
/// make or open a wallet.
class Wallet {
public:
    struct Created;
    using Ptr = std::unique_ptr<Wallet>;

    /// Letters, digits, '.', '_' and '-', at most kWalletNameMax, not beginning with '.'.
    static bool is_name(std::string_view name);
    /// Makes `wallets_directory`/`name` with new words. `born` is the chain's tip: nothing before can pay it.
    static Result<Created, Error> create(const std::string& wallets_directory, std::string_view name,
                                         const consensus::Params& params, std::optional<BlockRef> born);
    /// The same from words; it has no tip, so catch_up() looks through the whole chain.
    static Result<Ptr, Error> restore(const std::string& wallets_directory, std::string_view name,
                                      std::string_view words, const consensus::Params& params);
    static Result<Ptr, Error> open(const std::string& wallets_directory, std::string_view name,
                                   const consensus::Params& params);
    ~Wallet();

    const std::string& name() const;
    std::string mnemonic() const;

    // What the chain tells.

    std::optional<BlockRef> tip() const;
    /// The hash the wallet knows at a height, down to kBlocksKept below its tip.
    std::optional<Hash256> block_at(uint32_t height) const;
    /// False, and nothing happens, unless the block follows tip() (any block follows no tip).
    [[nodiscard]] bool block_connected(const consensus::Block& block, uint32_t height, const Hash256& hash);
    /// Takes the tip back. False, and nothing happens, unless `hash` is the tip.
    [[nodiscard]] bool block_disconnected(const consensus::Block& block, uint32_t height,
                                          const Hash256& hash);
    /// Takes back all blocks above `height`, whose bodies the caller need not have. After it the tip is the
    /// block at `height`, or there is none if that is not remembered.
    void rewind(uint32_t height);
    /// The block at a height of the best chain, or nothing above its tip.
    using BlockSource = std::function<std::optional<consensus::Block>(uint32_t height)>;
    /// Connects what follows tip(). Afterwards tell the mempool's transactions again: those that spend coins
    /// found only now were passed over. Returns the blocks looked at.
    uint32_t catch_up(const BlockSource& source);
    /// Looks again through [from, tip()] for payments to addresses that were not watched then.
    uint32_t rescan(uint32_t from, const BlockSource& source);

    /// Entered the mempool, at Unix time `now_s`; left it without a block. The wallet's own included. After a
    /// start nothing is in the mempool until it is told.
    void transaction_added(const Transaction& tx, int64_t now_s);
    void transaction_removed(const Hash256& txid);

    // Keys.

    crypto::PublicKey new_key(std::string_view label = "");
    std::string new_address(std::string_view label = "");
    crypto::PublicKey new_change_key();
    std::optional<KeyInfo> find_key(const crypto::PublicKey& output_key) const;
    /// Handed out or used, in order of branch and index.
    std::vector<KeyInfo> keys() const;
    std::optional<Error> set_label(const crypto::PublicKey& output_key, std::string_view label);
    /// BIP340 under a key of the wallet, tweaked as its output key is: headers and receipts are signed so.
    /// Nothing if the key is not the wallet's.
    std::optional<crypto::Signature> sign_with(const crypto::PublicKey& output_key,
                                               const Hash256& message) const;

    // Money.

    Balances balances() const;
    /// Largest first.
    std::vector<Coin> coins() const;
    std::vector<WalletTx> transactions() const;  ///< oldest first
    std::optional<WalletTx> find_transaction(const Hash256& txid) const;
    /// Keeps a coin from being selected, until the program ends.
    void set_locked(const OutPoint& outpoint, bool locked);

    /// Chooses coins, signs, and records the transaction on disk before it returns, so that no other send can
    /// spend the same. The caller gives it to the mempool; if that refuses it for good, abandon() it.
    Result<Sent, Error> send(const SendRequest& request, int64_t now_s);
    /// The wallet's own transactions that wait for the mempool, parents first: to be given to it again.
    std::vector<Transaction> inactive_transactions() const;
    std::optional<Error> abandon(const Hash256& txid);

private:
    struct Impl;
    explicit Wallet(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

struct Wallet::Created {
    Ptr wallet;
    std::string words;
};

}  // namespace daidd::wallet
