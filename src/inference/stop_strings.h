#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/utf8.h"

namespace daidd::inference {

// Limits of what a caller may ask for.
inline constexpr size_t kStopStringsMax = 16;
inline constexpr size_t kStopStringBytesMax = 256;

/// Shown to users: never rename one.
enum class StopStringsError { kTooMany, kEmpty, kTooLong };
std::string_view to_string(StopStringsError error);
std::optional<StopStringsError> check_stop_strings(const std::vector<std::string>& stops);

/// The text of an answer on its way to a reader, cut before the first stop string: the one that ends first,
/// whatever pieces the text comes in; of those that end together the one that began first. What may turn out
/// to be the beginning of one is held back, as is the beginning of a character (UTF-8), so no reader ever
/// sees a part of the stop string. Bytes that are not UTF-8 come out replaced.
class AnswerText {
public:
    /// Requires check_stop_strings to accept.
    explicit AnswerText(std::vector<std::string> stops = {});

    /// What may be shown now. Nothing comes after stopped().
    std::string push(std::string_view bytes);
    /// What was held back, at the end of an answer.
    std::string finish();
    /// A stop string was there.
    bool stopped() const { return stopped_; }

private:
    size_t held_size() const;

    std::vector<std::string> stops_;
    std::string held_;  ///< the longest end of the text that a stop string begins with
    Utf8Stream characters_;
    bool stopped_ = false;
};

}  // namespace daidd::inference
