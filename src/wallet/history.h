#pragma once

#include <map>
#include <set>

#include "wallet/keyring.h"

namespace daidd::wallet {

/// A transaction as it is kept.
struct Entry {
    Transaction tx;
    TxState state = TxState::kInactive;
    BlockRef block;
    int64_t time_s = 0;
    uint64_t order = 0;
};

/// The wallet's transactions and what follows from them. Not thread safe; touches no disk: take_changed()
/// names what must be written.
class History {
public:
    /// `keyring` outlives it; a payment to a watched key marks it used. `maturity`: blocks on top of a
    /// coinbase before it can be spent.
    History(Keyring& keyring, uint32_t maturity) : keyring_{keyring}, maturity_{maturity} {}

    /// As they were written, in any order, before anything else is called. What was in the mempool then is
    /// not known to be there now.
    void load(std::map<Hash256, Entry> entries);

    /// Takes in the transactions of a block: those that pay or spend the wallet, and those that make a known
    /// one impossible.
    void connect(const std::vector<Transaction>& transactions, const BlockRef& block, int64_t time_s);
    /// The block is no more. Its coinbase's descendants cannot be valid in another one: they are abandoned.
    void disconnect(const Hash256& block_hash);
    /// The same for every block above `height`; without a height, for every block.
    void disconnect_above(std::optional<uint32_t> height);

    void add_to_mempool(const Transaction& tx, int64_t time_s);
    void remove_from_mempool(const Hash256& txid);
    /// A new transaction of the wallet's own, not in the mempool yet.
    void add_own(const Transaction& tx, int64_t time_s);
    std::optional<Error> abandon(const Hash256& txid);

    std::optional<WalletTx> find(const Hash256& txid) const;
    std::vector<WalletTx> all() const;  ///< by order
    std::vector<Transaction> inactive_own() const;
    /// `tip`: height of the chain; nothing: no block is known.
    std::vector<Coin> coins(std::optional<uint32_t> tip) const;
    Balances balances(std::optional<uint32_t> tip) const;

    const Entry& entry(const Hash256& txid) const { return entries_.at(txid); }
    /// Ids of entries that changed since the last call.
    std::set<Hash256> take_changed() { return std::exchange(changed_, {}); }
    bool has_changed() const { return !changed_.empty(); }

private:
    struct Output {
        Amount value = 0;
        crypto::PublicKey key{};
    };
    using TrustMemo = std::map<Hash256, bool>;

    bool is_mine(const Transaction& tx) const;
    /// Sets where a transaction is, taking it in if it is the wallet's.
    void absorb(const Transaction& tx, const Hash256& txid, TxState state, const BlockRef& block,
                int64_t time_s);
    void index(const Hash256& txid, const Entry& entry);
    void set_state(const Hash256& txid, TxState state, const BlockRef& block);
    /// set_state of it and of all unconfirmed transactions that spend it.
    void set_family(const Hash256& txid, TxState state, const BlockRef& block);
    template <class Matches>
    void take_back(const Matches& matches);
    bool has_confirmed_spender(const OutPoint& outpoint) const;
    bool is_spent(const OutPoint& outpoint) const;
    bool is_mature(const Entry& entry, std::optional<uint32_t> tip) const;
    bool is_trusted(const Hash256& txid, std::optional<uint32_t> tip, TrustMemo& memo) const;
    WalletTx describe(const Hash256& txid, const Entry& entry) const;

    Keyring& keyring_;
    uint32_t maturity_;
    uint64_t next_order_ = 0;
    std::map<Hash256, Entry> entries_;
    std::map<OutPoint, Output> outputs_;            ///< of entries_, to the wallet's keys
    std::map<OutPoint, std::set<Hash256>> spends_;  ///< by which of entries_; other people's coins too
    std::set<OutPoint> live_;                       ///< of outputs_, those that no confirmed entry spends
    std::set<Hash256> changed_;
};

}  // namespace daidd::wallet
