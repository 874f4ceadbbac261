#if defined(__x86_64__)
#include <cstring>

#include "inference/manifest.h"
#include "inference/noised_avx512.h"
#include "inference/noised_kernels.h"

namespace daidd::inference {

namespace {

using namespace avx512;

/// One group. Lane u of sum[v] is T[u][v]; a rotation may follow the XOR, as all of a lane turn alike.
void fold_group(const uint8_t* rows, const Cells* cells, uint32_t steps, uint32_t cells_a_step,
                uint32_t* words) {
    const __m512i turns = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i sum[kTile];
#pragma GCC unroll 16
    for (uint32_t v = 0; v < kTile; ++v) sum[v] = _mm512_setzero_si512();
    for (uint32_t step = 0; step < steps; ++step) {
        for (uint32_t i = 0; i < cells_a_step; ++i) {
            const __m512i codes = load(rows);
#pragma GCC unroll 16
            for (uint32_t v = 0; v < kTile; ++v) add_products_of_all(sum[v], codes, (*cells)[v]);
            rows += sizeof(Cells);
            ++cells;
        }
        __m512i even = sum[0], odds = sum[1];
#pragma GCC unroll 8
        for (uint32_t v = 2; v + 2 < kTile; v += 4) {
            even = xor3(even, sum[v], sum[v + 1]);
            odds = xor3(odds, sum[v + 2], sum[v + 3]);
        }
        const __m512i all = xor3(_mm512_xor_si512(even, odds), sum[kTile - 2], sum[kTile - 1]);
        words[step] = xor_lanes(_mm512_rolv_epi32(all, turns));
    }
}

/// Asks for rows [begin, end) of the tile that follows in the matrix, which is most likely the next one.
void prefetch_next(const int8_t* weights, size_t stride, uint32_t k, uint32_t begin, uint32_t end) {
    constexpr uint32_t kLineBytes = 64;
    for (uint32_t v = begin; v < end; ++v) {
        const int8_t* row = weights + (kTile + v) * stride;
        for (uint32_t t = 0; t < k; t += kLineBytes) _mm_prefetch(row + t, _MM_HINT_T1);
    }
}

}  // namespace

void pack_noised_avx512(const uint8_t* rows, uint32_t groups, uint32_t k, uint8_t* out) {
    const size_t group = size_t{kTile} * k;
    for (uint32_t g = 0; g < groups; ++g, rows += group, out += group) pack_cells(rows, k, k, out);
}

void fold_avx512(const uint8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
                 uint32_t r, uint32_t* words) {
    static_assert(kSliceColumns / kDepth % kCellsAtOnce == 0);
    alignas(64) Cells cells[kSliceColumns / kDepth];
    const uint32_t steps = k / r, cells_a_step = r / kDepth;
    pack_cells(weights, stride, k, cells);
    for (uint32_t g = 0; g < groups; ++g) {
        prefetch_next(weights, stride, k, g * kTile / groups, (g + 1) * kTile / groups);
        fold_group(rows + size_t{g} * kTile * k, cells, steps, cells_a_step, words + size_t{g} * steps);
    }
}

}  // namespace daidd::inference
#endif
