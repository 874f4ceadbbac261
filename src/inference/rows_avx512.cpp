#if defined(__x86_64__)
#include <bit>

#include "inference/kernels_avx512.h"
#include "inference/lanes_avx512.h"
#include "inference/tables.h"

namespace daidd::inference::avx512 {

namespace {

constexpr size_t kLanes = 16;

/// Calls work(i, mask) for lanes [i, i + 16) of `size`, as many of them as exist.
template <class Work>
inline __attribute__((always_inline)) void each_lanes(size_t size, const Work& work) {
    size_t i = 0;
    for (; i + kLanes <= size; i += kLanes) work(i, __mmask16{0xffff});
    if (i < size) work(i, first_lanes(uint32_t(size - i)));
}

__m512i load(__mmask16 mask, const int32_t* at) { return _mm512_maskz_loadu_epi32(mask, at); }

uint32_t largest(std::span<const int32_t> x) {
    __m512i most = _mm512_setzero_si512();
    each_lanes(x.size(), [&](size_t i, __mmask16 mask) {
        most = _mm512_max_epu32(most, _mm512_abs_epi32(load(mask, &x[i])));
    });
    return _mm512_reduce_max_epu32(most);
}

/// The first i with |x[i]| == amax.
uint32_t first_of(std::span<const int32_t> x, uint32_t amax) {
    const __m512i wanted = _mm512_set1_epi32(int32_t(amax));
    for (size_t i = 0;; i += kLanes) {
        const size_t left = x.size() - i;
        const __mmask16 mask = left < kLanes ? first_lanes(uint32_t(left)) : __mmask16{0xffff};
        const __mmask16 same =
            _mm512_mask_cmpeq_epi32_mask(mask, _mm512_abs_epi32(load(mask, &x[i])), wanted);
        if (same != 0) return uint32_t(i) + uint32_t(std::countr_zero(uint32_t{same}));
    }
}

}  // namespace

RowScale quant_row(std::span<const int32_t> x, int32_t q, uint32_t fx, std::span<int8_t> high,
                   std::span<int8_t> low) {
    RowScale row;
    row.amax = largest(x);
    row.index = row.amax == 0 ? 0 : first_of(x, row.amax);
    row.scale = quant_scale(row.amax, q, fx);
    int s = 24 + int(fx) - row.scale.e + 14;  // 18 … 57
    int64_t reciprocal = (int64_t{1} << 38) / row.scale.m;
    if (reciprocal > INT32_MAX) {  // 2^31, one bit too many for the multiplier, can spare its lowest
        reciprocal >>= 1;
        --s;
    }
    const __m512i factor = _mm512_set1_epi64(reciprocal), half = _mm512_set1_epi64(int64_t{1} << (s - 1));
    const __m128i shift = _mm_cvtsi32_si128(s);
    each_lanes(x.size(), [&](size_t i, __mmask16 mask) {
        const __m512i v = load(mask, &x[i]);
        const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(v, factor), half);
        const __m512i odds = _mm512_add_epi64(_mm512_mul_epi32(odd(v), factor), half);
        const __m512i code = join(_mm512_sra_epi64(even, shift), _mm512_sra_epi64(odds, shift));
        if (low.empty()) return _mm512_mask_cvtepi32_storeu_epi8(&high[i], mask, code);
        const __m512i h = _mm512_srai_epi32(_mm512_add_epi32(code, _mm512_set1_epi32(64)), 7);
        _mm512_mask_cvtepi32_storeu_epi8(&high[i], mask, h);
        _mm512_mask_cvtepi32_storeu_epi8(&low[i], mask, _mm512_sub_epi32(code, _mm512_slli_epi32(h, 7)));
    });
    return row;
}

void gain_row(std::span<const int32_t> x, std::span<const int32_t> gq, std::span<int32_t> y) {
    each_lanes(x.size(), [&](size_t i, __mmask16 mask) {
        const __m512i a = load(mask, &x[i]), g = load(mask, &gq[i]);
        const __m512i even = rsh64<15>(_mm512_mul_epi32(a, g));
        const __m512i odds = rsh64<15>(_mm512_mul_epi32(odd(a), odd(g)));
        _mm512_mask_storeu_epi32(&y[i], mask, join(sat64(even), sat64(odds)));
    });
}

namespace {

struct Squares {
    uint64_t sum;
    int sh;
};

Squares squares_of(std::span<const int32_t> x) {
    const int bits = bit_length(largest(x)), sh = bits > 24 ? bits - 24 : 0;
    const __m128i shift = _mm_cvtsi32_si128(sh);
    __m512i sum = _mm512_setzero_si512();
    each_lanes(x.size(), [&](size_t i, __mmask16 mask) {
        const __m512i v = _mm512_sra_epi32(load(mask, &x[i]), shift), w = odd(v);
        sum = _mm512_add_epi64(sum, _mm512_add_epi64(_mm512_mul_epi32(v, v), _mm512_mul_epi32(w, w)));
    });
    return {uint64_t(_mm512_reduce_add_epi64(sum)), sh};
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
    const int last = 37 + ge - int(fx);
    const __m512i m = _mm512_set1_epi64(factor.m);
    const __m512i first_half = _mm512_set1_epi64(int64_t{1} << (factor.shift - 1));
    const __m512i last_half = _mm512_set1_epi64(int64_t{1} << (last - 1));
    const __m128i first_shift = _mm_cvtsi32_si128(factor.shift), last_shift = _mm_cvtsi32_si128(last);
    const auto element = [&](__m512i a, __m512i g) {
        const __m512i z = _mm512_sra_epi64(_mm512_add_epi64(_mm512_mul_epi32(a, m), first_half), first_shift);
        // |z| < 2^30: the low halves hold all.
        return sat64(_mm512_sra_epi64(_mm512_add_epi64(_mm512_mul_epi32(z, g), last_half), last_shift));
    };
    each_lanes(x.size(), [&](size_t i, __mmask16 mask) {
        const __m512i a = load(mask, &x[i]), g = load(mask, &gq[i]);
        _mm512_mask_storeu_epi32(&y[i], mask, join(element(a, g), element(odd(a), odd(g))));
    });
}

void add_row(std::span<const int32_t> a, std::span<const int32_t> b, std::span<int32_t> y) {
    const __m512i top = _mm512_set1_epi32(INT32_MAX), bottom = _mm512_set1_epi32(-INT32_MAX);
    each_lanes(y.size(), [&](size_t i, __mmask16 mask) {
        const __m512i u = load(mask, &a[i]), v = load(mask, &b[i]), sum = _mm512_add_epi32(u, v);
        // Overflow: both have the sign that the sum has not.
        const __m512i over = _mm512_and_si512(_mm512_xor_si512(u, sum), _mm512_xor_si512(v, sum));
        const __m512i limit = _mm512_xor_si512(_mm512_srai_epi32(u, 31), top);
        const __m512i clamped = _mm512_mask_mov_epi32(sum, _mm512_movepi32_mask(over), limit);
        _mm512_mask_storeu_epi32(&y[i], mask, _mm512_max_epi32(clamped, bottom));
    });
}

namespace {

/// Entries i and i + 1 of a table, for 16 lanes of i. One load brings both.
struct Entries {
    __m512i here, next;

    Entries(const int32_t* table, __m512i i) {
        const __m512i left = _mm512_i32gather_epi64(_mm512_castsi512_si256(i), table, 4);
        const __m512i right = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(i, 1), table, 4);
        here = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(left)),
                                  _mm512_cvtepi64_epi32(right), 1);
        next = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(odd(left))),
                                  _mm512_cvtepi64_epi32(odd(right)), 1);
    }
};

/// gate_element() of 16 values.
__m512i gates(const GateTable& table, __m512i x, uint32_t fx) {
    const __m512i a = _mm512_abs_epi32(x), one = _mm512_set1_epi32(65536);
    const __mmask16 inside = _mm512_cmplt_epi32_mask(a, _mm512_set1_epi32(int32_t{16} << fx));
    const __m512i scaled =
        _mm512_sll_epi32(_mm512_maskz_mov_epi32(inside, a), _mm_cvtsi32_si128(16 - int(fx)));
    const __m512i f = _mm512_and_si512(scaled, _mm512_set1_epi32(1023));
    const Entries entries{table.data(), _mm512_srli_epi32(scaled, 10)};
    __m512i s = _mm512_mullo_epi32(_mm512_sub_epi32(entries.next, entries.here), f);
    s = _mm512_srai_epi32(_mm512_add_epi32(s, _mm512_set1_epi32(512)), 10);
    s = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(entries.here, s), _mm512_set1_epi32(4)), 3);
    s = _mm512_mask_mov_epi32(one, inside, s);
    return _mm512_mask_sub_epi32(s, _mm512_movepi32_mask(x), one, s);
}

}  // namespace

void gated_row(const GateTable& table, std::span<const int32_t> x, uint32_t fx, std::span<int32_t> y) {
    const __m128i shift = _mm_cvtsi32_si128(int(fx));
    const __m512i half = _mm512_set1_epi64(int64_t{1} << (fx - 1));
    const auto last = [&](__m512i si, __m512i up) {
        return _mm512_sra_epi64(_mm512_add_epi64(_mm512_mul_epi32(si, up), half), shift);
    };
    const size_t n = y.size();
    each_lanes(n, [&](size_t i, __mmask16 mask) {
        const __m512i gate = load(mask, &x[i]), up = load(mask, &x[n + i]), s = gates(table, gate, fx);
        const __m512i even = rsh64<16>(_mm512_mul_epi32(gate, s));
        const __m512i odds = rsh64<16>(_mm512_mul_epi32(odd(gate), odd(s)));
        _mm512_mask_storeu_epi32(&y[i], mask, join(sat64(last(even, up)), sat64(last(odds, odd(up)))));
    });
}

}  // namespace daidd::inference::avx512

namespace daidd::inference {

const Kernels kAvx512Kernels = {avx512::quant_row, avx512::gain_row,       avx512::norm_scale,
                                avx512::linear,    avx512::attention_head, avx512::add_row,
                                avx512::gated_row, avx512::norm_row};

}  // namespace daidd::inference
#endif
