#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/kernels_avx2.h"
#include "inference/outputs_avx2.h"

namespace daidd::inference::avx2 {

namespace {

constexpr uint32_t kRowsAtOnce = 4;  // rows of codes (planes count) that share one read of the weights
using Sums = int32_t[kRowsAtOnce][kPackColumns];

/// R rows by the 16 columns of one block. vpmaddubsw is exact: 2 · 127 · 128 < 2^15.
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

}  // namespace

void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    const PackedLinear& w = *packed;
    const uint32_t planes = codes.planes, rows_at_once = kRowsAtOnce / planes;
    offset_codes(codes, w.depth, scratch.bytes);
    Sums sums;
    for (uint32_t block = block_begin; block < block_end; ++block) {
        const OutputBlock outputs{linear, w, block, fx};
        const size_t column = outputs.column();
        const int8_t* weights = w.weights.get() + column * w.depth;
        for (uint32_t first = 0; first < codes.rows; first += rows_at_once) {
            const uint32_t count = std::min(rows_at_once, codes.rows - first);
            multiply(count * planes, weights, scratch.bytes.data() + size_t{first} * planes * w.depth,
                     w.depth, w.offset.data() + column, sums);
            for (uint32_t r = 0; r < count; ++r) {
                outputs.put(planes, codes.factors[first + r], sums[r * planes],
                            planes == 2 ? sums[r * planes + 1] : nullptr,
                            y + size_t{first + r} * linear.n + column);
            }
        }
    }
}

}  // namespace daidd::inference::avx2
#endif
