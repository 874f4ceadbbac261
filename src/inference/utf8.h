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
