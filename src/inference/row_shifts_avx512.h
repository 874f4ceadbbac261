#pragma once

#include <algorithm>

#include "inference/kernels.h"
#include "inference/lanes_avx512.h"
#include "inference/sum_bounds.h"

// What the rows of a product do to its multipliers. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

static_assert(sizeof(Scale) == sizeof(int64_t));

/// rsh(v · 2^up, 32 + by) is rsh(h, by), h the high half of v · 2^up, if by is at least 1: what is added to
/// round lies in the high half then.
struct RowShifts {
    static constexpr uint32_t kRows = 16;
    static constexpr int32_t kLeast = 33;             // = 32 + by
    static constexpr int32_t kNever = kShiftMax + 1;  // no row

    alignas(64) int64_t m[kRows];  // mantissas · 2^up
    alignas(64) int64_t half[kRows], by[kRows];
    uint32_t high = 0;  // a bit for each row whose shift lies in [from, kShiftMax]; the others are not set

    /// A row's shift is its exponent + to_shift. Requires rows <= kRows. Blocks side by side mostly ask for
    /// the same as the one before: `factors` must not change meanwhile.
    inline __attribute__((always_inline)) void set(uint32_t rows, const Scale* factors, int32_t to_shift,
                                                   int32_t from) {
        const Asked asked{factors, rows, to_shift, from};
        if (asked == asked_) return;
        asked_ = asked;
        constexpr uint32_t kLanes = sizeof(__m512i) / sizeof(Scale);
        const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi64(1);
        const __m512i least = _mm512_set1_epi64(from), most = _mm512_set1_epi64(kShiftMax);
        high = 0;
        for (uint32_t r = 0; r < rows; r += kLanes) {
            const auto here = __mmask8(first_lanes(std::min(rows - r, kLanes)));
            const __m512i scales = _mm512_maskz_loadu_epi64(here, factors + r);
            const __m512i shift =
                _mm512_add_epi64(_mm512_srai_epi64(scales, 32), _mm512_set1_epi64(to_shift));
            const __mmask8 low = _mm512_mask_cmple_epi64_mask(here, shift, most);
            high |= uint32_t{_mm512_mask_cmpge_epi64_mask(low, shift, least)} << r;
            const __m512i up = _mm512_max_epi64(_mm512_sub_epi64(_mm512_set1_epi64(kLeast), shift), zero);
            const __m512i down = _mm512_max_epi64(_mm512_sub_epi64(shift, _mm512_set1_epi64(32)), one);
            store(m + r, _mm512_sllv_epi32(scales, up));
            store(half + r, _mm512_sllv_epi64(one, _mm512_sub_epi64(down, one)));
            store(by + r, down);
        }
    }

private:
    struct Asked {
        const Scale* factors = nullptr;
        uint32_t rows = 0;
        int32_t to_shift = 0, from = 0;
        bool operator==(const Asked&) const = default;
    };
    Asked asked_;
};

}  // namespace daidd::inference::avx512
