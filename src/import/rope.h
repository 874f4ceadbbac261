#pragma once

#include <cstdint>
#include <vector>

namespace daidd::import {

/// F_j = floor(base^(−2j/head_dim) / 2π · 2^64) for j < head_dim / 2, in integers: doubles give 18 of 32
/// wrong. Requires base >= 2 and an even head_dim from 2 to 256.
std::vector<uint64_t> rope_constants(uint32_t base, uint32_t head_dim);

}  // namespace daidd::import
