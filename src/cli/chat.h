#pragma once

#include "cli/options.h"

namespace daidd::cli {

/// `chat TEXT` and `ask TEXT`: submits a paid job, waits for its answer and prints it. Returns the exit code.
int chat(const Options& options);

}  // namespace daidd::cli
