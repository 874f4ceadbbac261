#pragma once

#include <optional>

#include "device/device.h"

namespace daidd::device {

/// Runs every kernel of the device on fixed inputs, ordinary and extreme, against inference's scalar code.
/// Nothing if all bits are equal, else a sentence that names the device and the kernel that differs. A call
/// that fails is such a sentence too.
std::optional<std::string> self_test(std::shared_ptr<Device> device);

}  // namespace daidd::device
