#pragma once

#include "inference/kernels.h"
#include "inference/lanes_avx512.h"
#include "inference/sum_bounds.h"

// The sums of a product times their multipliers. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// HeaviestRow.
inline int64_t heaviest_row(const int8_t* codes, size_t stride, uint32_t columns, uint32_t rows) {
    int64_t most = 0;
    const __m512i one = _mm512_set1_epi8(1);
    for (uint32_t u = 0; u < rows; ++u, codes += stride) {
        __m512i sums = _mm512_setzero_si512();
        for (uint32_t t = 0; t < columns; t += sizeof sums) {
            const uint32_t left = columns - t;
            const __mmask64 mask = left >= sizeof sums ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
            const __m512i sizes = _mm512_abs_epi8(_mm512_maskz_loadu_epi8(mask, codes + t));
            add_products(sums, sizes, _mm512_add_epi8(sizes, one));  // < 2^15 · 64 · 65
        }
        most = std::max<int64_t>(most, _mm512_reduce_add_epi32(sums));
    }
    return most;
}

/// One number: of one plane, or of two already joined; two planes whose sum is an int32, or is not.
enum class Sum : uint8_t { kWhole, kNarrow, kWide };

/// Where the exact sums of rows lie, 16 columns of each of one or two blocks a row.
struct SumRows {
    const int32_t* high;      ///< or of the only plane, or 128 · high + low where that is an int32
    const int32_t* low;       ///< null for one plane and where they are joined
    size_t to_row, to_block;  ///< from one to the next

    SumRows of_block(uint32_t b) const {
        return {high + b * to_block, low == nullptr ? nullptr : low + b * to_block, to_row, to_block};
    }
    void skip(uint32_t rows) {
        high += rows * to_row;
        if (low != nullptr) low += rows * to_row;
    }
};

struct Halves {
    __m512i even, odds;
};

/// Odd lanes where the even ones were.
inline __m512i swap(__m512i v) { return _mm512_shuffle_epi32(v, _MM_PERM_CDAB); }

/// Sums of sixteen columns times their multipliers and m: even and odd lanes apart.
template <Sum kSum>
inline Halves scaled_sums(const Halves& mw, int64_t m, const SumRows& row) {
    const __m512i by = _mm512_set1_epi64(m);
    const __m512i even = _mm512_mul_epu32(mw.even, by), odds = _mm512_mul_epu32(mw.odds, by);
    __m512i sums = load(row.high);
    if constexpr (kSum == Sum::kNarrow) sums = _mm512_add_epi32(_mm512_slli_epi32(sums, 7), load(row.low));
    Halves v{_mm512_mul_epi32(sums, even), _mm512_mul_epi32(swap(sums), odds)};
    if constexpr (kSum == Sum::kWide) {
        const __m512i lows = load(row.low);
        v.even = _mm512_add_epi64(_mm512_slli_epi64(v.even, 7), _mm512_mul_epi32(lows, even));
        v.odds = _mm512_add_epi64(_mm512_slli_epi64(v.odds, 7), _mm512_mul_epi32(swap(lows), odds));
    }
    return v;
}

}  // namespace daidd::inference::avx512
