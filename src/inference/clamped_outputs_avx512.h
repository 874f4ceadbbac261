#pragma once

#include <algorithm>

#include "inference/kernels.h"
#include "inference/sum_bounds.h"
#include "inference/sums_avx512.h"

// Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// The sixteen outputs of one block where a row's factor allows no short cut.
class ClampedOutputs {
protected:
    ClampedOutputs(const Linear& linear, const PackedLinear& packed, uint32_t block, uint32_t fx)
        : linear_{linear},
          packed_{packed},
          column_{block * kPackColumns},
          columns_{std::min(kPackColumns, linear.n - column_)},
          fx_{fx},
          scales_{packed.scales[block]} {
        const __m512i mw = load(&packed.lifted[column_]);
        mw_ = {mw, odd(mw)};
        bias_ = load(&packed.bias[column_]);
    }

    /// One row of any factor. Inlined, it would take registers from the other rows.
    template <Sum kSum>
    __attribute__((noinline)) void put_clamped(Scale factor, const SumRows& sums, int32_t* y) const {
        const int32_t shift = factor.e - int32_t(fx_);
        if (shift + scales_.ew_least < 1 || shift + scales_.most > kShiftMax) {
            put_slowly(factor, sums, y);
            return;
        }
        // Less one: rsh(v, s) + bias = ((v >> (s − 1)) + 2 · bias + 1) >> 1.
        const bool apart = scales_.lift == BlockScales::kApart;
        const __m512i ew = apart ? load(&packed_.ew[column_]) : _mm512_set1_epi32(scales_.most);
        const __m512i by = _mm512_add_epi32(ew, _mm512_set1_epi32(shift - 1));
        const __m512i even_lanes = _mm512_set1_epi64(UINT32_MAX);
        const __m512i one = _mm512_set1_epi64(1), two = _mm512_set1_epi64(2);
        Halves v = scaled_sums<kSum>(mw_, factor.m, sums);
        v.even = _mm512_srav_epi64(v.even, _mm512_and_si512(by, even_lanes));
        v.odds = _mm512_srav_epi64(v.odds, odd(by));
        v.even = _mm512_add_epi64(v.even, _mm512_add_epi64(_mm512_mul_epi32(bias_, two), one));
        v.odds = _mm512_add_epi64(v.odds, _mm512_add_epi64(_mm512_mul_epi32(odd(bias_), two), one));
        const __m512i out = join(sat64(_mm512_srai_epi64(v.even, 1)), sat64(_mm512_srai_epi64(v.odds, 1)));
        _mm512_mask_storeu_epi32(y, first_lanes(columns_), out);
    }

    const Linear& linear_;
    const PackedLinear& packed_;
    const uint32_t column_, columns_, fx_;
    const BlockScales scales_;
    Halves mw_;
    __m512i bias_;

private:
    void put_slowly(Scale factor, const SumRows& sums, int32_t* y) const {
        for (uint32_t c = 0; c < columns_; ++c) {
            const int64_t sum =
                sums.low == nullptr ? sums.high[c] : int64_t{128} * sums.high[c] + sums.low[c];
            y[c] = linear_output(sum, factor, linear_.mw[column_ + c], linear_.ew[column_ + c],
                                 packed_.bias[column_ + c], fx_);
        }
    }
};

}  // namespace daidd::inference::avx512
