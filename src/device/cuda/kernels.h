#pragma once

#include <cstdint>

namespace daidd::device {

/// The kernels' functions, in the order of device::Kernel; `count` of them.
const void* const* cuda_kernels(uint32_t* count);

}  // namespace daidd::device
