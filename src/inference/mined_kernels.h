#pragma once

#include "inference/mined.h"

namespace daidd::inference {

/// One slice of one plane of a mined operand, as the kernels below read it.
struct MinedRows {
    MinedSlice id;
    // Both begin on a cache line: a load that lies across two costs twice.
    int8_t* noised = nullptr;  ///< groups one after the other, 16 · slice.columns each, in the kernel's order
    int8_t* noise = nullptr;  ///< E of each group, 16 · r numbers each, likewise; of AVX-512 −E in 16 bits
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
};

/// Tiles that a kernel makes of the same groups, one after the other.
inline constexpr uint32_t kTilesAtOnce = 8;

// The kernel of a backend: how it wants a group's rows (`codes` from the slice's start, and `noise`, as for
// add_noise()), and tiles [begin, end), at most kTilesAtOnce, for `groups` groups from `first` on. `words`
// gets groups · steps words a part, one part after the other, one tile after the other.
void mined_pack_avx512(const int8_t* codes, size_t stride, uint32_t columns, const int8_t* noise, uint32_t r,
                       int8_t* noised_out, int8_t* noise_out);
void mined_tiles_avx512(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first,
                        uint32_t groups, uint32_t* words, Scratch& scratch);

void mined_pack_amx(const int8_t* codes, size_t stride, uint32_t columns, const int8_t* noise, uint32_t r,
                    int8_t* noised_out, int8_t* noise_out);
void mined_tiles_amx(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first,
                     uint32_t groups, uint32_t* words, Scratch& scratch);

}  // namespace daidd::inference
