#pragma once

#include "inference/parallel.h"
#include "training/evaluate.h"

namespace daidd::training {

EvalError error_of(inference::ForwardError error);

/// Runs tokens and sums the losses of those that follow them.
class LossRunner {
public:
    LossRunner(const inference::Model& model, const EvalOptions& options);

    /// Appends tokens [0, n) to the sequence and adds the losses of tokens [1, n]; `tokens` has n + 1 of
    /// them.
    std::optional<EvalError> add(inference::Sequence& sequence, std::span<const uint32_t> tokens,
                                 LossSum& sum, const TakeLogits& take_logits = {});
    /// A row of logits for each expected token. Requires tokens that the model knows.
    void add_losses(std::span<const int32_t> logits, std::span<const uint32_t> expected, LossSum& sum);
    bool knows(std::span<const uint32_t> tokens) const;

private:
    const inference::Model& model_;
    const EvalOptions& options_;
    inference::Parallel parallel_;
};

}  // namespace daidd::training
