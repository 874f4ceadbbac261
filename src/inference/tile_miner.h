#pragma once

#include <algorithm>

#include "inference/manifest.h"
#include "inference/mined_kernels.h"

namespace daidd::inference {

/// The loops of MinedKernels::tiles. A few groups meet all tiles before the next ones: their noised rows are
/// read from a near cache, and their outputs lie side by side. A Kernel has
///     kGroupsAtOnce
///     prepared_lines(part): cells that prepare() fills
///     groups_together(left): how many of the groups that are left go together
///     weights(product, tile): where they begin; those of the tiles lie one after the other
///     Tile prepare(product, part, tile, lines): what the weights of one slice give, once for all groups
///     void mine(tile, part, group, count, made, ahead): brings what lies ahead kTurns times a step
///     kTilesPut: tiles side by side whose outputs it puts at once
///     void put(product, tile, tiles, group, groups, clean, turned): their outputs from clean sums;
///         `turned` is memory for those of both planes of one group
///     put_words(folds, steps, words): the words of up to 16 steps
template <class Kernel>
class TileMiner {
public:
    TileMiner(const MinedProduct& product, uint32_t begin, uint32_t end, uint32_t first, uint32_t groups,
              uint32_t* words, Scratch& scratch)
        : product_{product},
          begin_{begin},
          count_{end - begin},
          first_{first},
          groups_{groups},
          words_{words},
          parts_{product.parts.size()},
          slices_{parts_ / product.codes.planes},
          clean_planes_{product.joined ? 1 : product.codes.planes} {
        uint32_t steps_max = 0;
        size_t prepared = 0;
        for (const MinedRows& part : product.parts) {
            steps_max = std::max(steps_max, part.steps());
            prepared = std::max(prepared, Kernel::prepared_lines(part));
            words_a_tile_ += size_t{groups} * part.steps();
        }
        const size_t folds = size_t{Kernel::kGroupsAtOnce} * steps_max;
        const size_t clean = count_ * clean_planes_ * kGroupLines;
        auto* lines = reinterpret_cast<Cells*>(
            scratch.take_lines(count_ * slices_ * prepared + kTurnedLines + folds + clean));
        for (uint32_t tile = 0; tile < count_; ++tile) {
            for (size_t s = 0; s < slices_; ++s, lines += prepared) {
                tiles_[tile][s] = Kernel::prepare(product, product.parts[s], begin + tile, lines);
            }
        }
        turned_ = lines;
        folds_ = turned_ + kTurnedLines;
        clean_ = folds_ + folds;
    }

    void run() {
        for (uint32_t g = 0; g < groups_;) {
            const uint32_t together = Kernel::groups_together(groups_ - g);
            // Brought sooner they would be gone again: all rows pass by before they are wanted.
            if (g + together == groups_) ahead_.weights = next_weights();
            for (size_t p = 0; p < parts_; ++p) {
                ahead_.rows = rows_after(p, g, together);
                for (uint32_t tile = 0; tile < count_; ++tile) {
                    if (p + 1 == parts_) ahead_.outputs = outputs_of(tile, g, together);
                    mine(tile, p, g, together);
                    write_words(tile, p, g, together);
                }
            }
            if (product_.y != nullptr) put(g, together);
            g += together;
        }
    }

private:
    static constexpr size_t kGroupLines = size_t{Kernel::kGroupsAtOnce} * kTile;
    static constexpr size_t kTurnedLines = size_t{2} * Kernel::kTilesPut * kTile;

    Cells* clean_of(uint32_t tile) { return clean_ + tile * clean_planes_ * kGroupLines; }

    void mine(uint32_t tile, size_t p, uint32_t g, uint32_t together) {
        Cells* const clean = clean_of(tile) + (product_.joined ? 0 : p / slices_ * kGroupLines);
        kernel_.mine(tiles_[tile][p % slices_], product_.parts[p], first_ + g, together,
                     {folds_, clean, product_.ending(p)}, ahead_);
    }

    /// Those of the tiles after these, as many.
    Stream next_weights() const {
        const int8_t* const next = Kernel::weights(product_, begin_ + count_);
        const auto bytes = size_t(next - Kernel::weights(product_, begin_ + count_ - 1));
        size_t turns = 0;  // a tile
        for (const MinedRows& part : product_.parts) turns += size_t{Kernel::kTurns} * part.steps();
        return {next, (bytes + turns - 1) / turns};
    }

    /// The rows that meet the tiles after these; after the last ones the first meet the next tiles.
    Stream rows_after(size_t p, uint32_t g, uint32_t together) const {
        const size_t turns = size_t{count_} * Kernel::kTurns * product_.parts[p].steps();
        const bool last = p + 1 == parts_;
        const MinedRows& part = product_.parts[last ? 0 : p + 1];
        const size_t bytes = together * part.rows_a_group();
        uint32_t group = g;
        if (last) group = g + together == groups_ ? 0 : g + together;
        return {part.noised + (first_ + group) * part.rows_a_group(), (bytes + turns - 1) / turns};
    }

    OutputLines outputs_of(uint32_t tile, uint32_t g, uint32_t together) const {
        return product_.lines(first_ + g, together, begin_ + tile,
                              Kernel::kTurns * product_.parts.back().steps());
    }

    void write_words(uint32_t tile, size_t p, uint32_t g, uint32_t together) {
        uint32_t* to = words_ + tile * words_a_tile_;
        for (size_t before = 0; before < p; ++before) to += size_t{groups_} * product_.parts[before].steps();
        const uint32_t steps = product_.parts[p].steps(), count = together * steps;
        to += size_t{g} * steps;
        for (uint32_t w = 0; w < count; w += kTile) {
            Kernel::put_words(folds_ + w, std::min(kTile, count - w), to + w);
        }
    }

    void put(uint32_t g, uint32_t together) {
        for (uint32_t tile = 0; tile < count_; tile += Kernel::kTilesPut) {
            const uint32_t tiles = std::min(Kernel::kTilesPut, count_ - tile);
            const Cells* const high = clean_of(tile);
            const CleanSums clean{high, clean_planes_ == 2 ? high + kGroupLines : nullptr,
                                  clean_planes_ * kGroupLines};
            kernel_.put(product_, begin_ + tile, tiles, first_ + g, together, clean, turned_);
        }
    }

    const MinedProduct& product_;
    const uint32_t begin_, count_, first_, groups_;  // tiles, groups
    uint32_t* const words_;
    const size_t parts_, slices_;
    const uint32_t clean_planes_;
    Ahead ahead_{};
    size_t words_a_tile_ = 0;
    typename Kernel::Tile tiles_[kTilesAtOnce][kDepthMax / kSliceColumns];
    Cells* turned_;  // memory of put()
    Cells* folds_;   // of one part of one tile
    Cells* clean_;   // sums of each tile
    Kernel kernel_;
};

}  // namespace daidd::inference
