#pragma once

#include "consensus/command.h"
#include "inference/sampling.h"

namespace daidd::work {

/// How a job's sampling is carried out (doc/protocol.md, "Sampling of a job"), in integers alone:
/// inverse temperature ⌊2³² / temperature⌋, at most kInverseTemperatureMax, 0 (greedy) for temperature 0;
/// gap −ln(min_p) with 16 fraction bits, rounded down, none for min_p 0; seed H("seed"; seed u64).
/// Requires temperature <= kTemperatureMax and min_p <= kMinPMax.
inference::Sampling sampling_of(const consensus::Sampling& sampling);

}  // namespace daidd::work
