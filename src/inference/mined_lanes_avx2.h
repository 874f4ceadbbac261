#pragma once

#include "inference/mined_kernels.h"
#include "inference/mined_rows_avx2.h"
#include "inference/outputs_avx2.h"

// How the mined kernels of 256 bits write words and outputs. Only *_avx2.cpp include this.
namespace daidd::inference::avx2 {

/// What the kernels of both give TileMiner beside the products.
struct MinedLanes {
    static constexpr uint32_t kTilesPut = 1;

    static void put(const MinedProduct& product, uint32_t tile, uint32_t /*tiles*/, uint32_t group,
                    uint32_t groups, const CleanSums& clean, Cells* turned) {
        const OutputBlock outputs{product.linear, product.packed, tile, product.fx};
        const uint32_t planes = product.joined || clean.low != nullptr ? 2 : 1;
        for (uint32_t i = 0; i < groups; ++i) {
            turn(clean.high + size_t{i} * kTile, turned);
            if (clean.low != nullptr) turn(clean.low + size_t{i} * kTile, turned + kTile);
            const uint32_t first = (group + i) * kTile;
            for (uint32_t u = 0; u < kTile; ++u) {
                outputs.put(planes, product.codes.factors[first + u], turned[u],
                            clean.low == nullptr ? nullptr : turned[kTile + u],
                            product.y + size_t{first + u} * product.linear.n + outputs.column());
            }
        }
    }

    static void put_words(const Cells* folds, uint32_t steps, uint32_t* words) {
        for (uint32_t first = 0; first < steps; first += kLanes) {
            const uint32_t count = std::min(kLanes, steps - first);
            alignas(32) uint32_t eight[kLanes];
            store(eight, words_of(folds + first, count));
            std::memcpy(words + first, eight, count * sizeof *words);
        }
    }

private:
    /// Rows and columns change places.
    static void turn(const Cells* sums, Cells* to) {
        for (uint32_t u = 0; u < kTile; u += kLanes) {
            for (uint32_t v = 0; v < kTile; v += kLanes) {
                __m256i x[kLanes];
#pragma GCC unroll 8
                for (uint32_t i = 0; i < kLanes; ++i) x[i] = load(sums[v + i] + u);
                transpose(x);
#pragma GCC unroll 8
                for (uint32_t i = 0; i < kLanes; ++i) store(to[u + i] + v, x[i]);
            }
        }
    }

    static __m256i turn_left(__m256i x, __m256i bits) {
        const __m256i others = _mm256_sub_epi32(_mm256_set1_epi32(32), bits);
        return _mm256_or_si256(_mm256_sllv_epi32(x, bits), _mm256_srlv_epi32(x, others));
    }

    /// The words of up to eight steps: lane u of each fold turned by u, then all lanes of a fold XORed. Each
    /// level XORs halves of twice as many folds into one register; the order of the lanes comes out right.
    static __m256i words_of(const Cells* folds, uint32_t steps) {
        const __m256i turns = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        __m256i x[kLanes];
        for (uint32_t i = 0; i < kLanes; ++i) {
            x[i] = _mm256_setzero_si256();
            if (i >= steps) continue;
            const __m256i high = _mm256_add_epi32(turns, _mm256_set1_epi32(kLanes));
            x[i] =
                _mm256_xor_si256(turn_left(load(folds[i]), turns), turn_left(load(folds[i] + kLanes), high));
        }
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i) {
            x[i] = _mm256_xor_si256(_mm256_unpacklo_epi32(x[2 * i], x[2 * i + 1]),
                                    _mm256_unpackhi_epi32(x[2 * i], x[2 * i + 1]));
        }
#pragma GCC unroll 2
        for (uint32_t i = 0; i < 2; ++i) {
            x[i] = _mm256_xor_si256(_mm256_unpacklo_epi64(x[2 * i], x[2 * i + 1]),
                                    _mm256_unpackhi_epi64(x[2 * i], x[2 * i + 1]));
        }
        return _mm256_xor_si256(_mm256_permute2x128_si256(x[0], x[1], 0x20),
                                _mm256_permute2x128_si256(x[0], x[1], 0x31));
    }
};

}  // namespace daidd::inference::avx2
