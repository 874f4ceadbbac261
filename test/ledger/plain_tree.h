#pragma once

#include <map>

#include "ledger/state_tree.h"

namespace daidd::ledger::test {

/// Every leaf of a tree, by its key.
using Leaves = std::map<Hash256, Hash256>;

/// The root by its definition, from the whole set at once.
inline Hash256 plain_root(Leaves::const_iterator first, Leaves::const_iterator last, unsigned depth = 0) {
    if (first == last) return kZeroHash;
    if (std::next(first) == last) return first->second;
    auto right = first;
    while (right != last && !tree_bit(right->first, depth)) ++right;
    return tree_node(plain_root(first, right, depth + 1), plain_root(right, last, depth + 1));
}
inline Hash256 plain_root(const Leaves& leaves) { return plain_root(leaves.begin(), leaves.end()); }

}  // namespace daidd::ledger::test
