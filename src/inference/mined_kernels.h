#pragma once

#include "inference/mined.h"
#include "inference/noised_kernels.h"
#include "inference/output_lines.h"

namespace daidd::inference {

/// From the rows of one group, of `columns` noised codes each, to those of the next. Whole pages apart,
/// groups that are read side by side would meet in one set of the nearest cache.
constexpr size_t group_stride(uint32_t code_bytes, uint32_t columns) {
    constexpr size_t kPageBytes = 4096;
    const size_t bytes = size_t{code_bytes} * kTile * columns;
    return bytes % kPageBytes == 0 ? bytes + sizeof(Cells) : bytes;
}

/// One slice of one plane of a mined operand, as the kernels below read it.
struct MinedRows {
    MinedSlice id;
    // Both begin on a cache line: a load that lies across two costs twice.
    uint8_t* noised =
        nullptr;  ///< groups rows_a_group() apart, 16 · slice.columns codes each, as it reads them
    uint8_t* noise =
        nullptr;  ///< what is peeled from each group, one after the other, 16-bit numbers or planes
    uint32_t code_bytes = 1;    ///< of a noised code
    bool joined_noise = false;  ///< of both planes: 128 · E_high + E_low
    size_t rows_a_group() const { return group_stride(code_bytes, id.slice.columns); }
    size_t noise_a_group() const { return sizeof(int16_t) * kTile * id.step; }
    uint32_t steps() const { return id.slice.columns / id.step; }
};

/// What becomes of T after a slice's last step.
enum class Ending : uint8_t {
    kNone,    // no outputs are wanted
    kKept,    // clean = T, of the first of two joined planes
    kSummed,  // clean += T, of its other slices
    kJoined,  // clean = 128 · clean + T − E·X, of the second; E is that of both
    kClean,   // clean = T − E·X
    kAdded,   // clean += T − E·X
};

/// A product that is mined and peeled.
struct MinedProduct {
    const Linear& linear;
    const PackedLinear& packed;
    const CodeRows& codes;         ///< its rows' factors and number of planes
    std::vector<MinedRows> parts;  ///< plane by plane, slice by slice
    uint32_t fx = 0;
    int32_t* y = nullptr;  ///< rows × n, or null
    /// Planes whose sums 128 · high + low are int32 are peeled together, after the second: their noise is
    /// 128 · E_high + E_low. Sums on the way may wrap; the last ones are exact.
    bool joined = false;

    Ending ending(size_t part) const {
        if (y == nullptr) return Ending::kNone;
        const size_t slices = parts.size() / codes.planes;
        const bool first_slice = part % slices == 0;
        if (!joined) return first_slice ? Ending::kClean : Ending::kAdded;
        if (part < slices) return first_slice ? Ending::kKept : Ending::kSummed;
        return first_slice ? Ending::kJoined : Ending::kAdded;
    }

    /// Of one tile's outputs of groups [group, group + groups), in so many turns.
    OutputLines lines(uint32_t group, uint32_t groups, uint32_t tile, uint32_t turns) const {
        if (y == nullptr) return {};
        const size_t first = size_t{group} * kTile * linear.n + size_t{tile} * kTile;
        return {y + first, linear.n, groups * kTile, turns};
    }
};

/// Tiles that a kernel makes of the same groups, one after the other.
inline constexpr uint32_t kTilesAtOnce = 8;

inline constexpr int kPlaneBits = 7;  // a high plane's numbers count 128 times

/// What to bring near while others are multiplied: `bytes` after the last ones at each turn. It may lie
/// behind the end of the memory: what is only brought near need not exist.
struct Stream {
    const void* at;
    size_t bytes;
    void bring() {
        constexpr int kReads = 0, kNotNearest = 2;
        const auto* const from = static_cast<const std::byte*>(at);
        for (size_t i = 0; i < bytes; i += sizeof(Cells)) __builtin_prefetch(from + i, kReads, kNotNearest);
        at = from + bytes;
    }
};
struct Ahead {
    Stream weights;  // of the next tiles
    Stream rows;     // of the next groups or plane
    OutputLines outputs;
    void bring() { weights.bring(), rows.bring(), outputs.bring(); }
};

/// Where a kernel leaves what it made of consecutive groups with one tile.
struct Made {
    Cells* folds;  // a group, a step: lane u to be turned by u and XORed with the others
    Cells* clean;  // a group: lane u of [v] is the clean sum of row u and column v
    Ending ending;

    bool adds() const { return ending != Ending::kKept && ending != Ending::kClean; }
    /// Before T is added.
    int clean_shift() const { return ending == Ending::kJoined ? kPlaneBits : 0; }
    bool peels() const { return ending != Ending::kKept && ending != Ending::kSummed; }
};

/// Where the clean sums of a few groups with tiles side by side lie: those of a tile's groups one after the
/// other, kTile cells each.
struct CleanSums {
    const Cells* high;
    const Cells* low;  ///< null for one plane and for two joined
    size_t to_tile;    ///< from one to the next
};

/// What a backend that peels has.
struct MinedKernels {
    /// How it wants a group's rows: `codes` from the slice's start, and `noise`, as for add_noise(). `out`
    /// has rows_a_group() bytes.
    void (*pack)(const int8_t* codes, size_t stride, uint32_t columns, const uint8_t* noise, uint32_t r,
                 uint8_t* out);
    /// How it wants what is peeled from them: 128 · high + low; `high` may be null.
    void (*noise)(const uint8_t* high, const uint8_t* low, uint32_t r, uint8_t* out);
    HeaviestRow heaviest_row;
    /// Tiles [begin, end), at most kTilesAtOnce, for `groups` groups from `first` on. `words` gets
    /// groups · steps words a part, one part after the other, one tile after the other.
    void (*tiles)(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first, uint32_t groups,
                  uint32_t* words, Scratch& scratch);
    uint32_t code_bytes = 1;  ///< of a noised code
};

/// Null for a backend that folds beside the plain product.
const MinedKernels* kernels_that_peel(Backend backend);

/// −(128 · high + low) in 16 bits, two columns of every row together.
void pack_noise_pairs(const uint8_t* high, const uint8_t* low, uint32_t r, uint8_t* out);

#if defined(__x86_64__)
extern const MinedKernels kAvx2Mined;     // mined_avx2.cpp
extern const MinedKernels kAvxVnniMined;  // mined_avx2.cpp
extern const MinedKernels kAvx512Mined;   // mined_avx512.cpp
extern const MinedKernels kAmxMined;      // mined_amx.cpp
#endif

}  // namespace daidd::inference
