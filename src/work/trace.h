#pragma once

#include "crypto/merkle.h"
#include "util/bytes.h"

namespace daidd::work {

/// Tokens of a trace group, and rows of a tile.
inline constexpr size_t kGroupRows = 16;

/// Hash of every token's row of one trace tensor, keyed with the unit: H[unit]("leaf"; row); where a token
/// has one row a head, the Merkle root of the heads' leaves. Requires rows.size() to be a multiple of
/// rows_per_token * row_bytes, both > 0.
std::vector<Hash256> token_leaves(const Hash256& unit, ByteView rows, size_t rows_per_token,
                                  size_t row_bytes);

/// Merkle roots over 16 leaves each; the last group may be shorter.
std::vector<Hash256> group_roots(const std::vector<Hash256>& leaves);

/// What a unit commits to, and opens when a ticket wins: for every trace tensor the tree over its groups.
class Trace {
public:
    /// One tensor after the other, in the order of the plan: the group_roots() of its tokens' leaves.
    void add_tensor(std::vector<Hash256> roots);

    const std::vector<Hash256>& op_roots() const { return op_roots_; }
    /// Requires at least one tensor.
    Hash256 root() const { return crypto::merkle_root(op_roots_); }
    const Hash256& group_root(size_t tensor, size_t group) const { return trees_[tensor].leaves()[group]; }
    std::vector<Hash256> group_path(size_t tensor, size_t group) const { return trees_[tensor].path(group); }

private:
    std::vector<crypto::MerkleTree> trees_;
    std::vector<Hash256> op_roots_;
};

}  // namespace daidd::work
