#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "util/result.h"

namespace daidd::rpc {

using Json = nlohmann::ordered_json;  ///< members keep their order, as Bitcoin Core's do

/// Bitcoin Core's limit.
inline constexpr size_t kJsonDepthMax = 512;

/// Strict JSON: refuses what is deeper than kJsonDepthMax, a member named twice, invalid UTF-8, lone
/// surrogates, numbers beyond a double, NaN and anything after the value. The error says what and where. A
/// number with a fraction or exponent, or beyond 64 bits, becomes a *decimal*: its text, exactly as it was.
Result<Json, std::string> parse_json(std::string_view text);

/// A number given by its digits, such as an amount with eight decimals.
Json decimal(std::string text);
bool is_decimal(const Json& value);
/// The digits of a decimal or an integer. Requires is_number(value).
std::string number_text(const Json& value);
bool is_number(const Json& value);

/// Compact text. Invalid UTF-8 in strings is shown as U+FFFD.
std::string write_json(const Json& value);

/// "null", "bool", "object", "array", "string" or "number".
std::string_view type_name(const Json& value);

}  // namespace daidd::rpc
