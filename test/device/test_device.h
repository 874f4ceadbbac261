#pragma once

#include <gtest/gtest.h>

#include <map>

#include "device/checker.h"
#include "device/cuda.h"
#include "device/opencl.h"
#include "inference/model.h"

namespace daidd::device {

/// The devices that tests run on. Neither has to be there: a test without its device is skipped.
inline constexpr const char* kTestDevices[] = {"opencl:0", "cuda:0"};

inline std::map<std::string, std::shared_ptr<Device>>& open_devices() {
    static std::map<std::string, std::shared_ptr<Device>> devices;
    return devices;
}

/// Closes them before the program ends, when drivers have taken themselves apart.
class DevicesClose final : public testing::Environment {
public:
    void TearDown() override { open_devices().clear(); }
};
inline testing::Environment* const kDevicesClose = testing::AddGlobalTestEnvironment(new DevicesClose);

/// Opened once a program: compiling kernels takes seconds. Null where there is no such device.
inline std::shared_ptr<Device> test_device(const std::string& id) {
    auto& devices = open_devices();
    const bool is_opencl = id.starts_with("opencl");
    if (!devices.contains(id) && !(is_opencl ? list_opencl() : list_cuda()).empty()) {
        devices[id] = is_opencl ? open_opencl(0) : open_cuda(0);
    }
    return devices[id];
}

class OnDevice : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        device = test_device(GetParam());
        if (device != nullptr) return;
        GTEST_SKIP() << "no " << GetParam() << " here: "
                     << (GetParam() == std::string{"cuda:0"} ? why_no_cuda() : "no OpenCL driver");
    }
    std::shared_ptr<Device> device;
};

inline std::string device_name(const testing::TestParamInfo<const char*>& info) {
    return std::string{info.param}.substr(0, std::string{info.param}.find(':'));
}

inline std::vector<uint32_t> draw_tokens(const inference::Model& model, size_t count) {
    Draw draw{count};
    std::vector<uint32_t> tokens(count);
    for (uint32_t& token : tokens) token = uint32_t(draw.in(0, model.dimensions().vocabulary - 1));
    return tokens;
}

/// Passes everything on to another device: what a test's device changes, it overrides.
class PassingDevice : public Device {
public:
    explicit PassingDevice(std::shared_ptr<Device> inner) : inner_{std::move(inner)} {}

    const DeviceInfo& info() const override { return inner_->info(); }
    bool supports(Kernel kernel) const override { return inner_->supports(kernel); }
    BufferPtr allocate(size_t bytes) override { return inner_->allocate(bytes); }
    void write(const BufferPtr& buffer, ByteView bytes) override { inner_->write(buffer, bytes); }
    void read(const BufferPtr& buffer, size_t offset, std::span<uint8_t> out) override {
        inner_->read(buffer, offset, out);
    }
    void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                std::span<const Argument> arguments) override {
        inner_->launch(kernel, groups_x, groups_y, arguments);
    }
    bool multiply(const Product& product) override { return inner_->multiply(product); }

protected:
    std::shared_ptr<Device> inner_;
};

/// Has a library's product: this machine's.
class MultiplyingDevice final : public PassingDevice {
public:
    using PassingDevice::PassingDevice;

    bool multiply(const Product& product) override {
        const auto read = [&](const BufferPtr& buffer, size_t size) {
            std::vector<int8_t> values(size);
            inner_->read(buffer, 0, {reinterpret_cast<uint8_t*>(values.data()), size});
            return values;
        };
        const auto weights = read(product.weights, size_t{product.pitch} * product.depth);
        const auto codes = read(product.codes, size_t{product.rows} * product.depth);
        std::vector<int32_t> sums(size_t{product.rows} * product.pitch);
        for (size_t i = 0; i < sums.size(); ++i) {
            const int8_t* a = &codes[i / product.pitch * product.depth];
            const int8_t* b = &weights[i % product.pitch * product.depth];
            for (size_t t = 0; t < product.depth; ++t) sums[i] += a[t] * b[t];
        }
        inner_->write(product.sums, {reinterpret_cast<const uint8_t*>(sums.data()), 4 * sums.size()});
        ++products;
        return true;
    }

    int products = 0;
};

/// Fails at the launch after `launches` ones.
class FailingDevice final : public PassingDevice {
public:
    FailingDevice(std::shared_ptr<Device> inner, int launches_left)
        : PassingDevice{std::move(inner)}, launches{launches_left} {}

    void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                std::span<const Argument> arguments) override {
        if (launches-- == 0) throw DeviceFailure{"the device is gone"};
        PassingDevice::launch(kernel, groups_x, groups_y, arguments);
    }

    int launches;
};

}  // namespace daidd::device
