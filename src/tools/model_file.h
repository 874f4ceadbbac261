#pragma once

#include <string>

#include "inference/chat_template.h"
#include "inference/model.h"

namespace daidd::tools {

/// A model file and how its tokens are read.
struct TextModel {
    inference::Model model;
    inference::Tokenizer tokenizer;
    std::string precision;  ///< as the importer named it
};

/// One that answers: a decoder with a chat template.
struct LoadedModel : TextModel {
    inference::ChatTemplate chat;
};

/// The error is a sentence that names the file and the field. load_model refuses an encoder.
Result<TextModel, std::string> load_text_model(const std::string& path, inference::Backend backend);
Result<LoadedModel, std::string> load_model(const std::string& path, inference::Backend backend);

/// "scalar", "avx2", "avxvnni", "avx512" or "amx", if this processor can run it; empty: the fastest. Others
/// are named in the error.
Result<inference::Backend, std::string> parse_backend(const std::string& name);

/// P of the main network: the model root that is shown where no chain is named.
inline constexpr uint32_t kMainUnitTokens = 1024;

}  // namespace daidd::tools
