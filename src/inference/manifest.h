#pragma once

#include "crypto/merkle.h"
#include "inference/model.h"

namespace daidd::inference {

/// What the chain spec carries of a model, so that a node without it knows every shape (protocol §2).
struct Manifest {
    struct Shape {
        uint32_t k = 0, n = 0;
        bool operator==(const Shape&) const = default;
    };

    uint32_t unit_tokens = 0;  ///< P
    uint32_t vocabulary = 0;
    uint16_t tensors = 0;
    std::vector<Shape> linears;
    std::vector<Operand> operands;
    /// Commits all that is not an int8 weight (constants_root below), so that the model root names the whole
    /// model. Absent only in the toy of the protocol's reference program.
    std::optional<Hash256> constants;

    /// P u32, vocabulary u32, counts of tensors, linears, operands u16 each, (k u32, n u32) a linear, (tensor
    /// u16, linear u16, plane u8) an operand; then, where there is one, the 32 bytes of the constants root.
    Bytes bytes() const;
    static Result<Manifest, DecodeError> parse(ByteView bytes);
    bool operator==(const Manifest&) const = default;
};

/// All but the constants root.
Manifest make_manifest(const Model& model, uint32_t unit_tokens);
/// H("manifest"; bytes), the first leaf under the model root.
Hash256 manifest_leaf(const Manifest& manifest);

/// Columns of one slice of a weight row: tickets and weight leaves are cut there (protocol §4).
inline constexpr uint32_t kSliceColumns = 4096;
inline constexpr uint32_t kGroupRows = 16;

/// w of one matrix: Merkle over slices of (Merkle over groups of 16 rows of (Merkle of H("wleaf"; int8 row
/// slice))). Keeps the inner nodes down to the groups.
class WeightTree {
public:
    /// Requires weights.size() == n · k, n and k > 0.
    WeightTree(std::span<const int8_t> weights, uint32_t n, uint32_t k, unsigned threads = 1);

    const Hash256& root() const { return slices_.root(); }
    std::vector<Hash256> group_path(uint32_t slice, uint32_t group) const {
        return groups_[slice].path(group);
    }
    std::vector<Hash256> slice_path(uint32_t slice) const { return slices_.path(slice); }

private:
    std::vector<crypto::MerkleTree> groups_;  // one a slice
    crypto::MerkleTree slices_;
};

/// Merkle over H("const"; dimensions, fx, epsilon, rope constants, graph) · H("const"; literal tables) · the
/// embedding (Merkle over H("emb"; int16 codes ‖ mw u16 ‖ ew u8), one a token) · for each linear Merkle over
/// its rows' H("scale"; mw u16 ‖ ew u8 ‖ bias i32 if it has one) · for each norm H("gain"; ge i32 ‖ gq i32
/// …).
Hash256 constants_root(const Model& model);

/// The commitment of a whole model: hashes every weight once, so keep it.
class ModelTree {
public:
    ModelTree(const Model& model, uint32_t unit_tokens, unsigned threads = 1);

    const Manifest& manifest() const { return manifest_; }
    /// Merkle(H("manifest"; bytes), w_0, w_1, …): the model's name on the chain.
    const Hash256& root() const { return tree_.root(); }

    /// From the Merkle root of a group's 16 leaves up: over groups, over slices, over the model's parts.
    struct WeightPaths {
        std::vector<Hash256> group, slice, model;
    };
    WeightPaths paths(uint16_t linear, uint32_t slice, uint32_t group) const;

private:
    Manifest manifest_;
    std::vector<WeightTree> weights_;
    crypto::MerkleTree tree_;
};

}  // namespace daidd::inference
