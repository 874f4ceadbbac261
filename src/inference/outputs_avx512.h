#pragma once

#include <algorithm>

#include "inference/kernels.h"
#include "inference/lanes_avx512.h"

// From the sums of a product to its outputs. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// What all rows share in the sixteen outputs of one block. Where a sum of both planes fits into an int32,
/// its rows are not widened before that sum.
class OutputBlock {
public:
    OutputBlock(const Linear& linear, const PackedLinear& packed, uint32_t block, uint32_t fx)
        : linear_{linear},
          packed_{packed},
          column_{block * kPackColumns},
          columns_{std::min(kPackColumns, linear.n - column_)},
          fx_{fx},
          narrow_{int64_t{kQTwoPlanes} * 128 * linear.k <= INT32_MAX} {
        for (uint32_t half = 0; half < 2; ++half) {
            const uint32_t at = column_ + half * kHalf;
            mw_[half] = wide(&packed.mw[at]);
            // Less one: rsh(v, s) + bias = ((v >> (s − 1)) + 2 · bias + 1) >> 1.
            shift_[half] = _mm512_sub_epi64(wide(&packed.ew[at]), _mm512_set1_epi64(1));
            const __m512i b = wide(&packed.bias[at]);
            bias_[half] = _mm512_add_epi64(_mm512_add_epi64(b, b), _mm512_set1_epi64(1));
        }
    }

    /// Rows of exact sums, 16 columns a plane, each row `stride` sums after the one before; `low` is null for
    /// one plane. Writes the columns of this block; `y` is the first of them in the first row.
    void put(uint32_t rows, const Scale* factors, const int32_t* high, const int32_t* low, size_t stride,
             int32_t* y) const {
        const bool narrow = low == nullptr || narrow_;
        const __mmask16 mask = first_lanes(columns_);
        const int32_t fx = int32_t(fx_), shift_min = 1 - packed_.ew_min, shift_max = 62 - packed_.ew_max;
        const __m512i mw0 = mw_[0], mw1 = mw_[1], s0 = shift_[0], s1 = shift_[1], b0 = bias_[0],
                      b1 = bias_[1];
        for (uint32_t r = 0; r < rows; ++r, high += stride, y += linear_.n) {
            const Scale factor = factors[r];
            const int32_t shift = factor.e - fx;
            const int32_t* const l = low == nullptr ? nullptr : low + r * stride;
            if (shift < shift_min || shift > shift_max) {
                put_slowly(factor, high, l, y);
                continue;
            }
            const __m512i m = _mm512_set1_epi64(factor.m), by = _mm512_set1_epi64(shift);
            const __m512i m0 = _mm512_mul_epu32(mw0, m), m1 = _mm512_mul_epu32(mw1, m);  // < 2^24
            __m512i v0, v1;
            if (narrow) {
                __m512i sums = load(high);
                if (l != nullptr) sums = _mm512_add_epi32(_mm512_slli_epi32(sums, 7), load(l));
                v0 = _mm512_mul_epi32(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(sums)), m0);
                v1 = _mm512_mul_epi32(_mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sums, 1)), m1);
            } else {
                v0 = _mm512_add_epi64(_mm512_slli_epi64(_mm512_mul_epi32(wide(high), m0), 7),
                                      _mm512_mul_epi32(wide(l), m0));
                v1 = _mm512_add_epi64(_mm512_slli_epi64(_mm512_mul_epi32(wide(high + kHalf), m1), 7),
                                      _mm512_mul_epi32(wide(l + kHalf), m1));
            }
            v0 = _mm512_add_epi64(_mm512_srav_epi64(v0, _mm512_add_epi64(s0, by)), b0);
            v1 = _mm512_add_epi64(_mm512_srav_epi64(v1, _mm512_add_epi64(s1, by)), b1);
            const __m512i out = sat_halves(_mm512_srai_epi64(v0, 1), _mm512_srai_epi64(v1, 1));
            _mm512_mask_storeu_epi32(y, mask, out);
        }
    }

    uint32_t column() const { return column_; }

private:
    static constexpr uint32_t kHalf = kPackColumns / 2;

    static __m512i wide(const int32_t* at) {
        return _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
    }
    void put_slowly(Scale factor, const int32_t* high, const int32_t* low, int32_t* y) const {
        for (uint32_t c = 0; c < columns_; ++c) {
            const int64_t sum = low == nullptr ? high[c] : int64_t{128} * high[c] + low[c];
            y[c] = linear_output(sum, factor, linear_.mw[column_ + c], linear_.ew[column_ + c],
                                 packed_.bias[column_ + c], fx_);
        }
    }

    const Linear& linear_;
    const PackedLinear& packed_;
    uint32_t column_, columns_, fx_;
    bool narrow_;
    __m512i mw_[2], shift_[2], bias_[2];
};

}  // namespace daidd::inference::avx512
