#if defined(__x86_64__)
#include "inference/mined_avx512.h"
#include "inference/tile_miner.h"

namespace daidd::inference {

namespace {

using namespace avx512;

constexpr uint32_t kPairs = 2;  // of columns in a cell, where they are 16-bit numbers
using PairCells = int32_t[kTile][kPairs];

// Sums in registers: eight columns of three groups. Each weight is then read once for three groups, and the
// sums of one step still hide the time that a product takes.
constexpr uint32_t kGroupsAtOnce = 3;
constexpr uint32_t kHalf = kTile / 2;
// Cells that are multiplied without a look at their number; the shortest step has two.
constexpr uint32_t kCellsMost = 8, kCellsLeast = 2;

inline __attribute__((always_inline)) void add_pair_products(__m512i& sum, __m512i noise, __m512i pairs) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(noise), "v"(pairs));
}

/// One slice of one tile's weights, and what is derived from them once for all groups.
struct Tile {
    const Cells* weights;
    const PairCells* peel;  // X: r / 4 cells
    uint32_t steps, cells_a_step;
};

/// X[j] = Σ of the columns that are j modulo r, at most 64 and so within 2^13, of cells [first, first + C) of
/// every step.
template <uint32_t C>
void sum_cells(const Cells* weights, uint32_t steps, uint32_t cells_a_step, uint32_t first, PairCells* x) {
    const __m512i even_columns = _mm512_set1_epi16(0x0001), odd_columns = _mm512_set1_epi16(0x0100);
    __m512i even[C], odds[C];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < C; ++i) even[i] = odds[i] = _mm512_setzero_si512();
    for (uint32_t step = 0; step < steps; ++step) {
        const Cells* const cells = weights + size_t{step} * cells_a_step + first;
#pragma GCC unroll 8
        for (uint32_t i = 0; i < C; ++i) {
            const __m512i four = load(cells[i]);
            even[i] = _mm512_add_epi16(even[i], _mm512_maddubs_epi16(even_columns, four));
            odds[i] = _mm512_add_epi16(odds[i], _mm512_maddubs_epi16(odd_columns, four));
        }
    }
    const __m512i left = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i right = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
#pragma GCC unroll 8
    for (uint32_t i = 0; i < C; ++i) {
        const __m512i low = _mm512_unpacklo_epi16(even[i], odds[i]);
        const __m512i high = _mm512_unpackhi_epi16(even[i], odds[i]);
        store(x[first + i][0], _mm512_permutex2var_epi64(low, left, high));
        store(x[first + i][kHalf], _mm512_permutex2var_epi64(low, right, high));
    }
}

template <bool kRight>
inline __attribute__((always_inline)) void fold_half(const __m512i* s, Cells& fold) {
    const __m512i seven = xor3(xor3(s[0], s[1], s[2]), xor3(s[3], s[4], s[5]), s[6]);
    store(fold, kRight ? xor3(seven, s[7], load(fold)) : _mm512_xor_si512(seven, s[7]));
}

/// T becomes the clean sums, as the ending wants it.
template <uint32_t G, bool kRight>
inline __attribute__((always_inline)) void end_half(const Tile& tile, const MinedRows& part, uint32_t group,
                                                    const Made& made, __m512i* sum) {
    constexpr uint32_t kFirst = kRight ? kHalf : 0;
    const size_t noise_a_group = part.noise_a_group();
    if (made.ending == Ending::kNone) return;
    const auto clean = [&made](uint32_t i) -> Cells& {
        return made.clean[i / kHalf * kTile + kFirst + i % kHalf];
    };
    if (made.adds()) {
        const __m128i bits = _mm_cvtsi32_si128(made.clean_shift());
#pragma GCC unroll 24
        for (uint32_t i = 0; i < G * kHalf; ++i) {
            sum[i] = _mm512_add_epi32(sum[i], _mm512_sll_epi32(load(clean(i)), bits));
        }
    }
    // Without noise of its own, a part of two joined planes takes no turn of this loop.
    const uint32_t cells = made.peels() ? tile.cells_a_step * kPairs : 0;
    const uint8_t* noise = part.noise + group * noise_a_group;
    for (uint32_t i = 0; i < cells; ++i, noise += sizeof(Cells)) {
        __m512i minus_e[G];
#pragma GCC unroll 3
        for (uint32_t g = 0; g < G; ++g) minus_e[g] = load(noise + g * noise_a_group);
        const auto* const x = &tile.peel[i / kPairs][kFirst][i % kPairs];
#pragma GCC unroll 8
        for (uint32_t v = 0; v < kHalf; ++v) {
            const __m512i pair = _mm512_set1_epi32(x[v * kPairs]);
#pragma GCC unroll 3
            for (uint32_t g = 0; g < G; ++g) add_pair_products(sum[g * kHalf + v], minus_e[g], pair);
        }
    }
#pragma GCC unroll 24
    for (uint32_t i = 0; i < G * kHalf; ++i) store(clean(i), sum[i]);
}

/// G groups by the left or the right half of the columns; the left half comes first. Lane u of
/// sum[8g + v] is T[u][v] of group g. Inlined into more code its sums would not stay in registers.
template <uint32_t G, bool kRight, uint32_t kCells>
__attribute__((noinline)) void mine_half(const Tile& tile, const MinedRows& part, uint32_t group,
                                         const Made& made, Ahead& ahead) {
    constexpr uint32_t kFirst = kRight ? kHalf : 0;
    const size_t rows_a_group = part.rows_a_group();
    const uint8_t* rows = part.noised + group * rows_a_group;
    const int32_t* weights = &tile.weights[0][kFirst];
    __m512i sum[G * kHalf];
#pragma GCC unroll 24
    for (uint32_t i = 0; i < G * kHalf; ++i) sum[i] = _mm512_setzero_si512();
    for (uint32_t step = 0; step < tile.steps; ++step) {
        ahead.bring();
        // What counts the cells takes issue slots from what multiplies them.
        for (uint32_t i = 0; i < tile.cells_a_step; i += kCells) {
#pragma GCC unroll 8
            for (uint32_t cell = 0; cell < kCells; ++cell, weights += kTile, rows += sizeof(Cells)) {
                __m512i codes[G];
#pragma GCC unroll 3
                for (uint32_t g = 0; g < G; ++g) codes[g] = load(rows + g * rows_a_group);
#pragma GCC unroll 8
                for (uint32_t v = 0; v < kHalf; ++v) {
                    const __m512i four = _mm512_set1_epi32(weights[v]);
#pragma GCC unroll 3
                    for (uint32_t g = 0; g < G; ++g) add_products(sum[g * kHalf + v], codes[g], four);
                }
            }
        }
#pragma GCC unroll 3
        for (uint32_t g = 0; g < G; ++g) {
            fold_half<kRight>(sum + g * kHalf, made.folds[size_t{g} * tile.steps + step]);
        }
    }
    end_half<G, kRight>(tile, part, group, made, sum);
}

struct Kernel : MinedLanes<kGroupsAtOnce> {
    using Tile = inference::Tile;
    static constexpr uint32_t kGroupsAtOnce = inference::kGroupsAtOnce;
    static constexpr uint32_t kTurns = 2;  // a half each
    static size_t prepared_lines(const MinedRows& /*part*/) { return size_t{kPairs} * kStepMax / kDepth; }
    /// Never one alone where it can be helped.
    static uint32_t groups_together(uint32_t left) {
        return left == kGroupsAtOnce + 1 ? 2 : std::min(kGroupsAtOnce, left);
    }

    static const int8_t* weights(const MinedProduct& product, uint32_t tile) {
        return product.packed.weights.get() + size_t{tile} * kPackColumns * product.packed.depth;
    }

    static Tile prepare(const MinedProduct& product, const MinedRows& part, uint32_t tile, Cells* lines) {
        const int8_t* const block = weights(product, tile);
        const auto* cells =
            reinterpret_cast<const Cells*>(block + size_t{part.id.slice.start} * kPackColumns);
        const uint32_t steps = part.steps(), cells_a_step = part.id.step / kDepth;
        auto* const x = reinterpret_cast<PairCells*>(lines);
        constexpr uint32_t kAtOnce = 8;
        for (uint32_t i = 0; product.y != nullptr && i < cells_a_step; i += kAtOnce) {
            const uint32_t left = cells_a_step - i;
            const auto sum = left == 2 ? sum_cells<2> : left == 4 ? sum_cells<4> : sum_cells<kAtOnce>;
            sum(cells, steps, cells_a_step, i, x);
        }
        return {cells, x, steps, cells_a_step};
    }

    void mine(const Tile& tile, const MinedRows& part, uint32_t group, uint32_t count, const Made& made,
              Ahead& ahead) const {
        if (tile.cells_a_step % kCellsMost == 0) {
            mine<kCellsMost>(tile, part, group, count, made, ahead);
        } else {
            mine<kCellsLeast>(tile, part, group, count, made, ahead);
        }
    }

    template <uint32_t kCells>
    static void mine(const Tile& tile, const MinedRows& part, uint32_t group, uint32_t count,
                     const Made& made, Ahead& ahead) {
        using Half = decltype(&mine_half<1, false, kCells>);
        constexpr Half kLeft[] = {mine_half<1, false, kCells>, mine_half<2, false, kCells>,
                                  mine_half<3, false, kCells>};
        constexpr Half kRight[] = {mine_half<1, true, kCells>, mine_half<2, true, kCells>,
                                   mine_half<3, true, kCells>};
        kLeft[count - 1](tile, part, group, made, ahead);
        kRight[count - 1](tile, part, group, made, ahead);
    }
};

void tiles(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first, uint32_t groups,
           uint32_t* words, Scratch& scratch) {
    TileMiner<Kernel>{product, begin, end, first, groups, words, scratch}.run();
}

}  // namespace

const MinedKernels kAvx512Mined{pack_noised, pack_noise_pairs, heaviest_row, tiles};

}  // namespace daidd::inference
#endif
