#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>

#include "inference/noised.h"
#include "inference/noised_kernels.h"

namespace daidd::inference {

namespace {

// Eight columns of all 16 weight rows as 16-bit numbers, pairs of columns together: pair p of row v at
// [p][v], ready for vpmaddwd.
using Chunk = std::array<std::array<int16_t, 2 * kTile>, 4>;

void widen_weights(const int8_t* weights, size_t stride, Chunk& out) {
    for (uint32_t v = 0; v < kTile; ++v) {
        const __m128i row =
            _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights + v * stride)));
        alignas(16) std::array<int32_t, 4> pairs;
        _mm_store_si128(reinterpret_cast<__m128i*>(pairs.data()), row);
        for (size_t p = 0; p < 4; ++p) std::memcpy(&out[p][2 * v], &pairs[p], 4);
    }
}

/// Rows u … u + 3 of T, columns 0 … 7 and 8 … 15.
struct Quarter {
    __m256i sum[4][2];
};

void add_step(const int16_t* noised, size_t noised_stride, const Chunk* chunks, uint32_t chunk_count,
              Quarter& q) {
    for (uint32_t c = 0; c < chunk_count; ++c) {
        for (uint32_t p = 0; p < 4; ++p) {
            const auto* pair = reinterpret_cast<const __m256i*>(chunks[c][p].data());
            const __m256i left = _mm256_loadu_si256(pair), right = _mm256_loadu_si256(pair + 1);
            for (uint32_t u = 0; u < 4; ++u) {
                int32_t two;
                std::memcpy(&two, noised + u * noised_stride + 8 * c + 2 * p, 4);
                const __m256i codes = _mm256_set1_epi32(two);
                // Exact: 2 · 128 · 128 fits the int32 lanes.
                q.sum[u][0] = _mm256_add_epi32(q.sum[u][0], _mm256_madd_epi16(codes, left));
                q.sum[u][1] = _mm256_add_epi32(q.sum[u][1], _mm256_madd_epi16(codes, right));
            }
        }
    }
}

uint32_t fold_row(const __m256i sum[2]) {
    const __m256i both = _mm256_xor_si256(sum[0], sum[1]);
    __m128i x = _mm_xor_si128(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    x = _mm_xor_si128(x, _mm_shuffle_epi32(x, 0x4e));
    x = _mm_xor_si128(x, _mm_shuffle_epi32(x, 0xb1));
    return uint32_t(_mm_cvtsi128_si32(x));
}

}  // namespace

void noised_tile_avx2(const int8_t* noised, const int8_t* weights, size_t stride, uint32_t k, uint32_t r,
                      uint32_t* words) {
    alignas(32) std::array<Chunk, kStepMax / 8> chunks;
    alignas(32) std::array<int16_t, size_t{kTile} * kStepMax> wide;
    Quarter quarters[4];
    std::memset(quarters, 0, sizeof quarters);
    for (uint32_t step = 0; step < k / r; ++step) {
        for (uint32_t c = 0; c < r / 8; ++c) widen_weights(weights + step * r + 8 * c, stride, chunks[c]);
        uint32_t word = 0;
        for (uint32_t u = 0; u < kTile; ++u) {
            for (uint32_t c = 0; c < r / 8; ++c) {
                const auto* from =
                    reinterpret_cast<const __m128i*>(noised + size_t{u} * k + step * r + 8 * c);
                auto* to = reinterpret_cast<__m128i*>(wide.data() + size_t{u} * r + 8 * c);
                _mm_storeu_si128(to, _mm_cvtepi8_epi16(_mm_loadl_epi64(from)));
            }
        }
        for (uint32_t g = 0; g < 4; ++g) {
            add_step(wide.data() + size_t{4} * g * r, r, chunks.data(), r / 8, quarters[g]);
            for (uint32_t u = 0; u < 4; ++u) word ^= std::rotl(fold_row(quarters[g].sum[u]), int(4 * g + u));
        }
        words[step] = word;
    }
}

}  // namespace daidd::inference
#endif
