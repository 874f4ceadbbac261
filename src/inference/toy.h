#pragma once

#include <array>

#include "inference/llama.h"
#include "inference/model.h"

namespace daidd::inference {

/// A small model of the Llama shape whose every number comes from XOF streams of `seed`, so anyone can
/// rebuild it. It says nothing sensible; chains and tests run on it.
struct ToyShape {
    Dimensions dimensions;
    uint32_t fx = 14;
    bool bias = false;   ///< on q, k, v
    bool gains = false;  ///< norms with gains instead of folded ones
    uint8_t planes = 1;  ///< of qkv, o, gate/up; down and head always take two
    Hash256 seed{};
    LlamaVariant variant{};  ///< its norms always have gains
};

/// Of the byte tokenizer: <|endoftext|> and <|im_end|>.
inline constexpr std::array<uint32_t, 2> kToyEndTokens = {256, 258};

/// Vocabulary: the 256 bytes, then 16 special tokens (Tokenizer::bytes). Depths 64 and 128, so every mined
/// slice has K mod r = 0, and every n is a multiple of 16.
ToyShape regtest_toy();

/// Requires dimensions that Model::build accepts.
ModelParts make_toy(const ToyShape& shape);
/// An encoder of BERT's shape (bert.h). Requires as many key heads as heads and heads · head_dim == dim; of
/// `shape` bias, gains, planes and variant say nothing.
ModelParts make_toy_encoder(const ToyShape& shape);

}  // namespace daidd::inference
