#pragma once

#include <cstddef>
#include <cstdint>

// What the program and libdaidd_cuda.so, a module beside it that is loaded at run time, say to each other.
// Plain C, so that compilers of either side do not have to agree on more.

namespace daidd::device {

/// Raised with every change of this file or of the kernels' parameters: a module of another version is
/// refused.
inline constexpr uint32_t kCudaInterfaceVersion = 1;
inline constexpr const char* kCudaModule = "libdaidd_cuda.so";
inline constexpr const char* kCudaEntry = "daidd_cuda_interface";

struct CudaProduct {
    const void* weights;
    const void* codes;
    void* sums;
    uint32_t rows, pitch, depth;  ///< as in device::Product
};

struct CudaDescription {
    char name[256];
    uint64_t memory_bytes;
    int32_t major, minor;  ///< compute capability
    int32_t driver;        ///< as cudaDriverGetVersion
};

/// Functions that return int32_t return 0, or -1 after writing a sentence to last_error(). `index` is that of
/// a device, which stays selected for the calls of one device.
struct CudaInterface {
    uint32_t version;
    uint32_t kernels;  ///< how many it has, in the order of device::Kernel
    const char* (*last_error)();
    int32_t (*count)(int32_t* devices);
    int32_t (*describe)(int32_t index, CudaDescription* description);
    int32_t (*allocate)(int32_t index, size_t bytes, void** memory);
    void (*release)(int32_t index, void* memory);
    int32_t (*write)(int32_t index, void* memory, const void* bytes, size_t size);
    int32_t (*read)(int32_t index, const void* memory, void* bytes, size_t size);
    int32_t (*launch)(int32_t index, uint32_t kernel, uint32_t groups_x, uint32_t groups_y, uint32_t threads,
                      void** arguments);
    int32_t (*multiply)(int32_t index, const CudaProduct* product);
};

}  // namespace daidd::device
