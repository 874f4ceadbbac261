#pragma once

#include "consensus/transaction.h"
#include "crypto/keys.h"

namespace daidd::wallet {

using consensus::Amount;
using consensus::OutPoint;
using consensus::Transaction;
using consensus::TxOut;

/// Why the wallet did not do what was asked.
enum class ErrorKind {
    kBadName,            ///< of a wallet: see Wallet::is_name
    kExists,             ///< there is a wallet of this name
    kNotFound,           ///< no wallet, transaction or key of this name
    kBadMnemonic,        ///< a word is not in the list, or their checksum is wrong
    kOtherNetwork,       ///< the wallet was made for another network
    kStorage,            ///< its directory is in use, unreadable or damaged
    kBadAmount,          ///< negative, or the sum is above all money there can be
    kBadScript,          ///< neither taproot nor a protocol output
    kDust,               ///< an output that would cost more to spend than it is worth: `needed` is the least
    kNoOutputs,          ///< nothing to send
    kInsufficientFunds,  ///< `needed` with the fee, of which `available` can be spent now
    kTooManyInputs,      ///< only more than kInputsMax small coins would do
    kFeeTooHigh,         ///< the fee, `needed`, is above kFeeMax, `available`
    kNotAbandonable,     ///< the transaction is in a block or in the mempool
};

struct Error {
    ErrorKind kind{};
    std::string detail;
    Amount needed = 0;
    Amount available = 0;
};

/// A block of the chain that the wallet follows.
struct BlockRef {
    uint32_t height = 0;
    Hash256 hash{};

    bool operator==(const BlockRef&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.height, self.hash);
    }
};

/// BIP86's chains. On disk: never renumber one.
enum class Branch : uint8_t { kReceive = 0, kChange = 1 };
inline constexpr size_t kBranches = 2;

struct KeyInfo {
    crypto::PublicKey key{};  ///< output key
    Branch branch = Branch::kReceive;
    uint32_t index = 0;
    std::string path;  ///< "m/86'/1'/0'/0/5"
    std::string address;
    std::string label;
};

/// Where a transaction is. On disk: never renumber one.
enum class TxState : uint8_t {
    kMempool = 0,    ///< waits for a block
    kInactive = 1,   ///< in neither a block nor the mempool, but may come back: what it spends stays reserved
    kConfirmed = 2,  ///< in `block`
    kConflicted = 3,  ///< `block` holds a transaction that spends the same, here or in an ancestor
    kAbandoned = 4,   ///< given up: what it spends is free again
};

/// A transaction that pays or spends the wallet's coins.
struct WalletTx {
    Transaction tx;
    Hash256 txid{};
    TxState state = TxState::kInactive;
    BlockRef block;             ///< of kConfirmed and kConflicted
    int64_t time_s = 0;         ///< when it was first heard of: a block's time if that was in a block
    uint64_t order = 0;         ///< in which the wallet heard of its transactions
    Amount credit = 0;          ///< what it pays to the wallet
    Amount debit = 0;           ///< what it spends of the wallet
    std::optional<Amount> fee;  ///< known if every input is the wallet's
};

/// A coin that no block has spent and no waiting transaction spends.
struct Coin {
    OutPoint outpoint;
    Amount value = 0;
    crypto::PublicKey key{};
    std::optional<uint32_t> height;  ///< nothing while it is not in a block
    bool coinbase = false;
    bool mature = true;
    bool trusted = false;  ///< confirmed and mature, or change of a transaction of our own in the mempool
    bool locked = false;   ///< by set_locked
};

/// As Bitcoin Core's getbalances. Coins spent by a waiting transaction count nowhere; its change does.
struct Balances {
    Amount trusted = 0;
    Amount untrusted_pending = 0;
    Amount immature = 0;
};

/// Units a 1000 virtual bytes.
using FeeRate = Amount;

struct SendRequest {
    /// Taproot outputs and protocol commands (whose value is what they spend), in this order at the front of
    /// the transaction; change comes last.
    std::vector<TxOut> outputs;
    FeeRate fee_rate = 1'000;
    bool subtract_fee = false;  ///< the first output, a taproot one, pays the fee
};

struct Sent {
    Transaction tx;
    Hash256 txid{};
    Amount fee = 0;
};

}  // namespace daidd::wallet
