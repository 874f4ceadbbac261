#pragma once

#include <cstdint>
#include <vector>

#include "util/codec.h"

namespace daidd::inference {

/// What one operation does to every row (token). Never renumber: the numbers are in model files.
enum class OpKind : uint8_t {
    kEmbedding = 0,  ///< token id → int32 row of `dim`
    kNormQuant = 1,  ///< int32 row → codes of its RMS norm, gain `norm`, in `planes` planes
    kQuant = 2,      ///< int32 row → codes in `planes` planes
    kLinear = 3,     ///< codes of width k → int32 row of width n
    kRopeQuant = 4,  ///< int32 row q ‖ k ‖ v → codes per head: q and k rotated to the position, v as it is
    kAttention = 5,  ///< head codes q, and those of k and v up to the position → int32 row
    kAdd = 6,        ///< two int32 rows of one width → their saturated sum
    kSwiglu = 7,     ///< int32 row gate ‖ up → int32 row of half the width
    kHead = 8,       ///< codes → one int32 logit a vocabulary entry; the last operation
    kNorm = 9,       ///< int32 row → int32 row: its RMS norm times the gain `norm`
    kHeadNorm = 10,  ///< int32 row q ‖ k ‖ v → the same with the RMS norm of every head of q and k; gain
                     ///< `norm`: head_dim numbers for q, then as many for k
    kGeglu = 11,           ///< int32 row gate ‖ up → int32 row of half the width
    kLocalRopeQuant = 12,  ///< kRopeQuant with the rotary constants `local_rope`
    kLocalAttention = 13,  ///< kAttention over the last `window` positions
    kPosition = 14,        ///< int32 row → that plus the row of table `linear` at the position
    kLayerNorm = 15,      ///< int32 row → its layer norm; `norm`: a gain an element, then a bias an element
    kFullAttention = 16,  ///< kAttention over all positions of the text, those behind as well
    kGelu = 17,           ///< int32 row → the GELU of every element
    kMeanPool = 18,       ///< rows of all positions → their mean's direction; the last operation
};

/// Whether an operation of this number exists.
inline constexpr bool is_operation(uint8_t kind) { return kind <= uint8_t(OpKind::kMeanPool); }

inline constexpr uint16_t kNoIndex = 0xffff;

/// Most operations a graph may have: 10 a layer for kLayersMax layers, with room.
inline constexpr size_t kOpsMax = 16'384;

/// One operation. Its output is the value with the operation's own index, so inputs are indices of
/// operations before it. Fields that a kind does not use hold kNoIndex or 0.
struct Op {
    uint8_t kind = 0;
    uint16_t a = kNoIndex;
    uint16_t b = kNoIndex;       ///< second input of kAdd
    uint16_t linear = kNoIndex;  ///< of kLinear, kHead and kPosition: index of the weights
    uint16_t norm = kNoIndex;    ///< of kNormQuant and of those that yield a row: index of the norm
    uint8_t planes = 0;          ///< of kNormQuant and kQuant: 1 or 2

    OpKind op() const { return OpKind(kind); }
    bool operator==(const Op&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.kind, self.a, self.b, self.linear, self.norm, self.planes);
    }
};

/// The model as data. Everything that walks a model (forward pass, traces, disputes, training, GPU
/// backends) walks this one list.
struct Graph {
    std::vector<Op> ops;

    /// Whether it ends in an embedding of the whole text instead of logits.
    bool is_encoder() const { return !ops.empty() && ops.back().op() == OpKind::kMeanPool; }
    bool operator==(const Graph&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.ops, kOpsMax));
    }
};

enum class TensorKind : uint8_t {
    kResidual,  ///< int32 row: of the residual stream, or what a norm reads
    kCodes,     ///< one plane of codes and its seven trailing bytes
    kHeads,     ///< one such row for every head
};

inline constexpr size_t kTailBytes = 7;

/// One tensor of the trace (protocol §3). Every operation whose kind makes a residual or codes is traced,
/// in graph order: kEmbedding, kPosition and kAdd 1 tensor, kNormQuant and kQuant one a plane (high before
/// low), kRopeQuant and kLocalRopeQuant 3 (q, k, v). kNorm and kHeadNorm trace the row they read, 1 tensor:
/// an element of their output depends on all of it. What kLayerNorm reads is traced as it is made.
struct TensorInfo {
    TensorKind kind = TensorKind::kResidual;
    uint16_t op = kNoIndex;
    uint8_t part = 0;        ///< plane: 0 high or only, 1 low; of rotary operations: 0 q, 1 k, 2 v
    uint32_t width = 0;      ///< elements a row
    uint32_t rows = 1;       ///< rows a token: the heads of kHeads, else 1
    uint32_t row_bytes = 0;  ///< 4 · width, or width + kTailBytes
};

/// A mined operand: one plane of codes and the weights it is multiplied with.
struct Operand {
    uint16_t tensor = 0;
    uint16_t linear = 0;
    uint8_t plane = 0;  ///< 0 only, 1 high, 2 low

    bool operator==(const Operand&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.tensor, self.linear, self.plane);
    }
};

/// What follows from a valid graph.
struct Plan {
    std::vector<uint32_t> width;   ///< of each operation's output, in elements
    std::vector<uint16_t> tensor;  ///< of each operation: its first trace tensor, or kNoIndex
    std::vector<uint16_t> layer;   ///< of rotary operations and attention: index in the key and value cache
    std::vector<TensorInfo> tensors;
    std::vector<Operand> operands;  ///< in graph order, high before low
};

}  // namespace daidd::inference
