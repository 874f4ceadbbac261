#pragma once

#include "consensus/check.h"
#include "work/unit.h"

namespace daidd::work {

/// Proof that a block's weight was worked for: one winning tile of a unit (protocol §4). Fixed size.
struct Seal {
    Hash256 model{};
    crypto::PublicKey miner{};
    uint16_t lane = 0;
    uint16_t seq = 0;
    Hash256 previous{};
    uint8_t kind = 0;  ///< Kind of the content
    Hash256 tokens_root{};
    uint16_t op = 0;
    uint8_t slice = 0;
    uint32_t group = 0;
    uint16_t tile = 0;
    Hash256 group_root{};
    Hash256 trace_root{};
    Hash256 ticket{};

    bool operator==(const Seal&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.model, self.miner, self.lane, self.seq, self.previous, self.kind, self.tokens_root,
              self.op, self.slice, self.group, self.tile, self.group_root, self.trace_root, self.ticket);
    }
};

Hash256 seal_root(const Seal& seal);

// Bounds of the wire. Units have at most 2^15 tokens; a path over 2^32 leaves has at most 32 entries.
inline constexpr size_t kUnitTokensMax = 1 << 15;
inline constexpr size_t kTensorsMax = 1 << 14;
inline constexpr size_t kRowBytesMax = 32'768 + 7;
inline constexpr size_t kPathMax = 32;
inline constexpr size_t kLeavesMax = kUnitTokensMax / 256 + 1;
inline constexpr size_t kReceiptTokensMax = consensus::kPromptTokensMax + consensus::kAnswerTokensMax;

using Path = std::vector<Hash256>;

/// One Merkle path in a list of them (a field list cannot hold a list of lists).
struct PathField {
    Path nodes;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.nodes, kPathMax));
    }
};
/// Whole corpus leaf: 256 tokens, the last of a corpus may be short.
struct CorpusLeaf {
    std::vector<uint32_t> tokens;
    Path path;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.tokens, 256), bounded(self.path, kPathMax));
    }
};
struct RowField {
    Bytes bytes;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.bytes, kRowBytesMax));
    }
};

/// Shows that tokens are what was drawn: the receipt's prompt ‖ answer (empty for corpus), and the corpus
/// leaves that hold the window, or what a short receipt is padded with.
struct ContentSource {
    std::vector<uint32_t> receipt;
    std::vector<CorpusLeaf> leaves;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.receipt, kReceiptTokensMax), bounded(self.leaves, kLeavesMax));
    }
};

/// A unit before the sealed one, opened so that its content can be checked and its fraud proven.
struct PreviousUnit {
    UnitPreimage preimage;
    std::vector<uint32_t> tokens;
    ContentSource source;
    std::vector<Hash256> op_roots;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.preimage, bounded(self.tokens, kUnitTokensMax), self.source,
              bounded(self.op_roots, kTensorsMax));
    }
};

struct SealWitness {
    std::vector<RowField> rows;  ///< 16 operand code rows, whole
    Path row_path;               ///< of the group to its op_root
    std::vector<Hash256> op_roots;
    std::vector<RowField> weights;        ///< 16 weight rows, cut to the slice
    std::vector<PathField> weight_paths;  ///< group → slice, slice → linear, linear → model root
    std::vector<uint32_t> tokens;
    ContentSource source;
    std::vector<PreviousUnit> previous;  ///< nearest first; two, or one at seq 1
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.rows, 16), bounded(self.row_path, kPathMax), bounded(self.op_roots, kTensorsMax),
              bounded(self.weights, 16), bounded(self.weight_paths, 3), bounded(self.tokens, kUnitTokensMax),
              self.source, bounded(self.previous, 2));
    }
};

/// A header as it travels: everything its proof of work hangs on, without the witness.
struct SealedHeader {
    consensus::BlockHeader header;
    consensus::Transaction coinbase;
    Path coinbase_path;
    Seal seal;
    crypto::Signature signature{};
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.header, self.coinbase, bounded(self.coinbase_path, kPathMax), self.seal, self.signature);
    }
};

/// A block with what lies beside it. The genesis block alone has no seal.
struct SealedBlock {
    consensus::Block block;
    Seal seal;
    crypto::Signature signature{};
    SealWitness witness;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.block, self.seal, self.signature, self.witness);
    }
};
SealedHeader sealed_header(const SealedBlock& block);

/// BIP340 message of the miner's signature: tagged hash "dai/header" over the header hash.
Hash256 header_message(const consensus::BlockHeader& header);

}  // namespace daidd::work
