#pragma once

#include <optional>
#include <vector>

#include "util/bytes.h"

namespace daidd::crypto {

/// The protocol's binary tree: node = H("node"; left ‖ right), an odd node moves up unchanged, and a path
/// has no entry where that happens. (Bitcoin's transaction tree, which repeats the odd node, is in
/// consensus/.)
class MerkleTree {
public:
    /// Requires at least one leaf.
    explicit MerkleTree(std::vector<Hash256> leaves);

    const Hash256& root() const { return levels_.back()[0]; }
    const std::vector<Hash256>& leaves() const { return levels_[0]; }
    /// The siblings from the leaf up. Requires index < leaves().size().
    std::vector<Hash256> path(size_t index) const;

private:
    std::vector<std::vector<Hash256>> levels_;
};

Hash256 merkle_root(std::vector<Hash256> leaves);

/// The root over leaf `index` of `count`. The shape is known, so exactly one length of path is accepted:
/// nothing if `index` is not below `count` or the path is shorter or longer.
std::optional<Hash256> climb(const Hash256& leaf, uint64_t index, uint64_t count,
                             const std::vector<Hash256>& path);

}  // namespace daidd::crypto
