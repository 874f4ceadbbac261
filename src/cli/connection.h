#pragma once

#include <string>

#include "cli/options.h"

namespace daidd::cli {

/// Why there is no result. `code` is the RPC error's, or 0 if there was no answer from the node.
struct CallError {
    int code = 0;
    std::string message;
    int exit_code() const { return code == 0 ? 1 : code < 0 ? -code : code; }
};

/// Calls one method; the JSON text of its result. `params` is JSON text. With options.wait it goes on trying
/// while nobody listens, the cookie is not there yet or the node warms up.
Result<std::string, CallError> call(const Options& options, const std::string& method,
                                    const std::string& params);

}  // namespace daidd::cli
