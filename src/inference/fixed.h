#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

namespace daidd::inference {

inline constexpr int64_t kSatMax = INT32_MAX;  ///< values are clamped to ±kSatMax: −2^31 never occurs

/// Clamps to ±(2^31 − 1).
inline int32_t sat(int64_t v) {
    return v > kSatMax ? int32_t(kSatMax) : v < -kSatMax ? -int32_t(kSatMax) : int32_t(v);
}

inline int bit_length(uint64_t v) { return int(std::bit_width(v)); }

/// (v + 2^(s−1)) >> s, rounding halves up; 0 for s > 62. For s <= 0 it is v · 2^−s, clamped to ±2^62: far
/// outside what a later sat() lets through. Requires |v| <= 2^62.
inline int64_t rsh(int64_t v, int s) {
    constexpr int64_t kLimit = int64_t{1} << 62;
    assert(v <= kLimit && v >= -kLimit);
    if (s > 62) return 0;
    if (s > 0) return (v + (int64_t{1} << (s - 1))) >> s;
    if (v == 0) return 0;
    const int64_t most = s < -62 ? 0 : kLimit >> -s;
    if (v > most) return kLimit;
    if (v < -most) return -kLimit;
    return v * (int64_t{1} << -s);
}

/// The largest r with r² <= v.
inline uint64_t isqrt(uint64_t v) {
    uint64_t root = 0;
    for (uint64_t bit = uint64_t{1} << 62; bit != 0; bit >>= 2) {
        if (v >= root + bit) {
            v -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

}  // namespace daidd::inference
