#if defined(__x86_64__)
#include <cstring>

#include "inference/lanes_avx512.h"
#include "inference/manifest.h"
#include "inference/noised.h"
#include "inference/noised_kernels.h"

namespace daidd::inference {

namespace {

using avx512::load;
using avx512::store;

constexpr uint32_t kDepth = 4;            // columns that one product takes
constexpr uint32_t kCellsAtOnce = kTile;  // of a row of weights in one register
using Cells = int32_t[kTile];             // four columns of each of 16 rows
static_assert(sizeof(Cells) == sizeof(__m512i));

/// Row v of x becomes lane v of every cell.
void transpose(const __m512i (&x)[kTile], Cells* cells) {
    __m512i a[kTile], b[kTile];
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kTile; i += 2) {
        a[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
    // b[4j + i]: lanes i, 4 + i, 8 + i and 12 + i of rows 4j … 4j + 3, each four together.
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kTile; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
        const __m512i even_top = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88);
        const __m512i even_bottom = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
        const __m512i odd_top = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xdd);
        const __m512i odd_bottom = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xdd);
        store(cells[i], _mm512_shuffle_i32x4(even_top, even_bottom, 0x88));
        store(cells[4 + i], _mm512_shuffle_i32x4(odd_top, odd_bottom, 0x88));
        store(cells[8 + i], _mm512_shuffle_i32x4(even_top, even_bottom, 0xdd));
        store(cells[12 + i], _mm512_shuffle_i32x4(odd_top, odd_bottom, 0xdd));
    }
}

/// Writes up to the next multiple of kCellsAtOnce.
void pack_weights(const int8_t* weights, size_t stride, uint32_t cell_count, Cells* cells) {
    for (uint32_t begin = 0; begin < cell_count; begin += kCellsAtOnce) {
        const uint32_t left = cell_count - begin;
        const __mmask16 mask = avx512::first_lanes(left < kCellsAtOnce ? left : kCellsAtOnce);
        __m512i rows[kTile];
#pragma GCC unroll 16
        for (uint32_t v = 0; v < kTile; ++v) {
            rows[v] = _mm512_maskz_loadu_epi32(mask, weights + v * stride + size_t{begin} * kDepth);
        }
        transpose(rows, cells + begin);
    }
}

/// What the codes' offset of 128 adds to the products of one step: 128 · Σ of each row of weights.
void sum_weights(const Cells* cells, uint32_t steps, uint32_t cells_a_step, Cells* excess) {
    const __m512i ones = _mm512_set1_epi8(1);
    for (uint32_t step = 0; step < steps; ++step) {
        __m512i sum = _mm512_setzero_si512();
        for (uint32_t i = 0; i < cells_a_step; ++i) {
            avx512::add_products(sum, ones, load(cells[size_t{step} * cells_a_step + i]));
        }
        store(excess[step], _mm512_slli_epi32(sum, 7));
    }
}

__m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }

uint32_t xor_lanes(__m512i x) {
    const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    __m128i y = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    y = _mm_xor_si128(y, _mm_shuffle_epi32(y, 0x4e));
    y = _mm_xor_si128(y, _mm_shuffle_epi32(y, 0xb1));
    return uint32_t(_mm_cvtsi128_si32(y));
}

/// One group. Lane u of sum[v] is T[u][v]; a rotation may follow the XOR, as all of a lane turn alike.
void fold_group(const int8_t* rows, const Cells* cells, const Cells* excess, uint32_t steps,
                uint32_t cells_a_step, uint32_t* words) {
    const __m512i turns = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i sum[kTile];
#pragma GCC unroll 16
    for (uint32_t v = 0; v < kTile; ++v) sum[v] = _mm512_setzero_si512();
    for (uint32_t step = 0; step < steps; ++step) {
#pragma GCC unroll 16
        for (uint32_t v = 0; v < kTile; ++v) {
            sum[v] = _mm512_sub_epi32(sum[v], _mm512_set1_epi32(excess[step][v]));
        }
        for (uint32_t i = 0; i < cells_a_step; ++i) {
            const __m512i codes = load(rows);
#pragma GCC unroll 16
            for (uint32_t v = 0; v < kTile; ++v) avx512::add_products_of_all(sum[v], codes, (*cells)[v]);
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

void pack_noised_avx512(const int8_t* rows, uint32_t groups, uint32_t k, int8_t* out) {
    for (uint32_t g = 0; g < groups; ++g) {
        for (uint32_t u = 0; u < kTile; ++u, rows += k) {
            int8_t* to = out + (size_t{g} * k * kTile + size_t{u} * kDepth);
            for (uint32_t t = 0; t < k; t += kDepth, to += sizeof(Cells)) {
                uint32_t four;
                std::memcpy(&four, rows + t, kDepth);
                four ^= 0x8080'8080;  // each + 128: unsigned, as vpdpbusd wants one operand
                std::memcpy(to, &four, kDepth);
            }
        }
    }
}

void fold_avx512(const int8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
                 uint32_t r, uint32_t* words) {
    static_assert(kSliceColumns / kDepth % kCellsAtOnce == 0);
    alignas(64) Cells cells[kSliceColumns / kDepth];
    alignas(64) Cells excess[kSliceColumns / 8];
    const uint32_t steps = k / r, cells_a_step = r / kDepth;
    pack_weights(weights, stride, k / kDepth, cells);
    sum_weights(cells, steps, cells_a_step, excess);
    for (uint32_t g = 0; g < groups; ++g) {
        prefetch_next(weights, stride, k, g * kTile / groups, (g + 1) * kTile / groups);
        fold_group(rows + size_t{g} * kTile * k, cells, excess, steps, cells_a_step,
                   words + size_t{g} * steps);
    }
}

}  // namespace daidd::inference
#endif
