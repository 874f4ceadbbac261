#pragma once

#include <algorithm>
#include <cstring>

#include "inference/kernels.h"
#include "inference/lanes_avx2.h"

// What products of 256 bits share before and after the product itself. Only *_avx2.cpp include this.
namespace daidd::inference::avx2 {

/// codes + 64, a number of 7 bits: the instructions want one unsigned operand. Rows are padded to `depth`;
/// planes of a row lie together.
inline void offset_codes(const CodeRows& codes, uint32_t depth, std::vector<uint8_t>& out) {
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

/// One row of exact sums, 16 columns a plane; `low` is null for one plane. Writes the columns of the block;
/// `out` is the first of them.
inline void put_row(const Linear& linear, const PackedLinear& w, uint32_t block, uint32_t fx, Scale factor,
                    const int32_t* high, const int32_t* low, int32_t* out) {
    const uint32_t column = block * kPackColumns, columns = std::min(kPackColumns, linear.n - column);
    const int32_t shift = factor.e - int32_t(fx);
    if (shift + w.ew_min >= 1 && shift + w.ew_max <= 62) {
        int32_t block_out[kPackColumns];
        for (uint32_t c = 0; c < kPackColumns; c += 8) {
            store(block_out + c, outputs(high + c, low == nullptr ? low : low + c, factor, fx,
                                         &w.mw[column + c], &w.ew[column + c], &w.bias[column + c]));
        }
        std::memcpy(out, block_out, columns * sizeof(int32_t));
        return;
    }
    for (uint32_t c = 0; c < columns; ++c) {
        const int64_t sum = low == nullptr ? high[c] : int64_t{128} * high[c] + low[c];
        out[c] =
            linear_output(sum, factor, linear.mw[column + c], linear.ew[column + c], w.bias[column + c], fx);
    }
}

}  // namespace daidd::inference::avx2
