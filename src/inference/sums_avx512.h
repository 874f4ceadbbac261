#pragma once

#include "inference/kernels.h"
#include "inference/lanes_avx512.h"
#include "inference/sum_bounds.h"

// The sums of a product times their multipliers. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// One plane; two whose sum is an int32; that sum itself; two whose sum is not an int32.
enum class Sum : uint8_t { kOnePlane, kNarrow, kJoined, kWide };

struct Halves {
    __m512i even, odds;
};

/// Odd lanes where the even ones were.
inline __m512i swap(__m512i v) { return _mm512_shuffle_epi32(v, _MM_PERM_CDAB); }

/// Sums of sixteen columns, times 2^up where they are one int32, times their multipliers and m: even and odd
/// lanes apart.
template <Sum kSum>
inline Halves scaled_sums(const Halves& mw, int64_t m, const int32_t* high, const int32_t* low, __m512i up) {
    const __m512i by = _mm512_set1_epi64(m);
    const __m512i even = _mm512_mul_epu32(mw.even, by), odds = _mm512_mul_epu32(mw.odds, by);
    __m512i sums = load(high);
    if constexpr (kSum == Sum::kNarrow) sums = _mm512_add_epi32(_mm512_slli_epi32(sums, 7), load(low));
    if constexpr (kSum != Sum::kWide) sums = _mm512_sllv_epi32(sums, up);
    Halves v{_mm512_mul_epi32(sums, even), _mm512_mul_epi32(swap(sums), odds)};
    if constexpr (kSum == Sum::kWide) {
        const __m512i lows = load(low);
        v.even = _mm512_add_epi64(_mm512_slli_epi64(v.even, 7), _mm512_mul_epi32(lows, even));
        v.odds = _mm512_add_epi64(_mm512_slli_epi64(v.odds, 7), _mm512_mul_epi32(swap(lows), odds));
    }
    return v;
}

}  // namespace daidd::inference::avx512
