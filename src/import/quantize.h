#pragma once

#include <optional>

#include "import/matrix.h"

namespace daidd::import {

/// Codes of a matrix with one scale mw · 2^−ew a row, mw in [512, 1023], ew in [8, 30]; the scale is rounded
/// up, so no code exceeds the largest one.
template <class Code>
struct QuantizedRows {
    std::vector<Code> codes;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
};

/// Appends the rows of `a` as codes of at most `code_max`. False, and nothing said about `to`, if a value is
/// not finite or too large for any scale.
template <class Code>
[[nodiscard]] bool append_rows(const Matrix& a, int32_t code_max, QuantizedRows<Code>& to);

extern template bool append_rows(const Matrix&, int32_t, QuantizedRows<int8_t>&);
extern template bool append_rows(const Matrix&, int32_t, QuantizedRows<int16_t>&);

/// What is left of `a` behind the codes that append_rows made of it: a − codes · scale, at most half a unit.
Matrix rounding_rest(const Matrix& a, const QuantizedRows<int8_t>& rows);

/// gain = gq · 2^−(15 + ge), |gq| <= 2^15, ge as large as it may be up to 16.
struct QuantizedGain {
    std::vector<int32_t> gq;
    int32_t ge = 0;
};
/// Nothing if a gain is not finite or too large.
std::optional<QuantizedGain> quantize_gain(std::span<const double> gains);

/// Gains of the heads of q, times `factor`, and of k are changed so that what the two can reach is the same
/// in every rotary pair 2j, 2j + 1, and no score is another: a factor of both parts of a pair passes through
/// the rotation, and its inverse in q takes it back. A head of q or k has one scale, so a pair in which
/// either is large costs all others their precision; shared out, its size is the root of the product
/// (cross-layer equalization, Nagel et al. 2019). A pair that one of the two does not have becomes 0 in both.
/// Requires finite gains, factor > 0 and the same even number of gains in both.
void equalize_gains(double factor, std::span<double> q, std::span<double> k);

}  // namespace daidd::import
