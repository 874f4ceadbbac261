#pragma once

#include <cstdint>
#include <span>

namespace daidd::training {

/// Fraction bits of a loss: −log2 of a probability, in 2^−16 bits.
inline constexpr int kLossBits = 16;

/// log2(v) with 16 fraction bits, rounded to the nearest. Requires v > 0.
int64_t log2_fixed(uint64_t v);

/// −log2 of the probability that logits with `fx` fraction bits give to `token` (doc/numerics.md,
/// "Evaluation"): at least 0, below 2^35. Requires 0 < logits.size() <= kVocabularyMax, token below that
/// size, logits above INT32_MIN and kFxMin <= fx <= kFxMax.
uint64_t token_loss(std::span<const int32_t> logits, uint32_t token, uint32_t fx);

}  // namespace daidd::training
