#pragma once

#include "import/small_llama.h"

namespace daidd::import {

/// What the imported model is measured against: the forward pass in doubles, straight from the weights. One
/// row of logits a token.
std::vector<std::vector<double>> float_logits(const SmallLlama& model, const std::vector<uint32_t>& tokens,
                                              bool with_positions = true);

/// |a − b| over |b|, both as one long vector.
double relative_distance(const std::vector<std::vector<double>>& a,
                         const std::vector<std::vector<double>>& b);

}  // namespace daidd::import
