#pragma once

#include <map>
#include <mutex>

#include "inference/mined.h"
#include "work/mine.h"
#include "work/ticket.h"
#include "work/unit_run.h"

namespace daidd::work {

/// Draws the tickets of a unit while it runs.
class UnitTickets final : public inference::TicketDrawer {
public:
    /// `hasher` sees the trace of the same pass; its rows come before what is drawn from them.
    UnitTickets(const inference::Model& model, const TraceHasher& hasher, const Hash256& unit,
                const Drawing& drawing, size_t tokens, unsigned threads);

    std::vector<uint8_t> noise(const inference::MinedSlice& slice, inference::Parallel& parallel) override;
    void draw(const inference::MinedSlice& slice, uint32_t tile, uint32_t first_group,
              std::span<const uint32_t> words, unsigned part) override;

    /// The first winner in find_win()'s order.
    const std::optional<Found>& found() const { return found_; }
    /// Whether drawing.stop ended it before all tickets were drawn.
    bool stopped() const { return stopped_; }

private:
    const inference::Model& model_;
    const TraceHasher& hasher_;
    const Hash256 unit_;
    const Drawing& drawing_;
    const uint32_t groups_;
    std::map<std::pair<uint16_t, uint8_t>, std::vector<Hash256>>
        seeds_;  ///< of (operand, slice): one a group
    struct Buffers {
        std::vector<Hash256> tickets;
        Bytes rows;
    };
    std::vector<Buffers> buffers_;  ///< one of each a thread
    std::mutex mutex_;              ///< of found_
    std::optional<Found> found_;
    bool stopped_ = false;
};

}  // namespace daidd::work
