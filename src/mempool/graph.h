#pragma once

#include <map>
#include <set>

#include "mempool/mempool.h"
#include "mempool/rate.h"

namespace daidd::mempool {

/// What a transaction is known by besides its ids.
struct Facts {
    size_t bytes = 0;
    size_t commands_bytes = 0;
    std::vector<Hash256> jobs;  ///< that its receipts answer
};
/// Requires check_transaction() passed.
Facts facts_of(const Transaction& tx);

struct Node {
    Entry entry;
    Facts facts;
    uint64_t sequence = 0;  ///< in the order they came: a parent's is below its children's
    std::set<Hash256> parents, children;
    Family descendants;  ///< itself counted

    /// What removing it loses; a child that pays well keeps its parent.
    Rate score() const {
        const Rate own{entry.fee, entry.vsize};
        return std::max(own, Rate{descendants.fees, descendants.vsize});
    }
};

/// The waiting transactions and how they hang together. Judges nothing.
class Graph {
public:
    const Node* find(const Hash256& txid) const;
    std::optional<Hash256> spender_of(const consensus::OutPoint& outpoint) const;
    std::optional<Hash256> receipt_of(const Hash256& job) const;
    size_t size() const { return nodes_.size(); }
    Totals totals() const { return totals_; }

    /// In the order they came, as long as the graph is not changed.
    std::vector<const Node*> ordered() const;
    std::vector<Hash256> txids() const;
    /// What the transaction itself hangs on (it need not be here), or what hangs on it; parents first.
    std::vector<const Node*> ancestors_of(const Transaction& tx) const;
    std::vector<const Node*> descendants_of(const Hash256& txid) const;
    /// What a limit says against adding a transaction of this size that hangs on these.
    std::optional<std::string> too_long(size_t vsize, const std::vector<const Node*>& ancestors) const;

    /// Requires: not here, no input or job of it is taken, its children are not here.
    void add(Entry entry, Facts facts);
    /// With all that hangs on it; they are returned, children first.
    std::vector<Entry> remove(const Hash256& txid);
    /// Whose going loses least. Requires size() > 0.
    const Node& worst() const;
    /// Who waits longest. Requires size() > 0.
    const Node& oldest() const;

private:
    struct Score {
        Rate rate;
        uint64_t sequence = 0;
        Hash256 txid{};
        /// Of equals the one that came last goes first.
        bool operator<(const Score& other) const {
            if (rate != other.rate) return rate < other.rate;
            return sequence > other.sequence;
        }
    };
    static Score score_of(const Node& node) { return {node.score(), node.sequence, node.entry.txid}; }

    Node& at(const Hash256& txid) { return nodes_.at(txid); }
    /// Everything reached over the given side, each once, by sequence.
    std::vector<const Node*> reach(const std::set<Hash256>& from, std::set<Hash256> Node::*side) const;
    void remove_leaf(const Hash256& txid);

    std::map<Hash256, Node> nodes_;
    std::map<uint64_t, Hash256> order_;
    std::map<consensus::OutPoint, Hash256> spenders_;
    std::map<Hash256, Hash256> receipts_;
    std::set<Score> scores_;
    std::set<std::pair<int64_t, uint64_t>> ages_;  ///< entry.time_s and sequence
    Totals totals_;
    uint64_t next_sequence_ = 0;
};

}  // namespace daidd::mempool
