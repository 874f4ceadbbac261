#pragma once

#include <string_view>

#include "cli/connection.h"

namespace daidd::cli {

/// A line to stdout.
void print(std::string_view line);
/// A line to stderr.
void complain(std::string_view line);
/// A result as bitcoin-cli shows it: strings bare, null as nothing, the rest indented.
void print_result(std::string_view json);
/// Shows an error as bitcoin-cli does; the exit code.
int report(const CallError& error);

}  // namespace daidd::cli
