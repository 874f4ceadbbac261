#pragma once

#include "cli/options.h"

namespace daidd::cli {

/// `chat TEXT` and `ask TEXT`, `eval FILE`, `embed FILE` and `index FILE…`: submits a paid job, waits for its
/// answer or result and prints it. Returns the exit code.
int chat(const Options& options);

}  // namespace daidd::cli
