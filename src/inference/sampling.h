#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "util/codec.h"

namespace daidd::inference {

/// How a token is chosen from logits (doc/numerics.md, "Sampling"). Consensus: the same parameters give the
/// same text everywhere, and two logits are enough to prove that another token should have been chosen.
struct Sampling {
    /// 1 / temperature with 16 fraction bits; 0 is greedy, and then nothing else matters.
    uint32_t inverse_temperature = 0;
    /// −ln(min-p) with 16 fraction bits: tokens this far below the largest logit still pass.
    uint32_t min_p_gap = UINT32_MAX;
    Hash256 seed{};

    bool operator==(const Sampling&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.inverse_temperature, self.min_p_gap, self.seed);
    }
};

/// Temperatures from 1/256 up, so that scores fit.
inline constexpr uint32_t kInverseTemperatureMax = 1u << 24;

enum class SamplingError { kInverseTemperature };
std::string_view to_string(SamplingError error);
std::optional<SamplingError> check_sampling(const Sampling& sampling);

/// −ln(−ln u) with 16 fraction bits, u = (2 word + 1) / 2^33 counted from 1 down.
int64_t gumbel(uint32_t word);

/// Words of the noise at `position`, one a token id from 0: XOF("sample"; H("sample"; seed ‖ position u32)).
std::vector<uint32_t> sample_words(const Hash256& seed, uint32_t position, size_t count);

/// Whether a token may be chosen at all, before the temperature.
bool passes_min_p(int32_t logit, int32_t logit_max, uint32_t min_p_gap, uint32_t fx);
/// Among the tokens that pass, the highest score is chosen, the lowest id on ties. 16 fraction bits.
int64_t sample_score(int32_t logit, uint32_t word, uint32_t inverse_temperature, uint32_t fx);

/// The token at `position` (of the whole sequence, from 0). Requires logits of `fx` fraction bits, at least
/// one, and parameters that check_sampling accepts.
uint32_t sample(std::span<const int32_t> logits, const Sampling& sampling, uint32_t position, uint32_t fx);

}  // namespace daidd::inference
