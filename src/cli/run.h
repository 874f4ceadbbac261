#pragma once

namespace daidd::cli {

/// The whole program; the process's exit code. Answers go to stdout, all else to stderr.
int run(int argc, const char* const* argv);

}  // namespace daidd::cli
