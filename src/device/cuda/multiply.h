#pragma once

#include <string>

#include "device/cuda/interface.h"

namespace daidd::device {

/// sums = codes · weightsᵀ by cuBLASLt on `device`, which is selected: int8 operands, int32 sums, so every
/// algorithm that it may choose gives the same bits. Empty, or what failed.
std::string multiply_int8(int32_t device, const CudaProduct& product);

}  // namespace daidd::device
