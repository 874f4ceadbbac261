#include "crypto/merkle.h"

#include "crypto/hash.h"
#include "crypto/vectors.h"

namespace daidd::crypto {
namespace {

std::vector<Hash256> leaves_of(size_t count) {
    std::vector<Hash256> leaves;
    for (size_t i = 0; i < count; ++i) {
        const uint8_t byte = uint8_t(i);
        leaves.push_back(hash("leaf", {{&byte, 1}}));
    }
    return leaves;
}

TEST(Merkle, ReferenceVectors) {
    const auto roots = read_list("poui.json", "merkle");
    for (const auto& [count, root] : roots.items()) {
        const auto leaves = leaves_of(std::stoul(count));
        EXPECT_EQ(to_hex(merkle_root(leaves)), root);
        EXPECT_EQ(to_hex(MerkleTree{leaves}.root()), root);
    }
}

TEST(Merkle, EveryPathClimbsToTheRoot) {
    for (size_t count = 1; count <= 40; ++count) {
        const MerkleTree tree{leaves_of(count)};
        EXPECT_EQ(tree.root(), merkle_root(leaves_of(count)));
        for (size_t i = 0; i < count; ++i) {
            EXPECT_EQ(climb(tree.leaves()[i], i, count, tree.path(i)), tree.root()) << i << " of " << count;
        }
    }
}

TEST(Merkle, OneLengthOfPathIsAccepted) {
    for (size_t count = 1; count <= 20; ++count) {
        const MerkleTree tree{leaves_of(count)};
        for (size_t i = 0; i < count; ++i) {
            auto path = tree.path(i);
            EXPECT_FALSE(climb(tree.leaves()[i], count, count, path));
            path.push_back(kZeroHash);
            EXPECT_FALSE(climb(tree.leaves()[i], i, count, path)) << i << " of " << count;
            path.pop_back();
            if (path.empty()) continue;
            path[0][0] ^= 1;
            EXPECT_NE(climb(tree.leaves()[i], i, count, path), tree.root()) << i << " of " << count;
            path.pop_back();
            EXPECT_FALSE(climb(tree.leaves()[i], i, count, path)) << i << " of " << count;
        }
    }
    EXPECT_FALSE(climb(kZeroHash, 0, 0, {}));
}

TEST(Merkle, TheLargestCountEnds) {
    EXPECT_FALSE(climb(kZeroHash, UINT64_MAX - 1, UINT64_MAX, {}));
    EXPECT_TRUE(climb(kZeroHash, 0, UINT64_MAX, std::vector<Hash256>(64)));
    EXPECT_FALSE(climb(kZeroHash, 0, UINT64_MAX, std::vector<Hash256>(63)));
}

}  // namespace
}  // namespace daidd::crypto
