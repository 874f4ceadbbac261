#include "inference/mined.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "inference/manifest.h"
#include "inference/mined_kernels.h"

namespace daidd::inference {

namespace {

/// Groups whose noised rows are about this large together go through all tiles before the next ones: so many
/// that what is made of a tile once for all of them weighs little.
constexpr size_t kChunkBytes = size_t{1} << 22;
constexpr uint32_t kGroupsAtOnce = 12;
/// Groups whose folds come together.
constexpr uint32_t kBatchGroups = 16;

/// E of every slice in order, plane by plane.
struct Drawn {
    MinedSlice id;
    uint8_t plane = 0;
    std::vector<uint8_t> noise;
    std::span<const uint8_t> noise_of(uint32_t group) const {
        const size_t size = size_t{kTile} * id.step;
        return std::span{noise}.subspan(group * size, size);
    }
};

std::vector<Drawn> ask_for_noise(const Linear& linear, uint16_t first_operand, const CodeRows& codes,
                                 TicketDrawer& drawer, Parallel& parallel) {
    std::vector<Drawn> all;
    for (uint8_t plane = 0; plane < codes.planes; ++plane) {
        const std::vector<Slice> cut = slices(linear.k);
        for (size_t i = 0; i < cut.size(); ++i) {
            const MinedSlice id{.operand = uint16_t(first_operand + plane),
                                .index = uint8_t(i),
                                .slice = cut[i],
                                .step = step_for(cut[i].columns)};
            std::vector<uint8_t> noise;
            if (gives_tickets(cut[i])) noise = drawer.noise(id, parallel);
            assert(noise.empty() || noise.size() == size_t{codes.rows} * id.step);
            all.push_back({id, plane, std::move(noise)});
        }
    }
    return all;
}

/// A' of one group.
void noise_group(const CodeRows& codes, const Drawn& drawn, uint32_t group, uint8_t* out) {
    add_noise(codes.plane(group * kTile, drawn.plane).data(), codes.width, drawn.id.slice,
              drawn.noise_of(group), out);
}

/// The folds alone, for backends and shapes that do not peel.
void fold_slice(const Linear& linear, Backend backend, const CodeRows& codes, const Drawn& drawn,
                TicketDrawer& drawer, Parallel& parallel) {
    const uint32_t columns = drawn.id.slice.columns, groups = codes.rows / kTile;
    const size_t group_size = size_t{kTile} * columns, steps = columns / drawn.id.step;
    for (uint32_t first = 0; first < groups; first += kBatchGroups) {
        const uint32_t count = std::min(kBatchGroups, groups - first);
        std::vector<uint8_t> noised(count * group_size);
        for (uint32_t g = 0; g < count; ++g) noise_group(codes, drawn, first + g, &noised[g * group_size]);
        const NoisedRows rows{backend, noised, columns};
        parallel.run(linear.n / kTile, [&](uint32_t begin, uint32_t end, unsigned part) {
            std::vector<uint32_t> words(count * steps);
            for (uint32_t tile = begin; tile < end; ++tile) {
                const size_t at = size_t{tile} * kTile * linear.k + drawn.id.slice.start;
                rows.fold(linear.weights.subspan(at), linear.k, drawn.id.step, words);
                drawer.draw(drawn.id, tile, first, words, part);
            }
        });
    }
}

/// Into memory of `scratch`.
std::vector<MinedRows> pack_rows(const CodeRows& codes, const std::vector<Drawn>& drawn, bool joined,
                                 const MinedKernels& kernels, Parallel& parallel, Scratch& scratch) {
    const uint32_t groups = codes.rows / kTile;
    size_t bytes = 0;
    std::vector<MinedRows> parts;
    for (const Drawn& d : drawn) {
        parts.push_back({.id = d.id, .code_bytes = kernels.code_bytes, .joined_noise = joined});
        bytes += groups * (parts.back().rows_a_group() + parts.back().noise_a_group());
    }
    auto* memory = reinterpret_cast<uint8_t*>(scratch.take_arena(bytes / sizeof(Scratch::Line)));
    for (size_t p = 0; p < parts.size(); ++p) {
        MinedRows& part = parts[p];
        part.noised = memory;
        part.noise = part.noised + groups * part.rows_a_group();
        memory = part.noise + groups * part.noise_a_group();
        parallel.run(groups, [&](uint32_t begin, uint32_t end, unsigned) {
            for (uint32_t g = begin; g < end; ++g) {
                const int8_t* const rows = codes.plane(g * kTile, drawn[p].plane).data();
                kernels.pack(rows + part.id.slice.start, codes.width, part.id.slice.columns,
                             drawn[p].noise_of(g).data(), part.id.step,
                             part.noised + g * part.rows_a_group());
                if (joined && drawn[p].plane == 0) continue;
                const uint8_t* const high = joined ? drawn[p - drawn.size() / 2].noise_of(g).data() : nullptr;
                kernels.noise(high, drawn[p].noise_of(g).data(), part.id.step,
                              part.noise + g * part.noise_a_group());
            }
        });
    }
    return parts;
}

/// All tiles of a product that is peeled.
void mine_and_peel(const MinedProduct& product, const MinedKernels& kernels, TicketDrawer& drawer,
                   Parallel& parallel, std::vector<Scratch>& scratch) {
    const uint32_t groups = product.codes.rows / kTile;
    size_t group_bytes = 0, words_a_group = 0;
    for (const MinedRows& part : product.parts) {
        group_bytes += part.rows_a_group();
        words_a_group += part.steps();
    }
    auto chunk = uint32_t(std::clamp<size_t>((kChunkBytes + group_bytes / 2) / group_bytes, 1, groups));
    // The kernels take three or four groups at once.
    if (chunk < groups && chunk > kGroupsAtOnce) chunk -= chunk % kGroupsAtOnce;
    parallel.run(product.linear.n / kTile, [&](uint32_t begin, uint32_t end, unsigned part) {
        std::vector<uint32_t> words(kTilesAtOnce * chunk * words_a_group);
        for (uint32_t first = 0; first < groups; first += chunk) {
            const uint32_t count = std::min(chunk, groups - first);
            for (uint32_t at = begin; at < end; at += kTilesAtOnce) {
                const uint32_t last = std::min(end, at + kTilesAtOnce);
                kernels.tiles(product, at, last, first, count, words.data(), scratch[part]);
                std::span<const uint32_t> left{words};
                for (uint32_t tile = at; tile < last; ++tile) {
                    for (const MinedRows& rows : product.parts) {
                        const size_t size = size_t{count} * rows.steps();
                        drawer.draw(rows.id, tile, first, left.first(size), part);
                        left = left.subspan(size);
                    }
                }
            }
        }
    });
}

bool is_drawn(const Drawn& drawn) { return !drawn.noise.empty(); }

}  // namespace

const MinedKernels* kernels_that_peel(Backend backend) {
    switch (backend) {
    case Backend::kScalar: return nullptr;
#if defined(__x86_64__)
    case Backend::kAvx2: return &kAvx2Mined;
    case Backend::kAvxVnni: return &kAvxVnniMined;
    case Backend::kAvx512: return &kAvx512Mined;
    case Backend::kAmx: return &kAmxMined;
#else
    default: return nullptr;
#endif
    }
    return nullptr;
}

void pack_noise_pairs(const uint8_t* high, const uint8_t* low, uint32_t r, uint8_t* out) {
    constexpr uint32_t kPair = 2;
    int16_t noise[kTile * kStepMax];
    for (uint32_t i = 0; i < kTile * r; ++i) noise[i] = int16_t(-low[i]);
    if (high != nullptr) {
        for (uint32_t i = 0; i < kTile * r; ++i) noise[i] = int16_t(noise[i] - 128 * high[i]);
    }
    constexpr size_t kPairBytes = kPair * sizeof(int16_t);
    for (uint32_t t = 0; t < r; t += kPair) {
        for (uint32_t u = 0; u < kTile; ++u, out += kPairBytes)
            std::memcpy(out, &noise[u * r + t], kPairBytes);
    }
}

void mined_linear(const MinedLinear& mined, Backend backend, const CodeRows& codes, TicketDrawer& drawer,
                  Parallel& parallel, std::vector<Scratch>& scratch, int32_t* y) {
    assert(codes.rows % kTile == 0 && scratch.size() >= parallel.size());
    const Linear& linear = mined.linear;
    const std::vector<Drawn> drawn = ask_for_noise(linear, mined.first_operand, codes, drawer, parallel);
    const MinedKernels* const kernels = kernels_that_peel(backend);
    const auto plain = [&](uint32_t first, uint32_t count) {
        parallel.run(count, [&](uint32_t begin, uint32_t end, unsigned part) {
            kernels_of(backend).linear(linear, mined.packed, codes, first + begin, first + end, mined.fx, y,
                                       scratch[part]);
        });
    };
    const uint32_t blocks = (linear.n + kPackColumns - 1) / kPackColumns;
    if (kernels != nullptr && linear.n >= kTile && std::ranges::all_of(drawn, is_drawn)) {
        const bool joined = are_narrow(*mined.packed, codes, kernels->heaviest_row);
        mine_and_peel({.linear = linear,
                       .packed = *mined.packed,
                       .codes = codes,
                       .parts = pack_rows(codes, drawn, joined, *kernels, parallel, scratch[0]),
                       .fx = mined.fx,
                       .y = y,
                       .joined = joined},
                      *kernels, drawer, parallel, scratch);
        const uint32_t tiles = linear.n / kTile;
        if (y != nullptr && tiles < blocks) plain(tiles, blocks - tiles);
        return;
    }
    if (y != nullptr) plain(0, blocks);
    for (const Drawn& d : drawn) {
        if (is_drawn(d)) fold_slice(linear, backend, codes, d, drawer, parallel);
    }
}

}  // namespace daidd::inference
