#pragma once

#include <immintrin.h>

#include <cstdint>

// 64-bit arithmetic that AVX2 lacks. Only *_avx2.cpp include this. Eight int32 lanes are handled as two
// vectors of four int64: even lanes in place, odd lanes shifted down.
namespace daidd::inference::avx2 {

inline __m256i load(const void* at) { return _mm256_loadu_si256(static_cast<const __m256i*>(at)); }
inline void store(void* at, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(at), v); }

inline __m256i odd(__m256i v) { return _mm256_srli_epi64(v, 32); }
/// Undoes the split: the low halves of both.
inline __m256i join(__m256i even, __m256i odds) {
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odds, 32), 0xaa);
}

/// Clamps int64 lanes to ±(2^31 − 1).
inline __m256i sat64(__m256i v) {
    const __m256i high = _mm256_set1_epi64x(INT32_MAX), low = _mm256_set1_epi64x(-int64_t{INT32_MAX});
    v = _mm256_blendv_epi8(v, high, _mm256_cmpgt_epi64(v, high));
    return _mm256_blendv_epi8(v, low, _mm256_cmpgt_epi64(low, v));
}

/// rsh() of each lane by its own shift. Requires |v| <= 2^62, 1 <= shift <= 62. A logical shift of
/// v + 2^62 is the arithmetic one plus 2^62 >> shift.
inline __m256i rsh64(__m256i v, __m256i shift) {
    const __m256i one = _mm256_set1_epi64x(1), lift = _mm256_set1_epi64x(int64_t{1} << 62);
    const __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one));
    const __m256i lifted = _mm256_add_epi64(v, _mm256_add_epi64(half, lift));
    return _mm256_sub_epi64(_mm256_srlv_epi64(lifted, shift), _mm256_srlv_epi64(lift, shift));
}

/// The largest of eight uint32 lanes.
inline uint32_t max_lane(__m256i v) {
    __m128i x = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    x = _mm_max_epu32(x, _mm_shuffle_epi32(x, 0x4e));
    x = _mm_max_epu32(x, _mm_shuffle_epi32(x, 0xb1));
    return uint32_t(_mm_cvtsi128_si32(x));
}

inline int64_t sum_lanes64(__m256i v) {
    const __m128i x = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(x) + _mm_extract_epi64(x, 1);
}

inline int64_t max_lane64(__m256i v) {
    const __m256i swapped = _mm256_permute4x64_epi64(v, 0x4e);
    const __m256i a = _mm256_blendv_epi8(v, swapped, _mm256_cmpgt_epi64(swapped, v));
    const int64_t x = _mm256_extract_epi64(a, 0), y = _mm256_extract_epi64(a, 1);
    return x > y ? x : y;
}

}  // namespace daidd::inference::avx2
