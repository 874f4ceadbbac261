#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "inference/backend.h"

namespace daidd::inference {

/// Tickets of the protocol (§4) are folded from the noised product of one tile: 16 rows of codes by 16
/// output columns.
inline constexpr uint32_t kTile = 16;
/// Longest fold step.
inline constexpr uint32_t kStepMax = 128;

/// Fold step r by the slice's K.
uint32_t step_for(uint32_t k);

/// A run of columns of one product; tickets are drawn a slice at a time.
struct Slice {
    uint32_t start = 0;
    uint32_t columns = 0;
    bool operator==(const Slice&) const = default;
};
/// Columns [0, k) cut into slices of 4096, the rest a slice of its own. Requires 0 < k <= 32,768.
std::vector<Slice> slices(uint32_t k);
/// A slice whose columns are not whole fold steps gives no tickets.
bool gives_tickets(const Slice& slice);

/// Noise is [kNoiseMin, kNoiseMin + 127]: added to a code it makes an unsigned byte.
inline constexpr uint8_t kNoiseMin = 64;

/// A': 16 rows of slice.columns numbers, clean code + E[row][column mod r] where columns count from the
/// slice's start. Row u of the codes begins at codes[u · stride]; E is `noise`, 16 rows of r = noise.size() /
/// 16 numbers. Requires codes in [−64, 63], noise in [64, 191], slice.columns mod r == 0; A' is in [0, 254].
void add_noise(const int8_t* codes, size_t stride, const Slice& slice, std::span<const uint8_t> noise,
               uint8_t* noised);

/// Groups of 16 noised rows A', kept in the order their backend reads them: made once for all tiles of
/// weights.
class NoisedRows {
public:
    /// `rows` holds the groups one after the other, each 16 rows of k numbers. Requires k > 0 a multiple of
    /// 8, k <= kSliceColumns, rows.size() a multiple of 16 · k.
    NoisedRows(Backend backend, std::span<const uint8_t> rows, uint32_t k);

    uint32_t groups() const { return groups_; }

    /// Each group's T = 0; for step l = 1 … k/r: T += A'[:, step l] · W[step l]; word l = XOR over rows u of
    /// ROTL32(XOR over columns v of T[u][v], u). Exact int32 whatever the operands are: 255 · 128 · k < 2^31.
    ///
    /// `weights` holds 16 rows W, row v from weights[v · stride] on, k long. Requires k mod r == 0,
    /// words.size() == groups · k / r, r a multiple of 8 and at most kStepMax.
    void fold(std::span<const int8_t> weights, size_t stride, uint32_t r, std::span<uint32_t> words) const;

private:
    Backend backend_;
    uint32_t k_, groups_;
    std::vector<uint8_t> rows_;
};

/// One group, one tile.
void noised_tile(Backend backend, std::span<const uint8_t> noised, std::span<const int8_t> weights,
                 size_t stride, uint32_t k, uint32_t r, std::span<uint32_t> words);

}  // namespace daidd::inference
