#pragma once

#include <array>
#include <cstdint>

namespace daidd::inference {

// Literal tables, part of every model root (constants_root): libm differs between machines.

/// round(2^30 · 2^(−i/256)).
extern const std::array<int32_t, 257> kExp2;
/// What gates look up: round(2^19 · g(i/64)) of a function with g(−x) = 1 − g(x) that is 1 from 16 on.
using GateTable = std::array<int32_t, 1026>;
/// g(x) = 1 / (1 + e^(−x)).
extern const GateTable kSigmoid;
/// g(x) = gelu(x) / x = (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2. Part of the root of the models that use
/// it.
extern const GateTable kGeluTanh;
/// g(x) = (1 + erf(x/√2)) / 2: gelu(x) / x. Part of the root of the models that use it.
extern const GateTable kGeluErf;
/// round(2^30 · sin(2π · i/4096)), the first quarter turn; the rest by symmetry.
extern const std::array<int32_t, 1025> kQuarterSine;
/// round(2^16 · −ln(−ln x)) and round(2^16 · −ln(−ln(1 − x))) at x = 2^(o−34) · (1 + i/16): entry
/// 16 · (o − 1) + i for o = 1 … 32, i < 16; the last is x = 1/2.
extern const std::array<int32_t, 513> kGumbelLow;
extern const std::array<int32_t, 513> kGumbelHigh;

/// Entry i of the 4097 of a whole turn.
inline int64_t sine_entry(uint32_t i) {
    const uint32_t r = i % 2048;
    const int64_t value = kQuarterSine[r <= 1024 ? r : 2048 - r];
    return i % 4096 < 2048 ? value : -value;
}

}  // namespace daidd::inference
