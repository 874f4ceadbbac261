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
