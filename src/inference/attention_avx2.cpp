#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/kernels_avx2.h"
#include "inference/lanes_avx2.h"
#include "inference/tables.h"

namespace daidd::inference::avx2 {

namespace {

constexpr uint32_t kChunk = 16;  // elements of a head handled at once
static_assert(kPagePositions % 4 == 0, "a page that is not the last has no tail");

__m256i widen(const int8_t* at) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

/// The dot products of the query with four keys that follow each other.
__m128i dots(const int16_t* query, const int8_t* keys, uint32_t head_dim) {
    __m256i sum[4];
    for (auto& s : sum) s = _mm256_setzero_si256();
    for (uint32_t i = 0; i < head_dim; i += kChunk) {
        const __m256i q = load(query + i);
#pragma GCC unroll 4
        for (uint32_t u = 0; u < 4; ++u) {
            sum[u] = _mm256_add_epi32(sum[u], _mm256_madd_epi16(q, widen(keys + size_t{u} * head_dim + i)));
        }
    }
    const __m256i all =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

template <class T>
T at_once(const void* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

__m256i four_mantissas(const uint8_t* at) {
    return _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(at_once<int32_t>(at)));
}
__m256i four_exponents(const int16_t* at) {
    return _mm256_cvtepi16_epi64(_mm_cvtsi64_si128(at_once<int64_t>(at)));
}

/// Fills `score` for `count` positions of a page and returns the largest. `wide` is the query.
int64_t score_page(const HeadQuery& query, const int16_t* wide, const HeadRows& keys, uint32_t count,
                   uint32_t head_dim, int64_t* score) {
    const __m256i m = _mm256_set1_epi64x(query.scale.m), e = _mm256_set1_epi64x(query.scale.e - 16);
    const __m256i lowest = _mm256_set1_epi64x(1), highest = _mm256_set1_epi64x(62);
    __m256i most = _mm256_set1_epi64x(INT64_MIN);
    uint32_t u = 0;
    for (; u + 4 <= count; u += 4) {
        const __m256i dot = _mm256_cvtepi32_epi64(dots(wide, keys.codes + size_t{u} * head_dim, head_dim));
        const __m256i v = _mm256_mul_epi32(dot, _mm256_mul_epu32(m, four_mantissas(keys.mantissa + u)));
        const __m256i shift = _mm256_add_epi64(e, four_exponents(keys.exponent + u));
        const __m256i outside =
            _mm256_or_si256(_mm256_cmpgt_epi64(lowest, shift), _mm256_cmpgt_epi64(shift, highest));
        __m256i s = rsh64(v, shift);
        if (_mm256_testz_si256(outside, outside) == 0) {
            alignas(32) int64_t values[4], shifts[4];
            store(values, v);
            store(shifts, shift);
            for (size_t i = 0; i < 4; ++i) values[i] = rsh(values[i], int(shifts[i]));
            s = load(values);
        }
        store(score + u, s);
        most = _mm256_blendv_epi8(most, s, _mm256_cmpgt_epi64(s, most));
    }
    int64_t score_max = max_lane64(most);
    for (; u < count; ++u) {
        int32_t dot = 0;
        for (uint32_t i = 0; i < head_dim; ++i) dot += query.codes[i] * keys.codes[size_t{u} * head_dim + i];
        score[u] =
            rsh(int64_t{dot} * query.scale.m * keys.mantissa[u], query.scale.e + keys.exponent[u] - 16);
        score_max = std::max(score_max, score[u]);
    }
    return score_max;
}

int64_t make_scores(const HeadQuery& query, const HeadPages& keys, uint32_t count, uint32_t head_dim,
                    int64_t* score) {
    alignas(32) int16_t wide[kHeadDimMax];
    for (uint32_t i = 0; i < head_dim; i += kChunk) store(wide + i, widen(query.codes + i));
    int64_t score_max = INT64_MIN;
    for (uint32_t u = 0; u < count; u += kPagePositions) {
        const HeadRows rows = keys.rows(u / kPagePositions, head_dim);
        int64_t most = score_page(query, wide, rows, in_page(u, count), head_dim, score + u);
        if (u == 0 && keys.skip > 0) most = hide_scores(score, keys.skip, in_page(0, count));
        score_max = std::max(score_max, most);
    }
    return score_max;
}

int32_t smallest_exponent(const HeadPages& values, uint32_t count, uint32_t head_dim) {
    int16_t least = INT16_MAX;
    for (uint32_t u = 0; u < count; u += kPagePositions) {
        const int16_t* exponent = values.rows(u / kPagePositions, head_dim).exponent;
        const uint32_t from = u == 0 ? values.skip : 0;
        least = std::min(least, *std::min_element(exponent + from, exponent + in_page(u, count)));
    }
    return least;
}

/// exp2_negative() of four distances, as int64.
__m256i powers(__m256i d) {
    const __m256i end = _mm256_set1_epi64x(int64_t{31} << 16);
    const __m256i beyond = _mm256_cmpgt_epi64(d, _mm256_sub_epi64(end, _mm256_set1_epi64x(1)));
    const __m256i inside = _mm256_andnot_si256(beyond, d);  // < 2^21: the low halves hold all
    const __m256i i = _mm256_and_si256(_mm256_srli_epi64(inside, 8), _mm256_set1_epi64x(255));
    const __m256i f = _mm256_and_si256(inside, _mm256_set1_epi64x(255));
    const __m256i mask = _mm256_set1_epi64x(0xffffffff);
    // The high halves of the indices are 0: entry 0, masked away.
    const __m256i here = _mm256_and_si256(_mm256_i32gather_epi32(kExp2.data(), i, 4), mask);
    const __m256i next = _mm256_and_si256(_mm256_i32gather_epi32(kExp2.data() + 1, i, 4), mask);
    const __m256i fall = _mm256_mul_epu32(_mm256_sub_epi64(here, next), f);
    const __m256i value =
        _mm256_sub_epi64(here, _mm256_srli_epi64(_mm256_add_epi64(fall, _mm256_set1_epi64x(128)), 8));
    // At shift 0 the count of `half` is −1, which shifts everything out.
    const __m256i shift = _mm256_srli_epi64(inside, 16), one = _mm256_set1_epi64x(1);
    const __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one));
    return _mm256_andnot_si256(beyond, _mm256_srlv_epi64(_mm256_add_epi64(value, half), shift));
}

struct Weights {
    int64_t total, largest;
};

/// Turns the scores of `count` positions of a page into p · mantissa, shifted to the smallest exponent.
Weights weigh_page(const HeadRows& values, uint32_t count, int64_t score_max, int32_t e_min, int64_t* score) {
    const __m256i top = _mm256_set1_epi64x(score_max), e = _mm256_set1_epi64x(e_min),
                  one = _mm256_set1_epi64x(1);
    __m256i sum = _mm256_setzero_si256(), most = sum;
    uint32_t u = 0;
    for (; u + 4 <= count; u += 4) {
        const __m256i p = powers(_mm256_sub_epi64(top, load(score + u)));
        sum = _mm256_add_epi64(sum, p);
        const __m256i shift = _mm256_sub_epi64(four_exponents(values.exponent + u), e);
        const __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one));
        const __m256i v = _mm256_add_epi64(_mm256_mul_epu32(p, four_mantissas(values.mantissa + u)), half);
        const __m256i w = _mm256_srlv_epi64(v, shift);
        store(score + u, w);
        most = _mm256_blendv_epi8(most, w, _mm256_cmpgt_epi64(w, most));
    }
    Weights out{sum_lanes64(sum), max_lane64(most)};
    for (; u < count; ++u) {
        const int64_t p = exp2_negative(score_max - score[u]);
        out.total += p;
        score[u] = rsh(p * values.mantissa[u], values.exponent[u] - e_min);
        out.largest = std::max(out.largest, score[u]);
    }
    return out;
}

Weights make_weights(const HeadPages& values, uint32_t count, uint32_t head_dim, int64_t score_max,
                     int32_t e_min, int64_t* score) {
    Weights all{0, 0};
    for (uint32_t u = 0; u < count; u += kPagePositions) {
        const Weights some = weigh_page(values.rows(u / kPagePositions, head_dim), in_page(u, count),
                                        score_max, e_min, score + u);
        all = {all.total + some.total, std::max(all.largest, some.largest)};
    }
    return all;
}

/// Int32 lanes hold so many positions before they are widened: vpmaddwd adds two products to each.
constexpr uint32_t kLanePositions = 1024;
static_assert(int64_t{16383} * 127 * kLanePositions <= INT32_MAX && kLanePositions % kPagePositions == 0);

/// Adds Σ w · v for 16 elements of the head, over at most kLanePositions positions that begin a page.
void add_values(const int16_t* weights, const HeadPages& values, uint32_t first, uint32_t end, uint32_t at,
                uint32_t head_dim, int64_t* out) {
    __m256i low = _mm256_setzero_si256(), high = low;
    for (uint32_t page = first; page < end; page += kPagePositions) {
        const int8_t* row = values.rows(page / kPagePositions, head_dim).codes + at;
        const uint32_t here = in_page(page, end);
        for (uint32_t u = 0; u < here; u += 2, row += size_t{2} * head_dim) {
            // Beyond the last position the weight is 0.
            const __m256i even = widen(row), odd = widen(u + 1 < here ? row + head_dim : row);
            const __m256i w = _mm256_set1_epi32(at_once<int32_t>(weights + page + u));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(w, _mm256_unpacklo_epi16(even, odd)));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(w, _mm256_unpackhi_epi16(even, odd)));
        }
    }
    // Unpacking works in 128-bit lanes: `low` holds elements 0–3 and 8–11, `high` the others.
    alignas(32) int32_t lanes[kChunk];
    store(lanes, _mm256_permute2x128_si256(low, high, 0x20));
    store(lanes + 8, _mm256_permute2x128_si256(low, high, 0x31));
    for (uint32_t i = 0; i < kChunk; ++i) out[i] += lanes[i];
}

}  // namespace

void attention_head(const HeadQuery& query, const HeadPages& keys, const HeadPages& values, uint32_t count,
                    uint32_t head_dim, uint32_t fx, int32_t* out, Scratch& scratch) {
    if (head_dim % kChunk != 0) {
        return attend_copied(query, keys, values, count, head_dim, fx, out, scratch);
    }
    scratch.scores.resize(count);
    int64_t* score = scratch.scores.data();
    const int64_t score_max = make_scores(query, keys, count, head_dim, score);
    const int32_t e_min = smallest_exponent(values, count, head_dim);
    const Weights weights = make_weights(values, count, head_dim, score_max, e_min, score);
    const int b = std::max(0, bit_length(uint64_t(weights.largest)) - 14);
    const int64_t half = b == 0 ? 0 : int64_t{1} << (b - 1);
    scratch.weights.resize(size_t{count} + 1);
    int16_t* w = scratch.weights.data();
    for (uint32_t u = 0; u < count; ++u) w[u] = int16_t(std::min<int64_t>(16383, (score[u] + half) >> b));
    w[count] = 0;
    const int bits = bit_length(uint64_t(weights.total));
    const auto total = uint64_t(weights.total);
    const uint64_t normal = bits > 32 ? total >> (bits - 32) : total << (32 - bits);
    const auto inverse = int64_t((uint64_t{1} << 55) / normal);
    const int shift = 23 + bits - b + e_min - int(fx);
    for (uint32_t i = 0; i < head_dim; i += kChunk) {
        int64_t sum[kChunk] = {};
        for (uint32_t u = 0; u < count; u += kLanePositions) {
            add_values(w, values, u, std::min(count, u + kLanePositions), i, head_dim, sum);
        }
        for (uint32_t c = 0; c < kChunk; ++c) out[i + c] = sat(rsh(sum[c] * inverse, shift));
    }
}

}  // namespace daidd::inference::avx2
#endif
