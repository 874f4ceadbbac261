#pragma once

#include <memory>
#include <string_view>

#include "device/device.h"
#include "util/result.h"
#include "worker/ports.h"

namespace daidd::node {

using DeviceRunner = Result<std::shared_ptr<work::PassRunner>, std::string>;

/// Runs units of the model on the device `id`, as device::open_device() names it. Ready once the device has
/// passed its self-test, holds the model and has run one whole unit to the trace that this processor's
/// `threads` make of it, all its tickets folded. The error is a sentence that names the device.
DeviceRunner make_device_runner(std::string_view id, const worker::LocalModel& model, unsigned threads);
/// On a device that has passed its self-test.
DeviceRunner make_device_runner(std::shared_ptr<device::Device> device, const worker::LocalModel& model,
                                unsigned threads);

}  // namespace daidd::node
