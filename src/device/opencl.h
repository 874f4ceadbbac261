#pragma once

#include "device/device.h"

namespace daidd::device {

/// Every little-endian OpenCL device, in the loader's order. Empty where there is no OpenCL: its loader
/// (libOpenCL.so.1) is looked for at run time, so programs start without it.
std::vector<DeviceInfo> list_opencl();

/// Why list_opencl() is empty; empty if it is not.
std::string why_no_opencl();

/// Compiles the kernels for device `index` of list_opencl(). Throws DeviceFailure, with the compiler's log if
/// it is that.
std::unique_ptr<Device> open_opencl(size_t index);

}  // namespace daidd::device
