#pragma once

#include <string_view>

namespace daidd::device {

/// src/device/kernels as one text for OpenCL.
std::string_view kernel_source();

}  // namespace daidd::device
