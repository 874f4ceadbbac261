#include "work/sampling.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "crypto/hash.h"

namespace daidd::work {
namespace {

/// ⌊2³² · ln 2⌋.
constexpr uint64_t kLn2 = 2'977'044'471;
constexpr unsigned kLogBits = 24;

/// log2 of a number from 1 to 2¹⁶ with kLogBits fraction bits, rounded down: a bit a squaring.
uint64_t log2_of(uint32_t number) {
    const auto whole = uint64_t(std::bit_width(number)) - 1;
    uint64_t mantissa = uint64_t{number} << (31 - whole);  // in [2^31, 2^32)
    uint64_t log = whole;
    for (unsigned i = 0; i < kLogBits; ++i) {
        mantissa = (mantissa * mantissa) >> 31;
        log <<= 1;
        if (mantissa >> 32 != 0) {
            log |= 1;
            mantissa >>= 1;
        }
    }
    return log;
}

}  // namespace

inference::Sampling sampling_of(const consensus::Sampling& sampling) {
    assert(sampling.temperature <= consensus::kTemperatureMax && sampling.min_p <= consensus::kMinPMax);
    inference::Sampling out;
    if (sampling.temperature != 0) {
        out.inverse_temperature = uint32_t(std::min<uint64_t>((uint64_t{1} << 32) / sampling.temperature,
                                                              inference::kInverseTemperatureMax));
    }
    if (sampling.min_p != 0) {
        const uint64_t octaves = (uint64_t{16} << kLogBits) - log2_of(sampling.min_p);
        // 2^24 · 2^32 fraction bits down to 2^16: at most 2^28 · 2^32.
        out.min_p_gap = uint32_t((octaves * kLn2) >> (kLogBits + 32 - 16));
    }
    Writer writer;
    writer(sampling.seed);
    out.seed = crypto::hash("seed", {writer.take()});
    return out;
}

}  // namespace daidd::work
