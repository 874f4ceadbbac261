#include "inference/sampler.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "inference/fixed.h"
#include "inference/sampler_keys.h"

namespace daidd::inference {

namespace {

constexpr uint32_t kOne = 1u << 16;

/// Towards 0, so that a token that was there becomes less likely.
int32_t penalize(int32_t logit, uint32_t penalty) {
    if (logit > 0) return sat((int64_t{logit} << 16) / penalty);  // 2^47
    return sat(rsh(int64_t{logit} * penalty, 16));                // 2^51
}

}  // namespace

Sampler::Sampler(SamplerOptions options, uint32_t vocabulary, uint32_t fx, uint32_t position,
                 std::span<const uint32_t> prompt, std::optional<GrammarMatcher> grammar)
    : options_{std::move(options)}, vocabulary_{vocabulary}, fx_{fx}, position_{position} {
    assert(!check_sampler(options_, vocabulary) && vocabulary > 0);
    if (grammar) grammar_ = std::make_unique<GrammarMatcher>(*std::move(grammar));
    look_ahead();
    const size_t seen = std::min<size_t>(prompt.size(), options_.repeat_last);
    for (const uint32_t token : prompt.last(seen)) see(token);
}

void Sampler::see(uint32_t token) {
    if (options_.repeat_penalty == kOne || options_.repeat_last == 0) return;
    if (ring_.size() < options_.repeat_last) {
        ring_.push_back(token);
    } else {
        const uint32_t oldest = std::exchange(ring_[ring_next_], token);
        ring_next_ = (ring_next_ + 1) % ring_.size();
        const auto found = window_.find(oldest);
        if (--found->second == 0) window_.erase(found);
    }
    ++window_[token];
}

void Sampler::remember(uint32_t token) {
    ++position_;
    see(token);
    if (options_.frequency_penalty != 0 || options_.presence_penalty != 0) ++answer_[token];
}

/// Bias and penalties: few tokens of many, so a copy is all that this costs.
std::span<const int32_t> Sampler::adjust(std::span<const int32_t> logits) {
    if (options_.biases.empty() && window_.empty() && answer_.empty()) return logits;
    adjusted_.assign(logits.begin(), logits.end());
    const auto add = [&](uint32_t token, int64_t nats) {
        adjusted_[token] = sat(adjusted_[token] + rsh(nats, 16 - int(fx_)));
    };
    for (const LogitBias& bias : options_.biases) add(bias.token, bias.bias);
    for (const auto& [token, count] : window_) {
        if (token < vocabulary_) adjusted_[token] = penalize(adjusted_[token], options_.repeat_penalty);
    }
    for (const auto& [token, count] : answer_) {  // 2^32 · 2^17
        add(token, -int64_t{count} * options_.frequency_penalty - options_.presence_penalty);
    }
    return adjusted_;
}

/// Each filter keeps a run of the keys in their order, so that min-p may come first where top-p does not
/// look at what it drops.
std::vector<uint64_t> Sampler::find_candidates(std::span<const int32_t> logits) const {
    const int32_t logit_max = find_largest(logits);
    const uint32_t gap = options_.sampling.min_p_gap;
    const auto passes = [&](int32_t logit) { return passes_min_p(logit, logit_max, gap, fx_); };
    const bool has_top_p = options_.top_p < kOne;

    TopKeys largest{options_.top_k == 0 ? logits.size() : std::min<size_t>(options_.top_k, logits.size())};
    for (uint32_t token = 0; token < logits.size(); ++token) {
        if (is_allowed(token) && (has_top_p || passes(logits[token])))
            largest.push(make_key(logits[token], token));
    }
    auto keys = largest.take();
    if (!has_top_p) return keys;
    keep_top_share(keys, options_.top_p, fx_);
    std::erase_if(keys, [&](uint64_t key) { return !passes(logit_of_key(key)); });
    return keys;
}

int32_t Sampler::find_largest(std::span<const int32_t> logits) const {
    if (allowed_ == nullptr) return *std::ranges::max_element(logits);
    int32_t largest = INT32_MIN;
    for (uint32_t token = 0; token < vocabulary_; ++token) {
        if (allowed_->contains(token)) largest = std::max(largest, logits[token]);
    }
    return largest;
}

uint32_t Sampler::choose(std::span<const int32_t> logits) const {
    const Sampling& sampling = options_.sampling;
    if (sampling.inverse_temperature == 0) {
        const int32_t largest = find_largest(logits);
        uint32_t token = 0;
        while (logits[token] != largest || !is_allowed(token)) ++token;
        return token;
    }
    const auto keys = find_candidates(logits);
    const auto last = std::ranges::max(keys, {}, token_of_key);
    const auto words = sample_words(sampling.seed, position_, size_t{token_of_key(last)} + 1);
    std::optional<std::pair<int64_t, uint32_t>> best;  // score, and ~token: the lowest id on ties
    for (const uint64_t key : keys) {
        const uint32_t token = token_of_key(key);
        const int64_t score =
            sample_score(logit_of_key(key), words[token], sampling.inverse_temperature, fx_);
        best = std::max(best, std::optional{std::pair{score, ~token}});
    }
    return ~best->second;
}

void Sampler::look_ahead() {
    if (!grammar_) return;
    if (grammar_->must_end()) {
        stop_ = SamplerStop::kGrammarEnd;
        return;
    }
    allowed_ = &grammar_->allowed();
    if (grammar_->failed()) {
        stop_ = SamplerStop::kGrammarTooAmbiguous;
    } else if (allowed_->empty()) {
        stop_ = grammar_->may_end() ? SamplerStop::kGrammarEnd : SamplerStop::kGrammarStuck;
    }
}

uint32_t Sampler::next(std::span<const int32_t> logits) {
    assert(logits.size() == vocabulary_ && !stop_);
    const uint32_t token = choose(adjust(logits));
    remember(token);
    if (grammar_) grammar_->accept(token);
    look_ahead();
    return token;
}

}  // namespace daidd::inference
