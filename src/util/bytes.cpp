#include "util/bytes.h"

#include <algorithm>

namespace daidd {
namespace {

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::optional<Bytes> parse_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (size_t i = 0; i < text.size(); i += 2) {
        const int high = digit_of(text[i]);
        const int low = digit_of(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes.push_back(uint8_t(high * 16 + low));
    }
    return bytes;
}

std::string to_hex_reversed(const Hash256& hash) {
    Hash256 reversed = hash;
    std::ranges::reverse(reversed);
    return to_hex(reversed);
}

std::optional<Hash256> parse_hash(std::string_view text) {
    const auto bytes = parse_hex(text);
    if (!bytes || bytes->size() != 32) return std::nullopt;
    Hash256 hash;
    std::ranges::copy(*bytes, hash.begin());
    return hash;
}

std::optional<Hash256> parse_hash_reversed(std::string_view text) {
    auto hash = parse_hash(text);
    if (hash) std::ranges::reverse(*hash);
    return hash;
}

}  // namespace daidd
