#pragma once

#include <cstdint>

namespace daidd::inference {

/// |128 · high + low| or, of one plane, |high| over `depth` codes of [−64, 63] is at most this; planes of −64
/// make 128 · −64 − 64. < 2^36.
constexpr int64_t sum_max(uint32_t planes, uint32_t depth) {
    return int64_t{planes == 1 ? 64 : 128 * 64 + 64} * 128 * depth;
}

/// Rows whose planes' sum 128 · high + low is an int32.
constexpr bool is_narrow(uint32_t planes, uint32_t depth) {
    return planes == 2 && sum_max(2, depth) <= INT32_MAX;
}

/// The same of rows whose high codes' magnitudes add up to at most this: |128 · h + l| <= 128 · |h| + 64.
constexpr int64_t narrow_row_sum_max(uint32_t depth) { return (INT32_MAX / 128 - int64_t{64} * depth) / 128; }

}  // namespace daidd::inference
