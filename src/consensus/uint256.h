#pragma once

#include <compare>

#include "util/bytes.h"

namespace daidd::consensus {

/// Unsigned 256-bit integer: targets and work. Four little-endian words; arithmetic modulo 2²⁵⁶ unless said.
struct Uint256 {
    std::array<uint64_t, 4> words{};  ///< words[0] is the lowest

    constexpr Uint256() = default;
    constexpr Uint256(uint64_t low) : words{low} {}

    bool operator==(const Uint256&) const = default;
    std::strong_ordering operator<=>(const Uint256& other) const;

    Uint256 operator+(const Uint256& other) const;
    Uint256 operator-(const Uint256& other) const;
    Uint256 operator~() const;
    Uint256 operator<<(unsigned bits) const;
    Uint256 operator>>(unsigned bits) const;
    /// Requires divisor != 0.
    Uint256 operator/(const Uint256& divisor) const;
    /// The product, or nothing if it is 2²⁵⁶ or more.
    std::optional<Uint256> times(uint64_t factor) const;
    unsigned bit_length() const;

    /// Little-endian bytes, as a ticket or a hash is read as a number.
    static Uint256 from_bytes(const Hash256& bytes);
    Hash256 to_bytes() const;
};

/// Bitcoin's compact form. Nothing if negative, zero or over 256 bits.
std::optional<Uint256> target_from_bits(uint32_t bits);
/// Rounds down as Bitcoin does.
uint32_t bits_from_target(const Uint256& target);
/// ⌊2²⁵⁶ / (target + 1)⌋: what a block of this target adds to its chain.
Uint256 work_of(const Uint256& target);

}  // namespace daidd::consensus
