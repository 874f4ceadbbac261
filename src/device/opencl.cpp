#include "device/opencl.h"

#include <array>
#include <utility>

#include "device/kernel_source.h"
#include "device/opencl_api.h"

namespace daidd::device {
namespace {

void check(cl_int code, std::string_view call) {
    if (code != CL_SUCCESS) throw DeviceFailure{std::string{call} + " failed with " + std::to_string(code)};
}

/// An OpenCL object and the function that lets it go.
template <class Handle, auto OpenClApi::*release>
class Owned {
public:
    Owned() = default;
    explicit Owned(Handle handle) : handle_{handle} {}
    Owned(Owned&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    Owned& operator=(Owned&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Owned() {
        if (handle_ != nullptr) (opencl_api()->*release)(handle_);
    }
    Handle get() const { return handle_; }

private:
    Handle handle_ = nullptr;
};

struct Found {
    cl_platform_id platform;
    cl_device_id device;
};

std::string text_of(const Found& found, cl_device_info what) {
    std::array<char, 512> text{};
    if (opencl_api()->get_device_info(found.device, what, text.size() - 1, text.data(), nullptr) !=
        CL_SUCCESS) {
        return "unknown";
    }
    return text.data();
}

template <class T>
T number_of(const Found& found, cl_device_info what) {
    T value{};
    check(opencl_api()->get_device_info(found.device, what, sizeof value, &value, nullptr),
          "clGetDeviceInfo");
    return value;
}

std::vector<Found> find_devices() {
    std::vector<Found> devices;
    const OpenClApi* api = opencl_api();
    cl_uint platform_count = 0;
    // Without a driver the loader answers with an error: as good as none.
    if (api == nullptr || api->get_platform_ids(0, nullptr, &platform_count) != CL_SUCCESS) return devices;
    std::vector<cl_platform_id> platforms(platform_count);
    check(api->get_platform_ids(platform_count, platforms.data(), nullptr), "clGetPlatformIDs");
    for (cl_platform_id platform : platforms) {
        cl_uint count = 0;
        if (api->get_device_ids(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS) continue;
        std::vector<cl_device_id> ids(count);
        check(api->get_device_ids(platform, CL_DEVICE_TYPE_ALL, count, ids.data(), nullptr),
              "clGetDeviceIDs");
        for (cl_device_id id : ids) {
            const Found found{platform, id};
            // Model data is copied as it lies in memory.
            if (number_of<cl_bool>(found, CL_DEVICE_ENDIAN_LITTLE) == CL_TRUE) devices.push_back(found);
        }
    }
    return devices;
}

DeviceInfo describe(const Found& found, size_t index) {
    return {"opencl:" + std::to_string(index), text_of(found, CL_DEVICE_NAME),
            text_of(found, CL_DEVICE_VERSION) + ", " + text_of(found, CL_DRIVER_VERSION),
            number_of<cl_ulong>(found, CL_DEVICE_GLOBAL_MEM_SIZE)};
}

class OpenClBuffer final : public Buffer {
public:
    explicit OpenClBuffer(cl_mem memory) : memory_{memory} {}
    void* handle() const override { return memory_.get(); }

private:
    Owned<cl_mem, &OpenClApi::release_buffer> memory_;
};

cl_mem memory_of(const BufferPtr& buffer) { return static_cast<cl_mem>(buffer->handle()); }

class OpenClDevice final : public Device {
public:
    OpenClDevice(const Found& found, size_t index) : info_{describe(found, index)} {
        cl_int code = CL_SUCCESS;
        const cl_context_properties properties[] = {
            CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(found.platform), 0};
        context_ =
            decltype(context_){api_.create_context(properties, 1, &found.device, nullptr, nullptr, &code)};
        check(code, "clCreateContext");
        queue_ = decltype(queue_){api_.create_queue(context_.get(), found.device, 0, &code)};
        check(code, "clCreateCommandQueue");
        build(found.device);
    }

    const DeviceInfo& info() const override { return info_; }
    bool supports(Kernel kernel) const override { return size_t(kernel) < kSharedKernels; }

    BufferPtr allocate(size_t bytes) override {
        cl_int code = CL_SUCCESS;
        const size_t size = std::max<size_t>(bytes, 1);  // OpenCL has no empty buffers
        const auto buffer = std::make_shared<OpenClBuffer>(
            api_.create_buffer(context_.get(), CL_MEM_READ_WRITE, size, nullptr, &code));
        check(code, "clCreateBuffer");
        return buffer;
    }

    void write(const BufferPtr& buffer, ByteView bytes) override {
        if (bytes.empty()) return;
        check(api_.enqueue_write(queue_.get(), memory_of(buffer), CL_TRUE, 0, bytes.size(), bytes.data(), 0,
                                 nullptr, nullptr),
              "clEnqueueWriteBuffer");
    }

    void read(const BufferPtr& buffer, size_t offset, std::span<uint8_t> out) override {
        if (out.empty()) return;
        check(api_.enqueue_read(queue_.get(), memory_of(buffer), CL_TRUE, offset, out.size(), out.data(), 0,
                                nullptr, nullptr),
              "clEnqueueReadBuffer");
    }

    void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                std::span<const Argument> arguments) override {
        assert(supports(kernel));
        const cl_kernel handle = kernels_[size_t(kernel)].get();
        for (size_t i = 0; i < arguments.size(); ++i) {
            check(api_.set_argument(handle, cl_uint(i), arguments[i].size(), arguments[i].data()),
                  info_of(kernel).name);
        }
        const size_t threads = info_of(kernel).threads;
        const size_t local[2] = {threads, 1}, global[2] = {groups_x * threads, groups_y};
        check(api_.enqueue_kernel(queue_.get(), handle, 2, nullptr, global, local, 0, nullptr, nullptr),
              info_of(kernel).name);
    }

    bool multiply(const Product&) override { return false; }

private:
    void build(cl_device_id device) {
        cl_int code = CL_SUCCESS;
        const std::string_view source = kernel_source();
        const char* text = source.data();
        const size_t size = source.size();
        program_ = decltype(program_){api_.create_program(context_.get(), 1, &text, &size, &code)};
        check(code, "clCreateProgramWithSource");
        if (api_.build_program(program_.get(), 1, &device, "-cl-std=CL1.2", nullptr, nullptr) != CL_SUCCESS) {
            size_t log_size = 0;
            api_.get_build_info(program_.get(), device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &log_size);
            std::string log(log_size, '\0');
            api_.get_build_info(program_.get(), device, CL_PROGRAM_BUILD_LOG, log_size, log.data(), nullptr);
            throw DeviceFailure{"clBuildProgram failed: " + log};
        }
        for (size_t i = 0; i < kSharedKernels; ++i) {
            const std::string name{kKernels[i].name};
            kernels_[i] = Owned<cl_kernel, &OpenClApi::release_kernel>{
                api_.create_kernel(program_.get(), name.c_str(), &code)};
            check(code, "clCreateKernel(" + name + ")");
        }
    }

    const OpenClApi& api_ = *opencl_api();
    DeviceInfo info_;
    Owned<cl_context, &OpenClApi::release_context> context_;
    Owned<cl_command_queue, &OpenClApi::release_queue> queue_;
    Owned<cl_program, &OpenClApi::release_program> program_;
    std::array<Owned<cl_kernel, &OpenClApi::release_kernel>, kSharedKernels> kernels_;
};

}  // namespace

std::vector<DeviceInfo> list_opencl() {
    std::vector<DeviceInfo> infos;
    for (const Found& found : find_devices()) infos.push_back(describe(found, infos.size()));
    return infos;
}

std::string why_no_opencl() {
    if (opencl_api() == nullptr) return "its loader, libOpenCL.so.1, cannot be opened";
    return find_devices().empty() ? "its loader knows no driver with a device" : "";
}

std::unique_ptr<Device> open_opencl(size_t index) {
    const auto devices = find_devices();
    if (index >= devices.size()) {
        throw DeviceFailure{"there is no OpenCL device " + std::to_string(index) +
                            (devices.empty() ? ": " + why_no_opencl() : "")};
    }
    return std::make_unique<OpenClDevice>(devices[index], index);
}

}  // namespace daidd::device
