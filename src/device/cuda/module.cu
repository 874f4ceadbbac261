#include <cuda_runtime.h>

#include <cstdio>
#include <string>

#include "device/cuda/interface.h"
#include "device/cuda/kernels.h"
#include "device/cuda/multiply.h"

namespace daidd::device {
namespace {

thread_local std::string error;

int32_t fail(const std::string& text) {
    error = text;
    return -1;
}

int32_t check(cudaError_t code, const char* call) {
    return code == cudaSuccess ? 0 : fail(std::string{call} + " failed: " + cudaGetErrorString(code));
}

int32_t select(int32_t index) { return check(cudaSetDevice(index), "cudaSetDevice"); }

const char* last_error() { return error.c_str(); }

int32_t count(int32_t* devices) { return check(cudaGetDeviceCount(devices), "cudaGetDeviceCount"); }

int32_t describe(int32_t index, CudaDescription* description) {
    cudaDeviceProp properties;
    if (check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties") != 0) return -1;
    std::snprintf(description->name, sizeof description->name, "%s", properties.name);
    description->memory_bytes = properties.totalGlobalMem;
    description->major = properties.major;
    description->minor = properties.minor;
    return check(cudaDriverGetVersion(&description->driver), "cudaDriverGetVersion");
}

int32_t allocate(int32_t index, size_t bytes, void** memory) {
    if (select(index) != 0) return -1;
    return check(cudaMalloc(memory, bytes == 0 ? 1 : bytes), "cudaMalloc");
}

void release(int32_t index, void* memory) {
    if (select(index) == 0) cudaFree(memory);
}

int32_t write(int32_t index, void* memory, const void* bytes, size_t size) {
    if (select(index) != 0) return -1;
    return check(cudaMemcpy(memory, bytes, size, cudaMemcpyHostToDevice), "cudaMemcpy");
}

int32_t read(int32_t index, const void* memory, void* bytes, size_t size) {
    if (select(index) != 0) return -1;
    return check(cudaMemcpy(bytes, memory, size, cudaMemcpyDeviceToHost), "cudaMemcpy");
}

int32_t launch(int32_t index, uint32_t kernel, uint32_t groups_x, uint32_t groups_y, uint32_t threads,
               void** arguments) {
    uint32_t kernels = 0;
    const void* const* functions = cuda_kernels(&kernels);
    if (kernel >= kernels) return fail("unknown kernel");
    if (select(index) != 0) return -1;
    return check(
        cudaLaunchKernel(functions[kernel], dim3{groups_x, groups_y}, dim3{threads}, arguments, 0, nullptr),
        "cudaLaunchKernel");
}

int32_t multiply(int32_t index, const CudaProduct* product) {
    if (select(index) != 0) return -1;
    const std::string failure = multiply_int8(index, *product);
    return failure.empty() ? 0 : fail(failure);
}

}  // namespace
}  // namespace daidd::device

extern "C" __attribute__((visibility("default"))) const daidd::device::CudaInterface* daidd_cuda_interface() {
    using namespace daidd::device;
    static const CudaInterface interface = [] {
        CudaInterface table{.version = kCudaInterfaceVersion,
                            .kernels = 0,
                            .last_error = last_error,
                            .count = count,
                            .describe = describe,
                            .allocate = allocate,
                            .release = release,
                            .write = write,
                            .read = read,
                            .launch = launch,
                            .multiply = multiply};
        (void)cuda_kernels(&table.kernels);
        return table;
    }();
    return &interface;
}
