#pragma once

#include <algorithm>
#include <cstring>

#include "inference/manifest.h"
#include "inference/mined_kernels.h"
#include "inference/noised_avx512.h"
#include "inference/outputs_avx512.h"

// How the mined kernels of AVX-512 and of AMX read rows and write outputs. Only they include this.
namespace daidd::inference::avx512 {

/// A' of one group as cells: `codes` and `noise` as for add_noise().
inline void pack_noised(const int8_t* codes, size_t stride, uint32_t columns, const uint8_t* noise,
                        uint32_t r, uint8_t* out) {
    static_assert(kStepMax == 2 * kCellsColumns);
    // Each row's noise over and over, so that a whole register can be read at any column modulo `period`.
    alignas(64) uint8_t periods[kTile][kStepMax];
    const uint32_t period = std::max(r, kCellsColumns);
    for (uint32_t u = 0; u < kTile; ++u) {
        for (uint32_t at = 0; at < period; at += r) std::memcpy(periods[u] + at, noise + size_t{u} * r, r);
    }
    pack_cells(codes, stride, columns, out, [&](uint32_t u, uint32_t t, __m512i x) {
        return _mm512_add_epi8(x, load(periods[u] + t % period));
    });
}

/// What the kernels of both give TileMiner beside the products.
template <uint32_t kGroupsAtOnce>
class MinedLanes {
public:
    static constexpr uint32_t kTilesPut = 2;

    void put(const MinedProduct& product, uint32_t tile, uint32_t tiles, uint32_t group, uint32_t groups,
             const CleanSums& clean, Cells* turned) {
        const auto outputs_of = [&](uint32_t block) {
            return OutputBlock{product.linear, product.packed, block, product.fx};
        };
        const OutputBlock two[kTilesPut] = {outputs_of(tile), outputs_of(tile + tiles - 1)};
        constexpr size_t kPlaneLines = size_t{kTilesPut} * kTile;
        const SumRows sums{turned[0], clean.low == nullptr ? nullptr : turned[kPlaneLines], kTile,
                           sizeof(Cells[kTile]) / sizeof(int32_t)};
        for (uint32_t i = 0; i < groups; ++i) {
            for (uint32_t t = 0; t < tiles; ++t) {
                const size_t from = t * clean.to_tile + size_t{i} * kTile;
                turn(clean.high + from, turned + size_t{t} * kTile);
                if (clean.low != nullptr) turn(clean.low + from, turned + kPlaneLines + size_t{t} * kTile);
            }
            const uint32_t row = (group + i) * kTile;
            const Scale* const factors = &product.codes.factors[row];
            int32_t* const y = product.y + size_t{row} * product.linear.n + two[0].column();
            if (tiles == kTilesPut) {
                OutputBlock::put(two, kTile, factors, sums, shifts_[i], y);
            } else {
                two[0].put(kTile, factors, sums, shifts_[i], y);
            }
        }
    }

    static void put_words(const Cells* folds, uint32_t steps, uint32_t* words) {
        words_of(folds, steps, words);
    }

private:
    /// Rows and columns change places.
    static void turn(const Cells* sums, Cells* to) {
        __m512i x[kTile];
#pragma GCC unroll 16
        for (uint32_t v = 0; v < kTile; ++v) x[v] = load(sums[v]);
        transpose(x, to);
    }

    RowShifts shifts_[kGroupsAtOnce];  // of groups that meet tile after tile
};

}  // namespace daidd::inference::avx512
