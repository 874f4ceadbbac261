#pragma once

#include <memory>

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

/// The same, a chunk of positions at a time; an encoder reads the whole text at once. `model` and `tokens`
/// outlive it.
class Embedding {
public:
    Embedding(const inference::Model& model, std::span<const uint32_t> tokens, const EvalOptions& options);
    ~Embedding();
    /// Runs the next chunk. Nothing as long as there are more; then the direction, or why there is none. Not
    /// to be called again after that.
    std::optional<Result<Vector, EmbedError>> step();

private:
    struct Decoding;
    std::optional<EmbedError> begin();

    const inference::Model& model_;
    std::span<const uint32_t> rest_;
    const EvalOptions options_;
    std::unique_ptr<Decoding> decoding_;  ///< once it has begun, of a decoder
};

/// H("text"; bytes): how an index names a text.
Hash256 text_hash(std::string_view text);

}  // namespace daidd::training
