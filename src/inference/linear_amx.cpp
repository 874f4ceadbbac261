#if defined(__x86_64__)
#include <cstring>

#include "inference/kernels_avx512.h"
#include "inference/outputs_avx512.h"
#include "inference/tiles_amx.h"

namespace daidd::inference {

namespace amx {

namespace {

using avx512::OutputBlock;

/// So few rows of codes wait for the weights whatever multiplies them.
constexpr uint32_t kRowsMin = 8;
constexpr uint32_t kBlocksAtOnce = 2;
static_assert(kPackColumns == kTileRows && kPackDepth == 4);

/// Codes as left operands: for each 16 rows, high plane before low, tiles along the depth. What does not
/// exist is zero, so it does not matter which weights it meets.
void pack(const CodeRows& codes, uint32_t tiles_deep, int8_t* out) {
    const uint32_t bands = (codes.rows + kTileRows - 1) / kTileRows;
    const size_t plane_bytes = tiles_deep * kTileBytes;
    for (uint32_t band = 0; band < bands; ++band) {
        for (uint32_t p = 0; p < codes.planes; ++p, out += plane_bytes) {
            for (uint32_t r = 0; r < kTileRows; ++r) {
                const uint32_t row = band * kTileRows + r;
                const int8_t* from = row < codes.rows ? codes.plane(row, p).data() : nullptr;
                for (uint32_t t = 0; t < tiles_deep; ++t) {
                    int8_t* to = out + t * kTileBytes + size_t{r} * kTileDepth;
                    const uint32_t begin = t * kTileDepth;
                    const uint32_t count = from == nullptr ? 0 : std::min(kTileDepth, codes.width - begin);
                    if (count > 0) std::memcpy(to, from + begin, count);
                    std::memset(to + count, 0, kTileDepth - count);
                }
            }
        }
    }
}

struct Sums {
    alignas(64) int32_t at[2][kBlocksAtOnce][kTileRows][kPackColumns];
};

/// Two bands of rows (or the planes of one) with two blocks of weights.
void multiply(const int8_t* codes, size_t band_bytes, const int8_t* weights, size_t block_bytes,
              uint32_t tiles_deep, Sums& sums) {
    zero<0>(), zero<1>(), zero<2>(), zero<3>();
    for (uint32_t t = 0; t < tiles_deep; ++t, codes += kTileBytes, weights += kTileBytes) {
        load<4>(codes, kTileDepth);
        load<6>(weights, kTileDepth);
        load<7>(weights + block_bytes, kTileDepth);
        add_products<0, 4, 6>();
        add_products<1, 4, 7>();
        load<5>(codes + band_bytes, kTileDepth);
        add_products<2, 5, 6>();
        add_products<3, 5, 7>();
    }
    store<0>(sums.at[0][0], sizeof sums.at[0][0][0]);
    store<1>(sums.at[0][1], sizeof sums.at[0][0][0]);
    store<2>(sums.at[1][0], sizeof sums.at[0][0][0]);
    store<3>(sums.at[1][1], sizeof sums.at[0][0][0]);
}

/// One band with two blocks.
void multiply_one(const int8_t* codes, const int8_t* weights, size_t block_bytes, uint32_t tiles_deep,
                  Sums& sums) {
    zero<0>(), zero<1>();
    for (uint32_t t = 0; t < tiles_deep; ++t, codes += kTileBytes, weights += kTileBytes) {
        load<4>(codes, kTileDepth);
        load<6>(weights, kTileDepth);
        load<7>(weights + block_bytes, kTileDepth);
        add_products<0, 4, 6>();
        add_products<1, 4, 7>();
    }
    store<0>(sums.at[0][0], sizeof sums.at[0][0][0]);
    store<1>(sums.at[0][1], sizeof sums.at[0][0][0]);
}

/// Inlined into the loops over tiles, what rows share would not stay in registers.
__attribute__((noinline)) void put(const OutputBlock& outputs, uint32_t rows, const Scale* factors,
                                   const int32_t* high, const int32_t* low, avx512::RowShifts& shifts,
                                   int32_t* y) {
    outputs.put(rows, factors, high, low, kPackColumns, shifts, y);
}

void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    const PackedLinear& w = *packed;
    if (codes.rows * codes.planes < kRowsMin) {
        avx512::linear(linear, packed, codes, block_begin, block_end, fx, y, scratch);
        return;
    }
    const uint32_t tiles_deep = (w.depth + kTileDepth - 1) / kTileDepth;
    const uint32_t rows_bands = (codes.rows + kTileRows - 1) / kTileRows, bands = rows_bands * codes.planes;
    const size_t band_bytes = tiles_deep * kTileBytes, block_bytes = size_t{kPackColumns} * w.depth;
    auto* const cells =
        reinterpret_cast<int8_t*>(scratch.take_lines(bands * band_bytes / sizeof(Scratch::Line)));
    pack(codes, tiles_deep, cells);

    const TileConfiguration tiles{kTileDepth};
    Sums sums;
    const bool narrow = are_narrow(w, codes, avx512::heaviest_row);
    avx512::RowShifts shifts;
    // A pair of bands at least, and the planes of a band together.
    const auto near_bands = uint32_t(std::max<size_t>(2, avx512::kNearBytes / band_bytes / 2 * 2));
    for (uint32_t near = 0; near < bands; near += near_bands) {
        const uint32_t near_end = std::min(bands, near + near_bands);
        for (uint32_t block = block_begin; block < block_end; block += kBlocksAtOnce) {
            const uint32_t blocks = std::min(kBlocksAtOnce, block_end - block);
            const OutputBlock outputs[] = {{linear, w, block, fx, narrow},
                                           {linear, w, block + blocks - 1, fx, narrow}};
            const int8_t* const weights = w.weights.get() + block * block_bytes;
            const size_t to_second = blocks == 1 ? 0 : block_bytes;
            for (uint32_t band = near; band < near_end; band += 2) {
                const bool both = band + 1 < near_end;
                const int8_t* const from = cells + band * band_bytes;
                if (both) {
                    multiply(from, band_bytes, weights, to_second, tiles_deep, sums);
                } else {
                    multiply_one(from, weights, to_second, tiles_deep, sums);
                }
                for (uint32_t i = 0; i < (codes.planes == 2 || !both ? 1u : 2u); ++i) {
                    const uint32_t row = (codes.planes == 2 ? band / 2 : band + i) * kTileRows;
                    for (uint32_t b = 0; b < blocks; ++b) {
                        put(outputs[b], std::min(kTileRows, codes.rows - row), &codes.factors[row],
                            sums.at[i][b][0], codes.planes == 2 ? sums.at[1][b][0] : nullptr, shifts,
                            y + size_t{row} * linear.n + outputs[b].column());
                    }
                }
            }
        }
    }
}

Kernels with_tiles() {
    Kernels kernels = kAvx512Kernels;
    kernels.linear = linear;
    return kernels;
}

}  // namespace

}  // namespace amx

const Kernels kAmxKernels = amx::with_tiles();

}  // namespace daidd::inference
#endif
