#pragma once

#include "inference/gguf.h"

namespace daidd::inference {

/// Writes a GGUF version 3 file: fields and tensors in the order they were added, zeros as padding, so the
/// same calls give the same bytes. Adding a name twice is a bug of the caller.
class GgufWriter {
public:
    void add_number(std::string_view key, uint32_t value);
    void add_number64(std::string_view key, uint64_t value);
    void add_text(std::string_view key, std::string_view text);
    /// Carries a value of another file over as it is.
    void add_value(std::string_view key, const GgufValue& value);

    /// Requires data.size() == the bytes that `type` takes for `dims` (dims[0] runs fastest).
    void add_tensor(std::string_view name, GgufType type, std::vector<uint64_t> dims, Bytes data);

    /// The whole file. The writer is empty afterwards.
    Bytes finish();

private:
    struct Tensor {
        std::string name;
        GgufType type;
        std::vector<uint64_t> dims;
        Bytes data;
    };
    void begin_field(std::string_view key, GgufValueType type);
    void put(uint64_t value, size_t bytes);
    void put_text(std::string_view text);

    Bytes fields_;
    uint64_t field_count_ = 0;
    std::vector<std::string> keys_;
    std::vector<Tensor> tensors_;
};

/// Alignment of tensor data in the files we write: GGUF's default, and a whole AVX2 register.
inline constexpr uint64_t kGgufAlignment = 32;

}  // namespace daidd::inference
