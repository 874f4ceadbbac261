#include "import/hugging_face_json.h"

namespace daidd::import {

using inference::GgufError;
using inference::GgufReason;
using nlohmann::json;

HuggingFaceJson::HuggingFaceJson(std::string file, ByteView bytes) : file_{std::move(file)} {
    if (bytes.size() > kHuggingFaceJsonMax) {
        error_ = GgufError{GgufReason::kOverLimit, file_};
    } else {
        object_ = json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
        if (!object_.is_object()) error_ = GgufError{GgufReason::kBadValue, file_};
    }
    if (error_) object_ = json::object();
}

HuggingFaceJson::HuggingFaceJson(const HuggingFaceJson& outer, const std::string& member)
    : file_{outer.name_of(member)}, object_(json::object()), error_{outer.error()} {
    const json* found = outer.find(member);
    if (found == nullptr) return;
    if (found->is_object()) {
        object_ = *found;
    } else if (!error_) {
        error_ = GgufError{GgufReason::kWrongType, file_};
    }
}

const json* HuggingFaceJson::find(const std::string& member) const {
    const auto found = object_.find(member);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void HuggingFaceJson::fail(GgufReason reason, const std::string& member) {
    if (!error_) error_ = GgufError{reason, name_of(member)};
}

const json* HuggingFaceJson::take(const std::string& member, bool needed,
                                  bool (json::*is_type)() const noexcept) {
    const json* found = find(member);
    if (found == nullptr && needed) fail(GgufReason::kMissing, member);
    if (found == nullptr || (found->*is_type)()) return found;
    fail(GgufReason::kWrongType, member);
    return nullptr;
}

uint32_t HuggingFaceJson::number(const std::string& member, std::optional<uint32_t> fallback, uint32_t min,
                                 uint32_t max) {
    const json* found = take(member, !fallback, &json::is_number_unsigned);
    if (found == nullptr) return fallback.value_or(min);
    const auto value = found->get<uint64_t>();
    if (value >= min && value <= max) return uint32_t(value);
    fail(GgufReason::kBadValue, member);
    return min;
}

double HuggingFaceJson::real(const std::string& member, std::optional<double> fallback) {
    const json* found = take(member, !fallback, &json::is_number);
    return found == nullptr ? fallback.value_or(0) : found->get<double>();
}

std::string HuggingFaceJson::text(const std::string& member, std::optional<std::string> fallback) {
    const json* found = take(member, !fallback, &json::is_string);
    return found == nullptr ? fallback.value_or("") : found->get<std::string>();
}

bool HuggingFaceJson::flag(const std::string& member, bool fallback) {
    const json* found = take(member, /*needed=*/false, &json::is_boolean);
    return found == nullptr ? fallback : found->get<bool>();
}

}  // namespace daidd::import
