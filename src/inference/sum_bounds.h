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

/// What the codes of a row weigh: Σ h² + |h| over its high plane.
constexpr int32_t code_weight(int32_t high) { return high * high + (high < 0 ? -high : high); }

/// Rows of at most this weight make sums 128 · high + low of two planes that are int32, with weights whose
/// squares add up to `weight_squares`: (Σ c · w)² <= Σ c² · Σ w² (Cauchy and Schwarz), and a code of both
/// planes has |c| <= 128 · |h| + 64, so c² <= 128² · (h² + |h|) + 64². Below 0: not even zeros are known to.
constexpr int64_t narrow_row_max(uint32_t depth, int64_t weight_squares) {
    const int64_t code_squares = int64_t{INT32_MAX} * INT32_MAX / std::max<int64_t>(weight_squares, 1);
    return (code_squares - int64_t{64 * 64} * depth) >> 14;
}

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
