#include "consensus/asert.h"

#include <cassert>

namespace daidd::consensus {

namespace {

constexpr int kFractionBits = 16;

/// 2^(fraction / 65536) · 65536 by the cubic of the specification, within 0.013 %.
uint64_t exp2_of_fraction(uint16_t fraction) {
    const uint64_t x = fraction;
    return 65'536 +
           ((195'766'423'245'049 * x + 971'821'376 * x * x + 5'127 * x * x * x + (uint64_t{1} << 47)) >> 48);
}

}  // namespace

Uint256 asert_target(const Uint256& anchor_target, int64_t time_s, int64_t blocks,
                     const AsertSchedule& schedule) {
    assert(anchor_target != Uint256{} && anchor_target <= schedule.target_max);
    assert(schedule.target_max.bit_length() <= 239 && schedule.half_life_s > 0);

    const int64_t behind_s = time_s - int64_t{schedule.spacing_s} * blocks;
    // The division truncates towards zero, the shift below rounds down: both as the specification has it.
    const int64_t exponent = behind_s * (1 << kFractionBits) / int64_t{schedule.half_life_s};
    const int64_t shift = (exponent >> kFractionBits) - kFractionBits;
    const auto product = anchor_target.times(exp2_of_fraction(uint16_t(exponent)));
    assert(product);  // 2²³⁹ · 2¹⁷

    if (shift <= 0) {
        const Uint256 target = -shift >= 256 ? Uint256{} : *product >> unsigned(-shift);
        if (target == Uint256{}) return Uint256{1};
        return target > schedule.target_max ? schedule.target_max : target;
    }
    if (shift >= 256 || product->bit_length() + unsigned(shift) > 256) return schedule.target_max;
    const Uint256 target = *product << unsigned(shift);
    return target > schedule.target_max ? schedule.target_max : target;
}

}  // namespace daidd::consensus
