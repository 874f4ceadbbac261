#pragma once

#include <functional>

#include "inference/gguf.h"
#include "inference/model.h"

namespace daidd::import {

/// kFast: the residual stream is rotated by a random orthogonal matrix and values by a Hadamard matrix, both
/// folded into the weights, which spreads outliers over all columns; one 7-bit plane holds what goes into the
/// attention's output, two everything else (doc/decisions/0014). kExact: no rotation, norm gains kept, two
/// planes everywhere: for models whose norms forbid the rotation (Gemma 3), whatever is asked for; their down
/// is a pair of linears (doc/decisions/0025).
enum class Precision : uint8_t { kFast, kExact };

struct ImportOptions {
    Precision precision = Precision::kFast;
    unsigned threads = 1;  ///< never changes a bit
    /// Told after each step; may be empty.
    std::function<void(uint32_t step, uint32_t steps)> progress;
};

/// Fraction bits of imported models: residuals of SmolLM2 reach 25,336, which 14 leaves room for.
inline constexpr uint32_t kImportFx = 14;

struct ImportedModel {
    inference::ModelParts parts;
    Precision precision;  ///< what it was imported with
};

/// The integer model of a GGUF file of a Llama-shaped family (family.h) with tensors that dequantize.h reads.
/// The same file and precision give the same bits with every compiler and on every machine. Refuses, by the
/// name of the field or tensor: another architecture, rope scaling, soft caps, a tensor that is missing, has
/// another shape or that the family does not have, numbers that are not finite, numbers outside what the
/// integer model can hold (those by the name of the linear that they have become a part of).
Result<ImportedModel, inference::GgufError> import_llama(const inference::GgufFile& source,
                                                         const ImportOptions& options);

}  // namespace daidd::import
