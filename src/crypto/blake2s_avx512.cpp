#include "crypto/blake2s_avx512.h"

#include <immintrin.h>

namespace daidd::crypto {
namespace {

constexpr uint32_t kIv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr size_t kBlockSize = 64;
constexpr int kLanes = 16;

inline __attribute__((always_inline)) void mix(__m512i& a, __m512i& b, __m512i& c, __m512i& d, __m512i x,
                                               __m512i y) {
    a = _mm512_add_epi32(_mm512_add_epi32(a, x), b);
    d = _mm512_ror_epi32(_mm512_xor_si512(d, a), 16);
    c = _mm512_add_epi32(c, d);
    b = _mm512_ror_epi32(_mm512_xor_si512(b, c), 12);
    a = _mm512_add_epi32(_mm512_add_epi32(a, y), b);
    d = _mm512_ror_epi32(_mm512_xor_si512(d, a), 8);
    c = _mm512_add_epi32(c, d);
    b = _mm512_ror_epi32(_mm512_xor_si512(b, c), 7);
}

/// The schedule of one round is in the type, so every index is a constant and the words stay in registers.
template <int... S>
struct Round {
    static inline __attribute__((always_inline)) void run(__m512i v[16], const __m512i m[16]) {
        constexpr int s[16] = {S...};
        mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
        mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
        mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
        mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
        mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
        mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
        mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
        mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
    }
};

/// Word j of x[i] becomes word i of x[j].
inline __attribute__((always_inline)) void transpose(__m512i x[16]) {
    __m512i a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 4; ++i) {
        const __m512i even_top = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88);
        const __m512i even_bottom = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
        const __m512i odd_top = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xdd);
        const __m512i odd_bottom = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xdd);
        x[i] = _mm512_shuffle_i32x4(even_top, even_bottom, 0x88);
        x[4 + i] = _mm512_shuffle_i32x4(odd_top, odd_bottom, 0x88);
        x[8 + i] = _mm512_shuffle_i32x4(even_top, even_bottom, 0xdd);
        x[12 + i] = _mm512_shuffle_i32x4(odd_top, odd_bottom, 0xdd);
    }
}

inline __m512i word(uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }

/// `m` holds a block of each message and is overwritten.
void compress(__m512i h[8], __m512i m[16], uint64_t counted, bool last) {
    transpose(m);
    __m512i v[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) v[i] = h[i];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) v[8 + i] = word(kIv[i]);
    v[12] = word(kIv[4] ^ static_cast<uint32_t>(counted));
    v[13] = word(kIv[5] ^ static_cast<uint32_t>(counted >> 32));
    if (last) v[14] = word(~kIv[6]);

    // RFC 7693, section 2.7.
    Round<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>::run(v, m);
    Round<14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3>::run(v, m);
    Round<11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4>::run(v, m);
    Round<7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8>::run(v, m);
    Round<9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13>::run(v, m);
    Round<2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9>::run(v, m);
    Round<12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11>::run(v, m);
    Round<13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10>::run(v, m);
    Round<6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5>::run(v, m);
    Round<10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0>::run(v, m);

#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) h[i] = _mm512_ternarylogic_epi32(h[i], v[i], v[i + 8], 0x96);
}

}  // namespace

void blake2s_finish_16_avx512(const uint32_t state[8], uint64_t counted, const uint8_t* const rows[16],
                              size_t size, uint8_t* const out[16]) {
    __m512i h[8];
    for (int i = 0; i < 8; ++i) h[i] = word(state[i]);

    __m512i m[kLanes];
    size_t at = 0;
    for (; size - at > kBlockSize; at += kBlockSize) {
        for (int i = 0; i < kLanes; ++i) m[i] = _mm512_loadu_si512(rows[i] + at);
        compress(h, m, counted + at + kBlockSize, false);
    }
    const auto rest = static_cast<__mmask64>(~uint64_t{0} >> (kBlockSize - (size - at)));
    for (int i = 0; i < kLanes; ++i) m[i] = _mm512_maskz_loadu_epi8(rest, rows[i] + at);
    compress(h, m, counted + size, true);

    for (int i = 0; i < 8; ++i) m[i] = h[i];
    for (int i = 8; i < kLanes; ++i) m[i] = _mm512_setzero_si512();
    transpose(m);
    for (int i = 0; i < kLanes; ++i) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out[i]), _mm512_castsi512_si256(m[i]));
    }
}

}  // namespace daidd::crypto
