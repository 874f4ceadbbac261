#include "training/vector.h"

#include <algorithm>
#include <cassert>

#include "inference/reference.h"

namespace daidd::training {

using inference::bit_length;

namespace {

uint64_t magnitude(int32_t x) { return x < 0 ? uint64_t(-int64_t{x}) : uint64_t(x); }

/// Magnitudes are brought to this many bits before they are squared.
constexpr int kSquaredBits = 24;

/// floor(v · 2^shift) of a magnitude.
uint64_t shifted(uint64_t v, int shift) { return shift >= 0 ? v << shift : v >> -shift; }

}  // namespace

std::optional<std::vector<int32_t>> unit_row(std::span<const int32_t> x) {
    assert(!x.empty() && x.size() <= kVectorWidthMax);
    uint64_t most = 0;
    for (const int32_t v : x) most = std::max(most, magnitude(v));
    if (most == 0) return std::nullopt;
    const int shift = kSquaredBits - bit_length(most);
    uint64_t squares = 0;  // in [2^46, 2^14 · 2^48)
    for (const int32_t v : x) squares += shifted(magnitude(v), shift) * shifted(magnitude(v), shift);
    const int j = (62 - bit_length(squares)) >> 1;  // 0 … 7
    const uint64_t root = inference::isqrt(squares << (2 * j));
    assert(root >= (uint64_t{1} << 30) && root < (uint64_t{1} << 31));
    std::vector<int32_t> y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        const uint64_t numerator = shifted(magnitude(x[i]), shift) << (kUnitBits + j);  // < 2^61
        // At most 2^30: a magnitude's 2^j-fold is an integer below the root's argument, so not above the
        // root.
        const auto value = int32_t((numerator + root / 2) / root);
        y[i] = x[i] < 0 ? -value : value;
    }
    return y;
}

std::optional<Vector> make_vector(std::span<const int32_t> x) {
    const auto unit = unit_row(x);
    if (!unit) return std::nullopt;
    Vector vector;
    vector.codes.resize(x.size());
    // Quant's exponent counts from its fx; 16 makes that of a row of length 1 lie in 0 … 7.
    constexpr uint32_t kFx = 16;
    const auto row = inference::quant_row(*unit, inference::kQHead, kFx, vector.codes, {});
    assert(row.scale.e >= 0 && row.scale.e <= kVectorExponentMax);
    vector.mantissa = uint8_t(row.scale.m);
    vector.exponent = uint8_t(row.scale.e);
    return vector;
}

bool is_valid(std::span<const int8_t> codes, uint8_t mantissa, uint8_t exponent) {
    const auto zero = [](int8_t code) { return code == 0; };
    const auto lowest = [](int8_t code) { return code == INT8_MIN; };
    return std::ranges::none_of(codes, lowest) && !std::ranges::all_of(codes, zero) && mantissa >= 128 &&
           exponent <= kVectorExponentMax;
}

int32_t dot(std::span<const int8_t> a, std::span<const int8_t> b) {
    static_assert(int64_t{kVectorWidthMax} * 127 * 127 < (int64_t{1} << 28));
    assert(a.size() == b.size());
    int32_t sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

}  // namespace daidd::training
