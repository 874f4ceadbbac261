#include "inference/logprob.h"

#include <algorithm>
#include <cassert>

#include "inference/model.h"
#include "inference/reference.h"
#include "inference/sampler_keys.h"

namespace daidd::inference {

namespace {

constexpr int64_t kLog2E = 1'549'082'005;  // round(2^30 / ln 2)
constexpr int64_t kLn2 = 744'261'118;      // round(2^30 · ln 2)

/// 22 nats are more than the 31 octaves beyond which exp2_negative is 0.
constexpr int64_t kNatsMax = 22;

constexpr int kLog2Bits = 24;

/// log2(v) with kLog2Bits fraction bits, digit by digit: squaring doubles the logarithm. Rounding the
/// mantissa to 31 bits at step i moves the result by less than 2^(1−31−i), so all steps together by less than
/// 2^−29.
int64_t log2_integer(uint64_t v) {
    assert(v > 0);
    const int octave = bit_length(v) - 1;
    uint64_t mantissa = octave <= 31 ? v << (31 - octave) : v >> (octave - 31);  // [1, 2) · 2^31
    int64_t log = octave;
    for (int i = 0; i < kLog2Bits; ++i) {
        mantissa = (mantissa * mantissa) >> 31;  // < 2^64 before the shift
        const int carry = mantissa >= (uint64_t{1} << 32) ? 1 : 0;
        mantissa >>= carry;
        log = 2 * log + carry;
    }
    return log;
}

}  // namespace

int64_t softmax_weight(int64_t gap, uint32_t fx) {
    assert(gap >= 0 && fx >= kFxMin && fx <= kFxMax);
    if (gap >= kNatsMax << fx) return 0;
    return exp2_negative(rsh(gap * kLog2E, 14 + int(fx)));  // 22 · 2^16 · 2^31 < 2^52
}

int64_t softmax_sum(std::span<const int32_t> logits, int32_t logit_max, uint32_t fx) {
    assert(!logits.empty() && logits.size() <= kVocabularyMax);
    int64_t sum = 0;
    for (const int32_t logit : logits) sum += softmax_weight(int64_t{logit_max} - logit, fx);
    return sum;
}

int64_t ln_integer(uint64_t v) {
    return rsh(log2_integer(v) * kLn2, 30 + kLog2Bits - 16);  // 2^6 · 2^24 · 2^30 = 2^60
}

Logprobs find_logprobs(std::span<const int32_t> logits, uint32_t chosen, uint32_t top, uint32_t fx) {
    assert(chosen < logits.size() && top <= kTopLogprobsMax);
    const int32_t logit_max = *std::ranges::max_element(logits);
    const int64_t ln_sum = ln_integer(uint64_t(softmax_sum(logits, logit_max, fx))) - ln_integer(1u << 30);
    const auto logprob_of = [&](uint32_t token) {
        const int64_t gap = (int64_t{logit_max} - logits[token]) << (16 - fx);  // exact; < 2^34
        return TokenLogprob{token, std::min<int64_t>(0, -gap - ln_sum)};
    };
    Logprobs out{logprob_of(chosen), {}};
    if (top == 0) return out;
    TopKeys largest{top};
    for (uint32_t token = 0; token < logits.size(); ++token) largest.push(make_key(logits[token], token));
    for (const uint64_t key : largest.take_sorted()) out.top.push_back(logprob_of(token_of_key(key)));
    return out;
}

}  // namespace daidd::inference
