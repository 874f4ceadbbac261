#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/manifest.h"
#include "inference/mined_kernels.h"
#include "inference/noised_avx512.h"
#include "inference/outputs_avx512.h"
#include "inference/tiles_amx.h"

namespace daidd::inference {

namespace {

using amx::add_products;
using avx512::Cells;
using avx512::load;
using avx512::store;

constexpr uint32_t kGroupsAtOnce = 4;  // tiles of sums that are folded while others are multiplied
constexpr uint32_t kPlanesOfPeel = 2;  // X is 128 · high + low, both int8

/// Columns of one tile of codes: a fold step, or half of the longest.
uint32_t depth_for(uint32_t step) { return std::min(step, amx::kTileDepth); }

/// One slice of one tile's weights, and X of it as right operands, high plane first.
struct Tile {
    const int8_t* weights;
    const int8_t* peel;
    uint32_t steps, depth, tiles_a_step;
    size_t right_bytes() const { return size_t{depth} * kTile; }
};

/// X = 128 · high + low, each a right operand.
void split_periods(const int8_t* weights, uint32_t steps, uint32_t step, int8_t* high, int8_t* low) {
    const auto put = [high, low](uint32_t cell, uint32_t half, __m512i x) {
        const __m512i h = _mm512_srai_epi16(_mm512_add_epi16(x, _mm512_set1_epi16(64)), 7);
        const __m512i l = _mm512_sub_epi16(x, _mm512_slli_epi16(h, 7));
        const size_t at = cell * sizeof(Cells) + half * sizeof(Cells) / 2;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(high + at), _mm512_cvtepi16_epi8(h));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + at), _mm512_cvtepi16_epi8(l));
    };
    avx512::sum_periods(reinterpret_cast<const Cells*>(weights), steps, step / avx512::kDepth, put);
}

/// Σ over u of row u turned by u, lane by lane.
__m512i fold(const Cells* rows) {
    __m512i upper = load(rows[kTile - 1]), lower = load(rows[kTile / 2 - 1]);
#pragma GCC unroll 8
    for (uint32_t u = kTile / 2 - 1; u-- > 0;) {
        upper = _mm512_xor_si512(_mm512_rol_epi32(upper, 1), load(rows[kTile / 2 + u]));
        lower = _mm512_xor_si512(_mm512_rol_epi32(lower, 1), load(rows[u]));
    }
    return _mm512_xor_si512(_mm512_rol_epi32(upper, kTile / 2), lower);
}

/// Memory for kGroupsAtOnce groups.
struct Made {
    Cells* sums;   // a group: T after the step at hand, row by row
    Cells* folds;  // a group, a step
    size_t folds_a_group;
    Cells* peel;   // E·X of one group, high then low
    Cells* clean;  // a group: the clean sums, added up over slices; or null
};

/// T of G groups, one after the other in `rows`.
template <uint32_t G>
void multiply_and_fold(const Tile& tile, const int8_t* rows, size_t rows_a_group, const Made& made) {
    amx::zero<0>(), amx::zero<1>(), amx::zero<2>(), amx::zero<3>();
    const int8_t* right = tile.weights;
    const size_t left_bytes = tile.right_bytes();
    for (uint32_t step = 0; step < tile.steps; ++step) {
        for (uint32_t t = 0; t < tile.tiles_a_step; ++t, right += tile.right_bytes(), rows += left_bytes) {
            amx::load<6>(right, sizeof(Cells));
            amx::load<4>(rows, tile.depth);
            add_products<0, 4, 6>();
            if constexpr (G > 1) {
                amx::load<5>(rows + rows_a_group, tile.depth);
                add_products<1, 5, 6>();
                amx::load<4>(rows + 2 * rows_a_group, tile.depth);
                add_products<2, 4, 6>();
                amx::load<5>(rows + 3 * rows_a_group, tile.depth);
                add_products<3, 5, 6>();
            }
        }
        amx::store<0>(made.sums, sizeof(Cells));
        if constexpr (G > 1) {
            amx::store<1>(made.sums + kTile, sizeof(Cells));
            amx::store<2>(made.sums + 2 * kTile, sizeof(Cells));
            amx::store<3>(made.sums + 3 * kTile, sizeof(Cells));
        }
        for (uint32_t g = 0; g < G; ++g) {
            store(made.folds[g * made.folds_a_group + step], fold(made.sums + size_t{g} * kTile));
        }
    }
}

/// The clean sums of one group: T − E·X.
void peel(const Tile& tile, const int8_t* noise, const Cells* sums, bool first_slice, Cells* products,
          Cells* clean) {
    amx::zero<0>(), amx::zero<1>();
    const size_t plane_bytes = tile.tiles_a_step * tile.right_bytes();
    for (uint32_t t = 0; t < tile.tiles_a_step; ++t) {
        const size_t at = t * tile.right_bytes();
        amx::load<4>(noise + at, tile.depth);
        amx::load<6>(tile.peel + at, sizeof(Cells));
        amx::load<7>(tile.peel + plane_bytes + at, sizeof(Cells));
        add_products<0, 4, 6>();
        add_products<1, 4, 7>();
    }
    amx::store<0>(products, sizeof(Cells));
    amx::store<1>(products + kTile, sizeof(Cells));
    for (uint32_t u = 0; u < kTile; ++u) {
        __m512i x = _mm512_sub_epi32(load(sums[u]), _mm512_slli_epi32(load(products[u]), 7));
        x = _mm512_sub_epi32(x, load(products[kTile + u]));
        store(clean[u], first_slice ? x : _mm512_add_epi32(x, load(clean[u])));
    }
}

/// One slice of one tile for G groups from `group` on.
template <uint32_t G>
void mine_groups(const Tile& tile, const MinedRows& part, uint32_t group, bool first_slice, const Made& made,
                 uint32_t* words) {
    const amx::TileConfiguration tiles{tile.depth};
    multiply_and_fold<G>(tile, part.noised + group * part.rows_a_group(), part.rows_a_group(), made);
    for (uint32_t g = 0; g < G; ++g) {
        const Cells* const folds = made.folds + g * made.folds_a_group;
        for (uint32_t step = 0; step < tile.steps; step += kTile) {
            const uint32_t count = std::min(kTile, tile.steps - step);
            avx512::words_of<false>(folds + step, count, words + size_t{g} * tile.steps + step);
        }
        if (made.clean == nullptr) continue;
        peel(tile, part.noise + (group + g) * part.noise_a_group(), made.sums + size_t{g} * kTile,
             first_slice, made.peel, made.clean + size_t{g} * kTile);
    }
}

}  // namespace

void mined_pack_amx(const int8_t* noised, const int8_t* noise, uint32_t columns, uint32_t r,
                    int8_t* noised_out, int8_t* noise_out) {
    const uint32_t depth = depth_for(r);
    const auto pack = [depth](const int8_t* rows, uint32_t width, int8_t* out) {
        for (uint32_t u = 0; u < kTile; ++u) {
            for (uint32_t t = 0; t < width; t += depth) {
                std::memcpy(out + size_t{t} * kTile + size_t{u} * depth, rows + size_t{u} * width + t, depth);
            }
        }
    };
    pack(noised, columns, noised_out);
    pack(noise, r, noise_out);
}

void mined_tile_amx(const MinedProduct& product, uint32_t tile, uint32_t first, uint32_t groups,
                    uint32_t* words, Scratch& scratch) {
    const uint32_t planes = product.codes.planes;
    const size_t parts = product.parts.size(), slices = parts / planes;
    uint32_t steps_max = 0;
    for (const MinedRows& part : product.parts) steps_max = std::max(steps_max, part.steps());

    constexpr size_t kPeelLines = size_t{kPlanesOfPeel} * kStepMax / avx512::kDepth;
    constexpr size_t kGroupLines = size_t{kGroupsAtOnce} * kTile;
    const size_t fold_lines = size_t{kGroupsAtOnce} * steps_max;
    auto* const lines = reinterpret_cast<Cells*>(scratch.take_lines(
        slices * kPeelLines + (1 + planes) * kGroupLines + kPlanesOfPeel * size_t{kTile} + fold_lines));
    Cells* const clean = lines + slices * kPeelLines;
    Cells* const sums = clean + planes * kGroupLines;
    Cells* const peeled = sums + kGroupLines;
    Cells* const folds = peeled + kPlanesOfPeel * kTile;
    Tile tiles[kDepthMax / kSliceColumns];
    const int8_t* const block =
        product.packed.weights.get() + size_t{tile} * kPackColumns * product.packed.depth;
    for (size_t s = 0; s < slices; ++s) {
        const MinedSlice& id = product.parts[s].id;
        auto* const x = reinterpret_cast<int8_t*>(lines + s * kPeelLines);
        const uint32_t depth = depth_for(id.step);
        tiles[s] = {block + size_t{id.slice.start} * kPackColumns, x, product.parts[s].steps(), depth,
                    id.step / depth};
        if (product.y == nullptr) continue;
        split_periods(tiles[s].weights, tiles[s].steps, id.step, x, x + size_t{id.step} * kTile);
    }

    const avx512::OutputBlock outputs{product.linear, product.packed, tile, product.fx};
    for (uint32_t g = 0; g < groups;) {
        const uint32_t together = groups - g >= kGroupsAtOnce ? kGroupsAtOnce : 1;
        uint32_t* to = words;
        for (size_t p = 0; p < parts; ++p) {
            const MinedRows& part = product.parts[p];
            const Made made{sums, folds, steps_max, peeled,
                            product.y == nullptr ? nullptr : clean + p / slices * kGroupLines};
            auto* const mine = together == 1 ? mine_groups<1> : mine_groups<kGroupsAtOnce>;
            mine(tiles[p % slices], part, first + g, p % slices == 0, made, to + size_t{g} * part.steps());
            to += size_t{groups} * part.steps();
        }
        const uint32_t row = (first + g) * kTile;
        if (product.y != nullptr) {
            outputs.put(together * kTile, &product.codes.factors[row], clean[0],
                        planes == 2 ? clean[kGroupLines] : nullptr, kTile,
                        product.y + size_t{row} * product.linear.n + outputs.column());
        }
        g += together;
    }
}

}  // namespace daidd::inference
#endif
