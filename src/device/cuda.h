#pragma once

#include "device/device.h"

namespace daidd::device {

/// Every CUDA device that the module (cuda/interface.h) knows kernels for. Empty where the module, a library
/// that it needs, the driver or a GPU is missing: why_no_cuda() says which.
std::vector<DeviceInfo> list_cuda();

/// Why list_cuda() is empty; empty if it is not.
std::string why_no_cuda();

/// Throws DeviceFailure.
std::unique_ptr<Device> open_cuda(size_t index);

}  // namespace daidd::device
