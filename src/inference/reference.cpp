#include "inference/reference.h"

#include <algorithm>
#include <vector>

#include "inference/model.h"

namespace daidd::inference {

namespace {

uint32_t magnitude(int32_t x) { return x < 0 ? uint32_t(-int64_t{x}) : uint32_t(x); }

}  // namespace

Scale quant_scale(uint32_t amax, int32_t q, uint32_t fx) {
    assert(amax <= kSatMax && fx >= kFxMin && fx <= kFxMax);
    const uint64_t largest = std::max<uint64_t>(1, amax);
    const uint64_t t = ((largest << 24) + uint64_t(q) - 1) / uint64_t(q);  // <= 2^50: amax · 2^24 / 63
    int b = bit_length(t) - 8;                                             // 4 … 42
    // Rounded up, else the largest element would clip.
    uint64_t ms = (t + (uint64_t{1} << b) - 1) >> b;
    if (ms == 256) {
        ms = 128;
        ++b;
    }
    assert(ms >= 128 && ms <= 255 && b >= 4 && b <= 43);
    return {int32_t(ms), 24 + int32_t(fx) - b};
}

bool is_quant_scale(Scale scale, int32_t q, uint32_t fx) {
    const int32_t lowest = quant_scale(uint32_t(kSatMax), q, fx).e, highest = quant_scale(1, q, fx).e;
    return scale.m >= 128 && scale.m <= 255 && scale.e >= lowest && scale.e <= highest;
}

int32_t quant_code(int32_t x, Scale scale, uint32_t fx) {
    const int b = 24 + int32_t(fx) - scale.e;
    const int64_t reciprocal = (int64_t{1} << 38) / scale.m;  // <= 2^31, so the product is <= 2^62
    const int s = b + 14;
    return int32_t((x * reciprocal + (int64_t{1} << (s - 1))) >> s);
}

RowScale quant_row(std::span<const int32_t> x, int32_t q, uint32_t fx, std::span<int8_t> high,
                   std::span<int8_t> low) {
    assert(high.size() == x.size() && low.size() == (q == kQTwoPlanes ? x.size() : 0));
    RowScale row;
    for (size_t i = 0; i < x.size(); ++i) {
        if (magnitude(x[i]) <= row.amax) continue;
        row.amax = magnitude(x[i]);
        row.index = uint32_t(i);
    }
    row.scale = quant_scale(row.amax, q, fx);
    for (size_t i = 0; i < x.size(); ++i) {
        const int32_t code = quant_code(x[i], row.scale, fx);
        assert(code <= q && code >= -q);
        if (low.empty()) {
            high[i] = int8_t(code);
        } else {
            high[i] = high_plane(code);
            low[i] = low_plane(code);
        }
    }
    return row;
}

int32_t embedding_element(int16_t code, uint16_t mw, uint8_t ew, uint32_t fx) {
    return sat(rsh(int64_t{code} * mw, int(ew) - int(fx)));
}

int32_t gain_element(int32_t x, int32_t gq) {
    return sat(rsh(int64_t{x} * gq, 15));  // 2^31 · 2^15
}

namespace {

/// Σ (x >> sh)², with the sh that keeps it below 2^62.
struct Squares {
    uint64_t sum;
    int sh;
};

Squares squares_of(std::span<const int32_t> x, uint64_t epsilon) {
    assert(!x.empty() && x.size() <= kDimMax && epsilon <= kEpsilonMax);
    uint32_t amax = 0;
    for (const int32_t v : x) amax = std::max(amax, magnitude(v));
    const int sh = std::max(0, bit_length(amax) - 24);
    uint64_t squares = 0;  // <= 2^14 · (2^24)^2
    for (const int32_t v : x) {
        const int64_t shifted = v >> sh;
        squares += uint64_t(shifted * shifted);
    }
    return {squares, sh};
}

/// The root mean square of the shifted row is root · 2^−j.
struct Root {
    uint64_t root;  // in [2^30, 2^31)
    int j;
};

Root root_of(uint64_t squares, int sh, size_t width, uint64_t epsilon) {
    const uint64_t mean = std::max<uint64_t>(1, squares / width + (epsilon >> (2 * sh)));
    const int j = (62 - bit_length(mean)) >> 1;
    const uint64_t root = isqrt(mean << (2 * j));
    assert(root >= (uint64_t{1} << 30) && root < (uint64_t{1} << 31));
    return {root, j};
}

}  // namespace

Scale norm_scale(std::span<const int32_t> x, Scale scale, uint64_t epsilon, int32_t ge, uint32_t fx) {
    const auto [squares, sh] = squares_of(x, epsilon);
    return norm_scale_of(squares, sh, x.size(), scale, epsilon, ge, fx);
}

Scale norm_scale_of(uint64_t squares, int sh, size_t width, Scale scale, uint64_t epsilon, int32_t ge,
                    uint32_t fx) {
    const auto [root, j] = root_of(squares, sh, width, epsilon);
    const uint64_t mt = ((uint64_t(scale.m) << 36) + (root >> 1)) / root;  // < 2^14
    return {int32_t(mt), 36 + (scale.e - int32_t(fx)) + sh - j + ge};
}

NormFactor norm_factor(std::span<const int32_t> x, uint64_t epsilon) {
    const auto [squares, sh] = squares_of(x, epsilon);
    return norm_factor_of(squares, sh, x.size(), epsilon);
}

NormFactor norm_factor_of(uint64_t squares, int sh, size_t width, uint64_t epsilon) {
    const auto [root, j] = root_of(squares, sh, width, epsilon);
    const uint64_t m = ((uint64_t{1} << 60) + (root >> 1)) / root;  // (2^29, 2^30]
    // 0 <= sh <= 7, and 6 <= j <= 30: the mean has at most 49 bits.
    return {int32_t(m), 38 - j + sh};
}

int32_t norm_element(int32_t x, NormFactor factor, int32_t gq, int32_t ge, uint32_t fx) {
    const int64_t z = rsh(int64_t{x} * factor.m, factor.shift);  // 2^31 · 2^30
    // No element exceeds √(2 · 2^14) times the root mean square, which was rounded down to whole units.
    assert(z > -(int64_t{1} << 30) && z < (int64_t{1} << 30));
    return sat(rsh(z * gq, 37 + ge - int(fx)));  // 2^30 · 2^15
}

void norm_row(std::span<const int32_t> x, std::span<const int32_t> gq, int32_t ge, uint64_t epsilon,
              uint32_t fx, std::span<int32_t> y) {
    const NormFactor factor = norm_factor(x, epsilon);
    for (size_t i = 0; i < x.size(); ++i) y[i] = norm_element(x[i], factor, gq[i], ge, fx);
}

int32_t linear_output(int64_t sum, Scale factor, uint16_t mw, uint8_t ew, int32_t bias, uint32_t fx) {
    // Planes of −64 and −64, which no honest row has but a disputed one may, make 8256: |sum| < 2^15 · 2^7 ·
    // 2^14, factor.m < 2^14, mw < 2^10: 2^60.
    assert(sum <= (int64_t{1} << 36) && sum >= -(int64_t{1} << 36) && factor.m < (1 << 14));
    return sat(rsh(sum * factor.m * mw, factor.e + int(ew) - int(fx)) + bias);
}

namespace {

/// Exact: 2^15 · 2^7 · 2^7 at most.
int32_t dot(std::span<const int8_t> codes, std::span<const int8_t> weights) {
    int32_t sum = 0;
    for (size_t i = 0; i < codes.size(); ++i) sum += codes[i] * weights[i];
    return sum;
}

}  // namespace

int32_t linear_element(std::span<const int8_t> high, std::span<const int8_t> low, Scale factor,
                       std::span<const int8_t> weights, uint16_t mw, uint8_t ew, int32_t bias, uint32_t fx) {
    assert(high.size() == weights.size() && high.size() <= kDepthMax);
    assert(low.empty() || low.size() == high.size());
    const int64_t top = dot(high, weights);
    return linear_output(low.empty() ? top : 128 * top + dot(low, weights), factor, mw, ew, bias, fx);
}

namespace {

int64_t sine(uint64_t phase) {
    const auto i = uint32_t(phase >> 52);
    const auto f = int64_t((phase >> 36) & 0xffff);
    return sine_entry(i) + (((sine_entry(i + 1) - sine_entry(i)) * f + 32768) >> 16);
}

}  // namespace

SineCosine rotation(uint32_t position, uint64_t f) {
    const uint64_t phase = position * f;  // whole turns wrap away
    return {sine(phase), sine(phase + (uint64_t{1} << 62))};
}

void rotate(int32_t& a, int32_t& b, SineCosine by) {
    // |a|, |b| < 2^31 and |sine|, |cosine| <= 2^30, so each sum stays below 2^62 + 2^29.
    constexpr int64_t kHalf = int64_t{1} << 29;
    const int64_t x = a, y = b;
    a = sat((x * by.cosine - y * by.sine + kHalf) >> 30);
    b = sat((x * by.sine + y * by.cosine + kHalf) >> 30);
}

int64_t exp2_negative(int64_t d) {
    assert(d >= 0);
    const int64_t octaves = d >> 16;
    if (octaves >= 31) return 0;
    const auto i = size_t((d >> 8) & 255);
    const int64_t f = d & 255;
    const int64_t value = kExp2[i] - (((int64_t{kExp2[i]} - kExp2[i + 1]) * f + 128) >> 8);
    return rsh(value, int(octaves));
}

void attention_head(const HeadQuery& query, const HeadRows& keys, const HeadRows& values, uint32_t count,
                    uint32_t head_dim, uint32_t fx, int32_t* out) {
    assert(count > 0 && count <= kContextMax && head_dim <= kHeadDimMax);
    std::vector<int64_t> score(count);
    int64_t score_max = INT64_MIN;
    for (uint32_t u = 0; u < count; ++u) {
        int32_t dot = 0;  // < 2^22
        for (uint32_t i = 0; i < head_dim; ++i) dot += query.codes[i] * keys.codes[size_t{u} * head_dim + i];
        // Base 2, 16 fraction bits: < 2^38 before the shift, which is >= 32 + 2 · 14 − 2 · 41.
        score[u] =
            rsh(int64_t{dot} * query.scale.m * keys.mantissa[u], query.scale.e + keys.exponent[u] - 16);
        score_max = std::max(score_max, score[u]);
    }
    const int32_t e_min = *std::min_element(values.exponent, values.exponent + count);
    int64_t total = 0, weight_max = 0;  // <= 2^47, < 2^38
    for (uint32_t u = 0; u < count; ++u) {
        const int64_t p = exp2_negative(score_max - score[u]);
        total += p;
        score[u] = rsh(p * values.mantissa[u], values.exponent[u] - e_min);
        weight_max = std::max(weight_max, score[u]);
    }
    const int b = std::max(0, bit_length(uint64_t(weight_max)) - 14);
    std::vector<int64_t> sum(head_dim);  // <= 2^17 · 2^14 · 2^7
    for (uint32_t u = 0; u < count; ++u) {
        const int64_t w = std::min<int64_t>(16383, rsh(score[u], b));
        for (uint32_t i = 0; i < head_dim; ++i) sum[i] += w * values.codes[size_t{u} * head_dim + i];
    }
    const int bits = bit_length(uint64_t(total));
    const uint64_t normal = bits > 32 ? uint64_t(total) >> (bits - 32) : uint64_t(total) << (32 - bits);
    const auto inverse = int64_t((uint64_t{1} << 55) / normal);  // <= 2^24
    const int shift = 23 + bits - b + e_min - int(fx);
    for (uint32_t i = 0; i < head_dim; ++i) out[i] = sat(rsh(sum[i] * inverse, shift));
}

int64_t gate_element(const GateTable& table, int32_t x, uint32_t fx) {
    const int64_t a = int64_t{magnitude(x)} << (16 - fx);
    int64_t s = 65536;
    if (a < (int64_t{16} << 16)) {
        const auto i = size_t(a >> 10);
        const int64_t f = a & 1023;
        s = table[i] + (((int64_t{table[i + 1]} - table[i]) * f + 512) >> 10);
        s = (s + 4) >> 3;  // from 19 fraction bits to 16
    }
    return x < 0 ? 65536 - s : s;
}

int32_t gated_element(const GateTable& table, int32_t gate, int32_t up, uint32_t fx) {
    // |si| <= |gate|, so the next product is < 2^62.
    const int64_t si = rsh(gate * gate_element(table, gate, fx), 16);
    return sat(rsh(si * up, int(fx)));
}

}  // namespace daidd::inference
