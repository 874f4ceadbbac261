#pragma once

#include <string>
#include <string_view>

namespace daidd::http {

/// RFC 7617: the value of the Authorization header for "user:password", "Basic <base64>".
std::string basic_auth(std::string_view credential);

}  // namespace daidd::http
