#include "device/self_test.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "device/cuda/interface.h"
#include "device/devices.h"
#include "device/test_device.h"

namespace daidd::device {
namespace {

/// Flips the lowest bit of what one kernel writes first.
class WrongDevice final : public PassingDevice {
public:
    WrongDevice(std::shared_ptr<Device> inner, Kernel wrong)
        : PassingDevice{std::move(inner)}, wrong_{wrong} {}

    BufferPtr allocate(size_t bytes) override {
        const BufferPtr buffer = PassingDevice::allocate(bytes);
        buffers_[buffer->handle()] = buffer;
        return buffer;
    }
    void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                std::span<const Argument> arguments) override {
        PassingDevice::launch(kernel, groups_x, groups_y, arguments);
        if (kernel != wrong_) return;
        void* handle = nullptr;
        std::memcpy(&handle, arguments[output_of(kernel)].data(), sizeof handle);
        const BufferPtr output = buffers_.at(handle).lock();
        uint8_t byte = 0;
        read(output, 0, {&byte, 1});
        byte ^= 1;
        write(output, {&byte, 1});
    }

private:
    /// Which argument is written to.
    static size_t output_of(Kernel kernel) {
        switch (kernel) {
        case Kernel::kWeights: return 0;
        case Kernel::kQuant:
        case Kernel::kArgmax: return 1;
        case Kernel::kEmbedding:
        case Kernel::kRope:
        case Kernel::kValues: return 3;
        case Kernel::kLinearOutputs:
        case Kernel::kScores: return 4;
        case Kernel::kLinearTiles:
        case Kernel::kLinearColumns: return 5;
        default: return 2;
        }
    }

    Kernel wrong_;
    std::map<void*, std::weak_ptr<const Buffer>> buffers_;
};

class SelfTest : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, SelfTest, testing::ValuesIn(kTestDevices), device_name);

TEST_P(SelfTest, NamesTheDeviceAndTheKernelThatDiffers) {
    for (size_t i = 0; i < kKernelCount; ++i) {
        if (!device->supports(Kernel(i))) continue;
        const auto refusal = self_test(std::make_shared<WrongDevice>(device, Kernel(i)));
        EXPECT_EQ(refusal, std::string{GetParam()} + " (" + device->info().name + "): kernel " +
                               std::string{kKernels[i].name} + " differs from the scalar code");
    }
}

TEST_P(SelfTest, NamesTheDeviceThatFails) {
    const auto refusal = self_test(std::make_shared<FailingDevice>(device, 5));
    EXPECT_EQ(refusal, std::string{GetParam()} + " (" + device->info().name + "): the device is gone");
}

TEST_P(SelfTest, PassesTheDevice) {
    EXPECT_EQ(self_test(device), std::nullopt);
    EXPECT_EQ(self_test(std::make_shared<MultiplyingDevice>(device)), std::nullopt);
}

TEST_P(SelfTest, IsWhatOpeningTakes) {
    const auto opened = open_device(GetParam());
    ASSERT_TRUE(opened) << opened.error();
    EXPECT_EQ((*opened)->info().id, GetParam());
}

std::string refusal_of(std::string_view id) {
    const auto device = open_device(id);
    return device ? "none" : device.error();
}

TEST(Devices, AreRefusedByName) {
    for (const char* id :
         {"", "opencl", "opencl:", "opencl:x", "opencl:0x", "opencl:-1", "cuda:1 ", "vulkan:0"}) {
        EXPECT_EQ(refusal_of(id), "unknown device '" + std::string{id} + "' (known: opencl:N, cuda:N)");
    }
    EXPECT_TRUE(refusal_of("opencl:999").starts_with("opencl:999: there is no OpenCL device 999"));
    EXPECT_TRUE(refusal_of("cuda:999").starts_with("cuda:999: there is no CUDA device 999"));
}

TEST(Devices, AreListedUnderTheNamesTheyOpenBy) {
    size_t opencl = 0, cuda = 0;
    for (const DeviceInfo& info : list_devices()) {
        const bool is_opencl = info.id.starts_with("opencl");
        EXPECT_EQ(info.id, (is_opencl ? "opencl:" : "cuda:") + std::to_string((is_opencl ? opencl : cuda)++));
        EXPECT_FALSE(info.name.empty());
        EXPECT_GT(info.memory_bytes, 0u);
    }
    EXPECT_EQ(cuda == 0, !why_no_cuda().empty());
}

// Without a GPU too: the libraries that the module needs are found, and it is of this version.
TEST(Devices, TheCudaModuleLoads) {
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    if (!std::filesystem::exists(folder / kCudaModule))
        GTEST_SKIP() << kCudaModule << " is not built: no nvcc";
    EXPECT_EQ(why_no_cuda().find(kCudaModule), std::string::npos) << why_no_cuda();
}

}  // namespace
}  // namespace daidd::device
