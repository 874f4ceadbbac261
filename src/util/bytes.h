#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace daidd {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using Hash256 = std::array<uint8_t, 32>;

inline constexpr Hash256 kZeroHash{};

/// The bytes of a text, without a copy.
inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes);
/// Either case, an even number of digits and nothing else, or nothing.
std::optional<Bytes> parse_hex(std::string_view text);

/// Bitcoin shows block hashes and transaction ids last byte first; our own ids are shown as they are.
std::string to_hex_reversed(const Hash256& hash);
std::optional<Hash256> parse_hash_reversed(std::string_view text);
/// 64 digits, first byte first.
std::optional<Hash256> parse_hash(std::string_view text);

}  // namespace daidd
