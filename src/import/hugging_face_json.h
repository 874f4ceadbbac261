#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "import/hugging_face.h"

namespace daidd::import {

/// A JSON object of a model directory whose members are read one by one; the first error is kept, and what is
/// read after it is the fallback. Fields are named FILE.MEMBER. A member that is null is not there.
class HuggingFaceJson {
public:
    HuggingFaceJson(std::string file, ByteView bytes);
    /// The member of `outer`, which must be an object or missing.
    HuggingFaceJson(const HuggingFaceJson& outer, const std::string& member);

    const nlohmann::json* find(const std::string& member) const;
    uint32_t number(const std::string& member, std::optional<uint32_t> fallback, uint32_t min, uint32_t max);
    double real(const std::string& member, std::optional<double> fallback);
    std::string text(const std::string& member, std::optional<std::string> fallback);
    bool flag(const std::string& member, bool fallback);

    std::string name_of(const std::string& member) const { return file_ + "." + member; }
    void fail(inference::GgufReason reason, const std::string& member);
    /// Keeps the error of an inner object.
    void adopt(const inference::GgufError& error) {
        if (!error_) error_ = error;
    }
    const std::optional<inference::GgufError>& error() const { return error_; }

private:
    /// The member if it is there and `is_type` says so; else keeps why not.
    const nlohmann::json* take(const std::string& member, bool needed,
                               bool (nlohmann::json::*is_type)() const noexcept);

    std::string file_;
    nlohmann::json object_;
    std::optional<inference::GgufError> error_;
};

}  // namespace daidd::import
