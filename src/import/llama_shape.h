#pragma once

#include <string>
#include <vector>

#include "import/family.h"
#include "inference/gguf.h"
#include "inference/llama.h"
#include "inference/model.h"

namespace daidd::import {

/// What the metadata of a Llama-shaped model says, checked against its tensors.
struct LlamaShape {
    const Family* family = nullptr;
    inference::LlamaVariant variant;
    inference::Dimensions dimensions;
    double epsilon = 0;
    uint32_t rope_base = 0;
    /// "output.weight", or "token_embd.weight" where the head is the embedding.
    std::string head;
    std::vector<uint32_t> end_tokens;
};

/// Every tensor that import reads is there with its shape and a type that it can read, and no other one is.
Result<LlamaShape, inference::GgufError> read_llama_shape(const inference::GgufFile& source);

}  // namespace daidd::import
