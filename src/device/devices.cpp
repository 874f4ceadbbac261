#include "device/devices.h"

#include <charconv>

#include "device/cuda.h"
#include "device/opencl.h"
#include "device/self_test.h"

namespace daidd::device {
namespace {

/// The N of "opencl:N", or nothing.
std::optional<size_t> index_after(std::string_view id, std::string_view prefix) {
    if (!id.starts_with(prefix)) return std::nullopt;
    const std::string_view digits = id.substr(prefix.size());
    size_t index = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return index;
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
    std::vector<DeviceInfo> devices = list_opencl();
    for (DeviceInfo& info : list_cuda()) devices.push_back(std::move(info));
    return devices;
}

Result<std::shared_ptr<Device>, std::string> open_device(std::string_view id) {
    const auto opencl = index_after(id, "opencl:"), cuda = index_after(id, "cuda:");
    if (!opencl && !cuda) return Fail{"device: unknown '" + std::string{id} + "' (known: opencl:N, cuda:N)"};
    try {
        const std::shared_ptr<Device> device = opencl ? open_opencl(*opencl) : open_cuda(*cuda);
        if (const auto refusal = self_test(device)) return Fail{*refusal};
        return device;
    } catch (const DeviceFailure& failure) {
        return Fail{std::string{id} + ": " + failure.what()};
    }
}

}  // namespace daidd::device
