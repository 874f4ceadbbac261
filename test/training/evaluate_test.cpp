#include "training/evaluate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "inference/fixed.h"
#include "inference/random.h"
#include "inference/toy.h"
#include "training/choices.h"

namespace daidd::training {
namespace {

using namespace inference;

double exact_loss(std::span<const int32_t> logits, uint32_t token, uint32_t fx) {
    const double unit = std::ldexp(1.0, -int(fx));
    const double most = *std::ranges::max_element(logits);
    double sum = 0;
    for (const int32_t logit : logits) sum += std::exp((logit - most) * unit);
    return std::log2(sum) + (most - logits[token]) * unit / std::log(2.0);
}

double bits(int64_t fixed) { return std::ldexp(double(fixed), -kLossBits); }

TEST(Log2, IsTheLogarithm) {
    for (int i = 0; i < 64; ++i) EXPECT_EQ(log2_fixed(uint64_t{1} << i), int64_t{i} << kLossBits);
    EXPECT_EQ(log2_fixed(UINT64_MAX), int64_t{64} << kLossBits);
    Random random{1};
    for (int i = 0; i < 20'000; ++i) {
        const uint64_t v = (random.next() >> random.in(0, 63)) | 1;
        EXPECT_NEAR(bits(log2_fixed(v)), std::log2(double(v)), std::ldexp(1.0, -kLossBits)) << v;
    }
}

TEST(TokenLoss, IsTheFloatReferenceWithinItsBound) {
    Random random{2};
    for (int round = 0; round < 2000; ++round) {
        const auto fx = uint32_t(random.in(kFxMin, kFxMax));
        std::vector<int32_t> logits(size_t(random.in(1, 3000)));
        const int64_t spread = random.in(0, int64_t{40} << fx);
        for (int32_t& logit : logits) logit = int32_t(random.in(-spread, spread));
        const auto token = uint32_t(random.in(0, int64_t(logits.size()) - 1));
        // Three roundings to 2^-17 bits, the table's interpolation, and 2^-31 of the sum a term.
        EXPECT_NEAR(bits(int64_t(token_loss(logits, token, fx))), exact_loss(logits, token, fx), 4e-5)
            << logits.size();
    }
}

TEST(TokenLoss, HoldsAtItsLimits) {
    EXPECT_EQ(token_loss(std::vector<int32_t>{-kSatMax}, 0, kFxMin), 0u) << "the only token is certain";
    const std::vector<int32_t> even(kVocabularyMax, int32_t{kSatMax});
    EXPECT_EQ(token_loss(even, 7, kFxMax), uint64_t{20} << kLossBits) << "one in 2^20";
    const std::vector<int32_t> far{int32_t{kSatMax}, -int32_t{kSatMax}};
    EXPECT_EQ(token_loss(far, 0, kFxMin), 0u);
    const double most = 2.0 * double(kSatMax) / 16384 / std::log(2.0);
    EXPECT_NEAR(bits(int64_t(token_loss(far, 1, kFxMin))), most, 0.001);
    EXPECT_LT(token_loss(far, 1, kFxMin), uint64_t{1} << 35);
}

class Evaluate : public testing::Test {
protected:
    Evaluate() {
        Random random{3};
        for (int i = 0; i < 150; ++i) tokens.push_back(uint32_t(random.in(0, 271)));
    }

    Model model = *Model::build(make_toy(regtest_toy()));
    std::vector<uint32_t> tokens;
};

TEST_F(Evaluate, EqualsTheFloatReference) {
    double expected = 0;
    for (size_t w = 0; w < 4; ++w) {
        Sequence sequence{model, 32};
        const auto window = std::span{tokens}.subspan(w * 32, 32);
        const auto logits = *forward(model, Backend::kScalar, sequence, window, {.logits = Logits::kAll});
        for (size_t i = 0; i + 1 < window.size(); ++i) {
            expected += exact_loss(std::span{logits}.subspan(i * 272, 272), window[i + 1], model.fx());
        }
    }
    const auto sum = evaluate(model, tokens, 32, 0);
    ASSERT_TRUE(sum);
    EXPECT_EQ(sum->tokens, 4u * 31);
    EXPECT_NEAR(bits(int64_t(sum->loss)), expected, 4e-5 * 124);
}

TEST_F(Evaluate, ChunksThreadsAndBackendsNeverShow) {
    const auto expected = evaluate(model, tokens, 50, 0, {.backend = Backend::kScalar, .chunk = 50});
    ASSERT_TRUE(expected);
    for (const Backend backend : kBackends) {
        if (!is_supported(backend)) continue;
        for (const unsigned threads : {1u, 3u}) {
            for (const uint32_t chunk : {1u, 7u, 49u, 1000u}) {
                EXPECT_EQ(*evaluate(model, tokens, 50, 0, {backend, threads, chunk}), *expected)
                    << to_string(backend) << " " << threads << " " << chunk;
            }
        }
    }
}

TEST_F(Evaluate, ShowsTheLogitsOfPredictedTokensInOrder) {
    std::vector<int32_t> expected;
    for (const size_t begin : {0, 50, 100}) {
        Sequence sequence{model, 50};
        const auto window = std::span{tokens}.subspan(begin, 49);
        const auto logits = *forward(model, Backend::kScalar, sequence, window, {.logits = Logits::kAll});
        expected.insert(expected.end(), logits.begin(), logits.end());
    }
    for (const uint32_t chunk : {1u, 20u, 49u, 1000u}) {
        std::vector<int32_t> taken;
        const auto take = [&](std::span<const int32_t> rows) {
            taken.insert(taken.end(), rows.begin(), rows.end());
        };
        ASSERT_TRUE(evaluate(model, tokens, 50, 0, {.chunk = chunk}, take));
        EXPECT_EQ(taken, expected) << chunk;
    }
}

TEST_F(Evaluate, TakesWholeWindowsFromTheBeginning) {
    const auto two = evaluate(model, tokens, 60, 0);
    EXPECT_EQ(two->tokens, 2u * 59) << "150 tokens are two windows and a rest";
    EXPECT_EQ(*evaluate(model, std::span{tokens}.first(120), 60, 0), *two);
    EXPECT_EQ(*evaluate(model, tokens, 60, 3), *two) << "no more than there are";
    const auto first = evaluate(model, tokens, 60, 1);
    const auto second = evaluate(model, std::span{tokens}.subspan(60, 60), 60, 1);
    EXPECT_EQ(first->loss + second->loss, two->loss) << "a window sees nothing of the one before";
    EXPECT_EQ(evaluate(model, tokens, 150, 0)->tokens, 149u);
    EXPECT_EQ(evaluate(model, tokens, 2, 0)->tokens, 75u);
}

TEST_F(Evaluate, NamesWhatIsWrong) {
    EXPECT_EQ(evaluate(model, tokens, 1, 0).error(), EvalError::kWindow);
    EXPECT_EQ(evaluate(model, tokens, 4097, 0).error(), EvalError::kWindow);
    EXPECT_EQ(evaluate(model, tokens, 4096, 0).error(), EvalError::kTooShort);
    EXPECT_EQ(evaluate(model, tokens, 151, 0).error(), EvalError::kTooShort);
    tokens[3] = 272;
    EXPECT_EQ(evaluate(model, tokens, 10, 0).error(), EvalError::kUnknownToken);
    // One token more than may be predicted: refused before anything runs.
    tokens.assign(2 * (kEvalTokensMax + 1), 0);
    EXPECT_EQ(evaluate(model, tokens, 2, 0).error(), EvalError::kTooLong);
    EXPECT_EQ(evaluate(model, tokens, 2, 1)->tokens, 1u);
}

TEST(EvaluateEncoder, HasNoLosses) {
    ToyShape shape = regtest_toy();
    shape.dimensions.kv_heads = shape.dimensions.heads;
    const Model model = *Model::build(make_toy_encoder(shape));
    EXPECT_EQ(evaluate(model, std::vector<uint32_t>(10), 5, 0).error(), EvalError::kNotADecoder);
    EXPECT_EQ(choice_losses(model, {{1}, {{{1}}}, 0}).error(), EvalError::kNotADecoder);
}

TEST(Evaluation, TheCommitmentNamesEverything) {
    const Evaluation good{{1}, {2}, 3, 4, 5};
    for (const Evaluation& other :
         {Evaluation{{9}, {2}, 3, 4, 5}, Evaluation{{1}, {9}, 3, 4, 5}, Evaluation{{1}, {2}, 9, 4, 5},
          Evaluation{{1}, {2}, 3, 9, 5}, Evaluation{{1}, {2}, 3, 4, 9}}) {
        EXPECT_NE(commitment_of(other), commitment_of(good));
    }
    EXPECT_EQ(*decode<Evaluation>(encode(good)), good);
}

TEST_F(Evaluate, ChoicesAreSummedAfterTheirContext) {
    const Question question{{tokens.begin(), tokens.begin() + 20}, {{{5}}, {{7, 8, 9}}, {{5}}, {{6, 1}}}, 0};
    const auto losses = choice_losses(model, question, {.chunk = 1});
    ASSERT_TRUE(losses);
    EXPECT_EQ(*choice_losses(model, question, {.threads = 2}), *losses);
    for (size_t i = 0; i < losses->size(); ++i) {
        // As one text: what the choice adds to the loss of the context.
        auto text = question.context;
        const auto before = evaluate(model, text, 20, 0);
        const auto& choice = question.choices[i].tokens;
        text.insert(text.end(), choice.begin(), choice.end());
        const auto after = evaluate(model, text, uint32_t(text.size()), 0);
        EXPECT_EQ((*losses)[i], (LossSum{after->loss - before->loss, choice.size()})) << i;
    }
    EXPECT_EQ(best_choice(std::vector<LossSum>{{9, 1}, {4, 9}, {4, 1}}), 1u) << "the lower index on ties";
}

TEST_F(Evaluate, AQuestionFitsTheContext) {
    Question question{std::vector<uint32_t>(4094, 1), {{{1, 2, 3}}}, 0};
    EXPECT_TRUE(choice_losses(model, question)) << "the last token is not run";
    question.choices.push_back({{1, 2, 3, 4}});
    EXPECT_EQ(choice_losses(model, question).error(), EvalError::kTooLong);
    const struct {
        EvalError error;
        Question question;
    } cases[] = {{EvalError::kTooShort, {{}, {{{1}}}, 0}},
                 {EvalError::kTooShort, {{1}, {}, 0}},
                 {EvalError::kTooShort, {{1}, {{{1}}, {{}}}, 0}},
                 {EvalError::kUnknownToken, {{272}, {{{1}}}, 0}},
                 {EvalError::kUnknownToken, {{1}, {{{1, 272}}}, 0}}};
    for (const auto& c : cases) EXPECT_EQ(choice_losses(model, c.question).error(), c.error);
}

TEST(ChoiceScore, TheCommitmentNamesEverything) {
    const std::vector<Question> questions{{{1}, {{{2}}, {{3}}}, 0}, {{4}, {{{5, 6}}}, 0}};
    auto others = questions;
    others[0].answer = 1;
    EXPECT_NE(questions_root(others), questions_root(questions));
    others = questions;
    others[0].choices = {{{2, 3}}};
    EXPECT_NE(questions_root(others), questions_root(questions)) << "where a choice ends shows";
    const ChoiceScore good{{1}, {2}, 3, 4};
    for (const ChoiceScore& other : {ChoiceScore{{9}, {2}, 3, 4}, ChoiceScore{{1}, {9}, 3, 4},
                                     ChoiceScore{{1}, {2}, 9, 4}, ChoiceScore{{1}, {2}, 3, 9}}) {
        EXPECT_NE(commitment_of(other), commitment_of(good));
    }
    Question wide{{1}, std::vector<Question::Choice>(kChoicesMax), 0};
    EXPECT_TRUE(decode<Question>(encode(wide)));
    wide.choices.emplace_back();
    EXPECT_EQ(decode<Question>(encode(wide)).error(), DecodeError::kOverLimit);
}

}  // namespace
}  // namespace daidd::training
