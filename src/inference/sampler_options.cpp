#include <algorithm>

#include "inference/logprob.h"
#include "inference/sampler.h"

namespace daidd::inference {

std::string_view to_string(SamplerError error) {
    switch (error) {
    case SamplerError::kInverseTemperature: return "inverse_temperature";
    case SamplerError::kLogitBias: return "logit_bias";
    case SamplerError::kRepeatPenalty: return "repeat_penalty";
    case SamplerError::kRepeatLast: return "repeat_last";
    case SamplerError::kFrequencyPenalty: return "frequency_penalty";
    case SamplerError::kPresencePenalty: return "presence_penalty";
    case SamplerError::kTopP: return "top_p";
    }
    return "unknown";
}

std::string_view to_string(SamplerStop stop) {
    switch (stop) {
    case SamplerStop::kGrammarEnd: return "grammar_end";
    case SamplerStop::kGrammarStuck: return "grammar_stuck";
    case SamplerStop::kGrammarTooAmbiguous: return "grammar_too_ambiguous";
    }
    return "unknown";
}

namespace {

bool is_within(int32_t value, int32_t magnitude_max) {
    return value >= -magnitude_max && value <= magnitude_max;
}

bool are_biases_good(std::span<const LogitBias> biases, uint32_t vocabulary) {
    if (biases.size() > kLogitBiasesMax) return false;
    for (size_t i = 0; i < biases.size(); ++i) {
        if (biases[i].token >= vocabulary || !is_within(biases[i].bias, kLogitBiasMax)) return false;
        if (i > 0 && biases[i].token <= biases[i - 1].token) return false;
    }
    return true;
}

}  // namespace

std::optional<SamplerError> check_sampler(const SamplerOptions& options, uint32_t vocabulary) {
    if (check_sampling(options.sampling)) return SamplerError::kInverseTemperature;
    if (!are_biases_good(options.biases, vocabulary)) return SamplerError::kLogitBias;
    if (options.repeat_penalty < kRepeatPenaltyMin || options.repeat_penalty > kRepeatPenaltyMax)
        return SamplerError::kRepeatPenalty;
    if (options.repeat_last > kRepeatLastMax) return SamplerError::kRepeatLast;
    if (!is_within(options.frequency_penalty, kPenaltyMax)) return SamplerError::kFrequencyPenalty;
    if (!is_within(options.presence_penalty, kPenaltyMax)) return SamplerError::kPresencePenalty;
    if (options.top_p > 1u << 16) return SamplerError::kTopP;
    return std::nullopt;
}

std::optional<int32_t> parse_fixed16(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const size_t point = std::min(text.find('.'), text.size());
    std::string_view whole = text.substr(0, point);
    std::string_view part = text.substr(std::min(point + 1, text.size()));
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (whole.empty() && part.empty()) return std::nullopt;
    if (!std::ranges::all_of(whole, is_digit) || !std::ranges::all_of(part, is_digit)) return std::nullopt;
    int64_t units = 0;
    for (const char c : whole) units = std::min<int64_t>(10 * units + (c - '0'), 1 << 16);
    // Twelve digits are exact: 10^12 · 2^17 < 2^57. What follows could only break a tie.
    int64_t numerator = 0, denominator = 1;
    for (const char c : part.substr(0, 12)) {
        numerator = 10 * numerator + (c - '0');
        denominator *= 10;
    }
    const int64_t value = (units << 16) + ((numerator << 17) + denominator) / (2 * denominator);
    if (value > INT32_MAX) return std::nullopt;
    return int32_t(negative ? -value : value);
}

uint32_t min_p_gap_of(uint32_t min_p) {
    if (min_p == 0) return UINT32_MAX;
    return uint32_t(std::max<int64_t>(0, ln_integer(1u << 16) - ln_integer(min_p)));
}

}  // namespace daidd::inference
