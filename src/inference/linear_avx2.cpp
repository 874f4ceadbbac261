#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/kernels_avx2.h"
#include "inference/lanes_avx2.h"

namespace daidd::inference::avx2 {

namespace {

constexpr uint32_t kRowsAtOnce = 4;  // rows of codes (planes count) that share one read of the weights
using Sums = int32_t[kRowsAtOnce][kPackColumns];

/// codes + 64, a number of 7 bits: vpmaddubsw wants one unsigned operand, and 2 · 127 · 128 < 2^15 makes it
/// exact. Rows are padded to `depth`; planes of a row lie together.
void offset_codes(const CodeRows& codes, uint32_t depth, std::vector<uint8_t>& out) {
    out.assign(size_t{codes.rows} * codes.planes * depth, 0);
    for (uint32_t r = 0; r < codes.rows; ++r) {
        for (uint32_t p = 0; p < codes.planes; ++p) {
            const auto from = codes.plane(r, p);
            uint8_t* to = out.data() + (size_t{r} * codes.planes + p) * depth;
            for (size_t i = 0; i < from.size(); ++i) to[i] = uint8_t(from[i] + 64);
        }
    }
}

/// R rows by the 16 columns of one block.
template <uint32_t R>
void multiply(const int8_t* weights, const uint8_t* rows, uint32_t depth, const int32_t* offset, Sums& out) {
    __m256i sum[R][2];
#pragma GCC unroll 4
    for (uint32_t r = 0; r < R; ++r) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    const __m256i ones = _mm256_set1_epi16(1);
    for (uint32_t t = 0; t < depth; t += kPackDepth) {
        const __m256i left = load(weights + size_t{t} * kPackColumns);
        const __m256i right = load(weights + size_t{t} * kPackColumns + 32);
#pragma GCC unroll 4
        for (uint32_t r = 0; r < R; ++r) {
            int32_t four;
            std::memcpy(&four, rows + size_t{r} * depth + t, 4);
            const __m256i code = _mm256_set1_epi32(four);
            sum[r][0] =
                _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(_mm256_maddubs_epi16(code, left), ones));
            sum[r][1] =
                _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(_mm256_maddubs_epi16(code, right), ones));
        }
    }
#pragma GCC unroll 4
    for (uint32_t r = 0; r < R; ++r) {
        store(out[r], _mm256_sub_epi32(sum[r][0], load(offset)));
        store(out[r] + 8, _mm256_sub_epi32(sum[r][1], load(offset + 8)));
    }
}

void multiply(uint32_t count, const int8_t* weights, const uint8_t* rows, uint32_t depth,
              const int32_t* offset, Sums& out) {
    switch (count) {
    case 1: return multiply<1>(weights, rows, depth, offset, out);
    case 2: return multiply<2>(weights, rows, depth, offset, out);
    case 3: return multiply<3>(weights, rows, depth, offset, out);
    default: return multiply<4>(weights, rows, depth, offset, out);
    }
}

/// Eight outputs; all shifts are within 1 … 62.
__m256i outputs(const int32_t* high, const int32_t* low, Scale factor, uint32_t fx, const int32_t* mw,
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

}  // namespace

void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    const PackedLinear& w = *packed;
    const uint32_t planes = codes.planes, rows_at_once = kRowsAtOnce / planes;
    offset_codes(codes, w.depth, scratch.bytes);
    Sums sums;
    for (uint32_t block = block_begin; block < block_end; ++block) {
        const int8_t* weights = w.weights.get() + size_t{block} * kPackColumns * w.depth;
        const uint32_t column = block * kPackColumns, columns = std::min(kPackColumns, linear.n - column);
        for (uint32_t first = 0; first < codes.rows; first += rows_at_once) {
            const uint32_t count = std::min(rows_at_once, codes.rows - first);
            multiply(count * planes, weights, scratch.bytes.data() + size_t{first} * planes * w.depth,
                     w.depth, w.offset.data() + column, sums);
            for (uint32_t r = 0; r < count; ++r) {
                const Scale factor = codes.factors[first + r];
                const int32_t *high = sums[r * planes], *low = planes == 2 ? sums[r * planes + 1] : nullptr;
                int32_t* out = y + size_t{first + r} * linear.n + column;
                const int32_t shift = factor.e - int32_t(fx);
                if (shift + w.ew_min >= 1 && shift + w.ew_max <= 62) {
                    int32_t block_out[kPackColumns];
                    for (uint32_t c = 0; c < kPackColumns; c += 8) {
                        store(block_out + c,
                              outputs(high + c, low == nullptr ? low : low + c, factor, fx, &w.mw[column + c],
                                      &w.ew[column + c], &w.bias[column + c]));
                    }
                    std::memcpy(out, block_out, columns * sizeof(int32_t));
                    continue;
                }
                for (uint32_t c = 0; c < columns; ++c) {
                    const int64_t sum = low == nullptr ? high[c] : int64_t{128} * high[c] + low[c];
                    out[c] = linear_output(sum, factor, linear.mw[column + c], linear.ew[column + c],
                                           w.bias[column + c], fx);
                }
            }
        }
    }
}

}  // namespace daidd::inference::avx2
#endif
