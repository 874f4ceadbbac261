#pragma once

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
};

/// Vocabulary: the 256 bytes, then 8 special tokens, token 256 ends a text. Depths 64 and 128, so every mined
/// slice has K mod r = 0, and every n is a multiple of 16.
inline constexpr uint32_t kToyEndToken = 256;
ToyShape regtest_toy();

/// Requires dimensions that Model::build accepts.
ModelParts make_toy(const ToyShape& shape);

}  // namespace daidd::inference
