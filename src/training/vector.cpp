#include "training/vector.h"

#include <algorithm>
#include <cassert>

#include "inference/reference.h"

namespace daidd::training {

std::optional<Vector> make_vector(std::span<const int32_t> unit) {
    assert(!unit.empty() && unit.size() <= kVectorWidthMax);
    if (std::ranges::all_of(unit, [](int32_t v) { return v == 0; })) return std::nullopt;
    Vector vector;
    vector.codes.resize(unit.size());
    // Quant's exponent counts from its fx; 16 makes that of a row of length 1 lie in 0 … 7.
    constexpr uint32_t kFx = 16;
    const auto row = inference::quant_row(unit, inference::kQHead, kFx, vector.codes, {});
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
