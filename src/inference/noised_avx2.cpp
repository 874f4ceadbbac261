#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "inference/noised.h"
#include "inference/noised_kernels.h"

namespace daidd::inference {

namespace {

// Eight columns of all 16 weight rows as 16-bit numbers, pairs of columns together: pair p of row v at
// [p][v], ready for vpmaddwd.
using Chunk = std::array<std::array<int16_t, 2 * kTile>, 4>;

__m128i load_eight(const void* at) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)); }

/// Four rows of four column pairs, transposed: low holds pairs 0 and 1 of the rows, high pairs 2 and 3.
struct FourRows {
    __m128i low, high;
};
FourRows transpose(const int8_t* rows, size_t stride) {
    const __m128i a = _mm_unpacklo_epi16(load_eight(rows), load_eight(rows + stride));
    const __m128i b = _mm_unpacklo_epi16(load_eight(rows + 2 * stride), load_eight(rows + 3 * stride));
    return {_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b)};
}

void widen_weights(const int8_t* weights, size_t stride, Chunk& out) {
    for (uint32_t v = 0; v < kTile; v += 8) {
        const FourRows a = transpose(weights + v * stride, stride),
                       b = transpose(weights + (v + 4) * stride, stride);
        const __m128i pairs[4] = {_mm_unpacklo_epi64(a.low, b.low), _mm_unpackhi_epi64(a.low, b.low),
                                  _mm_unpacklo_epi64(a.high, b.high), _mm_unpackhi_epi64(a.high, b.high)};
        for (size_t p = 0; p < 4; ++p) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(&out[p][2 * v]), _mm256_cvtepi8_epi16(pairs[p]));
        }
    }
}

/// Rows u … u + 3 of T, columns 0 … 7 and 8 … 15.
struct Quarter {
    __m256i sum[4][2];
};

void add_step(const int16_t* noised, size_t noised_stride, const Chunk* chunks, uint32_t chunk_count,
              Quarter& q) {
    __m256i sum[4][2];
    std::memcpy(sum, q.sum, sizeof sum);
    for (uint32_t c = 0; c < chunk_count; ++c) {
        for (uint32_t p = 0; p < 4; ++p) {
            const auto* pair = reinterpret_cast<const __m256i*>(chunks[c][p].data());
            const __m256i left = _mm256_loadu_si256(pair), right = _mm256_loadu_si256(pair + 1);
#pragma GCC unroll 4
            for (uint32_t u = 0; u < 4; ++u) {
                int32_t two;
                std::memcpy(&two, noised + u * noised_stride + 8 * c + 2 * p, 4);
                const __m256i codes = _mm256_set1_epi32(two);
                // Exact: 2 · 255 · 128 fits the int32 lanes.
                sum[u][0] = _mm256_add_epi32(sum[u][0], _mm256_madd_epi16(codes, left));
                sum[u][1] = _mm256_add_epi32(sum[u][1], _mm256_madd_epi16(codes, right));
            }
        }
    }
    std::memcpy(q.sum, sum, sizeof sum);
}

uint32_t fold_row(const __m256i sum[2]) {
    const __m256i both = _mm256_xor_si256(sum[0], sum[1]);
    __m128i x = _mm_xor_si128(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    x = _mm_xor_si128(x, _mm_shuffle_epi32(x, 0x4e));
    x = _mm_xor_si128(x, _mm_shuffle_epi32(x, 0xb1));
    return uint32_t(_mm_cvtsi128_si32(x));
}

void one_tile(const uint8_t* noised, const Chunk* chunks, uint32_t k, uint32_t r, uint32_t* words) {
    alignas(32) std::array<int16_t, size_t{kTile} * kStepMax> wide;
    Quarter quarters[4];
    std::memset(quarters, 0, sizeof quarters);
    for (uint32_t step = 0; step < k / r; ++step) {
        for (uint32_t u = 0; u < kTile; ++u) {
            for (uint32_t c = 0; c < r / 8; ++c) {
                auto* to = reinterpret_cast<__m128i*>(wide.data() + size_t{u} * r + 8 * c);
                _mm_storeu_si128(to,
                                 _mm_cvtepu8_epi16(load_eight(noised + size_t{u} * k + step * r + 8 * c)));
            }
        }
        uint32_t word = 0;
        for (uint32_t g = 0; g < 4; ++g) {
            add_step(wide.data() + size_t{4} * g * r, r, chunks + size_t{step} * (r / 8), r / 8, quarters[g]);
            for (uint32_t u = 0; u < 4; ++u) word ^= std::rotl(fold_row(quarters[g].sum[u]), int(4 * g + u));
        }
        words[step] = word;
    }
}

}  // namespace

void fold_avx2(const uint8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
               uint32_t r, uint32_t* words) {
    std::vector<Chunk> chunks(k / 8);
    for (uint32_t c = 0; c < k / 8; ++c) widen_weights(weights + size_t{8} * c, stride, chunks[c]);
    for (uint32_t g = 0; g < groups; ++g) {
        one_tile(rows + size_t{g} * kTile * k, chunks.data(), k, r, words + size_t{g} * (k / r));
    }
}

}  // namespace daidd::inference
#endif
