#pragma once

#include <map>
#include <optional>
#include <vector>

#include "inference/grammar_matcher.h"
#include "inference/sampling.h"

namespace daidd::inference {

/// Added to the logit of `token`.
struct LogitBias {
    uint32_t token = 0;
    int32_t bias = 0;  ///< 16 fraction bits
};

/// Everything that OpenAI's, llama.cpp's and Ollama's interfaces know about choosing a token, in integers:
/// the same parameters give the same text on every machine. For answers off chain; a job has Sampling alone.
/// One is 2^16 in every field. Applied in this order (doc/generation.md has the formulas): bias, repeat
/// penalty, frequency and presence penalty, grammar, top-k, top-p, min-p, temperature with noise.
struct SamplerOptions {
    /// Temperature, min-p and seed. With nothing else set the choice is sample()'s, bit for bit.
    Sampling sampling;
    std::vector<LogitBias> biases = {};  ///< ascending by token
    /// Of the last `repeat_last` tokens of prompt and answer: logits above 0 are divided by it, others
    /// multiplied.
    uint32_t repeat_penalty = 1u << 16;
    uint32_t repeat_last = 64;      ///< 0: none
    int32_t frequency_penalty = 0;  ///< taken off for each time that the answer has the token
    int32_t presence_penalty = 0;   ///< taken off once if the answer has the token
    uint32_t top_k = 0;             ///< so many of the largest logits are kept; 0: all
    uint32_t top_p = 1u << 16;      ///< the likeliest that make up this probability are kept; 2^16: all
};

// OpenAI's limits of a bias and of both penalties.
inline constexpr size_t kLogitBiasesMax = 1024;
inline constexpr int32_t kLogitBiasMax = 100 << 16;
inline constexpr int32_t kPenaltyMax = 2 << 16;
inline constexpr uint32_t kRepeatPenaltyMin = 1u << 12, kRepeatPenaltyMax = 1u << 20;  ///< 1/16 … 16
inline constexpr uint32_t kRepeatLastMax = 1u << 17;  ///< the longest context

/// In the order they are checked. The names are shown to users: never rename one.
enum class SamplerError {
    kInverseTemperature,
    kLogitBias,  ///< too many, too large, not ascending, or a token that the vocabulary does not have
    kRepeatPenalty,
    kRepeatLast,
    kFrequencyPenalty,
    kPresencePenalty,
    kTopP,
};
std::string_view to_string(SamplerError error);
std::optional<SamplerError> check_sampler(const SamplerOptions& options, uint32_t vocabulary);

/// Decimal text ("0.95", "-2", ".5") with 16 fraction bits, halves away from zero, without floating point;
/// digits behind the twelfth of the fraction are not looked at. Nothing if it is no such number, or its
/// magnitude would be above INT32_MAX.
std::optional<int32_t> parse_fixed16(std::string_view text);
/// Sampling::min_p_gap of a min-p with 16 fraction bits: −ln(min_p). 0 is off. Requires min_p <= 2^16.
uint32_t min_p_gap_of(uint32_t min_p);

/// Why no token can follow. Shown to users: never rename one.
enum class SamplerStop {
    kGrammarEnd,          ///< the text is complete and nothing may follow
    kGrammarStuck,        ///< the vocabulary has no token for what must follow
    kGrammarTooAmbiguous  ///< beyond the limits of GrammarMatcher
};
std::string_view to_string(SamplerStop stop);

/// Chooses the tokens of one answer, one after the other: a state of its own beside the sequence's, so that
/// many answers can share one forward pass. Cheap to move.
class Sampler {
public:
    /// `position`: of the first token to come, in the whole sequence, as the noise counts. `prompt`: tokens
    /// that the repeat penalty sees before it. `grammar`: what the answer must be a text of, made for a
    /// tokenizer of `vocabulary` tokens. Requires check_sampler to accept, fx as the model's.
    Sampler(SamplerOptions options, uint32_t vocabulary, uint32_t fx, uint32_t position,
            std::span<const uint32_t> prompt = {}, std::optional<GrammarMatcher> grammar = {});

    /// The next token; the sampler goes on behind it. Requires `vocabulary` logits, those that follow the
    /// last token, and no stop().
    uint32_t next(std::span<const int32_t> logits);

    /// Known as soon as the last token is chosen, so that no logits are computed in vain. Without a grammar
    /// there is none.
    std::optional<SamplerStop> stop() const { return stop_; }

    uint32_t position() const { return position_; }

private:
    std::span<const int32_t> adjust(std::span<const int32_t> logits);
    std::vector<uint64_t> find_candidates(std::span<const int32_t> logits) const;
    uint32_t choose(std::span<const int32_t> logits) const;
    int32_t find_largest(std::span<const int32_t> logits) const;
    bool is_allowed(uint32_t token) const { return allowed_ == nullptr || allowed_->contains(token); }
    void look_ahead();
    void see(uint32_t token);
    void remember(uint32_t token);

    SamplerOptions options_;
    uint32_t vocabulary_, fx_, position_;
    std::map<uint32_t, uint32_t> answer_;  ///< how often the answer has a token
    std::map<uint32_t, uint32_t> window_;  ///< the same of the last repeat_last tokens
    std::vector<uint32_t> ring_;           ///< those, the oldest at ring_next_ once it is full
    size_t ring_next_ = 0;
    std::vector<int32_t> adjusted_;
    std::unique_ptr<GrammarMatcher> grammar_;
    const TokenSet* allowed_ = nullptr;  ///< of grammar_; null: all
    std::optional<SamplerStop> stop_;
};

}  // namespace daidd::inference
