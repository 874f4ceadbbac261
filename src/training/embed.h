#pragma once

#include "training/evaluate.h"
#include "training/vector.h"

namespace daidd::training {

/// Shown to users: never rename one.
enum class EmbedError {
    kNoTokens,
    kUnknownToken,  ///< not in the vocabulary
    kTooLong,       ///< more tokens than the model's context
    kNoDirection,   ///< the rows cancel out, or are all zeros
    kNoFinalNorm,   ///< a decoder whose head reads something else than a norm of the residual stream
};
std::string_view to_string(EmbedError error);

/// The direction of a whole text. An encoder says it itself (inference::encode_text). Of a decoder it is that
/// of the sum over all positions of what the last norm makes of the residual stream: unit_row of the row,
/// times the norm's gains where the model keeps them (doc/numerics.md, "Embeddings and search"). The same
/// whatever chunk, threads and backend.
Result<Vector, EmbedError> embed(const inference::Model& model, std::span<const uint32_t> tokens,
                                 const EvalOptions& options = {});

/// H("text"; bytes): how an index names a text.
Hash256 text_hash(std::string_view text);

}  // namespace daidd::training
