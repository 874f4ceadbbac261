#pragma once

#include <span>

#include "inference/fixed.h"
#include "inference/tables.h"

namespace daidd::inference {

// The specification: every operation for one row or one element alone, as a dispute needs it. Values are
// int32 with `fx` fraction bits. The fast kernels must give the same bits (doc/numerics.md has the formulas).

/// m · 2^−e.
struct Scale {
    int32_t m = 0;
    int32_t e = 0;
    bool operator==(const Scale&) const = default;
};

/// Largest code: one plane, two planes (128 · high + low), queries, keys and values.
inline constexpr int32_t kQOnePlane = 63;
inline constexpr int32_t kQTwoPlanes = 8127;
inline constexpr int32_t kQHead = 127;
inline constexpr int32_t q_of_planes(int planes) { return planes == 2 ? kQTwoPlanes : kQOnePlane; }

/// What quantising a row tells beside its codes.
struct RowScale {
    Scale scale;         ///< of the codes: mantissa 128 … 255, e = 24 + fx − b
    uint32_t index = 0;  ///< of the largest |x|, the lowest on ties
    uint32_t amax = 0;   ///< that |x|; 0 in an all-zero row
    bool operator==(const RowScale&) const = default;
};

/// The scale alone: all that one element of a dispute needs. Requires amax < 2^31, fx <= kFxMax.
Scale quant_scale(uint32_t amax, int32_t q, uint32_t fx);
/// Whether some row has this scale. Rows from others must be checked before anything is computed with them:
/// the operations below rely on it for their bounds.
bool is_quant_scale(Scale scale, int32_t q, uint32_t fx);
/// The code of one element under the scale of its row. |code| <= q.
int32_t quant_code(int32_t x, Scale scale, uint32_t fx);
inline int8_t high_plane(int32_t code) { return int8_t((code + 64) >> 7); }
inline int8_t low_plane(int32_t code) { return int8_t(code - 128 * high_plane(code)); }

/// Codes of a row. `low` is empty unless q == kQTwoPlanes. Requires x[i] > INT32_MIN (sat sees to it).
RowScale quant_row(std::span<const int32_t> x, int32_t q, uint32_t fx, std::span<int8_t> high,
                   std::span<int8_t> low);

int32_t embedding_element(int16_t code, uint16_t mw, uint8_t ew, uint32_t fx);
/// A residual times the gain of its norm; x itself where the gain is folded.
int32_t gain_element(int32_t x, int32_t gq);
/// The scale of codes divided by the root mean square of x, the residual before its gain.
/// Requires x.size() <= kDimMax, epsilon <= kEpsilonMax.
Scale norm_scale(std::span<const int32_t> x, Scale scale, uint64_t epsilon, int32_t ge, uint32_t fx);
/// The same from Σ (x >> sh)² over `width` elements, sh = max(0, bit length of max|x| − 24).
Scale norm_scale_of(uint64_t squares, int sh, size_t width, Scale scale, uint64_t epsilon, int32_t ge,
                    uint32_t fx);

/// What a row is multiplied with so that its root mean square becomes 1: x · m · 2^−shift, 22 fraction bits.
struct NormFactor {
    int32_t m = 0;
    int32_t shift = 0;
    bool operator==(const NormFactor&) const = default;
};
/// Requires x.size() <= kDimMax, epsilon <= kEpsilonMax.
NormFactor norm_factor(std::span<const int32_t> x, uint64_t epsilon);
/// The same from the sum that norm_scale_of takes.
NormFactor norm_factor_of(uint64_t squares, int sh, size_t width, uint64_t epsilon);
/// One element of a normalised row, with its gain. Requires the factor of the row that x is an element of.
int32_t norm_element(int32_t x, NormFactor factor, int32_t gq, int32_t ge, uint32_t fx);
/// A whole row; gq.size() == x.size().
void norm_row(std::span<const int32_t> x, std::span<const int32_t> gq, int32_t ge, uint64_t epsilon,
              uint32_t fx, std::span<int32_t> y);

/// One output of a linear. `low` is empty for one plane. `factor` is the scale of the codes, through
/// norm_scale after a norm. Requires size <= kDepthMax.
int32_t linear_element(std::span<const int8_t> high, std::span<const int8_t> low, Scale factor,
                       std::span<const int8_t> weights, uint16_t mw, uint8_t ew, int32_t bias, uint32_t fx);
/// The same from the exact sum Σ code · weight.
int32_t linear_output(int64_t sum, Scale factor, uint16_t mw, uint8_t ew, int32_t bias, uint32_t fx);

struct SineCosine {
    int64_t sine, cosine;  ///< 30 fraction bits
};
/// Of `position` · F turns, F a 2^−64 fraction.
SineCosine rotation(uint32_t position, uint64_t f);
/// Rotates the pair (a, b) in place.
void rotate(int32_t& a, int32_t& b, SineCosine by);

/// Keys or values of one head: codes[u · head_dim …] · mantissa[u] · 2^−exponent[u] for position u.
struct HeadRows {
    const int8_t* codes;
    const uint8_t* mantissa;
    const int16_t* exponent;
};

struct HeadQuery {
    const int8_t* codes;
    Scale scale;
};

/// One head of one row, over positions 0 … count − 1. Requires 0 < count <= kContextMax,
/// head_dim <= kHeadDimMax and scales as quant_row makes them with kQHead.
void attention_head(const HeadQuery& query, const HeadRows& keys, const HeadRows& values, uint32_t count,
                    uint32_t head_dim, uint32_t fx, int32_t* out);

/// 2^(−d) with 30 fraction bits, d >= 0 with 16; 0 beyond 31 octaves.
int64_t exp2_negative(int64_t d);
/// The function of a gate, in [0, 1] with 16 fraction bits.
int64_t gate_element(const GateTable& table, int32_t x, uint32_t fx);
/// x · g(x) · up: SwiGLU with kSigmoid, GEGLU with kGeluTanh.
int32_t gated_element(const GateTable& table, int32_t gate, int32_t up, uint32_t fx);
inline int32_t add_element(int32_t a, int32_t b) { return sat(int64_t{a} + b); }

}  // namespace daidd::inference
