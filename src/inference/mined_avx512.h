#pragma once

#include <algorithm>
#include <cstring>

#include "inference/manifest.h"
#include "inference/noised_avx512.h"
#include "inference/outputs_avx512.h"

// How the mined kernels of AVX-512 and of AMX read rows and write outputs. Only they include this.
namespace daidd::inference::avx512 {

/// A' of one group as cells, every number XORed with `flip`: `codes` and `noise` as for add_noise().
inline void pack_noised(const int8_t* codes, size_t stride, uint32_t columns, const int8_t* noise, uint32_t r,
                        int8_t flip, int8_t* out) {
    static_assert(kStepMax == 2 * kCellsColumns);
    // Each row's noise over and over, so that a whole register can be read at any column modulo `period`.
    alignas(64) int8_t periods[kTile][kStepMax];
    const uint32_t period = std::max(r, kCellsColumns);
    for (uint32_t u = 0; u < kTile; ++u) {
        for (uint32_t at = 0; at < period; at += r) std::memcpy(periods[u] + at, noise + size_t{u} * r, r);
    }
    const __m512i flips = _mm512_set1_epi8(flip);
    pack_cells(codes, stride, columns, out, [&](uint32_t u, uint32_t t, __m512i x) {
        return _mm512_xor_si512(_mm512_add_epi8(x, load(periods[u] + t % period)), flips);
    });
}

/// MinedKernels::largest_row_sum.
inline int64_t largest_row_sum(const int8_t* codes, size_t stride, uint32_t columns, uint32_t rows) {
    int64_t most = 0;
    for (uint32_t u = 0; u < rows; ++u, codes += stride) {
        __m512i sums = _mm512_setzero_si512();
        for (uint32_t t = 0; t < columns; t += sizeof sums) {
            const uint32_t left = columns - t;
            const __mmask64 mask = left >= sizeof sums ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
            const __m512i sizes = _mm512_abs_epi8(_mm512_maskz_loadu_epi8(mask, codes + t));
            sums = _mm512_add_epi64(sums, _mm512_sad_epu8(sizes, _mm512_setzero_si512()));
        }
        most = std::max<int64_t>(most, _mm512_reduce_add_epi64(sums));
    }
    return most;
}

/// What the kernels of both give TileMiner beside the products.
struct MinedLanes {
    using Outputs = OutputBlock;

    static void put(const OutputBlock& outputs, const Scale* factors, const Cells* high, const Cells* low,
                    bool joined, Cells* turned, int32_t* y) {
        const auto turn = [](const Cells* sums, Cells* to) {
            __m512i x[kTile];
#pragma GCC unroll 16
            for (uint32_t v = 0; v < kTile; ++v) x[v] = load(sums[v]);
            transpose(x, to);
        };
        RowShifts shifts;
        turn(high, turned);
        if (joined) return outputs.put_joined(kTile, factors, turned[0], kTile, shifts, y);
        if (low == nullptr) return outputs.put(kTile, factors, turned[0], nullptr, kTile, shifts, y);
        turn(low, turned + kTile);
        outputs.put(kTile, factors, turned[0], turned[kTile], kTile, shifts, y);
    }

    static void put_words(const Cells* folds, uint32_t steps, uint32_t* words) {
        words_of(folds, steps, words);
    }
};

}  // namespace daidd::inference::avx512
