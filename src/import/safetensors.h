#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/gguf.h"

namespace daidd::import {

/// One tensor of a safetensors file. shape[0] is the slowest running: a matrix of n rows with k columns is
/// {n, k}, a scalar {}.
struct SafeTensor {
    std::string name;
    std::string_view dtype;  ///< as the format writes it: "F32", "BF16", …
    std::vector<uint64_t> shape;
    ByteView data;
};

/// GGUF's name of its type: F32, F16 or BF16; nothing of others.
std::optional<inference::GgufType> float_type_of(const SafeTensor& tensor);

// Limits of a file; the first is the format's own.
inline constexpr uint64_t kSafetensorsHeaderMax = 100'000'000;
inline constexpr uint64_t kSafetensorsTensorsMax = inference::kGgufTensorsMax;
inline constexpr uint64_t kSafetensorsNameMax = inference::kGgufNameMax;
inline constexpr uint64_t kSafetensorsDimsMax = 8;
inline constexpr uint64_t kSafetensorsElementsMax = inference::kGgufElementsMax;

/// A safetensors file (huggingface/safetensors, "Format"): u64 length of the header, the header in JSON
/// (name → dtype, shape, data_offsets; "__metadata__" → texts, which are skipped), the tensors' bytes. They
/// lie one behind the other, without a hole and without a byte behind them. Refuses everything else by the
/// name of the tensor and member. Memory: at most that of the header's length; tensors are not copied, so the
/// bytes must outlive this.
class SafetensorsFile {
public:
    static Result<SafetensorsFile, inference::GgufError> parse(ByteView bytes);

    /// In order of name.
    const std::vector<SafeTensor>& tensors() const { return tensors_; }

private:
    std::vector<SafeTensor> tensors_;
};

}  // namespace daidd::import
