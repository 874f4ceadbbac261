#if defined(__x86_64__)
#include <algorithm>
#include <array>
#include <bit>

#include "inference/kernels_avx2.h"
#include "inference/lanes_avx2.h"
#include "inference/tables.h"

namespace daidd::inference::avx2 {

namespace {

uint32_t largest(std::span<const int32_t> x) {
    __m256i most = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= x.size(); i += 8) most = _mm256_max_epu32(most, _mm256_abs_epi32(load(&x[i])));
    uint32_t amax = max_lane(most);
    for (; i < x.size(); ++i) amax = std::max(amax, uint32_t(std::abs(x[i])));
    return amax;
}

/// The first i with |x[i]| == amax.
uint32_t first_of(std::span<const int32_t> x, uint32_t amax) {
    const __m256i wanted = _mm256_set1_epi32(int32_t(amax));
    size_t i = 0;
    for (; i + 8 <= x.size(); i += 8) {
        const __m256i same = _mm256_cmpeq_epi32(_mm256_abs_epi32(load(&x[i])), wanted);
        const auto mask = uint32_t(_mm256_movemask_ps(_mm256_castsi256_ps(same)));
        if (mask != 0) return uint32_t(i) + uint32_t(std::countr_zero(mask));
    }
    while (uint32_t(std::abs(x[i])) != amax) ++i;
    return uint32_t(i);
}

/// Low bytes of eight int32 lanes within int8.
void store_bytes(int8_t* at, __m256i v) {
    const __m256i words = _mm256_packs_epi32(v, v), bytes = _mm256_packs_epi16(words, words);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(at), _mm_unpacklo_epi32(low, high));
}

}  // namespace

RowScale quant_row(std::span<const int32_t> x, int32_t q, uint32_t fx, std::span<int8_t> high,
                   std::span<int8_t> low) {
    RowScale row;
    row.amax = largest(x);
    row.index = row.amax == 0 ? 0 : first_of(x, row.amax);
    row.scale = quant_scale(row.amax, q, fx);
    const int s = 24 + int(fx) - row.scale.e + 14;  // 18 … 57
    const int64_t reciprocal = (int64_t{1} << 38) / row.scale.m;
    // The reciprocal can be 2^31, so both factors are taken unsigned, x lifted by 2^31, the sum by 2^62.
    const __m256i factor = _mm256_set1_epi64x(reciprocal);
    const __m256i sign = _mm256_set1_epi32(INT32_MIN);
    const __m256i lift =
        _mm256_set1_epi64x((int64_t{1} << 62) + (int64_t{1} << (s - 1)) - (reciprocal << 31));
    const __m256i unlift = _mm256_set1_epi32(int32_t(uint32_t((uint64_t{1} << 62) >> s)));
    const __m128i shift = _mm_cvtsi32_si128(s);
    size_t i = 0;
    for (; i + 8 <= x.size(); i += 8) {
        const __m256i lifted = _mm256_xor_si256(load(&x[i]), sign);
        const __m256i even = _mm256_add_epi64(_mm256_mul_epu32(lifted, factor), lift);
        const __m256i odds = _mm256_add_epi64(_mm256_mul_epu32(odd(lifted), factor), lift);
        const __m256i code =
            _mm256_sub_epi32(join(_mm256_srl_epi64(even, shift), _mm256_srl_epi64(odds, shift)), unlift);
        if (low.empty()) {
            store_bytes(&high[i], code);
            continue;
        }
        const __m256i h = _mm256_srai_epi32(_mm256_add_epi32(code, _mm256_set1_epi32(64)), 7);
        store_bytes(&high[i], h);
        store_bytes(&low[i], _mm256_sub_epi32(code, _mm256_slli_epi32(h, 7)));
    }
    for (; i < x.size(); ++i) {
        const int32_t code = quant_code(x[i], row.scale, fx);
        high[i] = low.empty() ? int8_t(code) : high_plane(code);
        if (!low.empty()) low[i] = low_plane(code);
    }
    return row;
}

void gain_row(std::span<const int32_t> x, std::span<const int32_t> gq, std::span<int32_t> y) {
    const __m256i shift = _mm256_set1_epi64x(15);
    size_t i = 0;
    for (; i + 8 <= x.size(); i += 8) {
        const __m256i a = load(&x[i]), g = load(&gq[i]);
        const __m256i even = rsh64(_mm256_mul_epi32(a, g), shift);
        const __m256i odds = rsh64(_mm256_mul_epi32(odd(a), odd(g)), shift);
        store(&y[i], join(sat64(even), sat64(odds)));
    }
    for (; i < x.size(); ++i) y[i] = gain_element(x[i], gq[i]);
}

namespace {

struct Squares {
    uint64_t sum;
    int sh;
};

Squares squares_of(std::span<const int32_t> x) {
    const int sh = std::max(0, bit_length(largest(x)) - 24);
    const __m128i shift = _mm_cvtsi32_si128(sh);
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= x.size(); i += 8) {
        const __m256i v = _mm256_sra_epi32(load(&x[i]), shift), w = odd(v);
        sum = _mm256_add_epi64(sum, _mm256_add_epi64(_mm256_mul_epi32(v, v), _mm256_mul_epi32(w, w)));
    }
    auto squares = uint64_t(sum_lanes64(sum));
    for (; i < x.size(); ++i) squares += uint64_t(int64_t{x[i] >> sh} * (x[i] >> sh));
    return {squares, sh};
}

}  // namespace

Scale norm_scale(std::span<const int32_t> x, Scale scale, uint64_t epsilon, int32_t ge, uint32_t fx) {
    const auto [squares, sh] = squares_of(x);
    return norm_scale_of(squares, sh, x.size(), scale, epsilon, ge, fx);
}

void norm_row(std::span<const int32_t> x, std::span<const int32_t> gq, int32_t ge, uint64_t epsilon,
              uint32_t fx, std::span<int32_t> y) {
    const auto [squares, sh] = squares_of(x);
    const NormFactor factor = norm_factor_of(squares, sh, x.size(), epsilon);
    const __m256i m = _mm256_set1_epi64x(factor.m), first = _mm256_set1_epi64x(factor.shift);
    const __m256i second = _mm256_set1_epi64x(37 + ge - int(fx));
    size_t i = 0;
    for (; i + 8 <= x.size(); i += 8) {
        const __m256i a = load(&x[i]), g = load(&gq[i]);
        // |z| < 2^30: the low halves hold all.
        const __m256i z_even = rsh64(_mm256_mul_epi32(a, m), first);
        const __m256i z_odds = rsh64(_mm256_mul_epi32(odd(a), m), first);
        const __m256i even = rsh64(_mm256_mul_epi32(z_even, g), second);
        const __m256i odds = rsh64(_mm256_mul_epi32(z_odds, odd(g)), second);
        store(&y[i], join(sat64(even), sat64(odds)));
    }
    for (; i < x.size(); ++i) y[i] = norm_element(x[i], factor, gq[i], ge, fx);
}

void add_row(std::span<const int32_t> a, std::span<const int32_t> b, std::span<int32_t> y) {
    const __m256i top = _mm256_set1_epi32(INT32_MAX), bottom = _mm256_set1_epi32(-INT32_MAX);
    size_t i = 0;
    for (; i + 8 <= y.size(); i += 8) {
        const __m256i u = load(&a[i]), v = load(&b[i]), sum = _mm256_add_epi32(u, v);
        // Overflow: both have the sign that the sum has not.
        const __m256i over = _mm256_and_si256(_mm256_xor_si256(u, sum), _mm256_xor_si256(v, sum));
        const __m256i limit = _mm256_xor_si256(_mm256_srai_epi32(u, 31), top);
        const __m256i clamped = _mm256_blendv_epi8(sum, limit, _mm256_srai_epi32(over, 31));
        store(&y[i], _mm256_max_epi32(clamped, bottom));
    }
    for (; i < y.size(); ++i) y[i] = add_element(a[i], b[i]);
}

namespace {

/// gate_element() of eight values.
__m256i gates(const GateTable& table, __m256i x, uint32_t fx) {
    const __m256i a = _mm256_abs_epi32(x), end = _mm256_set1_epi32(int32_t{16} << fx);
    const __m256i beyond = _mm256_cmpgt_epi32(a, _mm256_sub_epi32(end, _mm256_set1_epi32(1)));
    const __m256i inside = _mm256_andnot_si256(beyond, a);
    const __m256i scaled = _mm256_sll_epi32(inside, _mm_cvtsi32_si128(16 - int(fx)));
    const __m256i i = _mm256_srli_epi32(scaled, 10), f = _mm256_and_si256(scaled, _mm256_set1_epi32(1023));
    const __m256i here = _mm256_i32gather_epi32(table.data(), i, 4);
    const __m256i next = _mm256_i32gather_epi32(table.data() + 1, i, 4);
    __m256i s = _mm256_mullo_epi32(_mm256_sub_epi32(next, here), f);
    s = _mm256_add_epi32(here, _mm256_srai_epi32(_mm256_add_epi32(s, _mm256_set1_epi32(512)), 10));
    s = _mm256_srli_epi32(_mm256_add_epi32(s, _mm256_set1_epi32(4)), 3);
    const __m256i one = _mm256_set1_epi32(65536);
    s = _mm256_blendv_epi8(s, one, beyond);
    return _mm256_blendv_epi8(s, _mm256_sub_epi32(one, s), _mm256_srai_epi32(x, 31));
}

}  // namespace

void gated_row(const GateTable& table, std::span<const int32_t> x, uint32_t fx, std::span<int32_t> y) {
    const __m256i sixteen = _mm256_set1_epi64x(16), shift = _mm256_set1_epi64x(int64_t{fx});
    const size_t n = y.size();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i gate = load(&x[i]), up = load(&x[n + i]), s = gates(table, gate, fx);
        const __m256i even = rsh64(_mm256_mul_epi32(gate, s), sixteen);
        const __m256i odds = rsh64(_mm256_mul_epi32(odd(gate), odd(s)), sixteen);
        const __m256i y_even = rsh64(_mm256_mul_epi32(even, up), shift);
        const __m256i y_odds = rsh64(_mm256_mul_epi32(odds, odd(up)), shift);
        store(&y[i], join(sat64(y_even), sat64(y_odds)));
    }
    for (; i < n; ++i) y[i] = gated_element(table, x[i], x[n + i], fx);
}

}  // namespace daidd::inference::avx2

namespace daidd::inference {

const Kernels kAvx2Kernels = {avx2::quant_row,      avx2::gain_row, avx2::norm_scale, avx2::linear,
                              avx2::attention_head, avx2::add_row,  avx2::gated_row,  avx2::norm_row};

}  // namespace daidd::inference
#endif
