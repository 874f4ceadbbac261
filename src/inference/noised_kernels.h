#pragma once

#include <cstddef>
#include <cstdint>

#include "inference/noised.h"

namespace daidd::inference {

/// A number, or four codes, of each row of a tile.
using Cells = int32_t[kTile];

// NoisedRows::fold() after its checks. Groups lie one after the other, 16 · k bytes each.
void fold_scalar(const uint8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
                 uint32_t r, uint32_t* words);
void fold_avx2(const uint8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
               uint32_t r, uint32_t* words);
/// Takes rows as pack_noised_avx512 left them.
void fold_avx512(const uint8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
                 uint32_t r, uint32_t* words);
void pack_noised_avx512(const uint8_t* rows, uint32_t groups, uint32_t k, uint8_t* out);

}  // namespace daidd::inference
