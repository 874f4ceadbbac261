#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daidd::rpc {

inline constexpr std::string_view kCookieUser = "__cookie__";

/// Writes a fresh "__cookie__:<64 hex digits>" to `path`, readable by its owner alone, and returns it;
/// nothing when the file cannot be written. It replaces an old one in one step, so no reader sees half of it.
std::optional<std::string> make_cookie(const std::string& path);

/// Whether `header` is the http::basic_auth() of one of the credentials ("user:password"). Takes the same
/// time whichever byte differs.
bool is_authorized(std::string_view header, const std::vector<std::string>& credentials);

}  // namespace daidd::rpc
