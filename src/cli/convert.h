#pragma once

#include <string>
#include <vector>

#include "util/result.h"

namespace daidd::cli {

/// The params of a request, as JSON text, from the words behind the method: text stays text, and an argument
/// that the method wants as something else must be JSON. The error is a sentence for the user.
Result<std::string, std::string> positional_params(const std::string& method,
                                                   const std::vector<std::string>& words);
/// The same from "name=value" words; those without '=' go by position.
Result<std::string, std::string> named_params(const std::string& method,
                                              const std::vector<std::string>& words);

}  // namespace daidd::cli
