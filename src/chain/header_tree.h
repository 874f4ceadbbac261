#pragma once

#include <map>
#include <memory>
#include <set>
#include <shared_mutex>

#include "chain/chain.h"

namespace daidd::chain {

/// A header and its place. The first part never changes once made, so any thread may follow parents and read
/// it; the second is guarded by the tree's mutex and changed by the writer alone.
struct Node {
    consensus::BlockHeader header;
    Hash256 hash{};
    Hash256 beacon{};
    uint32_t height = 0;
    uint32_t median_time_past = 0;
    consensus::Uint256 own_work;
    const Node* parent = nullptr;
    const Node* skip = nullptr;  ///< a far ancestor, so that ancestor() takes O(log height) steps

    std::vector<Node*> children;
    consensus::Uint256 work;  ///< of the blocks that are stored, up to here
    uint64_t sequence = 0;    ///< of its becoming complete: first seen wins a tie
    bool have_block = false;
    bool complete = false;  ///< it and every ancestor have their block
    bool broken = false;    ///< it breaks a rule, or was invalidated by hand
    bool failed = false;    ///< it or an ancestor is broken
};

/// Best first: more work, then seen earlier.
struct Better {
    bool operator()(const Node* a, const Node* b) const {
        if (a->work != b->work) return a->work > b->work;
        if (a->sequence != b->sequence) return a->sequence < b->sequence;
        return a->hash < b->hash;
    }
};

/// Headers at most that are known without their block; beyond it all of them go.
inline constexpr size_t kUncreditedMax = 50'000;

/// Every header the node knows. Readers take the mutex shared for a moment; one writer at a time (Chain's).
class HeaderTree {
public:
    /// Starts the tree. Its block is always there.
    Node* add_genesis(const consensus::BlockHeader& header);
    /// Requires that the hash is new.
    Node* add(const consensus::BlockHeader& header, const Hash256& hash, const Hash256& beacon,
              const Node& parent);

    Node* find(const Hash256& hash);
    std::optional<HeaderInfo> find_info(const Hash256& hash) const;
    HeaderInfo info(const Node& node) const;
    /// Ends of all branches, and `best`, best first.
    std::vector<HeaderInfo> tips(const Node& best) const;

    /// The block came or went: work and completeness of the subtree follow. Returns the nodes of it that are
    /// complete and not failed, parents first.
    std::vector<const Node*> set_have_block(Node& node, bool have);
    /// Returns every node of the subtree whose own flag changed; `broken` = false clears descendants too.
    std::vector<const Node*> set_broken(Node& node, bool broken);
    /// The node and all below it, parents first.
    std::vector<const Node*> subtree(const Node& node) const;
    std::vector<const Node*> complete_nodes() const;

    /// Forgets headers without a block below them, when there are more than kUncreditedMax.
    void limit_uncredited();
    size_t uncredited() const { return uncredited_; }

    /// The next in order of arrival. Loading sets the best chain's to 0: a restart does not change a tie.
    void set_sequence(Node& node, uint64_t sequence) { node.sequence = sequence; }

private:
    Node* place(Node node);
    void refresh(Node& node);
    static HeaderInfo make_info(const Node& node);

    mutable std::shared_mutex mutex_;
    /// Ordered: a header's hash costs no work, so whoever sends them could aim at one bucket of a hash table.
    std::map<Hash256, std::unique_ptr<Node>> nodes_;
    std::set<const Node*> leaves_;
    uint64_t next_sequence_ = 1;
    size_t uncredited_ = 0;
};

/// Requires height <= node.height.
const Node& ancestor(const Node& node, uint32_t height);
const Node& common_ancestor(const Node& a, const Node& b);

}  // namespace daidd::chain
