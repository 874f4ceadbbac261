#include "device/cuda.h"

#include <dlfcn.h>

#include <filesystem>

#include "device/cuda/interface.h"

namespace daidd::device {
namespace {

struct Module {
    const CudaInterface* interface = nullptr;
    int32_t devices = 0;
    std::string why;  ///< there are no devices
};

/// The module lies beside the program: never where a search path leads.
std::string module_path() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / kCudaModule;
}

Module load() {
    Module module;
    // Never closed: the driver leaves threads behind that run in it.
    void* library = dlopen(module_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        module.why = dlerror();
        return module;
    }
    using Entry = const CudaInterface* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(library, kCudaEntry));
    if (entry == nullptr || entry()->version != kCudaInterfaceVersion || entry()->kernels != kKernelCount) {
        module.why = std::string{kCudaModule} + " is of another version";
        return module;
    }
    module.interface = entry();
    if (module.interface->count(&module.devices) != 0) module.why = module.interface->last_error();
    if (module.devices == 0 && module.why.empty()) module.why = "there is no CUDA device";
    return module;
}

const Module& cuda_module() {
    static const Module module = load();
    return module;
}

void check(int32_t result) {
    if (result != 0) throw DeviceFailure{cuda_module().interface->last_error()};
}

DeviceInfo describe(int32_t index) {
    CudaDescription description{};
    check(cuda_module().interface->describe(index, &description));
    const std::string capability =
        std::to_string(description.major) + "." + std::to_string(description.minor);
    return {"cuda:" + std::to_string(index), description.name,
            "CUDA " + std::to_string(description.driver) + ", compute capability " + capability,
            description.memory_bytes};
}

class CudaBuffer final : public Buffer {
public:
    CudaBuffer(const CudaInterface& api, int32_t index, void* memory)
        : api_{api}, index_{index}, memory_{memory} {}
    ~CudaBuffer() override { api_.release(index_, memory_); }
    CudaBuffer(const CudaBuffer&) = delete;
    CudaBuffer& operator=(const CudaBuffer&) = delete;
    void* handle() const override { return memory_; }

private:
    const CudaInterface& api_;
    int32_t index_;
    void* memory_;
};

class CudaDevice final : public Device {
public:
    explicit CudaDevice(int32_t index) : index_{index}, info_{describe(index)} {}

    const DeviceInfo& info() const override { return info_; }
    bool supports(Kernel) const override { return true; }

    BufferPtr allocate(size_t bytes) override {
        void* memory = nullptr;
        check(api_.allocate(index_, bytes, &memory));
        return std::make_shared<CudaBuffer>(api_, index_, memory);
    }
    void write(const BufferPtr& buffer, ByteView bytes) override {
        check(api_.write(index_, buffer->handle(), bytes.data(), bytes.size()));
    }
    void read(const BufferPtr& buffer, size_t offset, std::span<uint8_t> out) override {
        check(api_.read(index_, static_cast<const uint8_t*>(buffer->handle()) + offset, out.data(),
                        out.size()));
    }
    void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                std::span<const Argument> arguments) override {
        std::vector<void*> pointers;
        for (const Argument& argument : arguments) pointers.push_back(const_cast<void*>(argument.data()));
        check(api_.launch(index_, uint32_t(kernel), groups_x, groups_y, info_of(kernel).threads,
                          pointers.data()));
    }
    bool multiply(const Product& product) override {
        const CudaProduct operands{product.weights->handle(),
                                   product.codes->handle(),
                                   product.sums->handle(),
                                   product.rows,
                                   product.pitch,
                                   product.depth};
        check(api_.multiply(index_, &operands));
        return true;
    }

private:
    const CudaInterface& api_ = *cuda_module().interface;
    int32_t index_;
    DeviceInfo info_;
};

}  // namespace

std::vector<DeviceInfo> list_cuda() {
    std::vector<DeviceInfo> infos;
    for (int32_t i = 0; i < cuda_module().devices; ++i) infos.push_back(describe(i));
    return infos;
}

std::string why_no_cuda() { return cuda_module().why; }

std::unique_ptr<Device> open_cuda(size_t index) {
    if (index >= size_t(cuda_module().devices)) {
        throw DeviceFailure{"there is no CUDA device " + std::to_string(index) +
                            (why_no_cuda().empty() ? "" : ": " + why_no_cuda())};
    }
    return std::make_unique<CudaDevice>(int32_t(index));
}

}  // namespace daidd::device
