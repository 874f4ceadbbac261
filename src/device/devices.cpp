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

std::string describe_devices() {
    std::string text;
    const auto add = [&](const std::vector<DeviceInfo>& devices, const std::string& none) {
        for (const DeviceInfo& info : devices) {
            const auto opened = open_device(info.id);
            text += info.id + ": " + info.name + ", " + info.driver + ", " +
                    std::to_string(info.memory_bytes >> 20) +
                    " MiB\n  self-test: " + (opened ? "passed" : opened.error()) + "\n";
        }
        if (devices.empty()) text += none + "\n";
    };
    add(list_opencl(), "no OpenCL device: " + why_no_opencl());
    add(list_cuda(), "no CUDA device: " + why_no_cuda());
    return text;
}

Result<std::shared_ptr<Device>, std::string> open_device(std::string_view id) {
    const auto opencl = index_after(id, "opencl:"), cuda = index_after(id, "cuda:");
    if (!opencl && !cuda) return Fail{"unknown device '" + std::string{id} + "' (known: opencl:N, cuda:N)"};
    try {
        const std::shared_ptr<Device> device = opencl ? open_opencl(*opencl) : open_cuda(*cuda);
        if (const auto refusal = self_test(device)) return Fail{*refusal};
        return device;
    } catch (const DeviceFailure& failure) {
        return Fail{std::string{id} + ": " + failure.what()};
    }
}

}  // namespace daidd::device
