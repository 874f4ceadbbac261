#pragma once

#include "inference/mined.h"

namespace daidd::inference {

/// One slice of one plane of a mined operand, as the kernels below read it.
struct MinedRows {
    MinedSlice id;
    // Both begin on a cache line: a load that lies across two costs twice.
    int8_t* noised = nullptr;  ///< groups one after the other, 16 · slice.columns each, in the kernel's order
    int8_t* noise = nullptr;   ///< what is peeled from each group, likewise, 16-bit numbers or planes
    bool joined_noise = false;  ///< of both planes: 128 · E_high + E_low
    size_t rows_a_group() const { return size_t{kTile} * id.slice.columns; }
    size_t noise_a_group() const { return sizeof(int16_t) * kTile * id.step; }
    uint32_t steps() const { return id.slice.columns / id.step; }
};

/// A product that is mined and peeled.
struct MinedProduct {
    const Linear& linear;
    const PackedLinear& packed;
    const CodeRows& codes;         ///< its rows' factors and number of planes
    std::vector<MinedRows> parts;  ///< plane by plane, slice by slice
    uint32_t fx = 0;
    int32_t* y = nullptr;  ///< rows × n, or null
    /// Planes whose sums 128 · high + low are int32 are peeled together, after the second: their noise is
    /// 128 · E_high + E_low. Sums on the way may wrap; the last ones are exact.
    bool joined = false;
};

/// Tiles that a kernel makes of the same groups, one after the other.
inline constexpr uint32_t kTilesAtOnce = 8;

// The kernel of a backend: how it wants a group's rows (`codes` from the slice's start, and `noise`, as for
// add_noise()), how it wants what is peeled from them (128 · high + low; `high` may be null), and tiles
// [begin, end), at most kTilesAtOnce, for `groups` groups from `first` on. `words` gets groups · steps words
// a part, one part after the other, one tile after the other.
void mined_pack_avx512(const int8_t* codes, size_t stride, uint32_t columns, const int8_t* noise, uint32_t r,
                       int8_t* out);
void mined_noise_avx512(const int8_t* high, const int8_t* low, uint32_t r, int8_t* out);
/// The largest Σ |code| of some rows.
int64_t largest_row_sum_avx512(const int8_t* codes, size_t stride, uint32_t columns, uint32_t rows);
void mined_tiles_avx512(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first,
                        uint32_t groups, uint32_t* words, Scratch& scratch);

void mined_pack_amx(const int8_t* codes, size_t stride, uint32_t columns, const int8_t* noise, uint32_t r,
                    int8_t* out);
void mined_noise_amx(const int8_t* high, const int8_t* low, uint32_t r, int8_t* out);
void mined_tiles_amx(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first,
                     uint32_t groups, uint32_t* words, Scratch& scratch);

}  // namespace daidd::inference
