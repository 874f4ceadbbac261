#pragma once

#include <cstdint>

namespace daidd::inference {

/// A small fixed generator: the same numbers in every run and on every machine.
class Random {
public:
    explicit Random(uint64_t seed) : state_{seed} {}

    uint64_t next() {
        state_ += 0x9E37'79B9'7F4A'7C15;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9;
        z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EB;
        return z ^ (z >> 31);
    }
    /// Of [low, high].
    int64_t in(int64_t low, int64_t high) { return low + int64_t(next() % uint64_t(high - low + 1)); }
    /// Of magnitude below 2^bits, all bit lengths equally likely: rows reach every exponent.
    int32_t spread(int bits) {
        const auto value = int32_t(next() & ((uint64_t{1} << in(0, bits)) - 1));
        return next() % 2 == 0 ? value : -value;
    }

private:
    uint64_t state_;
};

}  // namespace daidd::inference
