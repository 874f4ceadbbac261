#if defined(__x86_64__)
#include "inference/mined_lanes_avx2.h"
#include "inference/tile_miner.h"

// The mined kernels of AVX2 and of AVX-VNNI: they differ in the product and in how it wants its numbers.
namespace daidd::inference {

namespace {

using namespace avx2;

/// One slice of one tile's weights as the kernels read them, and what is derived from them once for all
/// groups.
struct Tile {
    const Cells* weights;  // a cell of as many columns as one product takes: those of row v in [v]
    const Cells* peel;     // X, r / 2 pairs of 16-bit numbers
    uint32_t steps, cells_a_step, pairs;
};

/// Lanes of one half of the rows, counted from the first of some groups of `cells` each.
int32_t* lanes_of(Cells* first, size_t cells, uint32_t half) {
    return first[half / 2 * cells] + half % 2 * kLanes;
}

/// Four columns of a packed matrix, of 8 rows, as two pairs of 16-bit numbers.
struct Pairs {
    __m256i left, right;
};
Pairs widen(__m256i four) {
    // Each number in the upper byte of its 16 bits, to be shifted down with its sign.
    const __m256i left = _mm256_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13,  //
                                          -1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13);
    const __m256i right = _mm256_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15,  //
                                           -1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15);
    return {_mm256_srai_epi16(_mm256_shuffle_epi8(four, left), 8),
            _mm256_srai_epi16(_mm256_shuffle_epi8(four, right), 8)};
}

/// X[j] = Σ of the columns that are j modulo r: at most 64 of them, so |X| <= 2^13.
void sum_periods(const Cells* packed, uint32_t steps, uint32_t r, Cells* x) {
    for (uint32_t i = 0; i < r / kPackDepth; ++i) {
        for (uint32_t v = 0; v < kTile; v += kLanes) {
            __m256i left = _mm256_setzero_si256(), right = left;
            for (uint32_t step = 0; step < steps; ++step) {
                const Pairs pairs = widen(load(packed[step * (r / kPackDepth) + i] + v));
                left = _mm256_add_epi16(left, pairs.left);
                right = _mm256_add_epi16(right, pairs.right);
            }
            store(x[2 * i] + v, left);
            store(x[2 * i + 1] + v, right);
        }
    }
}

constexpr uint32_t kColumnsAtOnce = 4;

/// Some halves of the rows of consecutive groups by four columns of the tile; `half` counts from the first of
/// `group`, and so do the cells of `made`. Lane u of sum[4h + v] is T[u][column + v] of half h.
struct Block {
    const Tile& tile;
    const MinedRows& part;
    uint32_t group, half, column;
    const Made& made;

    int32_t* sums(Cells* cells, uint32_t i) const {
        return lanes_of(cells + column + i % kColumnsAtOnce, kTile, half + i / kColumnsAtOnce);
    }
};

/// From T to what its ending is.
template <class Product, uint32_t H>
inline __attribute__((always_inline)) void finish(const Block& block, __m256i* sum) {
    if (block.made.adds()) {
        const __m128i bits = _mm_cvtsi32_si128(block.made.clean_shift());
#pragma GCC unroll 12
        for (uint32_t i = 0; i < H * kColumnsAtOnce; ++i) {
            const __m256i clean = load(block.sums(block.made.clean, i));
            sum[i] = _mm256_add_epi32(sum[i], _mm256_sll_epi32(clean, bits));
        }
    }
    if (!block.made.peels()) return;
    const uint8_t* noise[H];
#pragma GCC unroll 3
    for (uint32_t h = 0; h < H; ++h) {
        const uint32_t half = block.half + h;
        noise[h] = block.part.noise + (block.group + half / 2) * block.part.noise_a_group() +
                   half % 2 * sizeof(__m256i);
    }
    const int32_t* x = &block.tile.peel[0][block.column];
    for (size_t at = 0; at < block.tile.pairs * sizeof(Cells); at += sizeof(Cells), x += kTile) {
        __m256i minus_e[H];
#pragma GCC unroll 3
        for (uint32_t h = 0; h < H; ++h) minus_e[h] = load(noise[h] + at);
#pragma GCC unroll 4
        for (uint32_t v = 0; v < kColumnsAtOnce; ++v) {
            const __m256i pair = _mm256_set1_epi32(x[v]);
#pragma GCC unroll 3
            for (uint32_t h = 0; h < H; ++h)
                Product::add_pairs(sum[h * kColumnsAtOnce + v], minus_e[h], pair);
        }
    }
}

/// H halves. Inlined into more code its sums would not stay in registers.
template <class Product, uint32_t H>
__attribute__((noinline)) void mine_block(const Block& block, Ahead& ahead) {
    constexpr uint32_t kSums = H * kColumnsAtOnce;
    const Tile& tile = block.tile;
    const Made& made = block.made;
    const uint32_t half = block.half, column = block.column;
    const size_t rows_a_half = block.part.rows_a_group() / 2;
    const uint8_t* rows = block.part.noised + (size_t{2} * block.group + half) * rows_a_half;
    const int32_t* weights = &tile.weights[0][column];
    __m256i sum[kSums];
#pragma GCC unroll 12
    for (__m256i& s : sum) s = _mm256_setzero_si256();
    int32_t* folds[H];
#pragma GCC unroll 3
    for (uint32_t h = 0; h < H; ++h) folds[h] = lanes_of(made.folds, tile.steps, half + h);
    for (uint32_t step = 0; step < tile.steps; ++step) {
        if (column == 0) ahead.bring();
        // Steps are whole pairs of cells.
        for (uint32_t i = 0; i < tile.cells_a_step; i += 2) {
#pragma GCC unroll 2
            for (uint32_t cell = 0; cell < 2; ++cell, weights += kTile, rows += sizeof(__m256i)) {
                __m256i codes[H];
#pragma GCC unroll 3
                for (uint32_t h = 0; h < H; ++h) codes[h] = load(rows + h * rows_a_half);
#pragma GCC unroll 4
                for (uint32_t v = 0; v < kColumnsAtOnce; ++v) {
                    const __m256i w = _mm256_set1_epi32(weights[v]);
#pragma GCC unroll 3
                    for (uint32_t h = 0; h < H; ++h) Product::add(sum[h * kColumnsAtOnce + v], codes[h], w);
                }
            }
        }
#pragma GCC unroll 3
        for (uint32_t h = 0; h < H; ++h) {
            const __m256i* const s = sum + h * kColumnsAtOnce;
            __m256i fold = _mm256_xor_si256(_mm256_xor_si256(s[0], s[1]), _mm256_xor_si256(s[2], s[3]));
            if (column != 0) fold = _mm256_xor_si256(fold, load(folds[h]));
            store(folds[h], fold);
            folds[h] += kTile;
        }
    }
    if (made.ending == Ending::kNone) return;
    finish<Product, H>(block, sum);
#pragma GCC unroll 12
    for (uint32_t i = 0; i < kSums; ++i) store(block.sums(made.clean, i), sum[i]);
}

/// AVX2. Noised codes need 16 bits: vpmaddubsw adds two products, of up to 254 · 128 each, in an int16 and
/// would clamp them. vpmaddwd is exact.
struct WideProduct {
    static constexpr uint32_t kHalvesAtOnce = 2;
    /// g++ 12 would add products to each other first and run out of registers.
    static __attribute__((always_inline)) void add(__m256i& sum, __m256i codes, __m256i weights) {
        asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(_mm256_madd_epi16(codes, weights)));
    }
    static __attribute__((always_inline)) void add_pairs(__m256i& sum, __m256i noise, __m256i x) {
        add(sum, noise, x);
    }

    static size_t prepared_lines(const MinedRows& part) { return (part.id.slice.columns + part.id.step) / 2; }

    static Tile prepare(const Cells* packed, const MinedRows& part, bool peels, Cells* lines) {
        const uint32_t r = part.id.step, cells = part.id.slice.columns / kPackDepth;
        Cells *const wide = lines, *const x = wide + size_t{2} * cells;
        for (uint32_t i = 0; i < cells; ++i) {
            for (uint32_t v = 0; v < kTile; v += kLanes) {
                const Pairs four = widen(load(packed[i] + v));
                store(wide[2 * i] + v, four.left);
                store(wide[2 * i + 1] + v, four.right);
            }
        }
        if (peels) sum_periods(packed, part.steps(), r, x);
        return {wide, x, part.steps(), r / 2, r / 2};
    }
};

/// AVX-VNNI, the instructions written out as in linear_vnni_avx2.cpp.
struct VnniProduct {
    static constexpr uint32_t kHalvesAtOnce = 3;
    static __attribute__((always_inline)) void add(__m256i& sum, __m256i codes, __m256i weights) {
        asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(codes), "x"(weights));
    }
    static __attribute__((always_inline)) void add_pairs(__m256i& sum, __m256i noise, __m256i x) {
        asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(noise), "x"(x));
    }

    static size_t prepared_lines(const MinedRows& part) { return part.id.step / 2; }

    static Tile prepare(const Cells* packed, const MinedRows& part, bool peels, Cells* lines) {
        const uint32_t r = part.id.step;
        if (peels) sum_periods(packed, part.steps(), r, lines);
        return {packed, lines, part.steps(), r / kPackDepth, r / 2};
    }
};

template <class Product>
struct Kernel : MinedLanes {
    using Tile = inference::Tile;
    static constexpr uint32_t kGroupsAtOnce = 3;
    static constexpr uint32_t kTurns = 2 * kGroupsAtOnce / Product::kHalvesAtOnce;
    static uint32_t groups_together(uint32_t left) { return std::min(kGroupsAtOnce, left); }
    static size_t prepared_lines(const MinedRows& part) { return Product::prepared_lines(part); }

    static Tile prepare(const MinedProduct& product, const MinedRows& part, uint32_t tile, Cells* lines) {
        const int8_t* const packed = weights(product, tile) + size_t{part.id.slice.start} * kPackColumns;
        return Product::prepare(reinterpret_cast<const Cells*>(packed), part, product.y != nullptr, lines);
    }

    static const int8_t* weights(const MinedProduct& product, uint32_t tile) {
        return product.packed.weights.get() + size_t{tile} * kPackColumns * product.packed.depth;
    }

    static void mine(const Tile& tile, const MinedRows& part, uint32_t group, uint32_t count,
                     const Made& made, Ahead& ahead) {
        const uint32_t at_once = count == kGroupsAtOnce ? Product::kHalvesAtOnce : 2;
        const auto mine_some = at_once == 2 ? mine_block<Product, 2> : mine_block<Product, 3>;
        for (uint32_t half = 0; half < 2 * count; half += at_once) {
            for (uint32_t column = 0; column < kTile; column += kColumnsAtOnce) {
                mine_some({tile, part, group, half, column, made}, ahead);
            }
        }
    }
};

template <class Product>
void tiles(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first, uint32_t groups,
           uint32_t* words, Scratch& scratch) {
    TileMiner<Kernel<Product>>{product, begin, end, first, groups, words, scratch}.run();
}

}  // namespace

const MinedKernels kAvx2Mined{pack_noised<true>, pack_noise_pairs, heaviest_row, tiles<WideProduct>,
                              sizeof(int16_t)};
const MinedKernels kAvxVnniMined{pack_noised<false>, pack_noise_pairs, heaviest_row, tiles<VnniProduct>};

}  // namespace daidd::inference
#endif
