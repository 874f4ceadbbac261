#include "training/choices.h"

#include <algorithm>

#include "crypto/hash.h"
#include "crypto/merkle.h"
#include "training/loss_runner.h"

namespace daidd::training {

Result<std::vector<LossSum>, EvalError> choice_losses(const inference::Model& model, const Question& question,
                                                      const EvalOptions& options) {
    LossRunner runner{model, options};
    size_t longest = 0;
    if (question.context.empty() || question.choices.empty()) return Fail{EvalError::kTooShort};
    for (const auto& choice : question.choices) {
        if (choice.tokens.empty()) return Fail{EvalError::kTooShort};
        if (!runner.knows(choice.tokens)) return Fail{EvalError::kUnknownToken};
        longest = std::max(longest, choice.tokens.size());
    }
    const auto length = uint64_t{question.context.size()};
    const uint64_t positions = length + longest - 1;  // the last token is not run
    if (positions > model.dimensions().context) return Fail{EvalError::kTooLong};
    inference::Sequence sequence{model, uint32_t(positions)};
    const auto logits =
        forward(model, options.backend, sequence, question.context, {.threads = options.threads});
    if (!logits) return Fail{error_of(logits.error())};
    std::vector<LossSum> losses;
    for (const auto& choice : question.choices) {
        sequence.truncate(uint32_t(length));
        LossSum& sum = losses.emplace_back();
        runner.add_losses(*logits, std::span{choice.tokens}.first(1), sum);
        if (const auto error = runner.add(sequence, choice.tokens, sum)) return Fail{*error};
    }
    return losses;
}

size_t best_choice(std::span<const LossSum> losses) {
    return size_t(std::ranges::min_element(losses, {}, &LossSum::loss) - losses.begin());
}

Hash256 commitment_of(const ChoiceScore& score) {
    const Bytes bytes = encode(score);
    return crypto::hash("choices", {bytes});
}

Hash256 questions_root(std::span<const Question> questions) {
    std::vector<Hash256> leaves;
    for (const Question& question : questions) {
        const Bytes bytes = encode(question);
        leaves.push_back(crypto::hash("question", {bytes}));
    }
    return crypto::merkle_root(std::move(leaves));
}

}  // namespace daidd::training
