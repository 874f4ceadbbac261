#include "crypto/bech32.h"

#include <algorithm>
#include <cassert>

namespace daidd::crypto {
namespace {

// BIP173, with the second constant of BIP350.
constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr uint32_t kBech32 = 1;
constexpr uint32_t kBech32m = 0x2bc830a3;
constexpr size_t kChecksumSize = 6;
constexpr size_t kTextSizeMax = 90;
// BIP141.
constexpr size_t kProgramSizeMin = 2;
constexpr size_t kProgramSizeMax = 40;
constexpr uint8_t kVersionMax = 16;

uint32_t constant_for(uint8_t version) { return version == 0 ? kBech32 : kBech32m; }

bool is_program(const WitnessProgram& program) {
    const size_t size = program.program.size();
    if (program.version > kVersionMax || size < kProgramSizeMin || size > kProgramSizeMax) return false;
    return program.version != 0 || size == 20 || size == 32;
}

class Checksum {
public:
    explicit Checksum(std::string_view hrp) {
        for (const char c : hrp) add(uint8_t(c) >> 5);
        add(0);
        for (const char c : hrp) add(uint8_t(c) & 31);
    }
    void add(uint32_t five_bits) {
        constexpr uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
        const uint32_t top = state_ >> 25;
        state_ = (state_ & 0x1ff'ffff) << 5 ^ five_bits;
        for (size_t i = 0; i < 5; ++i) {
            if (top >> i & 1) state_ ^= kGenerator[i];
        }
    }
    uint32_t state() const { return state_; }

private:
    uint32_t state_ = 1;
};

Bytes to_five_bits(ByteView bytes) {
    Bytes groups;
    uint32_t pending = 0;
    int bits = 0;
    for (const uint8_t byte : bytes) {
        pending = pending << 8 | byte;
        for (bits += 8; bits >= 5; bits -= 5) groups.push_back(uint8_t(pending >> (bits - 5) & 31));
    }
    if (bits > 0) groups.push_back(uint8_t(pending << (5 - bits) & 31));
    return groups;
}

std::optional<Bytes> from_five_bits(ByteView groups) {
    Bytes bytes;
    uint32_t pending = 0;
    int bits = 0;
    for (const uint8_t group : groups) {
        pending = (pending << 5 | group) & 0xfff;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes.push_back(uint8_t(pending >> bits));
    }
    // What is left is padding: less than a group, all zeros.
    if (bits >= 5 || (pending & ((1u << bits) - 1)) != 0) return std::nullopt;
    return bytes;
}

/// In lower case; nothing if the cases are mixed.
std::optional<std::string> one_case(std::string_view text) {
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::ranges::any_of(text, is_lower) && std::ranges::any_of(text, is_upper)) return std::nullopt;
    std::string lower{text};
    for (char& c : lower) {
        if (is_upper(c)) c = char(c - 'A' + 'a');
    }
    return lower;
}

}  // namespace

std::string encode_address(std::string_view hrp, const WitnessProgram& program) {
    assert(is_program(program));
    Bytes groups = to_five_bits(program.program);
    groups.insert(groups.begin(), program.version);
    Checksum checksum{hrp};
    for (const uint8_t group : groups) checksum.add(group);
    for (size_t i = 0; i < kChecksumSize; ++i) checksum.add(0);
    const uint32_t sum = checksum.state() ^ constant_for(program.version);
    for (size_t i = 0; i < kChecksumSize; ++i) groups.push_back(uint8_t(sum >> 5 * (5 - i) & 31));

    std::string text{hrp};
    text += '1';
    for (const uint8_t group : groups) text += kAlphabet[group];
    return text;
}

std::optional<WitnessProgram> parse_address(std::string_view hrp, std::string_view text) {
    if (text.size() > kTextSizeMax) return std::nullopt;
    const auto lower = one_case(text);
    if (!lower) return std::nullopt;
    // '1' is not in the alphabet, so the last one ends the prefix and it must be this prefix.
    const size_t separator = lower->rfind('1');
    if (separator == std::string::npos || lower->substr(0, separator) != hrp) return std::nullopt;

    Checksum checksum{hrp};
    Bytes groups;
    for (const char c : std::string_view{*lower}.substr(separator + 1)) {
        const size_t group = kAlphabet.find(c);
        if (group == std::string_view::npos) return std::nullopt;
        groups.push_back(uint8_t(group));
        checksum.add(uint32_t(group));
    }
    if (groups.size() < 1 + kChecksumSize) return std::nullopt;
    const uint8_t version = groups[0];
    if (checksum.state() != constant_for(version)) return std::nullopt;
    auto bytes = from_five_bits(ByteView{groups}.subspan(1, groups.size() - 1 - kChecksumSize));
    if (!bytes) return std::nullopt;
    WitnessProgram program{.version = version, .program = std::move(*bytes)};
    if (!is_program(program)) return std::nullopt;
    return program;
}

}  // namespace daidd::crypto
