#if defined(__x86_64__)
#include <cstring>

#include "inference/manifest.h"
#include "inference/mined_kernels.h"
#include "inference/noised_avx512.h"
#include "inference/outputs_avx512.h"

namespace daidd::inference {

namespace {

using namespace avx512;

constexpr uint32_t kPairs = 2;  // of columns in a cell, where they are 16-bit numbers
using PairCells = int32_t[kTile][kPairs];

inline __attribute__((always_inline)) void add_pair_products(__m512i& sum, __m512i noise,
                                                             const int32_t& pair) {
    asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(noise), "m"(pair));
}

/// One slice of one tile's weights, and what is derived from them once for all groups.
struct Tile {
    const Cells* weights;
    const Cells* excess;    // a step
    const PairCells* peel;  // X: r / 4 cells
    uint32_t steps, cells_a_step;
};

Tile prepare(const int8_t* block, const MinedRows& part, Cells* excess, Cells* peel, bool peels) {
    const auto* weights = reinterpret_cast<const Cells*>(block + size_t{part.id.slice.start} * kPackColumns);
    const Tile tile{.weights = weights,
                    .excess = excess,
                    .peel = reinterpret_cast<PairCells*>(peel),
                    .steps = part.steps(),
                    .cells_a_step = part.id.step / kDepth};
    sum_weights(weights, tile.steps, tile.cells_a_step, excess);
    auto* const x = reinterpret_cast<PairCells*>(peel);
    if (peels) {
        sum_periods(weights, tile.steps, tile.cells_a_step, [x](uint32_t cell, uint32_t half, __m512i four) {
            store(x[cell][half * kTile / 2], four);
        });
    }
    return tile;
}

/// Where the kernel below leaves what it made of a group.
struct Made {
    Cells* folds;  // a step: lane u to be turned by u and XORed with the others
    Cells* sums;   // lane u of [v] is the clean sum of row u with column v, added up over slices; or null
};

/// One group. Lane u of sum[v] is T[u][v]. Inlined into more code its sums would not stay in registers.
__attribute__((noinline)) void mine_tile(const Tile& tile, const int8_t* rows, const int8_t* noise,
                                         bool first_slice, const Made& made) {
    __m512i sum[kTile];
#pragma GCC unroll 16
    for (uint32_t v = 0; v < kTile; ++v) sum[v] = _mm512_setzero_si512();
    const Cells* weights = tile.weights;
    for (uint32_t step = 0; step < tile.steps; ++step) {
#pragma GCC unroll 16
        for (uint32_t v = 0; v < kTile; ++v) {
            sum[v] = _mm512_sub_epi32(sum[v], _mm512_set1_epi32(tile.excess[step][v]));
        }
        for (uint32_t i = 0; i < tile.cells_a_step; ++i, ++weights, rows += sizeof(Cells)) {
            const __m512i codes = load(rows);
#pragma GCC unroll 16
            for (uint32_t v = 0; v < kTile; ++v) add_products_of_all(sum[v], codes, (*weights)[v]);
        }
        __m512i even = sum[0], odds = sum[1];
#pragma GCC unroll 8
        for (uint32_t v = 2; v + 2 < kTile; v += 4) {
            even = xor3(even, sum[v], sum[v + 1]);
            odds = xor3(odds, sum[v + 2], sum[v + 3]);
        }
        store(made.folds[step], xor3(_mm512_xor_si512(even, odds), sum[kTile - 2], sum[kTile - 1]));
    }
    if (made.sums == nullptr) return;
    for (uint32_t i = 0; i < tile.cells_a_step * kPairs; ++i, noise += sizeof(Cells)) {
        const __m512i minus_e = load(noise);
#pragma GCC unroll 16
        for (uint32_t v = 0; v < kTile; ++v) {
            add_pair_products(sum[v], minus_e, tile.peel[i / kPairs][v][i % kPairs]);
        }
    }
#pragma GCC unroll 16
    for (uint32_t v = 0; v < kTile; ++v) {
        store(made.sums[v], first_slice ? sum[v] : _mm512_add_epi32(sum[v], load(made.sums[v])));
    }
}

/// One slice of one tile for one group.
void mine_group(const Tile& tile, const MinedRows& part, uint32_t group, bool first_slice, const Made& made,
                uint32_t* words) {
    const int8_t* const rows = part.noised + group * part.rows_a_group();
    const int8_t* const noise = part.noise + group * part.noise_a_group();
    mine_tile(tile, rows, noise, first_slice, made);
    for (uint32_t step = 0; step < tile.steps; step += kTile) {
        const uint32_t left = tile.steps - step;
        words_of<true>(made.folds + step, left < kTile ? left : kTile, words + step);
    }
}

}  // namespace

void mined_pack_avx512(const int8_t* noised, const int8_t* noise, uint32_t columns, uint32_t r,
                       int8_t* noised_out, int8_t* noise_out) {
    for (uint32_t u = 0; u < kTile; ++u) {
        for (uint32_t t = 0; t < columns; t += kDepth) {
            uint32_t four;
            std::memcpy(&four, noised + size_t{u} * columns + t, kDepth);
            four ^= 0x8080'8080;  // each + 128: unsigned, as vpdpbusd wants one operand
            std::memcpy(noised_out + size_t{t} * kTile + size_t{u} * kDepth, &four, kDepth);
        }
        for (uint32_t t = 0; t < r; t += 2) {
            const int16_t pair[] = {int16_t(-noise[u * r + t]), int16_t(-noise[u * r + t + 1])};
            std::memcpy(noise_out + size_t{t} * 2 * kTile + size_t{u} * sizeof pair, pair, sizeof pair);
        }
    }
}

void mined_tile_avx512(const MinedProduct& product, uint32_t tile, uint32_t first, uint32_t groups,
                       uint32_t* words, Scratch& scratch) {
    const uint32_t planes = product.codes.planes;
    const size_t parts = product.parts.size(), slices = parts / planes;
    uint32_t steps_max = 0;
    for (const MinedRows& part : product.parts) steps_max = std::max(steps_max, part.steps());

    // What the tile's weights give is prepared once a slice, for all groups of both planes.
    const size_t lines_a_slice = steps_max + size_t{kPairs} * kStepMax / kDepth;
    auto* const lines = reinterpret_cast<Cells*>(
        scratch.take_lines(slices * lines_a_slice + steps_max + size_t{planes} * kTile));
    Cells* const folds = lines + slices * lines_a_slice;
    Cells* const sums = lines + slices * lines_a_slice + steps_max;
    Tile tiles[kDepthMax / kSliceColumns];
    const int8_t* const block =
        product.packed.weights.get() + size_t{tile} * kPackColumns * product.packed.depth;
    for (size_t s = 0; s < slices; ++s) {
        Cells* const excess = lines + s * lines_a_slice;
        tiles[s] = prepare(block, product.parts[s], excess, excess + steps_max, product.y != nullptr);
    }

    const OutputBlock outputs{product.linear, product.packed, tile, product.fx};
    for (uint32_t g = 0; g < groups; ++g) {
        uint32_t* to = words;
        for (size_t p = 0; p < parts; ++p) {
            const MinedRows& part = product.parts[p];
            const Made made{.folds = folds,
                            .sums = product.y == nullptr ? nullptr : sums + p / slices * kTile};
            mine_group(tiles[p % slices], part, first + g, p % slices == 0, made,
                       to + size_t{g} * part.steps());
            to += size_t{groups} * part.steps();
        }
        if (product.y == nullptr) continue;
        for (uint32_t plane = 0; plane < planes; ++plane) {
            __m512i columns[kTile];
#pragma GCC unroll 16
            for (uint32_t v = 0; v < kTile; ++v) columns[v] = load(sums[plane * kTile + v]);
            transpose(columns, sums + plane * kTile);
        }
        const uint32_t row = (first + g) * kTile;
        outputs.put(kTile, &product.codes.factors[row], sums[0], planes == 2 ? sums[kTile] : nullptr, kTile,
                    product.y + size_t{row} * product.linear.n + outputs.column());
    }
}

}  // namespace daidd::inference
#endif
