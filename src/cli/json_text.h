#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace daidd::cli {

// JSON as text, so that what is printed has the digits that were sent. Each requires valid JSON.

/// Indented by two blanks a level, as bitcoin-cli prints.
std::string pretty(std::string_view json);
/// The text of a member of an object; nothing if it has none of that name.
std::optional<std::string_view> member(std::string_view json, std::string_view name);
/// The text behind a path of names: "error.message".
std::optional<std::string_view> find(std::string_view json, std::string_view path);
/// A string without its quotes and escapes; any other value as it is.
std::string unquoted(std::string_view json);
/// `text` as a JSON string. Invalid UTF-8 becomes U+FFFD.
std::string quoted(std::string_view text);
bool is_json(std::string_view text);

}  // namespace daidd::cli
