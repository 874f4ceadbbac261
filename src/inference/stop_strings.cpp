#include "inference/stop_strings.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace daidd::inference {

std::string_view to_string(StopStringsError error) {
    switch (error) {
    case StopStringsError::kTooMany: return "too_many";
    case StopStringsError::kEmpty: return "empty";
    case StopStringsError::kTooLong: return "too_long";
    }
    return "unknown";
}

std::optional<StopStringsError> check_stop_strings(const std::vector<std::string>& stops) {
    if (stops.size() > kStopStringsMax) return StopStringsError::kTooMany;
    for (const auto& stop : stops) {
        if (stop.empty()) return StopStringsError::kEmpty;
        if (stop.size() > kStopStringBytesMax) return StopStringsError::kTooLong;
    }
    return std::nullopt;
}

AnswerText::AnswerText(std::vector<std::string> stops) : stops_{std::move(stops)} {
    assert(!check_stop_strings(stops_));
}

/// How much of the end of held_ a stop string begins with.
size_t AnswerText::held_size() const {
    size_t longest = 0;
    for (const auto& stop : stops_) {
        for (size_t size = std::min(stop.size(), held_.size()); size > longest; --size) {
            if (held_.ends_with(std::string_view{stop}.substr(0, size))) longest = size;
        }
    }
    return longest;
}

std::string AnswerText::push(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes) {
        if (stopped_) break;
        held_ += byte;
        // A whole stop string: all but its last byte was held, so what is before it goes out.
        size_t found = 0;
        for (const auto& stop : stops_) {
            if (held_.ends_with(stop)) found = std::max(found, stop.size());
        }
        stopped_ = found > 0;
        const size_t kept = stopped_ ? found : held_size();
        out += characters_.push(std::string_view{held_}.substr(0, held_.size() - kept));
        held_.erase(0, held_.size() - kept);
    }
    if (stopped_) held_.clear();
    return out;
}

std::string AnswerText::finish() {
    std::string out = characters_.push(std::exchange(held_, {}));
    return out += characters_.finish();
}

}  // namespace daidd::inference
