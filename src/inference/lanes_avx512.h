#pragma once

#include <immintrin.h>

#include <cstdint>

// What the AVX-512 kernels share. Only *_avx512.cpp include this.
namespace daidd::inference::avx512 {

/// What stays near while all weights pass by, codes and with AVX-512 outputs too: half of a second-level
/// cache.
inline constexpr size_t kNearBytes = size_t{1} << 20;

inline __m512i load(const void* at) { return _mm512_loadu_si512(at); }
inline void store(void* at, __m512i v) { _mm512_storeu_si512(at, v); }

/// sum += Σ of four products of unsigned codes and signed weights, in each of 16 lanes. g++ 12 copies
/// registers around the intrinsic, which halves the speed.
inline __attribute__((always_inline)) void add_products(__m512i& sum, __m512i codes, __m512i weights) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(weights));
}

/// The same with four weights for all lanes.
inline __attribute__((always_inline)) void add_products_of_all(__m512i& sum, __m512i codes,
                                                               const int32_t& weights) {
    asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(codes), "m"(weights));
}

/// The first `count` of 16 lanes.
inline __mmask16 first_lanes(uint32_t count) { return __mmask16((uint32_t{1} << count) - 1); }

// Sixteen int32 lanes are handled as two vectors of eight int64: even lanes in place, odd lanes shifted down.
inline __m512i odd(__m512i v) { return _mm512_srli_epi64(v, 32); }
/// Undoes the split: the low halves of both.
inline __m512i join(__m512i even, __m512i odds) {
    return _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odds, 32));
}

/// Clamps int64 lanes to ±(2^31 − 1).
inline __m512i sat64(__m512i v) {
    return _mm512_max_epi64(_mm512_min_epi64(v, _mm512_set1_epi64(INT32_MAX)),
                            _mm512_set1_epi64(-int64_t{INT32_MAX}));
}

/// rsh() of each lane. Requires |v| <= 2^62.
template <unsigned S>
inline __m512i rsh64(__m512i v) {
    return _mm512_srai_epi64(_mm512_add_epi64(v, _mm512_set1_epi64(int64_t{1} << (S - 1))), S);
}

/// Eight int64 lanes of each, clamped to ±(2^31 − 1) and put one after the other.
inline __m512i sat_halves(__m512i low, __m512i high) {
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtsepi64_epi32(low)),
                                            _mm512_cvtsepi64_epi32(high), 1);
    return _mm512_max_epi32(both, _mm512_set1_epi32(-INT32_MAX));
}

}  // namespace daidd::inference::avx512
