#include "import/rope.h"

#include <array>
#include <cassert>
#include <cstddef>

namespace daidd::import {

namespace {

/// A number in [0, 1): 320 bits after the point, limb 0 the lowest. Products are cut off, never rounded, so
/// each loses less than 2^-316; at most 256 of them are chained, and the result needs 64 bits.
constexpr size_t kLimbs = 10;
using Fraction = std::array<uint32_t, kLimbs>;

/// floor(2^320 / 2π), from mpmath at 600 bits.
constexpr Fraction kTurn{0x909374b8, 0x6dc91b8e, 0xf7aef158, 0x7f9458ea, 0x4f10e410,
                         0x36d8a566, 0x7d4d3770, 0x7f09d5f4, 0x9391054a, 0x28be60db};

Fraction multiply(const Fraction& a, const Fraction& b) {
    std::array<uint32_t, 2 * kLimbs> product{};
    for (size_t i = 0; i < kLimbs; ++i) {
        uint64_t carry = 0;
        for (size_t j = 0; j < kLimbs; ++j) {
            const uint64_t sum = uint64_t{a[i]} * b[j] + product[i + j] + carry;  // at most 2^64 - 1
            product[i + j] = uint32_t(sum);
            carry = sum >> 32;
        }
        product[i + kLimbs] = uint32_t(carry);
    }
    Fraction high;
    for (size_t i = 0; i < kLimbs; ++i) high[i] = product[i + kLimbs];
    return high;
}

/// Whether a · factor >= 1.
bool reaches_one(const Fraction& a, uint32_t factor) {
    uint64_t carry = 0;
    for (const uint32_t limb : a) carry = (uint64_t{limb} * factor + carry) >> 32;
    return carry > 0;
}

Fraction power(Fraction a, uint32_t exponent) {
    assert(exponent > 0);
    Fraction result = a;
    for (uint32_t i = 1; i < exponent; ++i) result = multiply(result, a);
    return result;
}

/// The largest fraction whose `degree`-th power is below 1 / base, bit by bit.
Fraction inverse_root(uint32_t base, uint32_t degree) {
    Fraction root{};
    for (size_t bit = 32 * kLimbs; bit-- > 0;) {
        root[bit / 32] |= uint32_t{1} << (bit % 32);
        if (reaches_one(power(root, degree), base)) root[bit / 32] &= ~(uint32_t{1} << (bit % 32));
    }
    return root;
}

}  // namespace

std::vector<uint64_t> rope_constants(uint32_t base, uint32_t head_dim) {
    assert(base >= 2 && head_dim >= 2 && head_dim <= 256 && head_dim % 2 == 0);
    const Fraction root = inverse_root(base, head_dim / 2);
    std::vector<uint64_t> constants;
    Fraction turn = kTurn;
    for (uint32_t j = 0; j < head_dim / 2; ++j) {
        constants.push_back(uint64_t{turn[kLimbs - 1]} << 32 | turn[kLimbs - 2]);
        turn = multiply(turn, root);
    }
    return constants;
}

}  // namespace daidd::import
