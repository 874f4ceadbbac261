#if defined(__x86_64__)
#include "inference/lanes_avx512.h"
#include "training/vector_kernels.h"

namespace daidd::training {

namespace {

constexpr size_t kStep = 64;

__mmask64 first_bytes(size_t count) { return (uint64_t{1} << count) - 1; }

}  // namespace

void dot_rows_avx512(const int8_t* query, const int8_t* rows, size_t width, size_t count, int32_t* out) {
    namespace avx512 = inference::avx512;
    // A row's code + 128 is the unsigned operand; what that adds is 128 · Σ query. The largest sum is
    // 2^14 · 255 · 127 < 2^29. Lanes behind the width have a query of 0.
    const __m512i lift = _mm512_set1_epi8(-128);
    const __mmask64 tail = first_bytes(width % kStep);
    const size_t whole = width - width % kStep;
    int32_t excess = 0;
    for (size_t i = 0; i < width; ++i) excess += 128 * query[i];
    for (size_t r = 0; r < count; ++r, rows += width) {
        __m512i sums = _mm512_setzero_si512();
        for (size_t i = 0; i < whole; i += kStep) {
            avx512::add_products(sums, _mm512_xor_si512(avx512::load(rows + i), lift),
                                 avx512::load(query + i));
        }
        if (tail != 0) {
            const __m512i codes = _mm512_maskz_loadu_epi8(tail, rows + whole);
            avx512::add_products(sums, _mm512_xor_si512(codes, lift),
                                 _mm512_maskz_loadu_epi8(tail, query + whole));
        }
        out[r] = _mm512_reduce_add_epi32(sums) - excess;
    }
}

}  // namespace daidd::training
#endif
