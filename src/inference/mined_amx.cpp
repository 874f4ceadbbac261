#if defined(__x86_64__)
#include <optional>

#include "inference/mined_avx512.h"
#include "inference/tile_miner.h"
#include "inference/tiles_amx.h"

namespace daidd::inference {

namespace {

using amx::add_unsigned_products;
using avx512::load;
using avx512::store;
using avx512::xor3;

constexpr uint32_t kGroupsAtOnce = 4;  // tiles of sums that are folded while the next step is multiplied
constexpr uint32_t kPlanesOfPeel = 2;  // X is 128 · high + low, both int8

/// Columns of one tile of codes: a fold step, or half of the longest.
uint32_t depth_for(uint32_t step) { return std::min(step, amx::kTileDepth); }

/// One slice of one tile: the 16 rows of the matrix itself, `stride` apart, and X of them, rows of r columns,
/// high plane first.
struct Tile {
    const int8_t* weights;
    const int8_t* peel;
    size_t stride;
    uint32_t step, steps, depth;
    size_t right_bytes() const { return size_t{depth} * kTile; }
};

/// X = 128 · high + low: at most 64 columns are added, so |X| <= 2^13.
void split_periods(const Tile& tile, int8_t* high, int8_t* low) {
    constexpr uint32_t kAtOnce = sizeof(__m256i);
    for (uint32_t v = 0; v < kTile; ++v) {
        for (uint32_t t = 0; t < tile.step; t += kAtOnce) {
            const __mmask32 mask = tile.step - t < kAtOnce ? (1U << (tile.step - t)) - 1 : ~0U;
            const int8_t* from = tile.weights + v * tile.stride + t;
            __m512i x = _mm512_setzero_si512();
            for (uint32_t step = 0; step < tile.steps; ++step, from += tile.step) {
                x = _mm512_add_epi16(x, _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, from)));
            }
            const __m512i h = _mm512_srai_epi16(_mm512_add_epi16(x, _mm512_set1_epi16(64)), 7);
            const __m512i l = _mm512_sub_epi16(x, _mm512_slli_epi16(h, 7));
            const size_t at = size_t{v} * tile.step + t;
            _mm256_mask_storeu_epi8(high + at, mask, _mm512_cvtepi16_epi8(h));
            _mm256_mask_storeu_epi8(low + at, mask, _mm512_cvtepi16_epi8(l));
        }
    }
}

/// XOR over the 16 rows.
__m512i fold(const Cells* rows) {
    __m512i even = load(rows[0]), odds = load(rows[1]);
#pragma GCC unroll 8
    for (uint32_t v = 2; v + 2 < kTile; v += 4) {
        even = xor3(even, load(rows[v]), load(rows[v + 1]));
        odds = xor3(odds, load(rows[v + 2]), load(rows[v + 3]));
    }
    return xor3(_mm512_xor_si512(even, odds), load(rows[kTile - 2]), load(rows[kTile - 1]));
}

template <uint32_t G>
void add_sums(const Cells* sums, Cells* clean) {
    for (size_t i = 0; i < G * kTile; ++i) {
        store(clean[i], _mm512_add_epi32(load(clean[i]), load(sums[i])));
    }
}

template <uint32_t G>
void store_sums(Cells* sums) {
    amx::store<0>(sums, sizeof(Cells));
    if constexpr (G > 1) {
        amx::store<1>(sums + kTile, sizeof(Cells));
        amx::store<2>(sums + 2 * kTile, sizeof(Cells));
        amx::store<3>(sums + 3 * kTile, sizeof(Cells));
    }
}

/// T of G groups goes to `last`. A store waits for the product before it, which takes as long as some others,
/// and what loads a tile that was just stored waits for the store: so sums are stored right before their
/// group's next product, and folded right before they are stored the next time.
template <uint32_t G>
__attribute__((noinline)) void multiply_and_fold(const Tile& tile, const uint8_t* rows, size_t rows_a_group,
                                                 const Made& made, Cells* last, Ahead& ahead) {
    alignas(64) Cells turn[G * kTile];
    const auto fold_group = [&](uint32_t g, const Cells* sums, uint32_t step) {
        store(made.folds[size_t{g} * tile.steps + step], fold(sums + size_t{g} * kTile));
    };
    amx::zero<0>(), amx::zero<1>(), amx::zero<2>(), amx::zero<3>();
    const int8_t* left = tile.weights;
    const size_t right_bytes = tile.right_bytes();
    for (uint32_t step = 0; step < tile.steps; ++step) {
        ahead.bring();
        for (uint32_t t = 0; t < tile.step; t += tile.depth, left += tile.depth, rows += right_bytes) {
            const auto multiply = [&](auto group) {
                constexpr int kGroup = group, kRight = 6 + kGroup % 2;
                amx::load<kRight>(rows + kGroup * rows_a_group, sizeof(Cells));
                if (t == 0 && step > 0) {
                    if (step > 1) fold_group(kGroup, turn, step - 2);
                    amx::store<kGroup>(turn + size_t{kGroup} * kTile, sizeof(Cells));
                }
                add_unsigned_products<kGroup, 4, kRight>();
            };
            amx::load<4>(left, tile.stride);
            multiply(std::integral_constant<int, 0>{});
            if constexpr (G > 1) {
                multiply(std::integral_constant<int, 1>{});
                multiply(std::integral_constant<int, 2>{});
                multiply(std::integral_constant<int, 3>{});
            }
        }
    }
    store_sums<G>(last);
    for (uint32_t g = 0; g < G; ++g) {
        if (tile.steps > 1) fold_group(g, turn, tile.steps - 2);
    }
    for (uint32_t g = 0; g < G; ++g) fold_group(g, last, tile.steps - 1);
}

/// E·X of one group in powers of 128: [i] is to be multiplied by 128 to the power of i.
struct NoiseProducts {
    static constexpr uint32_t kPowersMax = 3;
    Cells at[kPowersMax][kTile];
};

/// kJoined: E is 128 · high + low as well, all columns of low first.
template <bool kJoined>
void multiply_noise(const Tile& tile, const uint8_t* noise, NoiseProducts& products) {
    const size_t plane_bytes = size_t{tile.step} * kTile;
    const int8_t *const high_x = tile.peel, *const low_x = tile.peel + plane_bytes;
    amx::zero<0>(), amx::zero<1>(), amx::zero<2>();
    for (uint32_t t = 0; t < tile.step; t += tile.depth) {
        amx::load<4>(low_x + t, tile.step);
        amx::load<5>(high_x + t, tile.step);
        amx::load<6>(noise + size_t{t} * kTile, sizeof(Cells));
        add_unsigned_products<0, 4, 6>();
        add_unsigned_products<1, 5, 6>();
        if constexpr (kJoined) {
            amx::load<7>(noise + plane_bytes + size_t{t} * kTile, sizeof(Cells));
            add_unsigned_products<2, 5, 7>();
            add_unsigned_products<1, 4, 7>();
        }
    }
    amx::store<0>(products.at[0], sizeof(Cells));
    amx::store<1>(products.at[1], sizeof(Cells));
    if constexpr (kJoined) amx::store<2>(products.at[2], sizeof(Cells));
}

/// The clean sums of G groups. All are multiplied before the first is subtracted, as for multiply_and_fold().
template <uint32_t G, bool kJoined>
__attribute__((noinline)) void peel(const Tile& tile, const uint8_t* noise, size_t noise_a_group,
                                    const Cells* all_sums, const Made& made) {
    alignas(64) NoiseProducts products[G];
    for (uint32_t g = 0; g < G; ++g) multiply_noise<kJoined>(tile, noise + g * noise_a_group, products[g]);
    const bool adds = made.adds();
    const __m128i bits = _mm_cvtsi32_si128(made.clean_shift());
    for (size_t g = 0; g < G; ++g) {
        const Cells* const sums = all_sums + g * kTile;
        Cells* const clean = made.clean + g * kTile;
        const auto& power = products[g].at;
        for (uint32_t v = 0; v < kTile; ++v) {
            __m512i noises = load(power[1][v]);
            if constexpr (kJoined) {
                noises = _mm512_add_epi32(noises, _mm512_slli_epi32(load(power[2][v]), kPlaneBits));
            }
            noises = _mm512_add_epi32(load(power[0][v]), _mm512_slli_epi32(noises, kPlaneBits));
            __m512i x = _mm512_sub_epi32(load(sums[v]), noises);
            if (adds) x = _mm512_add_epi32(x, _mm512_sll_epi32(load(clean[v]), bits));
            store(clean[v], x);
        }
    }
}

struct Kernel : avx512::MinedLanes<kGroupsAtOnce> {
    using Tile = inference::Tile;
    static constexpr uint32_t kGroupsAtOnce = inference::kGroupsAtOnce;
    static constexpr uint32_t kTurns = 1;
    static size_t prepared_lines(const MinedRows& /*part*/) {
        return size_t{kPlanesOfPeel} * kStepMax / avx512::kDepth;
    }
    static uint32_t groups_together(uint32_t left) { return left >= kGroupsAtOnce ? kGroupsAtOnce : 1; }

    static const int8_t* weights(const MinedProduct& product, uint32_t tile) {
        return product.linear.weights.data() + size_t{tile} * kTile * product.linear.k;
    }

    static Tile prepare(const MinedProduct& product, const MinedRows& part, uint32_t tile, Cells* lines) {
        const MinedSlice& id = part.id;
        auto* const x = reinterpret_cast<int8_t*>(lines);
        const Tile made{weights(product, tile) + id.slice.start,
                        x,
                        product.linear.k,
                        id.step,
                        part.steps(),
                        depth_for(id.step)};
        if (product.y != nullptr) split_periods(made, x, x + size_t{id.step} * kTile);
        return made;
    }

    void mine(const Tile& tile, const MinedRows& part, uint32_t group, uint32_t count, const Made& made,
              Ahead& ahead) {
        if (depth != tile.depth) {
            configuration.reset();
            configuration.emplace(depth = tile.depth);
        }
        if (count == 1) {
            mine<1>(tile, part, group, made, ahead);
        } else {
            mine<kGroupsAtOnce>(tile, part, group, made, ahead);
        }
    }

    template <uint32_t G>
    static void mine(const Tile& tile, const MinedRows& part, uint32_t group, const Made& made,
                     Ahead& ahead) {
        const size_t rows_a_group = part.rows_a_group(), noise_a_group = part.noise_a_group();
        alignas(64) Cells sums[G * kTile];
        Cells* const last = made.ending == Ending::kKept ? made.clean : sums;
        multiply_and_fold<G>(tile, part.noised + group * rows_a_group, rows_a_group, made, last, ahead);
        const uint8_t* const noise = part.noise + group * noise_a_group;
        switch (made.ending) {
        case Ending::kNone:
        case Ending::kKept: return;
        case Ending::kSummed: return add_sums<G>(sums, made.clean);
        case Ending::kJoined:
        case Ending::kClean:
        case Ending::kAdded:
            return part.joined_noise ? peel<G, true>(tile, noise, noise_a_group, sums, made)
                                     : peel<G, false>(tile, noise, noise_a_group, sums, made);
        }
    }

    uint32_t depth = 0;
    std::optional<amx::TileConfiguration> configuration;  // of that depth
};

/// Low plane first.
void pack_noise(const uint8_t* high, const uint8_t* low, uint32_t r, uint8_t* out) {
    avx512::pack_cells(low, r, r, out);
    if (high != nullptr) avx512::pack_cells(high, r, r, out + size_t{r} * kTile);
}

void tiles(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first, uint32_t groups,
           uint32_t* words, Scratch& scratch) {
    TileMiner<Kernel>{product, begin, end, first, groups, words, scratch}.run();
}

}  // namespace

const MinedKernels kAmxMined{avx512::pack_noised, pack_noise, avx512::heaviest_row, tiles};

}  // namespace daidd::inference
#endif
