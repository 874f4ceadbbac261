#include "inference/unit_row.h"

#include <algorithm>
#include <cassert>

#include "inference/fixed.h"
#include "inference/model.h"

namespace daidd::inference {

namespace {

uint64_t magnitude(int64_t x) { return x < 0 ? uint64_t(-x) : uint64_t(x); }

/// Magnitudes are brought to this many bits before they are squared.
constexpr int kSquaredBits = 24;

/// floor(v · 2^shift) of a magnitude.
uint64_t shifted(uint64_t v, int shift) { return shift >= 0 ? v << shift : v >> -shift; }

}  // namespace

std::optional<std::vector<int32_t>> unit_row(std::span<const int32_t> x) {
    const std::vector<int64_t> sums(x.begin(), x.end());
    return unit_row_of_sums(sums);
}

std::optional<std::vector<int32_t>> unit_row_of_sums(std::span<const int64_t> sums) {
    assert(!sums.empty() && sums.size() <= kDimMax);
    uint64_t most = 0;
    for (const int64_t v : sums) most = std::max(most, magnitude(v));
    assert(most <= uint64_t{1} << 48);
    if (most == 0) return std::nullopt;
    const int shift = kSquaredBits - bit_length(most);
    uint64_t squares = 0;  // in [2^46, 2^14 · 2^48)
    for (const int64_t v : sums) squares += shifted(magnitude(v), shift) * shifted(magnitude(v), shift);
    const int j = (62 - bit_length(squares)) >> 1;  // 0 … 7
    const uint64_t root = isqrt(squares << (2 * j));
    assert(root >= (uint64_t{1} << 30) && root < (uint64_t{1} << 31));
    std::vector<int32_t> y(sums.size());
    for (size_t i = 0; i < sums.size(); ++i) {
        const uint64_t numerator = shifted(magnitude(sums[i]), shift) << (kUnitBits + j);  // < 2^61
        // At most 2^30: a magnitude's 2^j-fold is an integer below the root's argument, so not above the
        // root.
        const auto value = int32_t((numerator + root / 2) / root);
        y[i] = sums[i] < 0 ? -value : value;
    }
    return y;
}

}  // namespace daidd::inference
