#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "inference/model.h"
#include "inference/unit_row.h"
#include "util/codec.h"

namespace daidd::training {

inline constexpr uint32_t kVectorWidthMax = inference::kDimMax;
/// A row of length 1 has an element of at least 1/√width, so its scale has one of eight exponents.
inline constexpr uint8_t kVectorExponentMax = 7;

/// A direction: element i is codes[i] · mantissa · 2^−(14 + exponent), and the elements' squares sum to
/// nearly 1. The product of two is their cosine.
struct Vector {
    std::vector<int8_t> codes;  ///< in [−127, 127], not all 0
    uint8_t mantissa = 0;       ///< 128 … 255
    uint8_t exponent = 0;       ///< at most kVectorExponentMax

    bool operator==(const Vector&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.codes, kVectorWidthMax), self.mantissa, self.exponent);
    }
};

/// A row of length 1 with kUnitBits fraction bits (inference/unit_row.h), quantised with Q = 127. Nothing
/// where every element is 0: that row has no direction. Requires 0 < unit.size() <= kVectorWidthMax.
std::optional<Vector> make_vector(std::span<const int32_t> unit);

/// Whether the numbers are within the limits above: what others send must be asked before it is used.
bool is_valid(std::span<const int8_t> codes, uint8_t mantissa, uint8_t exponent);
inline bool is_valid(const Vector& vector) {
    return vector.codes.size() <= kVectorWidthMax && is_valid(vector.codes, vector.mantissa, vector.exponent);
}

/// Exact, below 2^28. Requires equal widths and valid vectors.
int32_t dot(std::span<const int8_t> a, std::span<const int8_t> b);

}  // namespace daidd::training
