#pragma once

#include "training/evaluate.h"

namespace daidd::training {

inline constexpr uint32_t kChoicesMax = 64;
inline constexpr uint32_t kQuestionsMax = 1u << 20;

/// A multiple-choice question: which continuation does the model find likeliest?
struct Question {
    struct Choice {
        std::vector<uint32_t> tokens;

        template <class Self, class Visit>
        static void fields(Self& self, Visit& visit) {
            visit(bounded(self.tokens, inference::kContextMax));
        }
    };

    std::vector<uint32_t> context;
    std::vector<Choice> choices;
    uint32_t answer = 0;  ///< index of the right one

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.context, inference::kContextMax), bounded(self.choices, kChoicesMax), self.answer);
    }
};

/// Of each choice the sum of its tokens' losses after the context.
/// kTooShort: no context, no choice, or an empty one; kTooLong: above the model's context.
Result<std::vector<LossSum>, EvalError> choice_losses(const inference::Model& model, const Question& question,
                                                      const EvalOptions& options = {});

/// Index of the lowest sum, the lowest index on ties. Requires at least one.
size_t best_choice(std::span<const LossSum> losses);

/// How many of a list of questions a model answers rightly: whoever has both can repeat it.
struct ChoiceScore {
    Hash256 model{};      ///< root
    Hash256 questions{};  ///< questions_root
    uint32_t count = 0, right = 0;

    bool operator==(const ChoiceScore&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.model, self.questions, self.count, self.right);
    }
};
/// H("choices"; the fields).
Hash256 commitment_of(const ChoiceScore& score);
/// Merkle over H("question"; the question). Requires at least one.
Hash256 questions_root(std::span<const Question> questions);

}  // namespace daidd::training
