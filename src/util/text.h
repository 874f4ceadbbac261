#pragma once

#include <string>
#include <string_view>

namespace daidd {

/// UTF-8 for a terminal: control characters (C0 but newline and tab, DEL, C1) become U+FFFD, so that a
/// model's answer or a peer's text cannot move the cursor or run what a terminal takes for a command.
std::string printable(std::string_view text);

}  // namespace daidd
