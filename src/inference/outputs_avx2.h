#pragma once

#include <algorithm>
#include <cstring>

#include "inference/kernels.h"
#include "inference/lanes_avx2.h"
#include "inference/sum_bounds.h"

// What products of 256 bits share before and after the product itself. Only *_avx2.cpp include this.
namespace daidd::inference::avx2 {

/// codes + 64, a number of 7 bits: the instructions want one unsigned operand. Rows are padded to `depth`;
/// planes of a row lie together.
inline void offset_codes(const CodeRows& codes, uint32_t depth, BigVector<uint8_t>& out) {
    out.assign(size_t{codes.rows} * codes.planes * depth, 0);
    for (uint32_t r = 0; r < codes.rows; ++r) {
        for (uint32_t p = 0; p < codes.planes; ++p) {
            const auto from = codes.plane(r, p);
            uint8_t* to = out.data() + (size_t{r} * codes.planes + p) * depth;
            for (size_t i = 0; i < from.size(); ++i) to[i] = uint8_t(from[i] + 64);
        }
    }
}

/// Eight outputs; all shifts are within 1 … 62.
inline __m256i outputs(const int32_t* high, const int32_t* low, Scale factor, uint32_t fx, const int32_t* mw,
                       const int32_t* ew, const int32_t* bias) {
    const __m256i multiplier = _mm256_mullo_epi32(load(mw), _mm256_set1_epi32(factor.m));  // < 2^24
    const __m256i shift = _mm256_add_epi32(load(ew), _mm256_set1_epi32(factor.e - int32_t(fx)));
    const __m256i even_mask = _mm256_set1_epi64x(0xffffffff), ones = _mm256_set1_epi32(1);
    const __m256i h = load(high), b = load(bias);
    __m256i even = _mm256_mul_epi32(h, multiplier);
    __m256i odds = _mm256_mul_epi32(odd(h), odd(multiplier));
    if (low != nullptr) {
        const __m256i l = load(low);
        even = _mm256_add_epi64(_mm256_slli_epi64(even, 7), _mm256_mul_epi32(l, multiplier));
        odds = _mm256_add_epi64(_mm256_slli_epi64(odds, 7), _mm256_mul_epi32(odd(l), odd(multiplier)));
    }
    even = rsh64(even, _mm256_and_si256(shift, even_mask));
    odds = rsh64(odds, odd(shift));
    even = sat64(_mm256_add_epi64(even, _mm256_mul_epi32(b, ones)));
    odds = sat64(_mm256_add_epi64(odds, _mm256_mul_epi32(odd(b), ones)));
    return join(even, odds);
}

/// The sixteen outputs of one block, whatever the rows. Where their multipliers have one exponent, a row has
/// one shift. From a shift on that depends on the block alone no output can leave an int32, and none is
/// clamped.
class OutputBlock {
public:
    OutputBlock(const Linear& linear, const PackedLinear& packed, uint32_t block, uint32_t fx)
        : linear_{linear},
          packed_{packed},
          column_{block * kPackColumns},
          columns_{std::min(kPackColumns, linear.n - column_)},
          fx_{int32_t(fx)},
          most_{packed.scales[block].most} {
        const int32_t lift = packed.scales[block].lift;
        if (lift == BlockScales::kApart) return;
        for (uint32_t planes = 1; planes <= 2; ++planes) {
            fits_from_[planes - 1] = fits_from(product_bits(planes, linear.k) + lift);
        }
    }

    /// One row of exact sums, 16 columns a plane; `low` is null for one plane and for two joined. Writes the
    /// columns of the block; `y` is the first of them.
    void put(uint32_t planes, Scale factor, const int32_t* high, const int32_t* low, int32_t* y) const {
        const int32_t shift = factor.e - fx_ + most_;
        if (shift < fits_from_[planes - 1] || shift > kShiftMax) return put_clamped(factor, high, low, y);
        int32_t out[kPackColumns];
        int32_t* const to = columns_ == kPackColumns ? y : out;
        for (uint32_t c = 0; c < kPackColumns; c += 8) {
            store(to + c, fitting(factor.m, shift, c, high + c, low == nullptr ? low : low + c));
        }
        if (to != y) std::memcpy(y, out, columns_ * sizeof *y);
    }

    uint32_t column() const { return column_; }

private:
    static constexpr int32_t kNever = kShiftMax + 1;

    /// Eight outputs. A logical shift of v + 2^62 is the arithmetic one plus 2^62 >> shift.
    __m256i fitting(int32_t m, int32_t shift, uint32_t c, const int32_t* high, const int32_t* low) const {
        constexpr int64_t kBias = int64_t{1} << kShiftMax;
        const __m256i multiplier =
            _mm256_mullo_epi32(load(&packed_.lifted[column_ + c]), _mm256_set1_epi32(m));  // < 2^31
        const __m256i half = _mm256_set1_epi64x(kBias + (int64_t{1} << (shift - 1)));
        const __m128i by = _mm_cvtsi32_si128(shift);
        const __m256i h = load(high);
        __m256i even = _mm256_mul_epi32(h, multiplier), odds = _mm256_mul_epi32(odd(h), odd(multiplier));
        if (low != nullptr) {
            const __m256i l = load(low);
            even = _mm256_add_epi64(_mm256_slli_epi64(even, 7), _mm256_mul_epi32(l, multiplier));
            odds = _mm256_add_epi64(_mm256_slli_epi64(odds, 7), _mm256_mul_epi32(odd(l), odd(multiplier)));
        }
        even = _mm256_srl_epi64(_mm256_add_epi64(even, half), by);
        odds = _mm256_srl_epi64(_mm256_add_epi64(odds, half), by);
        const __m256i excess = _mm256_set1_epi32(int32_t(uint32_t(kBias >> shift)));  // modulo 2^32
        return _mm256_add_epi32(join(even, odds), _mm256_sub_epi32(load(&packed_.bias[column_ + c]), excess));
    }

    /// A row of any factor.
    __attribute__((noinline)) void put_clamped(Scale factor, const int32_t* high, const int32_t* low,
                                               int32_t* y) const {
        const int32_t shift = factor.e - fx_;
        if (shift + packed_.ew_min >= 1 && shift + packed_.ew_max <= kShiftMax) {
            int32_t out[kPackColumns];
            for (uint32_t c = 0; c < kPackColumns; c += 8) {
                const uint32_t at = column_ + c;
                store(out + c, outputs(high + c, low == nullptr ? low : low + c, factor, uint32_t(fx_),
                                       &packed_.mw[at], &packed_.ew[at], &packed_.bias[at]));
            }
            std::memcpy(y, out, columns_ * sizeof *y);
            return;
        }
        for (uint32_t c = 0; c < columns_; ++c) {
            const int64_t sum = low == nullptr ? high[c] : int64_t{128} * high[c] + low[c];
            y[c] = linear_output(sum, factor, linear_.mw[column_ + c], linear_.ew[column_ + c],
                                 packed_.bias[column_ + c], uint32_t(fx_));
        }
    }

    const Linear& linear_;
    const PackedLinear& packed_;
    uint32_t column_, columns_;
    int32_t fx_, most_, fits_from_[2] = {kNever, kNever};
};

}  // namespace daidd::inference::avx2
