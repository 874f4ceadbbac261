#include "crypto/merkle.h"

#include <cassert>

#include "crypto/hash.h"

namespace daidd::crypto {
namespace {

constexpr std::string_view kNodeTag = "node";

std::vector<Hash256> level_above(const std::vector<Hash256>& level) {
    // Two neighbours lie side by side in memory, so a level is a list of rows to hash.
    const size_t pairs = level.size() / 2;
    std::vector<Hash256> above(pairs);
    const ByteView rows{reinterpret_cast<const uint8_t*>(level.data()), pairs * 2 * sizeof(Hash256)};
    hash_rows(kNodeTag, nullptr, rows, 2 * sizeof(Hash256), above);
    if (level.size() % 2 == 1) above.push_back(level.back());
    return above;
}

}  // namespace

MerkleTree::MerkleTree(std::vector<Hash256> leaves) {
    assert(!leaves.empty());
    levels_.push_back(std::move(leaves));
    while (levels_.back().size() > 1) levels_.push_back(level_above(levels_.back()));
}

std::vector<Hash256> MerkleTree::path(size_t index) const {
    assert(index < leaves().size());
    std::vector<Hash256> siblings;
    for (size_t depth = 0; depth + 1 < levels_.size(); ++depth, index /= 2) {
        const std::vector<Hash256>& level = levels_[depth];
        if ((index ^ 1) < level.size()) siblings.push_back(level[index ^ 1]);
    }
    return siblings;
}

Hash256 merkle_root(std::vector<Hash256> leaves) {
    assert(!leaves.empty());
    while (leaves.size() > 1) leaves = level_above(leaves);
    return leaves[0];
}

std::optional<Hash256> climb(const Hash256& leaf, uint64_t index, uint64_t count,
                             const std::vector<Hash256>& path) {
    if (index >= count) return std::nullopt;
    Hash256 node = leaf;
    size_t used = 0;
    for (; count > 1; index /= 2, count = count / 2 + count % 2) {
        if ((index ^ 1) >= count) continue;
        if (used == path.size()) return std::nullopt;
        const Hash256& sibling = path[used++];
        node = index % 2 == 1 ? hash(kNodeTag, {sibling, node}) : hash(kNodeTag, {node, sibling});
    }
    if (used != path.size()) return std::nullopt;
    return node;
}

}  // namespace daidd::crypto
