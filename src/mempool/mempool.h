#pragma once

#include <functional>
#include <memory>

#include "chain/chain.h"
#include "mempool/limits.h"

namespace daidd::mempool {

using consensus::Amount;
using consensus::Transaction;

/// How a refusal is to be taken.
enum class RejectKind {
    kKnown,          ///< it waits already, or is in the chain
    kMissingInputs,  ///< perhaps its parents have not come yet
    kRefused,        ///< policy, or not valid on this tip: nobody's fault
    kInvalid,        ///< valid on no chain: whoever sent it broke a rule
};
struct Rejection {
    RejectKind kind = RejectKind::kRefused;
    std::string_view token;  ///< a literal, Core's where it has one: "txn-mempool-conflict"
    std::string detail;      ///< for people
};

/// A transaction that waits.
struct Entry {
    std::shared_ptr<const Transaction> tx;
    Hash256 txid{};
    Amount fee = 0;
    size_t weight = 0;
    size_t vsize = 0;
    int64_t time_s = 0;   ///< it came; Unix seconds
    uint32_t height = 0;  ///< of the tip when it came
};

/// Transactions that hang together; the one that was asked about is counted.
struct Family {
    size_t count = 1;
    size_t vsize = 0;
    Amount fees = 0;
};
/// What getmempoolentry shows beside the entry.
struct Relations {
    Family ancestors, descendants;
    std::vector<Hash256> parents, children;  ///< that wait, in the order of their ids
};

struct Totals {
    size_t count = 0;
    size_t bytes = 0;  ///< on the wire, with witnesses: what bytes_max bounds
    size_t vsize = 0;
    Amount fees = 0;
    Amount fee_rate_min = kRelayFeeRate;  ///< units a 1000 virtual bytes; above the relay's while it was full
};

/// Why a transaction does not wait any more.
enum class Removal {
    kBlock,     ///< a block holds it
    kConflict,  ///< a block holds another that spends the same or answers the same job; or its parent went so
    kInvalid,   ///< it does not apply to the new tip: a deadline passed, its inputs went with a block
    kExpired,   ///< it waited too long
    kSizeLimit,
};

/// Called without any lock, in the order of what happened, one at a time; on whichever thread caused it or
/// one that was calling already. May call the mempool; must not throw.
struct Observer {
    std::function<void(const Entry&)> added;
    std::function<void(const Entry&, Removal)> removed;
};

struct Options {
    size_t bytes_max = kPoolBytesMax;
    Amount fee_rate_min = kRelayFeeRate;  ///< units a 1000 virtual bytes
    std::function<int64_t()> now_s;       ///< Unix seconds
};

/// The transactions that wait for a block: each valid in the next one after those it spends from. No two
/// spend the same coin or answer the same job; the first that came stays. Thread safe.
///
/// It hears of blocks as a listener of the chain; whoever makes both registers it. It judges on the snapshot
/// of the last tip_changed(), so that what it holds and what it judges by agree.
class Mempool final : public chain::Listener {
public:
    using TipSource = std::function<std::shared_ptr<const chain::Snapshot>()>;

    /// `params` outlive it; `tip` gives the best chain's view, as Chain::snapshot(). Requires options.now_s.
    Mempool(const consensus::Params& params, TipSource tip, Options options);
    ~Mempool() override;
    Mempool(const Mempool&) = delete;
    Mempool& operator=(const Mempool&) = delete;

    /// Before other threads use it; stays for its life.
    void observe(Observer observer);

    /// Checks and keeps. In this order: context-free rules, "coinbase", "tx-size", "txn-already-in-mempool",
    /// "txn-already-known", "non-final", "txn-mempool-conflict", "too-long-mempool-chain", the ledger's
    /// rules, fees, signatures; "mempool full" if it would be the first to go.
    Result<Entry, Rejection> accept(const Transaction& tx);
    /// The same verdict, keeping nothing; does not foresee "mempool full".
    Result<Entry, Rejection> check(const Transaction& tx) const;

    bool contains(const Hash256& txid) const;
    std::optional<Entry> find(const Hash256& txid) const;
    std::optional<Relations> relations(const Hash256& txid) const;
    /// Those a transaction hangs on and those that hang on it, itself not among them; parents first.
    std::vector<Entry> ancestors(const Hash256& txid) const;
    std::vector<Entry> descendants(const Hash256& txid) const;
    /// Parents before children.
    std::vector<Entry> list() const;
    /// Ids of all, in the order of list().
    std::vector<Hash256> txids() const;
    std::optional<Hash256> spender_of(const consensus::OutPoint& outpoint) const;
    /// The transaction that holds a receipt of this job.
    std::optional<Hash256> receipt_of(const Hash256& job) const;
    bool has_receipt(const Hash256& job) const { return receipt_of(job).has_value(); }
    bool empty() const { return totals().count == 0; }
    size_t size() const { return totals().count; }
    Totals totals() const;

    /// The coins as they are when all that waits has been in the next block; records of jobs and receipts are
    /// the chain's. Later changes do not show.
    std::shared_ptr<const ledger::StateView> coins() const;

    /// What a block on the present tip may hold besides its coinbase, of the best fee rate with ancestors
    /// counted: parents first, each applied after those before it, what fails left out.
    std::vector<Transaction> select(size_t weight_max, size_t commands_bytes_max) const;

    void block_connected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo& info) override;
    void tip_changed(const chain::HeaderInfo& tip) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace daidd::mempool
