#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace daidd::inference {

// Probabilities of tokens in integers (doc/generation.md): the same figures on every machine. Logits have
// `fx` fraction bits (kFxMin … kFxMax) and are natural logarithms up to a constant.

/// e^−(gap · 2^−fx) with 30 fraction bits, gap >= 0; 0 beyond 31 octaves (21.49). The relative error is at
/// most 0.41 · 2^−16 before it is rounded to 30 fraction bits.
int64_t softmax_weight(int64_t gap, uint32_t fx);

/// Σ of the weights against the largest logit: at least 2^30 and, with kVocabularyMax logits, at most 2^50.
/// Requires at least one logit.
int64_t softmax_sum(std::span<const int32_t> logits, int32_t logit_max, uint32_t fx);

/// ln(v) with 16 fraction bits, v >= 1, off by at most 0.55 · 2^−16.
int64_t ln_integer(uint64_t v);

struct TokenLogprob {
    uint32_t token = 0;
    int64_t logprob = 0;  ///< ln of its probability, 16 fraction bits, <= 0
    bool operator==(const TokenLogprob&) const = default;
};

/// What OpenAI's interface tells of one position.
struct Logprobs {
    TokenLogprob chosen;
    std::vector<TokenLogprob> top;  ///< the likeliest first, the lowest id on ties
    bool operator==(const Logprobs&) const = default;
};

/// OpenAI's limit of `top_logprobs`.
inline constexpr uint32_t kTopLogprobsMax = 20;

/// Of the model's own distribution: before bias, penalties, grammar and temperature. Each is off by at most
/// 2^−16 + logits.size() · 2^−31. Requires chosen < logits.size() and top <= kTopLogprobsMax; fewer than
/// `top` are given where the vocabulary is smaller.
Logprobs find_logprobs(std::span<const int32_t> logits, uint32_t chosen, uint32_t top, uint32_t fx);

}  // namespace daidd::inference
