#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace daidd::inference {

/// The tensor types that are read, with GGUF's own numbers: never renumber.
enum class GgufType : uint32_t {
    kF32 = 0,
    kF16 = 1,
    kQ4_0 = 2,
    kQ4_1 = 3,
    kQ5_0 = 6,
    kQ5_1 = 7,
    kQ8_0 = 8,
    kQ2_K = 10,
    kQ3_K = 11,
    kQ4_K = 12,
    kQ5_K = 13,
    kQ6_K = 14,
    kI8 = 24,
    kI16 = 25,
    kI32 = 26,
    kI64 = 27,
    kBf16 = 30,
};

/// A tensor row is stored in blocks of `elements` values that take `bytes` bytes.
struct GgufBlock {
    uint64_t elements;
    uint64_t bytes;
};
/// Nothing for a type number that is not in GgufType.
std::optional<GgufBlock> gguf_block(uint32_t type);
std::string_view to_string(GgufType type);

}  // namespace daidd::inference
