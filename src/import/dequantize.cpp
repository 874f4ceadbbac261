#include "import/dequantize.h"

#include <bit>
#include <cmath>
#include <limits>

#include "import/dequantize_blocks.h"

namespace daidd::import {

using inference::GgufType;

namespace {

uint16_t u16_at(const uint8_t* p) { return uint16_t(p[0] | p[1] << 8); }
uint32_t u32_at(const uint8_t* p) { return uint32_t{u16_at(p)} | uint32_t{u16_at(p + 2)} << 16; }

/// One block of a row; out has as many places as the block has elements.
void read_block(GgufType type, const uint8_t* block, double* out) {
    switch (type) {
    case GgufType::kF32: out[0] = double(std::bit_cast<float>(u32_at(block))); return;
    case GgufType::kF16: out[0] = half_to_double(u16_at(block)); return;
    case GgufType::kBf16: out[0] = bfloat16_to_double(u16_at(block)); return;
    case GgufType::kQ4_0: return read_q4_0(block, out);
    case GgufType::kQ4_1: return read_q4_1(block, out);
    case GgufType::kQ5_0: return read_q5_0(block, out);
    case GgufType::kQ5_1: return read_q5_1(block, out);
    case GgufType::kQ8_0: return read_q8_0(block, out);
    case GgufType::kQ2_K: return read_q2_k(block, out);
    case GgufType::kQ3_K: return read_q3_k(block, out);
    case GgufType::kQ4_K: return read_q4_k(block, out);
    case GgufType::kQ5_K: return read_q5_k(block, out);
    case GgufType::kQ6_K: return read_q6_k(block, out);
    case GgufType::kI8:
    case GgufType::kI16:
    case GgufType::kI32:
    case GgufType::kI64: break;
    }
    assert(false && "not a float type");
}

}  // namespace

bool is_float_type(GgufType type) {
    switch (type) {
    case GgufType::kI8:
    case GgufType::kI16:
    case GgufType::kI32:
    case GgufType::kI64: return false;
    case GgufType::kF32:
    case GgufType::kF16:
    case GgufType::kBf16:
    case GgufType::kQ4_0:
    case GgufType::kQ4_1:
    case GgufType::kQ5_0:
    case GgufType::kQ5_1:
    case GgufType::kQ8_0:
    case GgufType::kQ2_K:
    case GgufType::kQ3_K:
    case GgufType::kQ4_K:
    case GgufType::kQ5_K:
    case GgufType::kQ6_K: return true;
    }
    return false;
}

double half_to_double(uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const int fraction = bits & 1023;
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == 31) return sign * (fraction == 0 ? std::numeric_limits<double>::infinity() : NAN);
    // Powers of two times a small integer: exact.
    return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25));
}

double bfloat16_to_double(uint16_t bits) { return double(std::bit_cast<float>(uint32_t{bits} << 16)); }

Matrix dequantize(const inference::GgufTensor& tensor, size_t first, size_t count) {
    assert(first + count <= tensor.rows());
    Matrix out{count, size_t(tensor.cols())};
    const auto block = *inference::gguf_block(uint32_t(tensor.type));
    const size_t blocks = count * out.cols / block.elements;
    const uint8_t* from = tensor.data.data() + first * out.cols / block.elements * block.bytes;
    for (size_t i = 0; i < blocks; ++i) {
        read_block(tensor.type, from + i * block.bytes, &out.values[i * block.elements]);
    }
    return out;
}

}  // namespace daidd::import
