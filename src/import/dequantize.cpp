#include "import/dequantize.h"

#include <bit>
#include <cmath>
#include <limits>

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
    case GgufType::kQ8_0: {
        const double scale = half_to_double(u16_at(block));
        for (size_t i = 0; i < 32; ++i) out[i] = scale * int8_t(block[2 + i]);
        return;
    }
    case GgufType::kQ4_1: {
        const double scale = half_to_double(u16_at(block));
        const double low = half_to_double(u16_at(block + 2));
        for (size_t i = 0; i < 16; ++i) {
            out[i] = scale * (block[4 + i] & 15) + low;
            out[16 + i] = scale * (block[4 + i] >> 4) + low;
        }
        return;
    }
    case GgufType::kI8:
    case GgufType::kI16:
    case GgufType::kI32:
    case GgufType::kI64: break;
    }
    assert(false && "not a float type");
}

}  // namespace

bool is_float_type(GgufType type) {
    return type == GgufType::kF32 || type == GgufType::kF16 || type == GgufType::kQ8_0 ||
           type == GgufType::kQ4_1;
}

double half_to_double(uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const int fraction = bits & 1023;
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == 31) return sign * (fraction == 0 ? std::numeric_limits<double>::infinity() : NAN);
    // Powers of two times a small integer: exact.
    return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25));
}

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
