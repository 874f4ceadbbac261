#if defined(__x86_64__)
#include "inference/kernels.h"
#include "inference/outputs_avx2.h"

namespace daidd::inference {

namespace avx2 {

namespace {

/// Rows of codes (planes count) that share one read of the weights: 12 sums, two registers of weights, one of
/// codes.
constexpr uint32_t kRowsAtOnce = 6;
using Sums = int32_t[kRowsAtOnce][kPackColumns];

/// sum += Σ of four products of unsigned codes and signed weights, in each of 8 lanes. Written out, so that
/// the file needs no flag beyond AVX2 and none of its inline functions can carry this into other backends.
inline __attribute__((always_inline)) void add_products(__m256i& sum, __m256i codes, __m256i weights) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(codes), "x"(weights));
}

/// R rows by the 16 columns of one block.
template <uint32_t R>
__attribute__((noinline)) void multiply(const int8_t* weights, const uint8_t* rows, uint32_t depth,
                                        const int32_t* offset, Sums& out) {
    __m256i left[R], right[R];
#pragma GCC unroll 6
    for (uint32_t r = 0; r < R; ++r) {
        left[r] = _mm256_sub_epi32(_mm256_setzero_si256(), load(offset));
        right[r] = _mm256_sub_epi32(_mm256_setzero_si256(), load(offset + 8));
    }
    for (uint32_t t = 0; t < depth; t += kPackDepth) {
        const __m256i w = load(weights + size_t{t} * kPackColumns);
        const __m256i v = load(weights + size_t{t} * kPackColumns + sizeof w);
#pragma GCC unroll 6
        for (uint32_t r = 0; r < R; ++r) {
            int32_t four;
            std::memcpy(&four, rows + size_t{r} * depth + t, kPackDepth);
            const __m256i code = _mm256_set1_epi32(four);
            add_products(left[r], code, w);
            add_products(right[r], code, v);
        }
    }
#pragma GCC unroll 6
    for (uint32_t r = 0; r < R; ++r) {
        store(out[r], left[r]);
        store(out[r] + 8, right[r]);
    }
}

using Multiply = void (*)(const int8_t* weights, const uint8_t* rows, uint32_t depth, const int32_t* offset,
                          Sums& out);
constexpr Multiply kMultiply[kRowsAtOnce] = {multiply<1>, multiply<2>, multiply<3>,
                                             multiply<4>, multiply<5>, multiply<6>};

void vnni_linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes,
                 uint32_t block_begin, uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    const PackedLinear& w = *packed;
    const uint32_t planes = codes.planes, rows_at_once = kRowsAtOnce / planes;
    const size_t row_bytes = size_t{planes} * w.depth;
    offset_codes(codes, w.depth, scratch.bytes);
    Sums sums;
    for (uint32_t block = block_begin; block < block_end; ++block) {
        const OutputBlock outputs{linear, w, block, fx};
        const size_t column = outputs.column();
        const int8_t* weights = w.weights.get() + column * w.depth;
        for (uint32_t first = 0; first < codes.rows; first += rows_at_once) {
            const uint32_t count = std::min(rows_at_once, codes.rows - first);
            kMultiply[count * planes - 1](weights, scratch.bytes.data() + first * row_bytes, w.depth,
                                          &w.offset[column], sums);
            for (uint32_t r = 0; r < count; ++r) {
                outputs.put(planes, codes.factors[first + r], sums[r * planes],
                            planes == 2 ? sums[r * planes + 1] : nullptr,
                            y + size_t{first + r} * linear.n + column);
            }
        }
    }
}

Kernels with_vnni() {
    Kernels kernels = kAvx2Kernels;
    kernels.linear = vnni_linear;
    return kernels;
}

}  // namespace

}  // namespace avx2

const Kernels kAvxVnniKernels = avx2::with_vnni();

}  // namespace daidd::inference
#endif
