#pragma once

#include <algorithm>

#include "inference/row_shifts_avx512.h"
#include "inference/sums_avx512.h"

// From the sums of a product to its outputs. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// The sixteen outputs of one block, whatever the rows.
///
/// Where their multipliers have one exponent, a row has one shift s. Sums and multipliers are brought near 31
/// bits each, which makes s at least 33: then the low half of a product changes no output, and of the high
/// half h rsh(product, s) = rsh(h, s − 32). That is less than 2^30, so none is clamped.
class OutputBlock {
public:
    /// `narrow`: the caller knows the sums of two planes to be int32, whatever the weights say.
    OutputBlock(const Linear& linear, const PackedLinear& packed, uint32_t block, uint32_t fx,
                bool narrow = false)
        : linear_{linear},
          packed_{packed},
          column_{block * kPackColumns},
          columns_{std::min(kPackColumns, linear.n - column_)},
          fx_{fx},
          scales_{packed.scales[block]},
          room_{packed.room[0], narrow ? std::max(packed.room[1], 0) : packed.room[1]} {
        const __m512i mw = load(&packed.lifted[column_]);
        mw_ = {mw, odd(mw)};
        bias_ = load(&packed.bias[column_]);
        if (scales_.lift != BlockScales::kApart) {
            high_from_ = RowShifts::kLeast - (kLiftMax - scales_.lift);
        }
    }

    /// Rows of exact sums, 16 columns a plane, each row `stride` sums after the one before; `low` is null for
    /// one plane. Writes the columns of this block; `y` is the first of them in the first row. `shifts` are
    /// of no use but to the next block.
    void put(uint32_t rows, const Scale* factors, const int32_t* high, const int32_t* low, size_t stride,
             RowShifts& shifts, int32_t* y) const {
        if (low == nullptr) {
            put_rows<Sum::kOnePlane>(rows, factors, high, low, stride, shifts, y);
        } else if (room_[1] >= 0) {
            put_rows<Sum::kNarrow>(rows, factors, high, low, stride, shifts, y);
        } else {
            put_rows<Sum::kWide>(rows, factors, high, low, stride, shifts, y);
        }
    }

    /// The same of 128 · high + low, an int32.
    void put_joined(uint32_t rows, const Scale* factors, const int32_t* sums, size_t stride,
                    RowShifts& shifts, int32_t* y) const {
        put_rows<Sum::kJoined>(rows, factors, sums, nullptr, stride, shifts, y);
    }

    uint32_t column() const { return column_; }

private:
    template <Sum kSum>
    void put_rows(uint32_t rows, const Scale* factors, const int32_t* high, const int32_t* low, size_t stride,
                  RowShifts& shifts, int32_t* y) const {
        constexpr bool kApart = kSum == Sum::kNarrow || kSum == Sum::kWide;
        const __mmask16 mask = first_lanes(columns_);
        // Sums that the caller found to be int32 by their codes may be beyond what the weights say.
        const int32_t room = std::max(room_[kSum != Sum::kOnePlane], 0);
        const __m512i up = _mm512_set1_epi32(room), bias = bias_;
        const Halves mw = mw_;
        const size_t n = linear_.n;
        const int32_t to_shift = scales_.most - int32_t(fx_) + room;
        for (uint32_t here = 0; rows > 0; rows -= here, factors += here) {
            here = std::min(rows, RowShifts::kRows);
            if constexpr (kSum != Sum::kWide) shifts.set(here, factors, to_shift, high_from_);
#pragma GCC unroll 1
            for (uint32_t r = 0; r < here; ++r, high += stride, low += kApart ? stride : 0, y += n) {
                if (kSum == Sum::kWide || (shifts.high >> r & 1) == 0) {
                    put_clamped<kSum>(factors[r], high, low, y);
                    continue;
                }
                const Halves v = scaled_sums<kSum>(mw, shifts.m[r], high, low, up);
                const __m512i h = _mm512_mask_shuffle_epi32(v.odds, 0x5555, v.even, _MM_PERM_CDAB);
                const __m512i rounded = _mm512_add_epi32(h, _mm512_set1_epi32(int32_t(shifts.half[r])));
                const __m512i out = _mm512_srav_epi32(rounded, _mm512_set1_epi32(int32_t(shifts.by[r])));
                _mm512_mask_storeu_epi32(y, mask, _mm512_add_epi32(out, bias));
            }
        }
    }

    /// One row of any factor. Inlined, it would take registers from the rows above.
    template <Sum kSum>
    __attribute__((noinline)) void put_clamped(Scale factor, const int32_t* high, const int32_t* low,
                                               int32_t* y) const {
        const int32_t shift = factor.e - int32_t(fx_);
        if (shift + scales_.ew_least < 1 || shift + scales_.most > kShiftMax) {
            put_slowly(factor, high, low, y);
            return;
        }
        // Less one: rsh(v, s) + bias = ((v >> (s − 1)) + 2 · bias + 1) >> 1.
        const bool apart = scales_.lift == BlockScales::kApart;
        const __m512i ew = apart ? load(&packed_.ew[column_]) : _mm512_set1_epi32(scales_.most);
        const __m512i by = _mm512_add_epi32(ew, _mm512_set1_epi32(shift - 1));
        const __m512i even_lanes = _mm512_set1_epi64(UINT32_MAX);
        const __m512i one = _mm512_set1_epi64(1), two = _mm512_set1_epi64(2);
        Halves v = scaled_sums<kSum>(mw_, factor.m, high, low, _mm512_setzero_si512());
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
    const BlockScales scales_;
    int32_t room_[2];  // of the sums of one plane and of two; below 0: not an int32
    int32_t high_from_ = RowShifts::kNever;
    Halves mw_;
    __m512i bias_;
};

}  // namespace daidd::inference::avx512
