#pragma once

#include <algorithm>

#include "inference/sums_avx512.h"

// From the sums of a product to its outputs. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// What all rows share in the sixteen outputs of one block. Where a sum of both planes fits into an int32,
/// its rows are not widened before that sum.
///
/// Multipliers are brought to one exponent where those of the block are near each other: mw · 2^(most − ew)
/// under `most` says the same, and a row then has one shift. From a shift on that depends on the block alone
/// no output can leave an int32, and none is clamped.
class OutputBlock {
public:
    OutputBlock(const Linear& linear, const PackedLinear& packed, uint32_t block, uint32_t fx)
        : linear_{linear},
          packed_{packed},
          column_{block * kPackColumns},
          columns_{std::min(kPackColumns, linear.n - column_)},
          fx_{fx} {
        __m512i mw = load(&packed.mw[column_]), ew = load(&packed.ew[column_]);
        bias_ = load(&packed.bias[column_]);
        ew_least_ = _mm512_reduce_min_epi32(ew);
        ew_most_ = _mm512_reduce_max_epi32(ew);
        const int32_t lift = ew_most_ - ew_least_;
        if (lift <= kLiftMax && product_bits(2, linear.k) + lift <= kShiftMax) {
            const __m512i most = _mm512_set1_epi32(ew_most_);
            mw = _mm512_sllv_epi32(mw, _mm512_sub_epi32(most, ew));
            ew = most;
            const __m512i limit = _mm512_set1_epi32(1 << kRoomBits);
            const bool room = _mm512_cmpge_epu32_mask(_mm512_abs_epi32(bias_), limit) == 0;
            for (uint32_t planes = 1; planes <= 2 && room; ++planes) {
                fits_from_[planes - 1] = fits_from(product_bits(planes, linear.k) + lift);
            }
        }
        mw_ = {mw, odd(mw)};
        ew_ = ew;
    }

    /// Rows of exact sums, 16 columns a plane, each row `stride` sums after the one before; `low` is null for
    /// one plane. Writes the columns of this block; `y` is the first of them in the first row.
    void put(uint32_t rows, const Scale* factors, const int32_t* high, const int32_t* low, size_t stride,
             int32_t* y) const {
        if (low == nullptr) {
            put_rows<Sum::kOnePlane>(rows, factors, high, low, stride, y);
        } else if (is_narrow(2, linear_.k)) {
            put_rows<Sum::kNarrow>(rows, factors, high, low, stride, y);
        } else {
            put_rows<Sum::kWide>(rows, factors, high, low, stride, y);
        }
    }

    /// The same of 128 · high + low. Requires is_narrow(2, k).
    void put_joined(uint32_t rows, const Scale* factors, const int32_t* sums, size_t stride,
                    int32_t* y) const {
        put_rows<Sum::kJoined>(rows, factors, sums, nullptr, stride, y);
    }

    uint32_t column() const { return column_; }

private:
    static constexpr int32_t kNever = kShiftMax + 1;
    static constexpr uint32_t kRowsAtOnce = 8;  // a register of factors
    static_assert(sizeof(Scale) == sizeof(int64_t));

    template <Sum kSum>
    void put_rows(uint32_t rows, const Scale* factors, const int32_t* high, const int32_t* low, size_t stride,
                  int32_t* y) const {
        constexpr bool kTwo = kSum != Sum::kOnePlane, kApart = kTwo && kSum != Sum::kJoined;
        const __mmask16 mask = first_lanes(columns_);
        const __m512i one = _mm512_set1_epi64(1), to_shift = _mm512_set1_epi64(ew_most_ - int64_t{fx_});
        const __m512i least = _mm512_set1_epi64(fits_from_[kTwo]), most = _mm512_set1_epi64(kShiftMax);
        const __m512i lows = _mm512_setr_epi32(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
        const Halves mw = mw_;
        const __m512i bias = bias_;
        for (uint32_t here = 0; rows > 0; rows -= here, factors += here) {
            here = std::min(rows, kRowsAtOnce);
            const __m512i scales = _mm512_maskz_loadu_epi64(__mmask8(first_lanes(here)), factors);
            const __m512i shift = _mm512_add_epi64(_mm512_srai_epi64(scales, 32), to_shift);
            alignas(64) int64_t shifts[kRowsAtOnce], halves[kRowsAtOnce];
            store(shifts, shift);
            store(halves, _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one)));
            const uint32_t fits =
                _mm512_cmpge_epi64_mask(shift, least) & _mm512_cmple_epi64_mask(shift, most);
            for (uint32_t r = 0; r < here; ++r, high += stride, low += kApart ? stride : 0, y += linear_.n) {
                if ((fits >> r & 1) == 0) {
                    put_clamped<kSum>(factors[r], high, low, y);
                    continue;
                }
                const __m512i by = _mm512_set1_epi64(shifts[r]), half = _mm512_set1_epi64(halves[r]);
                Halves v = scaled_sums<kSum>(mw, factors[r].m, high, low);
                v.even = _mm512_srav_epi64(_mm512_add_epi64(v.even, half), by);
                v.odds = _mm512_srav_epi64(_mm512_add_epi64(v.odds, half), by);
                const __m512i out = _mm512_permutex2var_epi32(v.even, lows, v.odds);
                _mm512_mask_storeu_epi32(y, mask, _mm512_add_epi32(out, bias));
            }
        }
    }

    /// One row of any factor. Inlined, it would take registers from the rows above.
    template <Sum kSum>
    __attribute__((noinline)) void put_clamped(Scale factor, const int32_t* high, const int32_t* low,
                                               int32_t* y) const {
        const int32_t shift = factor.e - int32_t(fx_);
        if (shift + ew_least_ < 1 || shift + ew_most_ > kShiftMax) {
            put_slowly(factor, high, low, y);
            return;
        }
        // Less one: rsh(v, s) + bias = ((v >> (s − 1)) + 2 · bias + 1) >> 1.
        const __m512i by = _mm512_add_epi32(ew_, _mm512_set1_epi32(shift - 1));
        const __m512i even_lanes = _mm512_set1_epi64(UINT32_MAX);
        const __m512i one = _mm512_set1_epi64(1), two = _mm512_set1_epi64(2);
        Halves v = scaled_sums<kSum>(mw_, factor.m, high, low);
        v.even = _mm512_srav_epi64(v.even, _mm512_and_si512(by, even_lanes));
        v.odds = _mm512_srav_epi64(v.odds, odd(by));
        v.even = _mm512_add_epi64(v.even, _mm512_add_epi64(_mm512_mul_epi32(bias_, two), one));
        v.odds = _mm512_add_epi64(v.odds, _mm512_add_epi64(_mm512_mul_epi32(odd(bias_), two), one));
        const __m512i out = join(sat64(_mm512_srai_epi64(v.even, 1)), sat64(_mm512_srai_epi64(v.odds, 1)));
        _mm512_mask_storeu_epi32(y, first_lanes(columns_), out);
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
    int32_t ew_least_, ew_most_, fits_from_[2] = {kNever, kNever};
    Halves mw_;
    __m512i ew_, bias_;
};

}  // namespace daidd::inference::avx512
