#pragma once

#include "consensus/uint256.h"

namespace daidd::consensus {

/// The difficulty rule aserti3-2d of Bitcoin Cash: the target doubles for every half-life that the chain is
/// behind its schedule, and halves for every one that it is ahead. It depends on the anchor and on the
/// parent alone, so no history can be played against it.
struct AsertSchedule {
    uint32_t spacing_s = 0;
    uint32_t half_life_s = 0;
    Uint256 target_max;
};

/// Target of a block whose parent's time is `time_s` after the anchor's time, `blocks` blocks having been
/// due in that time. Requires 0 < anchor_target <= target_max < 2²³⁹, half_life_s > 0.
Uint256 asert_target(const Uint256& anchor_target, int64_t time_s, int64_t blocks,
                     const AsertSchedule& schedule);

}  // namespace daidd::consensus
