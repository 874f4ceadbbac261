#include "inference/sampling.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"
#include "inference/fixed.h"
#include "inference/tables.h"

namespace daidd::inference {

std::string_view to_string(SamplingError error) {
    switch (error) {
    case SamplingError::kInverseTemperature: return "inverse_temperature";
    }
    return "unknown";
}

std::optional<SamplingError> check_sampling(const Sampling& sampling) {
    if (sampling.inverse_temperature > kInverseTemperatureMax) return SamplingError::kInverseTemperature;
    return std::nullopt;
}

int64_t gumbel(uint32_t word) {
    // Small words: 1 − u is small and the noise large. Both tails keep their precision, since each table
    // has 16 entries in every octave.
    const bool high = word < 0x8000'0000;
    const auto& table = high ? kGumbelHigh : kGumbelLow;
    const uint32_t x = 2 * (high ? word : ~word) + 1;  // of 2^33
    const int octave = bit_length(x);
    const uint32_t mantissa = x << (32 - octave);
    const size_t i = size_t(16 * (octave - 1)) + ((mantissa >> 27) & 15);
    const int64_t f = (mantissa >> 11) & 0xffff;
    return table[i] + (((int64_t{table[i + 1]} - table[i]) * f + 32768) >> 16);
}

std::vector<uint32_t> sample_words(const Hash256& seed, uint32_t position, size_t count) {
    Writer writer;
    writer(seed, position);
    const Bytes preimage = writer.take();
    Bytes bytes(4 * count);
    crypto::xof("sample", crypto::hash("sample", {preimage}), bytes);
    std::vector<uint32_t> words(count);
    for (size_t i = 0; i < count; ++i) {
        for (size_t b = 0; b < 4; ++b) words[i] |= uint32_t{bytes[4 * i + b]} << (8 * b);
    }
    return words;
}

bool passes_min_p(int32_t logit, int32_t logit_max, uint32_t min_p_gap, uint32_t fx) {
    return ((int64_t{logit_max} - logit) << 16) <= int64_t{min_p_gap} << fx;
}

int64_t sample_score(int32_t logit, uint32_t word, uint32_t inverse_temperature, uint32_t fx) {
    return rsh(int64_t{logit} * inverse_temperature, int(fx)) + gumbel(word);
}

uint32_t sample(std::span<const int32_t> logits, const Sampling& sampling, uint32_t position, uint32_t fx) {
    assert(!logits.empty() && !check_sampling(sampling));
    const auto largest = std::ranges::max_element(logits);  // the first of equals
    if (sampling.inverse_temperature == 0) return uint32_t(largest - logits.begin());
    std::vector<uint32_t> passing;
    for (uint32_t token = 0; token < logits.size(); ++token) {
        if (passes_min_p(logits[token], *largest, sampling.min_p_gap, fx)) passing.push_back(token);
    }
    const auto words = sample_words(sampling.seed, position, size_t{passing.back()} + 1);
    const auto score = [&](uint32_t token) {
        return sample_score(logits[token], words[token], sampling.inverse_temperature, fx);
    };
    return *std::ranges::max_element(passing, {}, score);
}

}  // namespace daidd::inference
