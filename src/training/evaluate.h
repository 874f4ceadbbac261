#pragma once

#include <functional>

#include "inference/forward.h"
#include "training/loss.h"

namespace daidd::training {

/// Tokens that one evaluation may predict: their losses sum below 2^60.
inline constexpr uint64_t kEvalTokensMax = uint64_t{1} << 24;
/// Positions whose logits are held at a time. Never changes a bit.
inline constexpr uint32_t kEvalChunk = 128;

struct EvalOptions {
    inference::Backend backend = inference::best_backend();
    unsigned threads = 1;         ///< never changes a bit
    uint32_t chunk = kEvalChunk;  ///< > 0
};

/// Shown to users: never rename one.
enum class EvalError {
    kWindow,        ///< below 2 or above the model's context
    kTooShort,      ///< no whole window
    kTooLong,       ///< more than kEvalTokensMax
    kUnknownToken,  ///< not in the vocabulary
    kNotADecoder,   ///< the model has no logits
};
std::string_view to_string(EvalError error);

/// A sum of losses, kLossBits fraction bits, and of how many tokens.
struct LossSum {
    uint64_t loss = 0, tokens = 0;
    bool operator==(const LossSum&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.loss, self.tokens);
    }
};

/// Is given logits: whole rows, one for each predicted token in the order of the text.
using TakeLogits = std::function<void(std::span<const int32_t> rows)>;

/// The text is cut into whole windows of `window` tokens, the rest is dropped, and the first `windows_max`
/// windows (0: all) are taken. In each the tokens but the first are predicted from those before them in it.
Result<LossSum, EvalError> evaluate(const inference::Model& model, std::span<const uint32_t> tokens,
                                    uint32_t window, uint64_t windows_max, const EvalOptions& options = {},
                                    const TakeLogits& take_logits = {});

/// A verifiable perplexity, 2^(loss · 2^−16 / tokens): whoever has the model and the corpus can repeat it.
struct Evaluation {
    Hash256 model{};   ///< root
    Hash256 corpus{};  ///< root of the tokens
    uint32_t window = 0;
    uint64_t loss = 0, tokens = 0;

    bool operator==(const Evaluation&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.model, self.corpus, self.window, self.loss, self.tokens);
    }
};
/// H("eval"; the fields).
Hash256 commitment_of(const Evaluation& evaluation);

}  // namespace daidd::training
