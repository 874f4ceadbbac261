#pragma once

#include "device/device_trace.h"
#include "device/pool.h"
#include "inference/mined.h"

namespace daidd::device {

/// Draws the tickets of a pass once its trace is complete: every mined operand in the order of the plan, its
/// noised rows made here from the trace, its folds on the device.
class DeviceTickets {
public:
    /// Groups of 16 rows whose folds come together. What they take: at most 32 words a tile and group, so
    /// 32 MiB for a vocabulary of 262,144.
    static constexpr uint32_t kGroupsAtOnce = 16;

    /// `linears` are those of the model, in its order. All arguments outlive this.
    DeviceTickets(const Operations& operations, Pool& pool, const inference::Model& model,
                  std::span<const DeviceLinear> linears)
        : operations_{operations}, pool_{pool}, model_{model}, linears_{linears} {}

    /// Requires a trace of whole groups of positions. `parallel` hands the words to the drawer.
    void draw(const DeviceTrace& trace, inference::TicketDrawer& drawer, inference::Parallel& parallel) const;

private:
    void draw_slice(const inference::MinedSlice& slice, ByteView rows, inference::TicketDrawer& drawer,
                    inference::Parallel& parallel) const;

    const Operations& operations_;
    Pool& pool_;
    const inference::Model& model_;
    std::span<const DeviceLinear> linears_;
};

}  // namespace daidd::device
