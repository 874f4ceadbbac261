#include "mempool/mempool.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <mutex>

#include "mempool/select.h"

namespace daidd::mempool {
namespace {

struct Event {
    Entry entry;
    std::optional<Removal> removal;  ///< nothing: it was added
};

/// What the blocks since the last tip took.
struct Taken {
    std::set<Hash256> txids;
    std::set<consensus::OutPoint> spent;
    std::set<Hash256> jobs;  ///< that were answered
};

/// Coins with everything that waits applied; all else is the chain's.
class PoolCoins final : public ledger::StateView {
public:
    PoolCoins(std::shared_ptr<const Tip> tip, const Graph& graph, const consensus::Params& params)
        : tip_{std::move(tip)}, state_{*tip_->snapshot} {
        for (const Node* node : graph.ordered()) {
            (void)ledger::apply_transaction(*node->entry.tx, tip_->next, params, state_, false);
        }
    }
    std::optional<Bytes> get(ledger::Table table, ByteView key) const override {
        if (table == ledger::Table::kCoin) return state_.get(table, key);
        return tip_->snapshot->get(table, key);
    }
    void put(ledger::Table, ByteView, Bytes) override {
        assert(false && "a view of the mempool is never written");
    }
    void erase(ledger::Table, ByteView) override {
        assert(false && "a view of the mempool is never written");
    }

private:
    std::shared_ptr<const Tip> tip_;
    ledger::Overlay state_;
};

}  // namespace

struct Mempool::Impl {
    Impl(const consensus::Params& rules, TipSource source, Options chosen)
        : params{rules}, tip_source{std::move(source)}, options{std::move(chosen)} {
        assert(options.now_s);
        tip = std::make_shared<const Tip>(tip_source());
    }

    /// The floor halves with time; it is gone below half of what is relayed anyway.
    Amount floor_at(int64_t now_s) const {
        const int64_t halvings = std::max<int64_t>(0, now_s - floor_s) / kFeeFloorHalvingS;
        const Amount rate = halvings > 62 ? 0 : floor >> halvings;
        return rate < options.fee_rate_min / 2 ? 0 : rate;
    }

    Entry make_entry(const Transaction& tx, const Hash256& txid, Amount fee) const {
        Entry entry;
        entry.tx = std::make_shared<const Transaction>(tx);
        entry.txid = txid;
        entry.fee = fee;
        entry.weight = consensus::weight(tx);
        entry.vsize = consensus::virtual_size(tx);
        entry.time_s = options.now_s();
        entry.height = tip->snapshot->tip().height;
        return entry;
    }

    Result<Entry, Rejection> judge(const Transaction& tx) const {
        if (auto wrong = check_alone(tx, params)) return Fail{*std::move(wrong)};
        const Hash256 txid = consensus::txid(tx);
        const FeeRates rates{options.fee_rate_min, floor_at(options.now_s())};
        const auto fee = check_above(tx, txid, facts_of(tx), graph, *tip, params, rates);
        if (!fee) return Fail{fee.error()};
        return make_entry(tx, txid, *fee);
    }

    void remove(const Hash256& txid, Removal why) {
        for (auto& entry : graph.remove(txid)) events.push_back({std::move(entry), why});
    }

    void expire() {
        const int64_t oldest_s = options.now_s() - kExpiryS;
        while (graph.size() > 0 && graph.oldest().entry.time_s < oldest_s) {
            remove(graph.oldest().entry.txid, Removal::kExpired);
        }
    }

    void shrink() {
        while (graph.totals().bytes > options.bytes_max) {
            const Node& worst = graph.worst();
            const Rate rate = worst.score();
            // Whoever comes now must pay more than what had to go.
            const Amount gone = Amount(uint64_t(rate.fee) * 1000 / rate.vsize);
            floor = std::max(floor_at(options.now_s()), gone + kRelayFeeRate);
            floor_s = options.now_s();
            remove(worst.entry.txid, Removal::kSizeLimit);
        }
    }

    /// Why an entry that waited does not fit the new tip, if it does not. `lost`: those that conflict so far.
    std::optional<Removal> check_again(const Entry& entry, const Taken& blocks, const std::set<Hash256>& lost,
                                       ledger::StateView& state) const {
        if (blocks.txids.contains(entry.txid)) return Removal::kBlock;
        const auto spent = [&](const consensus::TxIn& input) {
            return blocks.spent.contains(input.previous) || lost.contains(input.previous.txid);
        };
        const Facts facts = facts_of(*entry.tx);
        const auto answered = [&](const Hash256& job) { return blocks.jobs.contains(job); };
        const bool conflicts =
            std::ranges::any_of(entry.tx->inputs, spent) || std::ranges::any_of(facts.jobs, answered);
        const auto held = [&](const consensus::TxIn& input) {
            return graph.spender_of(input.previous).has_value();
        };
        const auto held_job = [&](const Hash256& job) { return graph.receipt_of(job).has_value(); };
        if (conflicts || std::ranges::any_of(entry.tx->inputs, held) ||
            std::ranges::any_of(facts.jobs, held_job)) {
            return Removal::kConflict;
        }
        if (!consensus::is_final(*entry.tx, tip->next.height, tip->next.median_time_past))
            return Removal::kInvalid;
        ledger::Overlay trial{state};
        if (!ledger::apply_transaction(*entry.tx, tip->next, params, trial, false)) return Removal::kInvalid;
        trial.flush_into(state);
        return std::nullopt;
    }

    /// Everything is judged anew on the present tip: first what lost blocks gave back, then what waited.
    void rebuild() {
        tip = std::make_shared<const Tip>(tip_source());
        const Graph old = std::exchange(graph, Graph{});
        const Taken was_taken = std::exchange(taken, Taken{});
        ledger::Overlay state{*tip->snapshot};
        for (const auto& tx : std::exchange(returned, {})) {
            if (was_taken.txids.contains(consensus::txid(tx))) continue;
            const auto entry = judge(tx);
            if (!entry || !ledger::apply_transaction(tx, tip->next, params, state, false)) continue;
            graph.add(*entry, facts_of(tx));
            if (old.find(entry->txid) == nullptr) events.push_back({*entry, std::nullopt});
        }
        std::set<Hash256> lost;
        for (const Node* node : old.ordered()) {
            if (graph.find(node->entry.txid) != nullptr) continue;
            if (const auto removal = check_again(node->entry, was_taken, lost, state)) {
                events.push_back({node->entry, *removal});
                if (*removal == Removal::kConflict) lost.insert(node->entry.txid);
            } else {
                graph.add(node->entry, node->facts);
            }
        }
        expire();
        shrink();
    }

    /// Tells what happened, in order, without the lock. Whoever is at it already goes on with ours.
    void deliver() {
        std::unique_lock lock{mutex};
        if (delivering) return;
        delivering = true;
        while (!events.empty()) {
            const Event event = std::move(events.front());
            events.pop_front();
            lock.unlock();
            for (const auto& observer : observers) {
                if (event.removal && observer.removed) observer.removed(event.entry, *event.removal);
                if (!event.removal && observer.added) observer.added(event.entry);
            }
            lock.lock();
        }
        delivering = false;
    }

    const consensus::Params& params;
    const TipSource tip_source;
    const Options options;
    std::vector<Observer> observers;  ///< set before other threads come

    mutable std::mutex mutex;  ///< guards what follows
    std::shared_ptr<const Tip> tip;
    Graph graph;
    Amount floor = 0;
    int64_t floor_s = 0;
    Taken taken;
    std::deque<Transaction> returned;  ///< oldest block first
    std::deque<Event> events;
    bool delivering = false;
};

Mempool::Mempool(const consensus::Params& params, TipSource tip, Options options)
    : impl_{std::make_unique<Impl>(params, std::move(tip), std::move(options))} {}

Mempool::~Mempool() = default;

void Mempool::observe(Observer observer) { impl_->observers.push_back(std::move(observer)); }

Result<Entry, Rejection> Mempool::accept(const Transaction& tx) {
    auto result = [&]() -> Result<Entry, Rejection> {
        const std::lock_guard lock{impl_->mutex};
        auto entry = impl_->judge(tx);
        if (!entry) return entry;
        impl_->graph.add(*entry, facts_of(tx));
        impl_->events.push_back({*entry, std::nullopt});
        impl_->expire();
        impl_->shrink();
        if (impl_->graph.find(entry->txid) == nullptr) {
            return Fail{Rejection{RejectKind::kRefused, "mempool full", {}}};
        }
        return entry;
    }();
    impl_->deliver();
    return result;
}

Result<Entry, Rejection> Mempool::check(const Transaction& tx) const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->judge(tx);
}

bool Mempool::contains(const Hash256& txid) const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->graph.find(txid) != nullptr;
}

std::optional<Entry> Mempool::find(const Hash256& txid) const {
    const std::lock_guard lock{impl_->mutex};
    const Node* node = impl_->graph.find(txid);
    if (node == nullptr) return std::nullopt;
    return node->entry;
}

std::optional<Relations> Mempool::relations(const Hash256& txid) const {
    const std::lock_guard lock{impl_->mutex};
    const Node* node = impl_->graph.find(txid);
    if (node == nullptr) return std::nullopt;
    Relations relations;
    relations.ancestors = {1, node->entry.vsize, node->entry.fee};
    for (const Node* ancestor : impl_->graph.ancestors_of(*node->entry.tx)) {
        auto& family = relations.ancestors;
        family = {family.count + 1, family.vsize + ancestor->entry.vsize, family.fees + ancestor->entry.fee};
    }
    relations.descendants = node->descendants;
    relations.parents.assign(node->parents.begin(), node->parents.end());
    relations.children.assign(node->children.begin(), node->children.end());
    return relations;
}

namespace {

std::vector<Entry> entries_of(const std::vector<const Node*>& nodes) {
    std::vector<Entry> entries;
    entries.reserve(nodes.size());
    for (const Node* node : nodes) entries.push_back(node->entry);
    return entries;
}

}  // namespace

std::vector<Entry> Mempool::ancestors(const Hash256& txid) const {
    const std::lock_guard lock{impl_->mutex};
    const Node* node = impl_->graph.find(txid);
    if (node == nullptr) return {};
    return entries_of(impl_->graph.ancestors_of(*node->entry.tx));
}

std::vector<Entry> Mempool::descendants(const Hash256& txid) const {
    const std::lock_guard lock{impl_->mutex};
    return entries_of(impl_->graph.descendants_of(txid));
}

std::vector<Entry> Mempool::list() const {
    const std::lock_guard lock{impl_->mutex};
    return entries_of(impl_->graph.ordered());
}

std::vector<Hash256> Mempool::txids() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->graph.txids();
}

std::optional<Hash256> Mempool::spender_of(const consensus::OutPoint& outpoint) const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->graph.spender_of(outpoint);
}

std::optional<Hash256> Mempool::receipt_of(const Hash256& job) const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->graph.receipt_of(job);
}

Totals Mempool::totals() const {
    const std::lock_guard lock{impl_->mutex};
    Totals totals = impl_->graph.totals();
    totals.fee_rate_min = std::max(impl_->options.fee_rate_min, impl_->floor_at(impl_->options.now_s()));
    return totals;
}

std::shared_ptr<const ledger::StateView> Mempool::coins() const {
    const std::lock_guard lock{impl_->mutex};
    return std::make_shared<const PoolCoins>(impl_->tip, impl_->graph, impl_->params);
}

std::vector<Transaction> Mempool::select(size_t weight_max, size_t commands_bytes_max) const {
    std::vector<Candidate> candidates;
    std::shared_ptr<const Tip> tip;
    {
        const std::lock_guard lock{impl_->mutex};
        candidates = candidates_of(impl_->graph);
        tip = impl_->tip;
    }
    return select_best(candidates, weight_max, commands_bytes_max, *tip, impl_->params);
}

void Mempool::block_connected(const work::SealedBlock& block, const chain::HeaderInfo&) {
    const std::lock_guard lock{impl_->mutex};
    for (const auto& tx : block.block.transactions) {
        impl_->taken.txids.insert(consensus::txid(tx));
        for (const auto& input : tx.inputs) impl_->taken.spent.insert(input.previous);
        for (const auto& job : facts_of(tx).jobs) impl_->taken.jobs.insert(job);
    }
}

void Mempool::block_disconnected(const work::SealedBlock& block, const chain::HeaderInfo&) {
    const std::lock_guard lock{impl_->mutex};
    // The newest block is lost first, and what it held came last.
    const auto& transactions = block.block.transactions;
    for (size_t i = transactions.size(); i-- > 1;) impl_->returned.push_front(transactions[i]);
    if (impl_->returned.size() > kReturnedMax) impl_->returned.resize(kReturnedMax);
}

void Mempool::tip_changed(const chain::HeaderInfo&) {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->rebuild();
    }
    impl_->deliver();
}

}  // namespace daidd::mempool
