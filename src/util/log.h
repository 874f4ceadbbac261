#pragma once

#include <string_view>

namespace daidd {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// One line to the console and, once open_log_file() has run, to debug.log. `part` is the folder that
/// speaks. Thread safe. The logger is the one mutable global of the program.
void log(LogLevel level, std::string_view part, std::string_view message);

/// Lines below `level` are dropped. kInfo unless set.
void set_log_level(LogLevel level);
/// Whether lines also go to the console (stderr). On unless set.
void set_log_console(bool on);
/// Appends to `path`; false when it cannot be opened.
bool open_log_file(std::string_view path);

}  // namespace daidd
