#pragma once

#include <functional>
#include <memory>

#include "ledger/connect.h"
#include "ledger/overlay.h"
#include "store/database.h"
#include "work/check.h"

namespace daidd::chain {

/// Why a block or header was not taken.
struct Rejection {
    std::string token;  ///< Core's reject token or a seal's step: "bad-txnmrklroot", "seal: ticket bound"
    std::string detail;
    bool peer_fault = true;  ///< whoever sent it broke a rule (false: unknown parent, time too new)
    /// Only what came beside the block is wrong: it is forgotten, not marked, and another copy may pass.
    bool copy_only = false;
};

enum class SubmitStatus {
    kConnected,  ///< it is the tip, or an ancestor of it
    kStored,     ///< credited, but its chain has less work
    kDuplicate,
    kRejected,
};
struct SubmitResult {
    SubmitStatus status = SubmitStatus::kRejected;
    std::optional<Rejection> rejection;
};

/// A header the node knows.
struct HeaderInfo {
    consensus::BlockHeader header;
    Hash256 hash{};
    uint32_t height = 0;
    consensus::Uint256 work;  ///< credited, of the whole chain up to here
    Hash256 beacon{};
    uint32_t median_time_past = 0;
    bool have_block = false;  ///< body, seal and witness are stored: its work is credited
    bool failed = false;      ///< it or an ancestor broke a rule
};

/// An immutable view of the best chain at one moment. Cheap; any thread; never waits for validation.
class Snapshot : public ledger::StateView {
public:
    virtual const HeaderInfo& tip() const = 0;
    virtual std::optional<HeaderInfo> find_header(const Hash256& hash) const = 0;
    /// Of the best chain.
    virtual std::optional<HeaderInfo> header_at(uint32_t height) const = 0;
    bool in_best_chain(const Hash256& hash) const;
    virtual std::optional<work::SealedBlock> read_block(const Hash256& hash) const = 0;
    /// Of a block whose body is stored, without reading it; nothing for the genesis block, which has no seal.
    virtual std::optional<work::SealedHeader> read_sealed_header(const Hash256& hash) const = 0;
    /// Every chain end: tips of all branches, best first.
    virtual std::vector<HeaderInfo> tips() const = 0;
    /// Block that a transaction of the best chain is in.
    virtual std::optional<Hash256> find_transaction_block(const Hash256& txid) const = 0;
    /// Jobs and receipts of the best chain, newest first, at most `count`.
    virtual std::vector<Hash256> recent_jobs(size_t count) const = 0;
    virtual std::vector<Hash256> recent_receipts(size_t count) const = 0;
    /// Jobs still open, oldest first.
    virtual std::vector<Hash256> open_jobs() const = 0;
    /// Every coin of the best chain in the order of its outpoint's key; false stops. `visit` must not ask
    /// this snapshot: it reads for one caller at a time.
    virtual void for_each_coin(
        const std::function<bool(const consensus::OutPoint&, const ledger::Coin&)>& visit) const = 0;
};

/// Hears of the best chain, in order, on the thread that writes it. Must not call back into Chain but for
/// snapshot().
class Listener {
public:
    virtual ~Listener() = default;
    virtual void block_connected(const work::SealedBlock& block, const HeaderInfo& info) = 0;
    virtual void block_disconnected(const work::SealedBlock& block, const HeaderInfo& info) = 0;
    virtual void tip_changed(const HeaderInfo& /*tip*/) {}
};

/// What a miner works on: everything that depends on the parent.
struct WorkTemplate {
    work::SealContext context;  ///< miner and seal_root are the miner's to fill
    uint32_t bits = 0;
    uint32_t time_min = 0;          ///< the least header time
    std::vector<work::Pool> pools;  ///< beside context.beacons
};

/// Which blocks we keep. The only door for everyone's blocks is submit().
class Chain {
public:
    /// Opens or creates the chain of `params` in `database`, replaying nothing. Throws store::Error when the
    /// disk fails; an error text when the database belongs to another chain.
    static Result<std::unique_ptr<Chain>, std::string> open(store::Database& database,
                                                            const consensus::Params& params);
    virtual ~Chain() = default;

    /// The tables a database must have been opened with, in this order.
    static std::vector<std::string> tables();

    virtual const consensus::Params& params() const = 0;
    virtual std::shared_ptr<const Snapshot> snapshot() const = 0;

    /// Checks in the order of protocol §4, stores, credits, and connects if its chain has the most work.
    /// `now_s`: Unix seconds. One call at a time runs; others wait.
    virtual SubmitResult submit(const work::SealedBlock& block, int64_t now_s) = 0;
    /// Takes headers without crediting work: so a peer's chain can be asked for in order.
    virtual std::optional<Rejection> accept_header(const work::SealedHeader& header, int64_t now_s) = 0;

    virtual WorkTemplate work_template() const = 0;
    /// The unsigned block on the parent of `context` that holds `transactions` (already chosen, in order;
    /// each must apply; of those at the end that no longer fit none is taken) with its coinbase; nothing if
    /// the tip has moved. seal_root of `seal` goes in.
    virtual Result<consensus::Block, Rejection> make_block(
        const work::SealContext& context, const work::Seal& seal,
        const std::vector<consensus::Transaction>& transactions, int64_t now_s) const = 0;

    /// By hand, as Core's RPCs do.
    virtual bool invalidate(const Hash256& hash) = 0;
    virtual bool reconsider(const Hash256& hash) = 0;

    virtual void add_listener(Listener* listener) = 0;
    virtual void remove_listener(Listener* listener) = 0;
};

using ledger::Overlay;

/// What the next block on the snapshot's tip is connected under: what the mempool checks transactions for.
/// The snapshot must outlive it.
ledger::BlockContext next_context(const Snapshot& snapshot);

}  // namespace daidd::chain
