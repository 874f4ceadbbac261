#pragma once

#include "import/matrix.h"
#include "inference/gguf.h"

namespace daidd::import {

/// Whether a tensor of this type holds numbers that we read as doubles.
bool is_float_type(inference::GgufType type);

/// Rows [first, first + count) as doubles, exactly as the format defines them. Nothing is rounded, so neither
/// is there an order that matters: every quantised value is a multiple of 2^-24 (the least half) below 2^28
/// (a half below 2^16 times a scale of at most 2^7 times a code of at most 2^5), which takes 52 bits.
/// Requires is_float_type(tensor.type) and rows that are there.
Matrix dequantize(const inference::GgufTensor& tensor, size_t first, size_t count);

/// IEEE binary16, exactly.
double half_to_double(uint16_t bits);
/// The upper half of a binary32, exactly.
double bfloat16_to_double(uint16_t bits);

}  // namespace daidd::import
