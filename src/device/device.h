#pragma once

#include <cassert>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "util/bytes.h"

namespace daidd::device {

/// The kernels of src/device/kernels. The order is that of kKernels and of the CUDA module.
enum class Kernel : uint8_t {
    kEmbedding,
    kGain,
    kAdd,
    kSwiglu,
    kQuant,
    kNormScale,
    kArgmax,
    kLinearTiles,
    kLinearColumns,
    kLinearOutputs,
    kRope,
    kScores,
    kWeights,
    kValues,
    kOutputs,
    kNoisedTiles,
    kBlake2s,
    kNoisedTensor,  ///< CUDA alone: what kNoisedTiles does, on tensor cores
};

struct KernelInfo {
    std::string_view name;  ///< of the function in the kernels' source
    uint32_t threads = 0;   ///< of a group
};

// As dialect.h has them.
inline constexpr uint32_t kElementThreads = 256;
inline constexpr uint32_t kRowThreads = 128;
inline constexpr uint32_t kTileThreads = 256;
inline constexpr uint32_t kValueThreads = 64;
inline constexpr uint32_t kTensorThreads = 128;

inline constexpr KernelInfo kKernels[] = {
    {"embedding_rows", kElementThreads},
    {"gain_rows", kElementThreads},
    {"add_rows", kElementThreads},
    {"swiglu_rows", kElementThreads},
    {"quant_rows", kRowThreads},
    {"norm_scales", kRowThreads},
    {"argmax_rows", kRowThreads},
    {"linear_tiles", kTileThreads},
    {"linear_columns", kTileThreads},
    {"linear_outputs", kElementThreads},
    {"rope_heads", kRowThreads},
    {"attention_scores", kRowThreads},
    {"attention_weights", kRowThreads},
    {"attention_values", kValueThreads},
    {"attention_outputs", kElementThreads},
    {"noised_tiles", kTileThreads},
    {"blake2s_rows", kElementThreads},
    {"noised_tensor", kTensorThreads},
};
inline constexpr size_t kKernelCount = std::size(kKernels);
/// Those that the OpenCL source has: the first ones.
inline constexpr size_t kSharedKernels = size_t(Kernel::kNoisedTensor);

inline const KernelInfo& info_of(Kernel kernel) { return kKernels[size_t(kernel)]; }

/// The device or its driver failed: memory ran out, a call was refused, the device is gone. What was on it is
/// lost. Says which call and with what code.
struct DeviceFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Memory of a device, for as long as this lives. Belongs to the device that allocated it.
class Buffer {
public:
    virtual ~Buffer() = default;
    /// As cl_mem or as a CUDA pointer.
    virtual void* handle() const = 0;
};
using BufferPtr = std::shared_ptr<const Buffer>;

/// A kernel's argument, as its parameter is declared: i32, u32, u64 or a pointer.
class Argument {
public:
    Argument(const BufferPtr& buffer) : size_{sizeof(void*)} {
        void* const handle = buffer->handle();
        std::memcpy(&value_, &handle, size_);
    }
    Argument(int32_t value) : size_{sizeof value} { std::memcpy(&value_, &value, size_); }
    Argument(uint32_t value) : size_{sizeof value} { std::memcpy(&value_, &value, size_); }
    Argument(uint64_t value) : value_{value} {}

    const void* data() const { return &value_; }
    size_t size() const { return size_; }

private:
    uint64_t value_ = 0;
    size_t size_ = sizeof value_;
};

struct DeviceInfo {
    std::string id;      ///< "opencl:0", "cuda:1": what a user names it by
    std::string name;    ///< as the driver calls it
    std::string driver;  ///< its platform and version
    uint64_t memory_bytes = 0;
};

/// sums = codes · weightsᵀ, exact: `rows` rows of codes by `pitch` rows of weights, each `depth` bytes, a
/// multiple of 16, as `pitch` is.
struct Product {
    BufferPtr weights, codes, sums;
    uint32_t rows = 0, pitch = 0, depth = 0;
};

/// One accelerator. Commands run in the order they are given; read() waits for those before it. Every call
/// throws DeviceFailure. Not for two threads at once.
class Device {
public:
    virtual ~Device() = default;
    virtual const DeviceInfo& info() const = 0;
    virtual bool supports(Kernel kernel) const = 0;
    /// Uninitialised. Zero bytes are allowed.
    virtual BufferPtr allocate(size_t bytes) = 0;
    virtual void write(const BufferPtr& buffer, ByteView bytes) = 0;
    virtual void read(const BufferPtr& buffer, size_t offset, std::span<uint8_t> out) = 0;
    /// Runs groups_x · groups_y groups of info_of(kernel).threads threads. Requires supports(kernel).
    virtual void launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                        std::span<const Argument> arguments) = 0;
    /// A library's product where the device has one; false, and nothing done, where it has not.
    virtual bool multiply(const Product& product) = 0;
};

}  // namespace daidd::device
