#include "training/loss_runner.h"

#include <algorithm>
#include <cassert>

namespace daidd::training {

using inference::ForwardError;
using inference::Logits;

EvalError error_of(ForwardError error) {
    switch (error) {
    case ForwardError::kNoTokens: return EvalError::kTooShort;
    case ForwardError::kUnknownToken: return EvalError::kUnknownToken;
    case ForwardError::kTooLong: return EvalError::kTooLong;
    case ForwardError::kNotADecoder: return EvalError::kNotADecoder;
    case ForwardError::kOutOfPages:  // sequences here have no budget
    case ForwardError::kNotAnEncoder: break;
    }
    return EvalError::kTooLong;
}

LossRunner::LossRunner(const inference::Model& model, const EvalOptions& options)
    : model_{model}, options_{options}, parallel_{options.threads} {
    assert(options.chunk > 0);
}

std::optional<EvalError> LossRunner::add(inference::Sequence& sequence, std::span<const uint32_t> tokens,
                                         LossSum& sum, const TakeLogits& take_logits) {
    for (size_t at = 0; at + 1 < tokens.size(); at += options_.chunk) {
        const size_t count = std::min<size_t>(options_.chunk, tokens.size() - 1 - at);
        const auto logits = forward(model_, options_.backend, sequence, tokens.subspan(at, count),
                                    {.logits = Logits::kAll, .threads = options_.threads});
        if (!logits) return error_of(logits.error());
        add_losses(*logits, tokens.subspan(at + 1, count), sum);
        if (take_logits) take_logits(*logits);
    }
    return std::nullopt;
}

void LossRunner::add_losses(std::span<const int32_t> logits, std::span<const uint32_t> expected,
                            LossSum& sum) {
    const size_t vocabulary = model_.dimensions().vocabulary;
    std::vector<uint64_t> sums(parallel_.size());
    parallel_.run(uint32_t(expected.size()), [&](uint32_t begin, uint32_t end, unsigned part) {
        for (uint32_t r = begin; r < end; ++r) {
            sums[part] += token_loss(logits.subspan(r * vocabulary, vocabulary), expected[r], model_.fx());
        }
    });
    for (const uint64_t part : sums) sum.loss += part;
    sum.tokens += expected.size();
}

bool LossRunner::knows(std::span<const uint32_t> tokens) const {
    return std::ranges::all_of(tokens,
                               [&](uint32_t token) { return token < model_.dimensions().vocabulary; });
}

}  // namespace daidd::training
