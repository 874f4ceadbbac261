#if defined(__x86_64__)
#include <cstring>

#include "inference/kernels_avx512.h"
#include "inference/lanes_avx512.h"
#include "inference/tables.h"

namespace daidd::inference::avx512 {

namespace {

constexpr uint32_t kChunk = 64;  // elements of a head in one register
constexpr uint32_t kKeysAtOnce = 16;
constexpr uint32_t kChunksMax = kHeadDimMax / kChunk;
constexpr int64_t kWeightMax = 16383;  // two planes of 7 bits
static_assert(kPagePositions % kKeysAtOnce == 0, "a page that is not the last has no tail");

/// The elements of chunk c that a head of `head_dim` has.
__mmask64 elements(uint32_t head_dim, uint32_t c) {
    const uint32_t left = head_dim - c * kChunk;
    return left >= kChunk ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
}

/// A query as vpdpbusd wants it: magnitudes, and whose sign the key takes over.
struct Query {
    __m512i magnitude[kChunksMax];
    __mmask64 negative[kChunksMax], exists[kChunksMax];
    uint32_t chunks;

    Query(const int8_t* codes, uint32_t head_dim) : chunks{(head_dim + kChunk - 1) / kChunk} {
        for (uint32_t c = 0; c < chunks; ++c) {
            exists[c] = elements(head_dim, c);
            const __m512i q = _mm512_maskz_loadu_epi8(exists[c], codes + c * kChunk);
            magnitude[c] = _mm512_abs_epi8(q);
            negative[c] = _mm512_movepi8_mask(q);
        }
    }

    /// 16 partial sums of the dot product with one key.
    __m512i products(const int8_t* key) const {
        __m512i sum = _mm512_setzero_si512();
        for (uint32_t c = 0; c < chunks; ++c) {
            const __m512i k = _mm512_maskz_loadu_epi8(exists[c], key + c * kChunk);
            add_products(sum, magnitude[c], _mm512_mask_sub_epi8(k, negative[c], _mm512_setzero_si512(), k));
        }
        return sum;
    }
};

/// Lane i becomes the sum of all lanes of x[i].
__m512i sum_each(__m512i (&x)[kKeysAtOnce]) {
    // Each step adds halves of pairs; after two, lane i of every 128 bits belongs to one of four vectors.
    __m512i a[8], b[4];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) {
        a[i] = _mm512_add_epi32(_mm512_unpacklo_epi32(x[2 * i], x[2 * i + 1]),
                                _mm512_unpackhi_epi32(x[2 * i], x[2 * i + 1]));
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
        b[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(a[2 * i], a[2 * i + 1]),
                                _mm512_unpackhi_epi64(a[2 * i], a[2 * i + 1]));
    }
    const auto halves = [](__m512i u, __m512i v) {
        return _mm512_add_epi32(_mm512_shuffle_i32x4(u, v, 0x88), _mm512_shuffle_i32x4(u, v, 0xdd));
    };
    return halves(halves(b[0], b[1]), halves(b[2], b[3]));
}

__m512i eight_mantissas(__mmask8 mask, const uint8_t* at) {
    return _mm512_cvtepu8_epi64(_mm_maskz_loadu_epi8(mask, at));
}
__m512i eight_exponents(__mmask8 mask, const int16_t* at) {
    return _mm512_cvtepi16_epi64(_mm_maskz_loadu_epi16(mask, at));
}
/// Positions [u, u + 8) below `count`.
__mmask8 positions(uint32_t u, uint32_t count) {
    return u >= count ? __mmask8{0} : __mmask8(first_lanes(count - u < 8 ? count - u : 8));
}

/// Scores of eight positions from their dot products.
__m512i scores_of(__m256i dots, const HeadQuery& query, const HeadRows& keys, uint32_t u, __mmask8 mask) {
    const __m512i m = _mm512_set1_epi64(query.scale.m), e = _mm512_set1_epi64(query.scale.e - 16);
    const __m512i v = _mm512_mul_epi32(_mm512_cvtepi32_epi64(dots),
                                       _mm512_mul_epu32(m, eight_mantissas(mask, keys.mantissa + u)));
    const __m512i shift = _mm512_add_epi64(e, eight_exponents(mask, keys.exponent + u));
    const __m512i one = _mm512_set1_epi64(1);
    if (_mm512_mask_cmplt_epi64_mask(mask, shift, one) != 0) {
        alignas(64) int64_t values[8], shifts[8];
        store(values, v);
        store(shifts, shift);
        for (size_t i = 0; i < 8; ++i) values[i] = rsh(values[i], int(shifts[i]));
        return load(values);
    }
    // |v| < 2^38, so shifts beyond 62 give 0 here too.
    const __m512i doubled = _mm512_srav_epi64(v, _mm512_sub_epi64(shift, one));
    return _mm512_srai_epi64(_mm512_add_epi64(doubled, one), 1);
}

/// Fills `score` for `count` positions of a page and raises `most` to the largest. Writes up to the next
/// multiple of kKeysAtOnce.
void score_page(const HeadQuery& query, const Query& q, const HeadRows& keys, uint32_t count,
                uint32_t head_dim, int64_t* score, __m512i& most) {
    for (uint32_t first = 0; first < count; first += kKeysAtOnce) {
        __m512i sums[kKeysAtOnce];
#pragma GCC unroll 16
        for (uint32_t i = 0; i < kKeysAtOnce; ++i) {
            const uint32_t u = first + i < count ? first + i : count - 1;
            sums[i] = q.products(keys.codes + size_t{u} * head_dim);
        }
        const __m512i dots = sum_each(sums);
        for (uint32_t half = 0; half < 2; ++half) {
            const uint32_t u = first + 8 * half;
            const __mmask8 mask = positions(u, count);
            const __m256i eight =
                half == 0 ? _mm512_castsi512_si256(dots) : _mm512_extracti64x4_epi64(dots, 1);
            const __m512i s = scores_of(eight, query, keys, u, mask);
            store(score + u, s);
            most = _mm512_mask_max_epi64(most, mask, most, s);
        }
    }
}

/// Fills `score` up to the next multiple of kKeysAtOnce and returns the largest of the first `count`.
int64_t make_scores(const HeadQuery& query, const HeadPages& keys, uint32_t count, uint32_t head_dim,
                    int64_t* score) {
    const Query q{query.codes, head_dim};
    __m512i most = _mm512_set1_epi64(INT64_MIN);
    for (uint32_t u = 0; u < count; u += kPagePositions) {
        score_page(query, q, keys.rows(u / kPagePositions, head_dim), in_page(u, count), head_dim, score + u,
                   most);
        if (u == 0 && keys.skip > 0)
            most = _mm512_set1_epi64(hide_scores(score, keys.skip, in_page(0, count)));
    }
    return _mm512_reduce_max_epi64(most);
}

/// exp2_negative() of eight distances.
__m512i powers(__m512i d) {
    const __mmask8 inside = _mm512_cmplt_epi64_mask(d, _mm512_set1_epi64(int64_t{31} << 16));
    const __m512i byte = _mm512_set1_epi64(255), low_half = _mm512_set1_epi64(0xffffffff);
    const __m512i i = _mm512_and_si512(_mm512_srli_epi64(d, 8), byte), f = _mm512_and_si512(d, byte);
    const __m512i both = _mm512_i64gather_epi64(i, kExp2.data(), 4);  // entries i and i + 1
    const __m512i here = _mm512_and_si512(both, low_half);
    const __m512i fall = _mm512_mul_epu32(_mm512_sub_epi64(here, odd(both)), f);
    const __m512i value = _mm512_sub_epi64(here, rsh64<8>(fall));
    // At shift 0 the count of `half` is −1, which shifts everything out.
    const __m512i shift = _mm512_srli_epi64(d, 16), one = _mm512_set1_epi64(1);
    const __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
    return _mm512_maskz_srlv_epi64(inside, _mm512_add_epi64(value, half), shift);
}

int32_t smallest_exponent(const HeadPages& values, uint32_t count, uint32_t head_dim) {
    __m512i least = _mm512_set1_epi16(INT16_MAX);
    for (uint32_t first = 0; first < count; first += kPagePositions) {
        const int16_t* exponent = values.rows(first / kPagePositions, head_dim).exponent;
        for (uint32_t u = first == 0 ? values.skip : 0, here = in_page(first, count); u < here; u += 32) {
            const uint32_t left = here - u;
            const __mmask32 mask = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
            least = _mm512_mask_min_epi16(least, mask, least, _mm512_maskz_loadu_epi16(mask, exponent + u));
        }
    }
    const __m256i half = _mm256_min_epi16(_mm512_castsi512_si256(least), _mm512_extracti64x4_epi64(least, 1));
    return _mm512_reduce_min_epi32(_mm512_cvtepi16_epi32(half));
}

struct Weights {
    int64_t total, largest;
};

/// Turns scores into p · mantissa, shifted to the smallest exponent.
Weights make_weights(const HeadPages& values, uint32_t count, uint32_t head_dim, int64_t score_max,
                     int32_t e_min, int64_t* score) {
    const __m512i top = _mm512_set1_epi64(score_max), e = _mm512_set1_epi64(e_min),
                  one = _mm512_set1_epi64(1);
    __m512i sum = _mm512_setzero_si512(), most = sum;
    for (uint32_t first = 0; first < count; first += kPagePositions, score += kPagePositions) {
        const HeadRows rows = values.rows(first / kPagePositions, head_dim);
        for (uint32_t u = 0, here = in_page(first, count); u < here; u += 8) {
            const __mmask8 mask = positions(u, here);
            const __m512i p = _mm512_maskz_mov_epi64(mask, powers(_mm512_sub_epi64(top, load(score + u))));
            sum = _mm512_add_epi64(sum, p);
            const __m512i shift = _mm512_sub_epi64(eight_exponents(mask, rows.exponent + u), e);
            const __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
            const __m512i v = _mm512_mul_epu32(p, eight_mantissas(mask, rows.mantissa + u));
            const __m512i w = _mm512_srlv_epi64(_mm512_add_epi64(v, half), shift);
            store(score + u, w);
            most = _mm512_max_epi64(most, _mm512_maskz_mov_epi64(mask, w));
        }
    }
    return {_mm512_reduce_add_epi64(sum), _mm512_reduce_max_epi64(most)};
}

/// Weights of `count` positions in two planes, with zeros up to the next multiple of eight.
void split_weights(const int64_t* score, uint32_t count, int b, uint8_t* high, uint8_t* low) {
    const __m512i half = _mm512_set1_epi64(b == 0 ? 0 : int64_t{1} << (b - 1));
    const __m128i shift = _mm_cvtsi32_si128(b);
    for (uint32_t u = 0; u < count; u += 8) {
        const __m512i rounded = _mm512_srl_epi64(_mm512_add_epi64(load(score + u), half), shift);
        const __m512i w = _mm512_maskz_min_epi64(positions(u, count), rounded, _mm512_set1_epi64(kWeightMax));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(high + u), _mm512_cvtepi64_epi8(_mm512_srli_epi64(w, 7)));
        const __m512i rest = _mm512_and_si512(w, _mm512_set1_epi64(127));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(low + u), _mm512_cvtepi64_epi8(rest));
    }
}

/// Σ w · v for the elements of one chunk, by plane of w; element 16 j + 4 i + l is in lane 4 j + l of sum i.
struct ChunkSums {
    __m512i high[4], low[4];
};

/// Of the elements from `at` on. Four positions a product: bytes of four rows are interleaved so that each
/// lane holds one element's.
ChunkSums sum_values(const uint8_t* high, const uint8_t* low, const HeadPages& values, uint32_t at,
                     uint32_t count, uint32_t head_dim) {
    static_assert(int64_t{127} * 127 * kContextMax <= INT32_MAX);
    const __mmask64 exists = elements(head_dim, at / kChunk);
    __m512i h[4], l[4];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) h[i] = l[i] = _mm512_setzero_si512();
    const int8_t* row_at = nullptr;
    for (uint32_t first = 0; first < count; first += 4, row_at += size_t{4} * head_dim) {
        if (first % kPagePositions == 0) row_at = values.rows(first / kPagePositions, head_dim).codes + at;
        // Beyond the last position the weight is 0.
        const size_t last = count - first < 4 ? count - first - 1 : 3;
        const auto row = [&](size_t i) {
            return _mm512_maskz_loadu_epi8(exists, row_at + (i < last ? i : last) * head_dim);
        };
        const __m512i r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
        const __m512i a = _mm512_unpacklo_epi8(r0, r1), b = _mm512_unpackhi_epi8(r0, r1);
        const __m512i c = _mm512_unpacklo_epi8(r2, r3), d = _mm512_unpackhi_epi8(r2, r3);
        const __m512i v[4] = {_mm512_unpacklo_epi16(a, c), _mm512_unpackhi_epi16(a, c),
                              _mm512_unpacklo_epi16(b, d), _mm512_unpackhi_epi16(b, d)};
        int32_t four_high, four_low;
        std::memcpy(&four_high, high + first, 4);
        std::memcpy(&four_low, low + first, 4);
        const __m512i wh = _mm512_set1_epi32(four_high), wl = _mm512_set1_epi32(four_low);
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i) {
            add_products(h[i], wh, v[i]);
            add_products(l[i], wl, v[i]);
        }
    }
    return {{h[0], h[1], h[2], h[3]}, {l[0], l[1], l[2], l[3]}};
}

/// What the sums of a head become.
struct Scaling {
    int64_t inverse;
    int shift;

    /// Of 16 lanes.
    __m512i operator()(__m512i high, __m512i low) const {
        if (shift < 1 || shift > 62) return one_by_one(high, low);
        const __m512i even = product(high, low), odds = product(odd(high), odd(low));
        const __m512i half = _mm512_set1_epi64(int64_t{1} << (shift - 1));
        const __m128i count = _mm_cvtsi32_si128(shift);
        return join(sat64(_mm512_sra_epi64(_mm512_add_epi64(even, half), count)),
                    sat64(_mm512_sra_epi64(_mm512_add_epi64(odds, half), count)));
    }

private:
    __m512i product(__m512i high, __m512i low) const {
        const __m512i factor = _mm512_set1_epi64(inverse);  // <= 2^24
        return _mm512_add_epi64(_mm512_slli_epi64(_mm512_mul_epi32(high, factor), 7),
                                _mm512_mul_epi32(low, factor));
    }
    __m512i one_by_one(__m512i high, __m512i low) const {
        alignas(64) int32_t h[16], l[16];
        store(h, high);
        store(l, low);
        for (size_t i = 0; i < 16; ++i) h[i] = sat(rsh((int64_t{128} * h[i] + l[i]) * inverse, shift));
        return load(h);
    }
};

/// The first `count` elements of a chunk.
void put_chunk(const ChunkSums& sums, const Scaling& scaling, uint32_t count, int32_t* out) {
    __m512i x[4];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) x[i] = scaling(sums.high[i], sums.low[i]);
    const __m512i even_left = _mm512_shuffle_i32x4(x[0], x[1], 0x88);
    const __m512i even_right = _mm512_shuffle_i32x4(x[2], x[3], 0x88);
    const __m512i odd_left = _mm512_shuffle_i32x4(x[0], x[1], 0xdd);
    const __m512i odd_right = _mm512_shuffle_i32x4(x[2], x[3], 0xdd);
    const __m512i in_order[4] = {
        _mm512_shuffle_i32x4(even_left, even_right, 0x88), _mm512_shuffle_i32x4(odd_left, odd_right, 0x88),
        _mm512_shuffle_i32x4(even_left, even_right, 0xdd), _mm512_shuffle_i32x4(odd_left, odd_right, 0xdd)};
    for (uint32_t j = 0; 16 * j < count; ++j) {
        const uint32_t left = count - 16 * j;
        _mm512_mask_storeu_epi32(out + 16 * j, first_lanes(left < 16 ? left : 16), in_order[j]);
    }
}

}  // namespace

void attention_head(const HeadQuery& query, const HeadPages& keys, const HeadPages& values, uint32_t count,
                    uint32_t head_dim, uint32_t fx, int32_t* out, Scratch& scratch) {
    const size_t padded = (size_t{count} + kKeysAtOnce - 1) / kKeysAtOnce * kKeysAtOnce;
    int64_t* const score = scratch.take_scores(padded);
    uint8_t* const high = scratch.take_bytes(2 * padded);
    uint8_t* const low = high + padded;
    const int64_t score_max = make_scores(query, keys, count, head_dim, score);
    const int32_t e_min = smallest_exponent(values, count, head_dim);
    const Weights weights = make_weights(values, count, head_dim, score_max, e_min, score);
    const int largest_bits = bit_length(uint64_t(weights.largest)),
              b = largest_bits > 14 ? largest_bits - 14 : 0;
    split_weights(score, count, b, high, low);
    const auto total = uint64_t(weights.total);
    const int bits = bit_length(total);
    const uint64_t normal = bits > 32 ? total >> (bits - 32) : total << (32 - bits);
    const auto inverse = int64_t((uint64_t{1} << 55) / normal);
    const Scaling scaling{inverse, 23 + bits - b + e_min - int(fx)};
    for (uint32_t at = 0; at < head_dim; at += kChunk) {
        const ChunkSums sums = sum_values(high, low, values, at, count, head_dim);
        put_chunk(sums, scaling, head_dim - at < kChunk ? head_dim - at : kChunk, out + at);
    }
}

}  // namespace daidd::inference::avx512
#endif
