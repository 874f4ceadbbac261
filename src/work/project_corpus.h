#pragma once

#include <string_view>

namespace daidd::work {

/// contrib/corpus/project.txt: the text that regtest's corpus units run, in every binary.
std::string_view project_corpus();

}  // namespace daidd::work
