#include "consensus/uint256.h"

#include <bit>
#include <cassert>

namespace daidd::consensus {

namespace {

__extension__ using Wide = unsigned __int128;
constexpr unsigned kWordBits = 64;
constexpr unsigned kBits = 256;

}  // namespace

std::strong_ordering Uint256::operator<=>(const Uint256& other) const {
    for (size_t i = words.size(); i-- > 0;)
        if (words[i] != other.words[i]) return words[i] <=> other.words[i];
    return std::strong_ordering::equal;
}

Uint256 Uint256::operator+(const Uint256& other) const {
    Uint256 sum;
    Wide carry = 0;
    for (size_t i = 0; i < words.size(); ++i) {
        carry += Wide{words[i]} + other.words[i];
        sum.words[i] = uint64_t(carry);
        carry >>= kWordBits;
    }
    return sum;
}

Uint256 Uint256::operator-(const Uint256& other) const { return *this + ~other + Uint256{1}; }

Uint256 Uint256::operator~() const {
    Uint256 result;
    for (size_t i = 0; i < words.size(); ++i) result.words[i] = ~words[i];
    return result;
}

Uint256 Uint256::operator<<(unsigned bits) const {
    Uint256 result;
    if (bits >= kBits) return result;
    const size_t skip = bits / kWordBits;
    const unsigned shift = bits % kWordBits;
    for (size_t i = skip; i < words.size(); ++i) {
        result.words[i] = words[i - skip] << shift;
        if (shift != 0 && i > skip) result.words[i] |= words[i - skip - 1] >> (kWordBits - shift);
    }
    return result;
}

Uint256 Uint256::operator>>(unsigned bits) const {
    Uint256 result;
    if (bits >= kBits) return result;
    const size_t skip = bits / kWordBits;
    const unsigned shift = bits % kWordBits;
    for (size_t i = 0; i + skip < words.size(); ++i) {
        result.words[i] = words[i + skip] >> shift;
        if (shift != 0 && i + skip + 1 < words.size())
            result.words[i] |= words[i + skip + 1] << (kWordBits - shift);
    }
    return result;
}

Uint256 Uint256::operator/(const Uint256& divisor) const {
    assert(divisor != Uint256{});
    Uint256 quotient;
    Uint256 rest = *this;
    if (divisor > rest) return quotient;
    for (unsigned shift = rest.bit_length() - divisor.bit_length() + 1; shift-- > 0;) {
        const Uint256 part = divisor << shift;
        if (part > rest) continue;
        rest = rest - part;
        quotient.words[shift / kWordBits] |= uint64_t{1} << (shift % kWordBits);
    }
    return quotient;
}

std::optional<Uint256> Uint256::times(uint64_t factor) const {
    Uint256 product;
    Wide carry = 0;
    for (size_t i = 0; i < words.size(); ++i) {
        carry += Wide{words[i]} * factor;
        product.words[i] = uint64_t(carry);
        carry >>= kWordBits;
    }
    if (carry != 0) return std::nullopt;
    return product;
}

unsigned Uint256::bit_length() const {
    for (size_t i = words.size(); i-- > 0;)
        if (words[i] != 0) return unsigned(i) * kWordBits + unsigned(std::bit_width(words[i]));
    return 0;
}

Uint256 Uint256::from_bytes(const Hash256& bytes) {
    Uint256 value;
    for (size_t i = 0; i < bytes.size(); ++i) value.words[i / 8] |= uint64_t{bytes[i]} << (8 * (i % 8));
    return value;
}

Hash256 Uint256::to_bytes() const {
    Hash256 bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(words[i / 8] >> (8 * (i % 8)));
    return bytes;
}

std::optional<Uint256> target_from_bits(uint32_t bits) {
    const unsigned size = bits >> 24;
    const uint32_t mantissa = bits & 0x007f'ffff;
    const bool negative = (bits & 0x0080'0000) != 0;
    if (negative) return std::nullopt;
    if (size <= 3) {
        const uint32_t value = mantissa >> (8 * (3 - size));
        return value == 0 ? std::nullopt : std::optional{Uint256{value}};
    }
    const Uint256 value{mantissa};
    const unsigned shift = 8 * (size - 3);
    if (mantissa == 0 || value.bit_length() + shift > kBits) return std::nullopt;
    return value << shift;
}

uint32_t bits_from_target(const Uint256& target) {
    uint32_t size = (target.bit_length() + 7) / 8;
    uint32_t mantissa = size <= 3 ? uint32_t(target.words[0] << (8 * (3 - size)))
                                  : uint32_t((target >> (8 * (size - 3))).words[0]);
    // The 0x800000 bit is the sign.
    if ((mantissa & 0x0080'0000) != 0) {
        mantissa >>= 8;
        ++size;
    }
    return mantissa | size << 24;
}

Uint256 work_of(const Uint256& target) {
    const Uint256 divisor = target + Uint256{1};
    if (divisor == Uint256{}) return Uint256{1};
    // 2²⁵⁶ does not fit: ⌊2²⁵⁶/d⌋ = ⌊(2²⁵⁶ − d)/d⌋ + 1, and 2²⁵⁶ − d = ~target.
    return ~target / divisor + Uint256{1};
}

}  // namespace daidd::consensus
