#include "inference/gguf_type.h"

namespace daidd::inference {

std::optional<GgufBlock> gguf_block(uint32_t type) {
    switch (type) {
    case uint32_t(GgufType::kF32):
    case uint32_t(GgufType::kI32): return GgufBlock{1, 4};
    case uint32_t(GgufType::kF16):
    case uint32_t(GgufType::kBf16):
    case uint32_t(GgufType::kI16): return GgufBlock{1, 2};
    case uint32_t(GgufType::kI8): return GgufBlock{1, 1};
    case uint32_t(GgufType::kI64): return GgufBlock{1, 8};
    // A half scale, in _1 a half minimum too, in Q5 a word of fifth bits, then the codes.
    case uint32_t(GgufType::kQ4_0): return GgufBlock{32, 2 + 16};
    case uint32_t(GgufType::kQ4_1): return GgufBlock{32, 4 + 16};
    case uint32_t(GgufType::kQ5_0): return GgufBlock{32, 2 + 4 + 16};
    case uint32_t(GgufType::kQ5_1): return GgufBlock{32, 4 + 4 + 16};
    case uint32_t(GgufType::kQ8_0): return GgufBlock{32, 2 + 32};
    // The same in two levels: small integers scale groups of 16 or 32 codes, halves scale those integers.
    case uint32_t(GgufType::kQ2_K): return GgufBlock{256, 16 + 64 + 4};
    case uint32_t(GgufType::kQ3_K): return GgufBlock{256, 32 + 64 + 12 + 2};
    case uint32_t(GgufType::kQ4_K): return GgufBlock{256, 4 + 12 + 128};
    case uint32_t(GgufType::kQ5_K): return GgufBlock{256, 4 + 12 + 32 + 128};
    case uint32_t(GgufType::kQ6_K): return GgufBlock{256, 128 + 64 + 16 + 2};
    default: return std::nullopt;
    }
}

std::string_view to_string(GgufType type) {
    switch (type) {
    case GgufType::kF32: return "F32";
    case GgufType::kF16: return "F16";
    case GgufType::kQ4_0: return "Q4_0";
    case GgufType::kQ4_1: return "Q4_1";
    case GgufType::kQ5_0: return "Q5_0";
    case GgufType::kQ5_1: return "Q5_1";
    case GgufType::kQ8_0: return "Q8_0";
    case GgufType::kQ2_K: return "Q2_K";
    case GgufType::kQ3_K: return "Q3_K";
    case GgufType::kQ4_K: return "Q4_K";
    case GgufType::kQ5_K: return "Q5_K";
    case GgufType::kQ6_K: return "Q6_K";
    case GgufType::kI8: return "I8";
    case GgufType::kI16: return "I16";
    case GgufType::kI32: return "I32";
    case GgufType::kI64: return "I64";
    case GgufType::kBf16: return "BF16";
    }
    return "unknown";
}

}  // namespace daidd::inference
