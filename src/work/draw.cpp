#include "work/draw.h"

#include <algorithm>
#include <cassert>

namespace daidd::work {

using inference::kTile;
using inference::MinedSlice;

UnitTickets::UnitTickets(const inference::Model& model, const TraceHasher& hasher, const Hash256& unit,
                         const Drawing& drawing, size_t tokens, unsigned threads)
    : model_{model},
      hasher_{hasher},
      unit_{unit},
      drawing_{drawing},
      groups_{uint32_t(tokens / kTile)},
      buffers_(std::max(threads, 1u)) {
    assert(tokens % kTile == 0);
}

std::vector<uint8_t> UnitTickets::noise(const MinedSlice& slice, inference::Parallel& parallel) {
    stopped_ = stopped_ || (!found_ && drawing_.stop && drawing_.stop());
    if (stopped_ || found_) return {};
    const uint16_t tensor = model_.plan().operands[slice.operand].tensor;
    const TicketPlace first{.op = slice.operand, .slice = slice.index, .group = 0};
    auto noise = noise_of_groups(drawing_.parent_hash, unit_, hasher_.trace(), tensor, first, groups_,
                                 slice.step, parallel);
    seeds_[{slice.operand, slice.index}] = std::move(noise.seeds);
    return std::move(noise.blocks);
}

void UnitTickets::draw(const MinedSlice& slice, uint32_t tile, uint32_t first_group,
                       std::span<const uint32_t> words, unsigned part) {
    const size_t steps = slice.slice.columns / slice.step, groups = words.size() / steps;
    const auto seeds =
        std::span{seeds_.find({slice.operand, slice.index})->second}.subspan(first_group, groups);
    auto& [tickets, rows] = buffers_[part];
    tickets.resize(groups);
    hash_tickets(seeds, uint16_t(tile), words, tickets, rows);
    const WinRule wins{drawing_.target, slice.slice.columns};
    for (uint32_t g = 0; g < groups; ++g) {
        if (!wins(tickets[g])) continue;
        const TicketPlace place{.op = slice.operand, .slice = slice.index, .group = first_group + g};
        const Found found{place, slice.slice, uint16_t(tile), tickets[g]};
        const std::lock_guard lock{mutex_};
        if (!found_ || found.order() < found_->order()) found_ = found;
    }
}

}  // namespace daidd::work
