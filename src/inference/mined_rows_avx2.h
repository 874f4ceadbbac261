#pragma once

#include <algorithm>
#include <cstring>

#include "inference/lanes_avx2.h"
#include "inference/mined_kernels.h"
#include "inference/noised.h"

// How the mined kernels of 256 bits want rows. Only *_avx2.cpp include this.
namespace daidd::inference::avx2 {

inline constexpr uint32_t kLanes = 8;  // of a register: half of the rows of a group

/// Lane j of row i becomes lane i of row j.
inline void transpose(__m256i (&x)[kLanes]) {
    __m256i a[kLanes], b[kLanes];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kLanes; i += 2) {
        a[i] = _mm256_unpacklo_epi32(x[i], x[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(x[i], x[i + 1]);
    }
    // b[4j + i]: lanes i and 4 + i of rows 4j … 4j + 3, each four together.
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kLanes; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kLanes / 2; ++i) {
        x[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        x[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

/// The first 32 of `count` bytes; zeros behind them.
inline __m256i load_first(const int8_t* at, uint32_t count) {
    if (count >= sizeof(__m256i)) return load(at);
    alignas(32) int8_t all[sizeof(__m256i)] = {};
    std::memcpy(all, at, count);
    return load(all);
}

/// HeaviestRow.
inline int64_t heaviest_row(const int8_t* codes, size_t stride, uint32_t columns, uint32_t rows) {
    int64_t most = 0;
    const __m256i one = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
    for (uint32_t u = 0; u < rows; ++u, codes += stride) {
        __m256i sums = _mm256_setzero_si256();
        for (uint32_t t = 0; t < columns; t += sizeof sums) {
            const __m256i sizes = _mm256_abs_epi8(load_first(codes + t, columns - t));
            const __m256i pairs = _mm256_maddubs_epi16(sizes, _mm256_add_epi8(sizes, one));  // < 2^14
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones));  // < 2^15 · 64 · 65
        }
        most = std::max<int64_t>(
            most,
            sum_lanes64(_mm256_add_epi64(odd(sums), _mm256_and_si256(sums, _mm256_set1_epi64x(UINT32_MAX)))));
    }
    return most;
}

/// What `Each` makes of 8 · kNumbers columns of a row, for both halves of a group's rows, which begin
/// `half_bytes` apart: lane u of a register is kNumbers columns of row u.
template <uint32_t kNumbers, class Each>
void pack_halves(uint32_t columns, uint8_t* halves, size_t half_bytes, const Each& each) {
    for (uint32_t first = 0; first < kTile; first += kLanes) {
        uint8_t* out = halves + first / kLanes * half_bytes;
        for (uint32_t t = 0; t < columns; t += kLanes * kNumbers) {
            __m256i x[kLanes];
#pragma GCC unroll 8
            for (uint32_t u = 0; u < kLanes; ++u) x[u] = each(first + u, t);
            transpose(x);
            const uint32_t count = std::min(kLanes, (columns - t) / kNumbers);
            for (uint32_t i = 0; i < count; ++i, out += sizeof(__m256i)) store(out, x[i]);
        }
    }
}

/// A' of one group in numbers of 8 or of 16 bits.
template <bool kWide>
void pack_noised(const int8_t* codes, size_t stride, uint32_t columns, const uint8_t* noise, uint32_t r,
                 uint8_t* out) {
    constexpr uint32_t kNumbers = kWide ? 2 : 4, kAtOnce = kLanes * kNumbers;
    // Each row's noise over and over, so that a whole register can be read at any column modulo `period`.
    alignas(32) uint8_t periods[kTile][kStepMax + sizeof(__m256i)];
    const uint32_t period = std::max(r, kAtOnce);
    for (uint32_t u = 0; u < kTile; ++u) {
        for (uint32_t at = 0; at < period; at += r) std::memcpy(periods[u] + at, noise + size_t{u} * r, r);
    }
    const size_t half_bytes = group_stride(kWide ? 2 : 1, columns) / 2;
    pack_halves<kNumbers>(columns, out, half_bytes, [&](uint32_t u, uint32_t t) {
        const __m256i x = load_first(codes + u * stride + t, columns - t), e = load(periods[u] + t % period);
        const __m256i sum = _mm256_add_epi8(x, e);
        return kWide ? _mm256_cvtepu8_epi16(_mm256_castsi256_si128(sum)) : sum;
    });
}

}  // namespace daidd::inference::avx2
