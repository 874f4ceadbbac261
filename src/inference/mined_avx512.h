#pragma once

#include <algorithm>
#include <cstring>

#include "inference/manifest.h"
#include "inference/mined_kernels.h"
#include "inference/noised_avx512.h"
#include "inference/outputs_avx512.h"

// What the mined kernels of AVX-512 and of AMX share. Only they include this.
namespace daidd::inference::avx512 {

inline constexpr uint32_t kCellsColumns = kCellsAtOnce * kDepth;  // columns of a row in one register

/// `rows` (16 of `columns` codes, `stride` apart) as cells: lane u of a cell is four columns of row u. `each`
/// makes the register of row u from what was read at column t.
template <class Each>
inline void pack_cells(const int8_t* rows, size_t stride, uint32_t columns, int8_t* out, const Each& each) {
    for (uint32_t t = 0; t < columns; t += kCellsColumns) {
        const uint32_t cells = std::min(kCellsColumns, columns - t) / kDepth;
        const __mmask16 mask = first_lanes(cells);
        __m512i x[kTile];
#pragma GCC unroll 16
        for (uint32_t u = 0; u < kTile; ++u) {
            x[u] = each(u, t, _mm512_maskz_loadu_epi32(mask, rows + u * stride + t));
        }
        if (cells == kCellsAtOnce) {
            transpose(x, reinterpret_cast<Cells*>(out + size_t{t} * kTile));
            continue;
        }
        alignas(64) Cells last[kCellsAtOnce];
        transpose(x, last);
        std::memcpy(out + size_t{t} * kTile, last, cells * sizeof(Cells));
    }
}

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

/// The outputs of one group from its clean sums: lane u of [v] is that of row u and column v. `low` is null
/// for one plane; `turned` is memory for both.
inline void put_turned(const OutputBlock& outputs, const Scale* factors, const Cells* high, const Cells* low,
                       Cells* turned, int32_t* y) {
    __m512i x[kTile];
    const bool joined = low != nullptr && outputs.is_narrow();
#pragma GCC unroll 16
    for (uint32_t v = 0; v < kTile; ++v) {
        x[v] = load(high[v]);
        if (joined) x[v] = _mm512_add_epi32(_mm512_slli_epi32(x[v], 7), load(low[v]));
    }
    transpose(x, turned);
    if (joined) return outputs.put_joined(kTile, factors, turned[0], kTile, y);
    if (low == nullptr) return outputs.put(kTile, factors, turned[0], nullptr, kTile, y);
#pragma GCC unroll 16
    for (uint32_t v = 0; v < kTile; ++v) x[v] = load(low[v]);
    transpose(x, turned + kTile);
    outputs.put(kTile, factors, turned[0], turned[kTile], kTile, y);
}

/// Where a kernel leaves what it made of consecutive groups.
struct Made {
    Cells* work;   // Kernel::kWorkLines
    Cells* folds;  // a group, a step: lane u to be turned by u and XORed with the others
    Cells* clean;  // a group: lane u of [v] is the clean sum of row u with column v, over slices; or null
};

/// The loops of mined_tiles_*. A few groups meet all tiles before the next ones: their noised rows are read
/// from the nearest cache, and their outputs lie side by side. A Kernel has
///     kGroupsAtOnce, kWorkLines, kPreparedLines(steps): of cells
///     Tile prepare(product, part, tile, lines): what the weights of one slice give, once for all groups
///     void mine(tile, part, group, count, first_slice, made): folds and clean sums of `count` groups
template <class Kernel>
void mine_tiles(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first, uint32_t groups,
                uint32_t* words, Scratch& scratch) {
    constexpr size_t kGroupLines = size_t{Kernel::kGroupsAtOnce} * kTile;
    const uint32_t planes = product.codes.planes, count = end - begin;
    const size_t parts = product.parts.size(), slices = parts / planes;
    uint32_t steps_max = 0;
    size_t words_a_tile = 0;
    for (const MinedRows& part : product.parts) {
        steps_max = std::max(steps_max, part.steps());
        words_a_tile += size_t{groups} * part.steps();
    }
    const size_t prepared = Kernel::prepared_lines(steps_max);
    auto* lines = reinterpret_cast<Cells*>(scratch.take_lines(count * slices * prepared + Kernel::kWorkLines +
                                                              planes * kGroupLines + size_t{2} * kTile +
                                                              size_t{Kernel::kGroupsAtOnce} * steps_max));
    typename Kernel::Tile tiles[kTilesAtOnce][kDepthMax / kSliceColumns];
    for (uint32_t tile = 0; tile < count; ++tile) {
        for (size_t s = 0; s < slices; ++s, lines += prepared) {
            tiles[tile][s] = Kernel::prepare(product, product.parts[s], begin + tile, lines);
        }
    }
    Cells* const work = lines;
    Cells* const clean = work + Kernel::kWorkLines;
    Cells* const turned = clean + planes * kGroupLines;
    Cells* const folds = turned + size_t{2} * kTile;

    Kernel kernel;
    for (uint32_t g = 0; g < groups;) {
        const uint32_t together = Kernel::groups_together(groups - g);
        for (uint32_t tile = 0; tile < count; ++tile) {
            uint32_t* to = words + tile * words_a_tile;
            for (size_t p = 0; p < parts; ++p) {
                const MinedRows& part = product.parts[p];
                const Made made{work, folds,
                                product.y == nullptr ? nullptr : clean + p / slices * kGroupLines};
                kernel.mine(tiles[tile][p % slices], part, first + g, together, p % slices == 0, made);
                const uint32_t made_words = together * part.steps();
                uint32_t* const group_words = to + size_t{g} * part.steps();
                for (uint32_t w = 0; w < made_words; w += kTile) {
                    words_of<true>(folds + w, std::min(kTile, made_words - w), group_words + w);
                }
                to += size_t{groups} * part.steps();
            }
            if (product.y == nullptr) continue;
            const OutputBlock outputs{product.linear, product.packed, begin + tile, product.fx};
            for (uint32_t i = 0; i < together; ++i) {
                const uint32_t row = (first + g + i) * kTile;
                const Cells* const high = clean + size_t{i} * kTile;
                put_turned(outputs, &product.codes.factors[row], high,
                           planes == 2 ? high + kGroupLines : nullptr, turned,
                           product.y + size_t{row} * product.linear.n + outputs.column());
            }
        }
        g += together;
    }
}

}  // namespace daidd::inference::avx512
