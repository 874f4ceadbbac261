#include "training/loss.h"

#include <algorithm>
#include <cassert>

#include "inference/model.h"
#include "inference/reference.h"

namespace daidd::training {

using inference::rsh;

namespace {

/// round(2^28 · log2(e)): logits are in nats.
constexpr int64_t kLog2E = 387'270'501;
/// As exp2_negative has them: of a probability before it is divided by the sum.
constexpr int kExpBits = 30;

/// Nats with fx fraction bits as bits with kLossBits. 0 <= gap < 2^32, so the product is below 2^61.
int64_t to_bits(int64_t gap, uint32_t fx) { return rsh(gap * kLog2E, 28 + int(fx) - kLossBits); }

}  // namespace

int64_t log2_fixed(uint64_t v) {
    assert(v > 0);
    const int whole = inference::bit_length(v) - 1;
    // In [1, 2) with 31 fraction bits; squaring doubles the logarithm, and each carry is one of its bits.
    uint64_t m = whole > 31 ? v >> (whole - 31) : v << (31 - whole);
    int64_t log = whole;
    for (int bit = 0; bit < kLossBits + 1; ++bit) {
        m = (m * m) >> 31;
        const uint64_t carry = m >> 32;
        m >>= carry;
        log = 2 * log + int64_t(carry);
    }
    return rsh(log, 1);
}

uint64_t token_loss(std::span<const int32_t> logits, uint32_t token, uint32_t fx) {
    assert(token < logits.size() && logits.size() <= inference::kVocabularyMax);
    assert(fx >= inference::kFxMin && fx <= inference::kFxMax);
    const int64_t most = *std::ranges::max_element(logits);
    // Beyond 31 octaves a term is 0; 22 nats are more than that.
    const int64_t gap_max = int64_t{22} << fx;
    uint64_t sum = 0;  // in [2^30, 2^50]
    for (const int32_t logit : logits) {
        const int64_t gap = most - logit;
        if (gap < gap_max) sum += uint64_t(inference::exp2_negative(to_bits(gap, fx)));
    }
    const int64_t normaliser = log2_fixed(sum) - (int64_t{kExpBits} << kLossBits);
    return uint64_t(to_bits(most - logits[token], fx) + normaliser);
}

}  // namespace daidd::training
