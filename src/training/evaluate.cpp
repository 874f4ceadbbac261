#include "training/evaluate.h"

#include <algorithm>

#include "crypto/hash.h"
#include "training/loss_runner.h"

namespace daidd::training {

using inference::Model;
using inference::Sequence;

std::string_view to_string(EvalError error) {
    switch (error) {
    case EvalError::kWindow: return "window";
    case EvalError::kTooShort: return "too_short";
    case EvalError::kTooLong: return "too_long";
    case EvalError::kUnknownToken: return "unknown_token";
    case EvalError::kNotADecoder: return "not_a_decoder";
    }
    return "unknown";
}

Result<LossSum, EvalError> evaluate(const Model& model, std::span<const uint32_t> tokens, uint32_t window,
                                    uint64_t windows_max, const EvalOptions& options,
                                    const TakeLogits& take_logits) {
    if (window < 2 || window > model.dimensions().context) return Fail{EvalError::kWindow};
    uint64_t windows = tokens.size() / window;
    if (windows_max != 0) windows = std::min(windows, windows_max);
    if (windows == 0) return Fail{EvalError::kTooShort};
    if (windows * (window - 1) > kEvalTokensMax) return Fail{EvalError::kTooLong};
    LossRunner runner{model, options};
    tokens = tokens.first(windows * window);
    if (!runner.knows(tokens)) return Fail{EvalError::kUnknownToken};
    Sequence sequence{model, window};
    LossSum sum;
    for (uint64_t w = 0; w < windows; ++w) {
        sequence.truncate(0);
        if (const auto error = runner.add(sequence, tokens.subspan(w * window, window), sum, take_logits)) {
            return Fail{*error};
        }
    }
    return sum;
}

Hash256 commitment_of(const Evaluation& evaluation) {
    const Bytes bytes = encode(evaluation);
    return crypto::hash("eval", {bytes});
}

}  // namespace daidd::training
