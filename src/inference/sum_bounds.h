#pragma once

#include <algorithm>
#include <cstdint>

#include "inference/fixed.h"
#include "inference/model.h"

namespace daidd::inference {

/// |128 · high + low| or, of one plane, |high| over codes of [−64, 63] and weights whose magnitudes add up to
/// `weights` is at most this; planes of −64 make 128 · −64 − 64.
constexpr int64_t sum_max_of(uint32_t planes, int64_t weights) {
    return int64_t{planes == 1 ? 64 : 128 * 64 + 64} * weights;
}

/// |128 · high + low| or, of one plane, |high| over `depth` of them is at most this. < 2^36.
constexpr int64_t sum_max(uint32_t planes, uint32_t depth) {
    return sum_max_of(planes, int64_t{128} * depth);
}

/// Rows whose planes' sum 128 · high + low is an int32.
constexpr bool is_narrow(uint32_t planes, uint32_t depth) {
    return planes == 2 && sum_max(2, depth) <= INT32_MAX;
}

/// The same of rows whose high codes' magnitudes add up to at most this: |128 · h + l| <= 128 · |h| + 64.
constexpr int64_t narrow_row_sum_max(uint32_t depth) { return (INT32_MAX / 128 - int64_t{64} * depth) / 128; }

inline constexpr int32_t kFactorBits = 14, kMwBits = 10;  // a factor's mantissa and mw are smaller
static_assert(kMwMax < 1 << kMwBits);
/// |sum · m · mw| is less than 2 to the power of this.
inline int32_t product_bits(uint32_t planes, uint32_t depth) {
    return bit_length(uint64_t(sum_max(planes, depth))) + kFactorBits + kMwBits;
}

/// Multipliers of neighbouring outputs are brought to one exponent as mw · 2^lift: m · mw · 2^lift < 2^31.
inline constexpr int32_t kLiftMax = 31 - kFactorBits - kMwBits;
inline constexpr int32_t kShiftMax = 62;  // of an output
inline constexpr int32_t kRoomBits = 30;  // 2^30 and a bias below it make an int32
/// The least shift with which no output of such products leaves that room.
constexpr int32_t fits_from(int32_t product_bits) { return std::max(1, product_bits - kRoomBits); }

}  // namespace daidd::inference
