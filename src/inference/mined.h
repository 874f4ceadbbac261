#pragma once

#include "inference/kernels.h"
#include "inference/noised.h"
#include "inference/parallel.h"

namespace daidd::inference {

/// One slice of one mined operand.
struct MinedSlice {
    uint16_t operand = 0;  ///< in Plan::operands
    uint8_t index = 0;     ///< of the slice
    Slice slice;
    uint32_t step = 0;  ///< r
};

/// What draws tickets from a pass while it runs (protocol §4). Rows of codes come in groups of 16.
class TicketDrawer {
public:
    virtual ~TicketDrawer() = default;
    /// E of every group, 16 rows of r numbers in [64, 191] each; empty draws nothing from this slice. Called
    /// once a slice, after the operand's rows went to the trace; `parallel` is idle meanwhile.
    virtual std::vector<uint8_t> noise(const MinedSlice& slice, Parallel& parallel) = 0;
    /// The words of one tile for consecutive groups, k/r each. Called from several threads at once, in no
    /// order; `part` < threads tells them apart.
    virtual void draw(const MinedSlice& slice, uint32_t tile, uint32_t first_group,
                      std::span<const uint32_t> words, unsigned part) = 0;
};

/// The linear that is mined; `packed` is null for the scalar backend.
struct MinedLinear {
    const Linear& linear;
    const PackedLinear* packed;
    uint16_t first_operand = 0;
    uint32_t fx = 0;
};

/// A linear whose operands, one a plane of `codes` from `first_operand` on, are drawn: the folds of every
/// tile go to the drawer, and y (rows × n) becomes what Kernels::linear makes of the clean codes. Where the
/// backend can, the clean sums are peeled from the noised ones: A·W = T − E·X, X[j] the sum of the columns of
/// W that noise column j was added to. Null `y`: folds only. Requires codes.rows to be a multiple of 16 and a
/// Scratch for each of the threads.
void mined_linear(const MinedLinear& mined, Backend backend, const CodeRows& codes, TicketDrawer& drawer,
                  Parallel& parallel, std::vector<Scratch>& scratch, int32_t* y);

}  // namespace daidd::inference
