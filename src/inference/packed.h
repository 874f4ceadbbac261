#pragma once

#include <memory>
#include <vector>

#include "inference/model.h"

namespace daidd::inference {

/// Output columns that a fast kernel makes at once.
inline constexpr uint32_t kPackColumns = 16;
/// Depth is padded with zero weights to a multiple of this.
inline constexpr uint32_t kPackDepth = 4;

/// What the sixteen outputs of a block share. Multipliers near each other are brought to one exponent:
/// mw · 2^(most − ew) under `most` says the same. Where all of a matrix are near, they share it.
struct BlockScales {
    int32_t ew_least = 0;  ///< of the block
    int32_t most = 0;      ///< of the block or of the matrix
    int32_t lift = 0;      ///< most − ew_least; kApart: each has its own exponent
    static constexpr int32_t kApart = -1;
};

/// One matrix in the order the fast kernels read it: block of 16 rows, then step of 4 columns, then row,
/// then column. Rows and columns that do not exist are zero.
struct PackedLinear {
    uint32_t n = 0, k = 0;              ///< as in the model
    uint32_t blocks = 0, depth = 0;     ///< 16-row blocks; k rounded up
    std::shared_ptr<int8_t[]> weights;  ///< aligned to 64; matrices of one model share their memory
    std::vector<int32_t> offset;        ///< 64 · Σ row: what codes + 64 add to each sum
    std::vector<int32_t> mw, ew, bias;  ///< blocks · 16 each; ew of padding as of row 0
    std::vector<BlockScales> scales;    ///< a block
    std::vector<int32_t> lifted;        ///< blocks · 16: mw · 2^(most − ew), or mw where they are apart
    int32_t ew_min = 0, ew_max = 0;
    bool narrow = false;  ///< sums of two planes, 128 · high + low, are int32 whatever the codes
    int64_t squares = 0;  ///< the largest Σ weight² of a row
};

struct PackedModel {
    std::vector<PackedLinear> linears;
};

PackedLinear pack_linear(const Linear& linear);
std::shared_ptr<const PackedModel> pack_model(const ModelParts& parts);

}  // namespace daidd::inference
