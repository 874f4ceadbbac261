#pragma once

#include "import/matrix.h"
#include "inference/gguf.h"

namespace daidd::import {

/// Whether a tensor of this type holds numbers that we read as doubles.
bool is_float_type(inference::GgufType type);

/// Rows [first, first + count) as doubles, exactly as the format defines them: nothing is rounded.
/// Requires is_float_type(tensor.type) and rows that are there.
Matrix dequantize(const inference::GgufTensor& tensor, size_t first, size_t count);

/// IEEE binary16, exactly.
double half_to_double(uint16_t bits);

}  // namespace daidd::import
