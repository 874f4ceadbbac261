#include "crypto/blake2s_avx2.h"

#include <immintrin.h>

namespace daidd::crypto {
namespace {

constexpr uint32_t kIv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr size_t kBlockSize = 64;

inline __m256i rotate_16(__m256i x) {
    const __m256i order =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    return _mm256_shuffle_epi8(x, order);
}
inline __m256i rotate_8(__m256i x) {
    const __m256i order =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12));
    return _mm256_shuffle_epi8(x, order);
}
inline __m256i rotate_12(__m256i x) {
    return _mm256_or_si256(_mm256_srli_epi32(x, 12), _mm256_slli_epi32(x, 20));
}
inline __m256i rotate_7(__m256i x) {
    return _mm256_or_si256(_mm256_srli_epi32(x, 7), _mm256_slli_epi32(x, 25));
}

inline __attribute__((always_inline)) void mix(__m256i& a, __m256i& b, __m256i& c, __m256i& d, __m256i x,
                                               __m256i y) {
    a = _mm256_add_epi32(_mm256_add_epi32(a, x), b);
    d = rotate_16(_mm256_xor_si256(d, a));
    c = _mm256_add_epi32(c, d);
    b = rotate_12(_mm256_xor_si256(b, c));
    a = _mm256_add_epi32(_mm256_add_epi32(a, y), b);
    d = rotate_8(_mm256_xor_si256(d, a));
    c = _mm256_add_epi32(c, d);
    b = rotate_7(_mm256_xor_si256(b, c));
}

/// The schedule of one round is in the type, so every index is a constant and the words stay in registers.
template <int... S>
struct Round {
    static inline __attribute__((always_inline)) void run(__m256i v[16], const __m256i m[16]) {
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

/// rows[i] word j becomes lane i of out[j].
inline __attribute__((always_inline)) void transpose(__m256i x[8]) {
    __m256i a[8], b[8];
    for (int i = 0; i < 4; ++i) {
        a[2 * i] = _mm256_unpacklo_epi32(x[2 * i], x[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_epi32(x[2 * i], x[2 * i + 1]);
    }
    for (int i = 0; i < 2; ++i) {
        b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        x[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        x[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

inline __m256i load(const uint8_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

inline __m256i word(uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }

void compress(__m256i h[8], const uint8_t* const blocks[8], uint64_t counted, bool last) {
    __m256i m[16];
    for (int i = 0; i < 8; ++i) m[i] = load(blocks[i]);
    for (int i = 0; i < 8; ++i) m[8 + i] = load(blocks[i] + 32);
    transpose(m);
    transpose(m + 8);

    __m256i v[16];
    for (int i = 0; i < 8; ++i) v[i] = h[i];
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

    for (int i = 0; i < 8; ++i) h[i] = _mm256_xor_si256(h[i], _mm256_xor_si256(v[i], v[i + 8]));
}

}  // namespace

void blake2s_finish_8_avx2(const uint32_t state[8], uint64_t counted, const uint8_t* const rows[8],
                           size_t size, uint8_t* const out[8]) {
    __m256i h[8];
    for (int i = 0; i < 8; ++i) h[i] = word(state[i]);

    const uint8_t* blocks[8];
    size_t at = 0;
    for (; size - at > kBlockSize; at += kBlockSize) {
        for (int i = 0; i < 8; ++i) blocks[i] = rows[i] + at;
        compress(h, blocks, counted + at + kBlockSize, false);
    }
    alignas(32) uint8_t padded[8][kBlockSize] = {};
    for (int i = 0; i < 8; ++i) {
        __builtin_memcpy(padded[i], rows[i] + at, size - at);
        blocks[i] = padded[i];
    }
    compress(h, blocks, counted + size, true);

    transpose(h);
    for (int i = 0; i < 8; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out[i]), h[i]);
}

}  // namespace daidd::crypto
