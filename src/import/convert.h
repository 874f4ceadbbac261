#pragma once

#include "import/llama.h"

namespace daidd::import {

/// The bytes of an integer model file (inference/model_file.h): the imported model with the tokenizer and the
/// chat template of the source. Errors as import_llama; reproducible as it is.
Result<Bytes, inference::GgufError> convert(const inference::GgufFile& source, const ImportOptions& options);

}  // namespace daidd::import
