#pragma once

#include "import/hugging_face.h"
#include "inference/gguf_writer.h"

namespace daidd::import {

/// Adds the tokenizer.* fields that say what tokenizer.json and tokenizer_config.json say; `vocabulary` rows
/// of the embedding that no token has become unused tokens. `end_tokens` and `begin_token`: config.json's.
///
/// Byte-level BPE alone, with the pre-tokenizers of GPT-2, SmolLM, Llama 3 and Qwen 2, told by their pattern;
/// normalisation to NFC is left out, as by GGUF files. Everything else is refused by its field.
std::optional<inference::GgufError> add_tokenizer_fields(const HuggingFaceFiles& files, uint32_t vocabulary,
                                                         const std::vector<uint32_t>& end_tokens,
                                                         std::optional<uint32_t> begin_token,
                                                         inference::GgufWriter& writer);

}  // namespace daidd::import
