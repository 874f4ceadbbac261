#include "inference/utf8.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <utility>

namespace daidd::inference {

namespace {

/// First bytes of sequences with the range that their second byte must have; the others are 80..BF.
struct Lead {
    uint8_t first, last;
    uint8_t length;
    uint8_t second_min, second_max;
};
constexpr std::array<Lead, 8> kLeads{{{0xC2, 0xDF, 2, 0x80, 0xBF},
                                      {0xE0, 0xE0, 3, 0xA0, 0xBF},
                                      {0xE1, 0xEC, 3, 0x80, 0xBF},
                                      {0xED, 0xED, 3, 0x80, 0x9F},
                                      {0xEE, 0xEF, 3, 0x80, 0xBF},
                                      {0xF0, 0xF0, 4, 0x90, 0xBF},
                                      {0xF1, 0xF3, 4, 0x80, 0xBF},
                                      {0xF4, 0xF4, 4, 0x80, 0x8F}}};

/// How many bytes of `text` fit one sequence that starts there, and how long that would be; 0, 0 if none.
std::pair<size_t, size_t> match(std::string_view text) {
    if (text.empty()) return {0, 0};
    const auto byte = [&](size_t i) { return uint8_t(text[i]); };
    if (byte(0) < 0x80) return {1, 1};
    for (const Lead& lead : kLeads) {
        if (byte(0) < lead.first || byte(0) > lead.last) continue;
        size_t fit = 1;
        while (fit < lead.length && fit < text.size()) {
            const uint8_t low = fit == 1 ? lead.second_min : 0x80;
            const uint8_t high = fit == 1 ? lead.second_max : 0xBF;
            if (byte(fit) < low || byte(fit) > high) return {0, 0};
            ++fit;
        }
        return {fit, lead.length};
    }
    return {0, 0};
}

}  // namespace

size_t utf8_length(std::string_view text) {
    const auto [fit, length] = match(text);
    return fit == length ? length : 0;
}

char32_t utf8_character(std::string_view sequence) {
    const auto byte = [&](size_t i) { return char32_t(uint8_t(sequence[i])); };
    assert(utf8_length(sequence) == sequence.size());
    switch (sequence.size()) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3: return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
        return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    }
}

void append_utf8(char32_t character, std::string& out) {
    assert(character < kBrokenByte);
    if (character < 0x80) {
        out.push_back(char(character));
        return;
    }
    const int follow = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    const char32_t lead = follow == 1 ? 0xC0 : follow == 2 ? 0xE0 : 0xF0;
    out.push_back(char(lead | character >> (6 * follow)));
    for (int i = follow - 1; i >= 0; --i) out.push_back(char(0x80 | (character >> (6 * i) & 0x3F)));
}

std::u32string to_characters(std::string_view text) {
    std::u32string characters;
    characters.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
        const size_t length = utf8_length(text.substr(at));
        characters.push_back(length == 0 ? kBrokenByte + uint8_t(text[at])
                                         : utf8_character(text.substr(at, length)));
        at += std::max<size_t>(length, 1);
    }
    return characters;
}

std::string to_bytes(std::u32string_view characters) {
    std::string text;
    for (const char32_t character : characters) {
        if (character >= kBrokenByte) {
            text.push_back(char(character - kBrokenByte));
        } else {
            append_utf8(character, text);
        }
    }
    return text;
}

bool is_utf8_prefix(std::string_view text) {
    const auto [fit, length] = match(text);
    return fit > 0 && fit < length && fit == text.size();
}

std::string to_valid_utf8(std::string_view text) {
    Utf8Stream stream;
    std::string out = stream.push(text);
    return out += stream.finish();
}

std::string Utf8Stream::push(std::string_view bytes) {
    held_ += bytes;
    std::string_view rest = held_;
    std::string out;
    while (!rest.empty() && !is_utf8_prefix(rest)) {
        const size_t length = utf8_length(rest);
        out += length == 0 ? kReplacement : rest.substr(0, length);
        rest.remove_prefix(std::max<size_t>(length, 1));
    }
    held_ = std::string{rest};
    return out;
}

std::string Utf8Stream::finish() {
    const bool unfinished = !std::exchange(held_, {}).empty();
    return unfinished ? std::string{kReplacement} : std::string{};
}

}  // namespace daidd::inference
