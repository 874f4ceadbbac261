#pragma once

#include <cstdint>
#include <span>

#include "inference/backend.h"

namespace daidd::inference {

/// Tickets of the protocol (§4) are folded from the noised product of one tile: 16 rows of codes by 16
/// output columns.
inline constexpr uint32_t kTile = 16;
/// Longest fold step.
inline constexpr uint32_t kStepMax = 128;

/// Fold step r by the slice's K.
uint32_t step_for(uint32_t k);

/// T = 0; for step l = 1 … k/r: T += A'[:, step l] · W[step l]; word l = XOR over rows u of
/// ROTL32(XOR over columns v of T[u][v], u). Exact int32 whatever the operands are: 128 · 128 · k < 2^31.
///
/// `noised` is A', 16 rows of k codes. `weights` holds 16 rows, row v from weights[v · stride] on, k long.
/// Requires k <= kSliceColumns, k mod r == 0, words.size() == k / r, r a multiple of 8
/// and at most kStepMax.
void noised_tile(Backend backend, std::span<const int8_t> noised, std::span<const int8_t> weights,
                 size_t stride, uint32_t k, uint32_t r, std::span<uint32_t> words);

/// The same for several groups of 16 rows, one after the other in `noised`, with one tile of weights, whose
/// preparation they share; words.size() == groups · k / r.
void noised_tiles(Backend backend, std::span<const int8_t> noised, uint32_t groups,
                  std::span<const int8_t> weights, size_t stride, uint32_t k, uint32_t r,
                  std::span<uint32_t> words);

}  // namespace daidd::inference
