#pragma once

#include "import/llama.h"

namespace daidd::import {

/// Fraction bits of imported encoders: their layer norms keep values small, so precision may take the room.
inline constexpr uint32_t kBertFx = 16;

/// The integer model of a GGUF file of architecture "bert": an encoder with learned positions whose embedding
/// is the mean of all positions (all-MiniLM-L6-v2 and its like). Token type 0 is folded into the word
/// embeddings. There is one precision, kExact. The same file gives the same bits with every compiler and on
/// every machine.
///
/// Refuses, by the name of the field or tensor: another architecture, a causal mask, another pooling than the
/// mean, a tensor that is missing, has another shape or that such a model does not have, numbers that are not
/// finite or outside what the integer model can hold.
Result<ImportedModel, inference::GgufError> import_bert(const inference::GgufFile& source);

}  // namespace daidd::import
