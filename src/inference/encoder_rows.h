#pragma once

#include <vector>

#include "inference/model.h"

namespace daidd::inference {

// The specification of what encoders do beside the operations of reference.h (doc/numerics.md, "Encoders").

/// x plus element `column` of the table's row for `position`. Requires position < table.n.
int32_t position_element(const Linear& table, uint32_t position, uint32_t column, int32_t x, uint32_t fx);

/// y = x less its mean, rounded: what the norm of a layer norm reads. Requires 0 < x.size() <= kDimMax.
void centre_row(std::span<const int32_t> x, std::span<int32_t> y);
/// The second half of a layer norm's numbers as biases with fx fraction bits.
std::vector<int32_t> layer_norm_biases(const Norm& norm, uint32_t fx);
/// A whole layer norm: norm_row of the centred row by the first half of the numbers, plus the biases.
void layer_norm_row(std::span<const int32_t> x, const Norm& norm, uint64_t epsilon, uint32_t fx,
                    std::span<int32_t> y);

/// x · (1 + erf(x/√2)) / 2 by kGeluErf.
int32_t gelu_element(int32_t x, uint32_t fx);

/// The direction of the rows' mean; zeros where it has none. Requires whole rows of `width`, at least one and
/// at most kContextMax.
std::vector<int32_t> mean_direction(std::span<const int32_t> rows, uint32_t width);

}  // namespace daidd::inference
