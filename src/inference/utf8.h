#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace daidd::inference {

/// U+FFFD, what stands for bytes that are not UTF-8.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7: no overlong forms,
/// no surrogates), or 0.
size_t utf8_length(std::string_view text);

/// The character of one well-formed sequence: `sequence` is a character's bytes and no more.
char32_t utf8_character(std::string_view sequence);
void append_utf8(char32_t character, std::string& out);

/// A byte that is not part of a well-formed sequence, as to_characters writes it: no character has such a
/// code.
inline constexpr char32_t kBrokenByte = 0x110000;

/// The characters of any bytes; a byte that is not UTF-8 is kBrokenByte + its value. to_bytes is the way
/// back.
std::u32string to_characters(std::string_view text);
std::string to_bytes(std::u32string_view characters);

/// Whether `text`, too short to be a sequence, may become one when more bytes follow.
bool is_utf8_prefix(std::string_view text);

/// A copy in which each byte that is not part of a well-formed sequence is replaced.
std::string to_valid_utf8(std::string_view text);

/// Cuts a stream of bytes where characters end: one token may hold a part of a character only.
class Utf8Stream {
public:
    /// All whole characters so far that were not given out yet; invalid bytes replaced.
    std::string push(std::string_view bytes);
    /// What is left at the end, an unfinished character replaced.
    std::string finish();

private:
    std::string held_;  // at most 3 bytes: the beginning of a character
};

}  // namespace daidd::inference
