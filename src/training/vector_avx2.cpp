#if defined(__x86_64__)
#include "inference/lanes_avx2.h"
#include "training/vector_kernels.h"

namespace daidd::training {

namespace {

constexpr size_t kStep = 16;

__m256i widened(const int8_t* at) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

int32_t sum_lanes(__m256i v) {
    __m128i x = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1)));
}

}  // namespace

void dot_rows_avx2(const int8_t* query, const int8_t* rows, size_t width, size_t count, int32_t* out) {
    for (size_t r = 0; r < count; ++r, rows += width) {
        __m256i sums = _mm256_setzero_si256();
        size_t i = 0;
        // Exact: a lane sums width / 8 products at most, each below 2^14.
        for (; i + kStep <= width; i += kStep) {
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(widened(query + i), widened(rows + i)));
        }
        int32_t sum = sum_lanes(sums);
        for (; i < width; ++i) sum += query[i] * rows[i];
        out[r] = sum;
    }
}

}  // namespace daidd::training
#endif
