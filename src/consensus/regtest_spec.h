#pragma once

#include "consensus/params.h"

namespace daidd::consensus {

/// What regtest's units run: the generated toy model and the embedded corpus. Literals, so that the rules of
/// the chain do not depend on the code that generates either.
std::vector<BaseModel> regtest_models();
std::vector<Corpus> regtest_corpora();

}  // namespace daidd::consensus
