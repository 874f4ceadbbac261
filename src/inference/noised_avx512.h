#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "inference/lanes_avx512.h"
#include "inference/noised_kernels.h"

// What the kernels of noised tiles share. Only *_avx512.cpp include this.
namespace daidd::inference::avx512 {

inline constexpr uint32_t kDepth = 4;            // columns that one product takes
inline constexpr uint32_t kCellsAtOnce = kTile;  // of a row of weights in one register
static_assert(sizeof(Cells) == sizeof(__m512i));

/// Row v of x becomes lane v of every cell.
inline void transpose(const __m512i (&x)[kTile], Cells* cells) {
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

inline constexpr uint32_t kCellsColumns = kCellsAtOnce * kDepth;  // columns of a row in one register

/// `rows` (16 of `columns` bytes, `stride` apart) as cells: lane u of a cell is four columns of row u. `each`
/// makes the register of row u from what was read at column t.
template <class Each>
inline void pack_cells(const void* rows, size_t stride, uint32_t columns, void* out, const Each& each) {
    const auto* const from = static_cast<const std::byte*>(rows);
    auto* const to = static_cast<std::byte*>(out);
    for (uint32_t t = 0; t < columns; t += kCellsColumns) {
        const uint32_t cells = std::min(kCellsColumns, columns - t) / kDepth;
        const __mmask16 mask = first_lanes(cells);
        __m512i x[kTile];
#pragma GCC unroll 16
        for (uint32_t u = 0; u < kTile; ++u) {
            x[u] = each(u, t, _mm512_maskz_loadu_epi32(mask, from + u * stride + t));
        }
        if (cells == kCellsAtOnce) {
            transpose(x, reinterpret_cast<Cells*>(to + size_t{t} * kTile));
            continue;
        }
        alignas(64) Cells last[kCellsAtOnce];
        transpose(x, last);
        std::memcpy(to + size_t{t} * kTile, last, cells * sizeof(Cells));
    }
}
/// As they are.
inline void pack_cells(const void* rows, size_t stride, uint32_t columns, void* out) {
    pack_cells(rows, stride, columns, out, [](uint32_t, uint32_t, __m512i x) { return x; });
}

inline __m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }

inline uint32_t xor_lanes(__m512i x) {
    const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    __m128i y = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    y = _mm_xor_si128(y, _mm_shuffle_epi32(y, 0x4e));
    y = _mm_xor_si128(y, _mm_shuffle_epi32(y, 0xb1));
    return uint32_t(_mm_cvtsi128_si32(y));
}

/// The words of up to 16 steps at once: lane u of each fold turned by u, then all lanes of a fold XORed. Each
/// level XORs halves of twice as many folds into one register; the order of the lanes comes out right.
inline void words_of(const Cells* folds, uint32_t steps, uint32_t* words) {
    const __m512i turns = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i x[kTile];
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kTile; ++i) {
        x[i] = i < steps ? _mm512_rolv_epi32(load(folds[i]), turns) : _mm512_setzero_si512();
    }
#pragma GCC unroll 16
    for (uint32_t i = 0; i < 8; ++i) {
        x[i] = _mm512_xor_si512(_mm512_unpacklo_epi32(x[2 * i], x[2 * i + 1]),
                                _mm512_unpackhi_epi32(x[2 * i], x[2 * i + 1]));
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
        x[i] = _mm512_xor_si512(_mm512_unpacklo_epi64(x[2 * i], x[2 * i + 1]),
                                _mm512_unpackhi_epi64(x[2 * i], x[2 * i + 1]));
    }
    const __m512i low =
        _mm512_xor_si512(_mm512_shuffle_i32x4(x[0], x[1], 0x44), _mm512_shuffle_i32x4(x[0], x[1], 0xee));
    const __m512i high =
        _mm512_xor_si512(_mm512_shuffle_i32x4(x[2], x[3], 0x44), _mm512_shuffle_i32x4(x[2], x[3], 0xee));
    const __m512i all =
        _mm512_xor_si512(_mm512_shuffle_i32x4(low, high, 0x88), _mm512_shuffle_i32x4(low, high, 0xdd));
    _mm512_mask_storeu_epi32(words, first_lanes(steps), all);
}

}  // namespace daidd::inference::avx512
