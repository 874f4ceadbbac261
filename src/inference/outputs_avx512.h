#pragma once

#include <algorithm>
#include <bit>

#include "inference/clamped_outputs_avx512.h"
#include "inference/row_shifts_avx512.h"

// From the sums of a product to its outputs. Only *_avx512.cpp and *_amx.cpp include this.
namespace daidd::inference::avx512 {

/// The sixteen outputs of one block, whatever the rows.
///
/// Where their multipliers have one exponent, a row has one shift s. Multipliers are brought so near 31 bits
/// that it is at least 33: then the low half of a product changes no output, and of the high half h
/// rsh(product, s) = rsh(h, s − 32). That is less than 2^30, so none is clamped.
class OutputBlock : ClampedOutputs {
public:
    /// `narrow`: the caller knows the sums of two planes to be int32, whatever the weights say.
    OutputBlock(const Linear& linear, const PackedLinear& packed, uint32_t block, uint32_t fx,
                bool narrow = false)
        : ClampedOutputs{linear, packed, block, fx}, narrow_{narrow || packed.narrow} {
        if (scales_.lift != BlockScales::kApart) {
            high_from_ = RowShifts::kLeast - (kLiftMax - scales_.lift);
        }
    }

    /// Rows of exact sums. Writes the columns of this block; `y` is the first of them in the first row.
    /// `shifts` are of no use but to the next block.
    __attribute__((noinline)) void put(uint32_t rows, const Scale* factors, const SumRows& sums,
                                       RowShifts& shifts, int32_t* y) const {
        put_blocks<1>(this, rows, factors, sums, shifts, y);
    }

    /// The same of two blocks side by side, row by row: where rows of y lie whole pages apart, one block's
    /// column would want more lines of one set of the first-level cache than it has.
    static __attribute__((noinline)) void put(const OutputBlock (&two)[2], uint32_t rows,
                                              const Scale* factors, const SumRows& sums, RowShifts& shifts,
                                              int32_t* y) {
        if (two[0].scales_.most == two[1].scales_.most) {
            return put_blocks<2>(two, rows, factors, sums, shifts, y);
        }
        two[0].put(rows, factors, sums, shifts, y);
        two[1].put(rows, factors, sums.of_block(1), shifts, y + kPackColumns);
    }

    uint32_t column() const { return column_; }

private:
    template <uint32_t B>
    static void put_blocks(const OutputBlock* blocks, uint32_t rows, const Scale* factors,
                           const SumRows& sums, RowShifts& shifts, int32_t* y) {
        if (sums.low == nullptr) {
            put_rows<Sum::kWhole, B>(blocks, rows, factors, sums, shifts, y);
        } else if (blocks->narrow_) {
            put_rows<Sum::kNarrow, B>(blocks, rows, factors, sums, shifts, y);
        } else {
            put_rows<Sum::kWide, B>(blocks, rows, factors, sums, shifts, y);
        }
    }

    template <Sum kSum, uint32_t B>
    static void put_rows(const OutputBlock* blocks, uint32_t rows, const Scale* factors, SumRows sums,
                         RowShifts& shifts, int32_t* y) {
        const int32_t to_shift = blocks->scales_.most - int32_t(blocks->fx_);
        const int32_t high_from = std::max(blocks[0].high_from_, blocks[B - 1].high_from_);
        const size_t n = blocks->linear_.n;
        for (uint32_t here = 0; rows > 0; rows -= here, factors += here) {
            here = std::min(rows, RowShifts::kRows);
            if constexpr (kSum != Sum::kWide) shifts.set(here, factors, to_shift, high_from);
            // Mostly all of them at once.
            for (uint32_t r = 0, run = 0; r < here; r += run, y += run * n) {
                run = kSum == Sum::kWide ? 0 : uint32_t(std::countr_one(shifts.high >> r));
                if (run > 0) {
                    put_high<kSum, B>(blocks, r, run, shifts, sums, y);
                } else {
                    for (uint32_t b = 0; b < B; ++b) {
                        blocks[b].put_clamped<kSum>(factors[r], sums.of_block(b), y + b * kPackColumns);
                    }
                    run = 1;
                }
                sums.skip(run);
            }
        }
    }

    /// Rows [first, first + count) of `shifts`, whose outputs are in the high halves of their products.
    template <Sum kSum, uint32_t B>
    static void put_high(const OutputBlock* blocks, uint32_t first, uint32_t count, const RowShifts& shifts,
                         SumRows sums, int32_t* y) {
        const size_t n = blocks->linear_.n;
        Halves mw[B];
        __m512i bias[B];
        __mmask16 mask[B];
#pragma GCC unroll 2
        for (uint32_t b = 0; b < B; ++b) {
            mw[b] = blocks[b].mw_, bias[b] = blocks[b].bias_, mask[b] = first_lanes(blocks[b].columns_);
        }
#pragma GCC unroll 1
        for (uint32_t r = first; r < first + count; ++r, sums.skip(1), y += n) {
            const __m512i half = _mm512_set1_epi32(int32_t(shifts.half[r]));
            const __m512i by = _mm512_set1_epi32(int32_t(shifts.by[r]));
#pragma GCC unroll 2
            for (uint32_t b = 0; b < B; ++b) {
                const Halves v = scaled_sums<kSum>(mw[b], shifts.m[r], sums.of_block(b));
                const __m512i h = _mm512_mask_shuffle_epi32(v.odds, 0x5555, v.even, _MM_PERM_CDAB);
                const __m512i out = _mm512_srav_epi32(_mm512_add_epi32(h, half), by);
                _mm512_mask_storeu_epi32(y + b * kPackColumns, mask[b], _mm512_add_epi32(out, bias[b]));
            }
        }
    }

    const bool narrow_;  // sums of two planes are int32
    int32_t high_from_ = RowShifts::kNever;
};

}  // namespace daidd::inference::avx512
