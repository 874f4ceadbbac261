#pragma once

#include "device/device.h"
#include "util/result.h"

namespace daidd::device {

/// Every device of this machine: those of OpenCL, then those of CUDA. Throws DeviceFailure where a driver
/// does not answer.
std::vector<DeviceInfo> list_devices();

/// What list_devices() gives and whether each passes its self-test, two lines a device; why there are none of
/// a kind. Throws as it does.
std::string describe_devices();

/// The device with this id, after its self-test: a device that computes other bits than the scalar code is
/// refused. The error is a sentence that names it.
Result<std::shared_ptr<Device>, std::string> open_device(std::string_view id);

}  // namespace daidd::device
