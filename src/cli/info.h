#pragma once

#include "cli/options.h"

namespace daidd::cli {

/// -getinfo: chain, network and wallet in a few lines. Returns the exit code.
int get_info(const Options& options);
/// -netinfo: a line a peer. Returns the exit code.
int net_info(const Options& options);

}  // namespace daidd::cli
