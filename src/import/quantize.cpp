#include "import/quantize.h"

#include <algorithm>
#include <cmath>

#include "inference/model.h"

namespace daidd::import {

using inference::kEwMax;
using inference::kEwMin;
using inference::kMwMin;

namespace {

/// Nothing if a value is not finite.
std::optional<double> largest(std::span<const double> values) {
    double most = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) return std::nullopt;
        most = std::max(most, std::fabs(value));
    }
    return most;
}

struct Scale {
    uint16_t mw;
    uint8_t ew;
};

/// The smallest allowed scale that is at least `wanted`.
std::optional<Scale> scale_at_least(double wanted) {
    int exponent = 0;
    std::frexp(wanted, &exponent);  // wanted < 2^exponent, and exact: no logarithm
    int ew = std::min(10 - exponent, int(kEwMax));
    double mw = std::max(std::ceil(std::ldexp(wanted, ew)), double(kMwMin));
    if (mw == 2 * kMwMin) {
        mw = kMwMin;
        --ew;
    }
    if (ew < int(kEwMin)) return std::nullopt;
    return Scale{uint16_t(mw), uint8_t(ew)};
}

}  // namespace

template <class Code>
bool append_rows(const Matrix& a, int32_t code_max, QuantizedRows<Code>& to) {
    for (size_t r = 0; r < a.rows; ++r) {
        const auto most = largest(a.row(r));
        const auto scale = most ? scale_at_least(*most / code_max) : std::nullopt;
        if (!scale) return false;
        const double unit = std::ldexp(scale->mw, -int(scale->ew));
        for (const double value : a.row(r)) {
            const double code = std::nearbyint(value / unit);  // ties to even
            assert(std::fabs(code) <= code_max);
            to.codes.push_back(Code(code));
        }
        to.mw.push_back(scale->mw);
        to.ew.push_back(scale->ew);
    }
    return true;
}

template bool append_rows(const Matrix&, int32_t, QuantizedRows<int8_t>&);
template bool append_rows(const Matrix&, int32_t, QuantizedRows<int16_t>&);

Matrix rounding_rest(const Matrix& a, const QuantizedRows<int8_t>& rows) {
    assert(rows.codes.size() == a.values.size() && rows.mw.size() == a.rows);
    Matrix rest = a;
    for (size_t r = 0; r < a.rows; ++r) {
        const double unit = std::ldexp(rows.mw[r], -int(rows.ew[r]));
        for (size_t c = 0; c < a.cols; ++c) {
            // A code of 7 bits times a mantissa of 10 is exact, so a fused multiply-add gives the same.
            rest.row(r)[c] -= rows.codes[r * a.cols + c] * unit;
        }
    }
    return rest;
}

std::optional<QuantizedGain> quantize_gain(std::span<const double> gains) {
    const auto most = largest(gains);
    if (!most) return std::nullopt;
    int exponent = 0;
    const double fraction = std::frexp(*most, &exponent);
    // The largest ge with most · 2^ge <= 1: a power of two reaches 1 itself.
    QuantizedGain out;
    out.ge = std::min(fraction == 0.5 ? 1 - exponent : -exponent, inference::kGainExponentMax);
    if (*most == 0) out.ge = 0;
    if (out.ge < -inference::kGainExponentMax) return std::nullopt;
    for (const double gain : gains) out.gq.push_back(int32_t(std::nearbyint(std::ldexp(gain, 15 + out.ge))));
    return out;
}

void equalize_gains(double factor, std::span<double> q, std::span<double> k) {
    assert(q.size() == k.size() && q.size() % 2 == 0);
    for (size_t i = 0; i < q.size(); i += 2) {
        const double q_most = factor * std::max(std::fabs(q[i]), std::fabs(q[i + 1]));
        const double k_most = std::max(std::fabs(k[i]), std::fabs(k[i + 1]));
        const bool is_seen = q_most > 0 && k_most > 0;
        const double share = is_seen ? std::sqrt(q_most / k_most) : 0;
        for (size_t part = i; part < i + 2; ++part) {
            q[part] = is_seen ? q[part] * factor / share : 0;
            k[part] *= share;
        }
    }
}

}  // namespace daidd::import
