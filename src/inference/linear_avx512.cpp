#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/kernels_avx512.h"
#include "inference/noised_avx512.h"
#include "inference/output_lines.h"
#include "inference/outputs_avx512.h"

namespace daidd::inference::avx512 {

namespace {

/// Rows of codes (planes count) that share one read of the weights: 28 sums, two registers of weights, one of
/// codes.
constexpr uint32_t kRowsAtOnce = 14;
constexpr uint32_t kBlocksAtOnce = 2;
constexpr uint32_t kRowsNarrow = 4;  // so few rows wait for the weights
/// They read two blocks at once, as two streams of memory, where a block is as long; one after the other, as
/// they lie, where it ends too soon for a stream.
constexpr size_t kStreamBytes = size_t{1} << 16;
constexpr uint32_t kPrefetchBytes = 2048;
constexpr size_t kNearRowsMin = 64;  // fewer, and the weights would pass too often
constexpr uint32_t kStepsAhead = 2;  // that bring one line near
constexpr uint32_t kStepBytes = kPackColumns * kPackDepth;
static_assert(kStepBytes == sizeof(__m512i));

struct Sums {
    alignas(64) int32_t at[kRowsAtOnce][kBlocksAtOnce][kPackColumns];
};

/// Rows [first, first + count) of codes, planes of a row together, each code + 64: unsigned, as vpdpbusd
/// wants one operand. Four codes of each row lie together, so one step of the product reads on where the last
/// ended. Depth is padded with codes of zero, which meet zero weights.
void interleave(const CodeRows& codes, uint32_t first, uint32_t count, uint32_t steps, uint8_t* out) {
    static_assert(kRowsAtOnce <= kTile);
    const uint32_t rows = count * codes.planes;
    const __mmask16 lanes = first_lanes(rows);
    const __m512i offset = _mm512_set1_epi8(64);
    const int8_t* from[kTile];
    for (uint32_t r = 0; r < rows; ++r) {
        from[r] = codes.plane(first + r / codes.planes, r % codes.planes).data();
    }
    for (uint32_t step = 0; step < steps; step += kTile) {
        const uint32_t at = step * kPackDepth, left = codes.width - at;
        const __mmask64 mask = left >= kTile * kPackDepth ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
        __m512i x[kTile];
        for (uint32_t r = 0; r < kTile; ++r) {
            x[r] = r < rows ? _mm512_maskz_loadu_epi8(mask, from[r] + at) : _mm512_setzero_si512();
            x[r] = _mm512_add_epi8(x[r], offset);
        }
        alignas(64) Cells four[kTile];  // of every row, a step
        transpose(x, four);
        for (uint32_t i = 0; i < std::min(steps - step, kTile); ++i, out += rows * kPackDepth) {
            _mm512_mask_storeu_epi32(out, lanes, load(four[i]));
        }
    }
}

/// One step of R rows with B blocks.
template <uint32_t R, uint32_t B>
inline __attribute__((always_inline)) void add_step(const int8_t* weights, size_t block_bytes,
                                                    const uint8_t* codes, __m512i (&sum)[R][B]) {
    __m512i w[B];
#pragma GCC unroll 32
    for (uint32_t b = 0; b < B; ++b) w[b] = load(weights + b * block_bytes);
#pragma GCC unroll 32
    for (uint32_t r = 0; r < R; ++r) {
        int32_t four;
        std::memcpy(&four, codes + r * kPackDepth, kPackDepth);
        const __m512i code = _mm512_set1_epi32(four);
#pragma GCC unroll 32
        for (uint32_t b = 0; b < B; ++b) add_products(sum[r][b], code, w[b]);
    }
}

/// What to bring near while others are multiplied, every other step: a line of weights, each `stride` bytes
/// after the last, which may lie behind the end of the matrix (what is only brought near need not exist); and
/// of the outputs.
struct Ahead {
    const int8_t* weights;
    uint32_t stride;
    OutputLines outputs;
};

/// The products of R rows with the 16 columns of each of B blocks, less `offset`: what codes + 64 add to the
/// sums of each column. D steps at a time have sums of their own: a sum can take one product in five cycles
/// only. More than one at a time are for few rows, which wait for the weights: the blocks are streams of
/// memory then.
template <uint32_t R, uint32_t B, uint32_t D>
void multiply(const int8_t* weights, const uint8_t* codes, const int32_t* offset, uint32_t steps, Ahead ahead,
              Sums& out) {
    constexpr uint32_t kTurn = std::max(D, kStepsAhead);
    const size_t block_bytes = size_t{steps} * kStepBytes;
    __m512i sum[D][R][B];
#pragma GCC unroll 32
    for (uint32_t d = 0; d < D; ++d) {
#pragma GCC unroll 32
        for (uint32_t i = 0; i < R * B; ++i) {
            const __m512i zero = _mm512_setzero_si512();
            sum[d][i / B][i % B] =
                d == 0 ? _mm512_sub_epi32(zero, load(offset + i % B * kPackColumns)) : zero;
        }
    }
    uint32_t step = 0;
    for (; step + kTurn <= steps; step += kTurn) {
        if constexpr (D == 1) {
            _mm_prefetch(reinterpret_cast<const char*>(ahead.weights), _MM_HINT_T1);
            ahead.weights += ahead.stride;
            ahead.outputs.bring_row<B>();
        }
#pragma GCC unroll 32
        for (uint32_t i = 0; i < kTurn; ++i) {
#pragma GCC unroll 2
            for (uint32_t b = 0; D > 1 && b < B; ++b) {
                const int8_t* const stream = weights + b * block_bytes;
                _mm_prefetch(reinterpret_cast<const char*>(stream) + kPrefetchBytes, _MM_HINT_T0);
            }
            add_step(weights, block_bytes, codes, sum[i % D]);
            weights += kStepBytes;
            codes += R * kPackDepth;
        }
    }
    for (; step < steps; ++step) {
        add_step(weights, block_bytes, codes, sum[0]);
        weights += kStepBytes;
        codes += R * kPackDepth;
    }
#pragma GCC unroll 32
    for (uint32_t i = 0; i < R * B; ++i) {
        __m512i& all = sum[0][i / B][i % B];
#pragma GCC unroll 32
        for (uint32_t d = 1; d < D; ++d) all = _mm512_add_epi32(all, sum[d][i / B][i % B]);
        store(out.at[i / B][i % B], all);
    }
}

using Multiply = void (*)(const int8_t* weights, const uint8_t* codes, const int32_t* offset, uint32_t steps,
                          Ahead ahead, Sums& out);
constexpr Multiply kNarrowOneBlock[] = {multiply<1, 1, 4>, multiply<2, 1, 4>, multiply<3, 1, 4>,
                                        multiply<4, 1, 4>};
constexpr Multiply kNarrowTwoBlocks[] = {multiply<1, 2, 2>, multiply<2, 2, 2>, multiply<3, 2, 2>,
                                         multiply<4, 2, 2>};
constexpr Multiply kOneBlock[] = {
    multiply<5, 1, 1>,  multiply<6, 1, 1>,  multiply<7, 1, 1>,  multiply<8, 1, 1>,  multiply<9, 1, 1>,
    multiply<10, 1, 1>, multiply<11, 1, 1>, multiply<12, 1, 1>, multiply<13, 1, 1>, multiply<14, 1, 1>};
constexpr Multiply kTwoBlocks[] = {
    multiply<5, 2, 1>,  multiply<6, 2, 1>,  multiply<7, 2, 1>,  multiply<8, 2, 1>,  multiply<9, 2, 1>,
    multiply<10, 2, 1>, multiply<11, 2, 1>, multiply<12, 2, 1>, multiply<13, 2, 1>, multiply<14, 2, 1>};
static_assert(kRowsNarrow + std::size(kTwoBlocks) == kRowsAtOnce);

Multiply multiply_of(uint32_t rows, uint32_t blocks) {
    assert(rows > 0 && rows <= kRowsAtOnce);
    if (rows <= kRowsNarrow) return (blocks == 1 ? kNarrowOneBlock : kNarrowTwoBlocks)[rows - 1];
    return (blocks == 1 ? kOneBlock : kTwoBlocks)[rows - kRowsNarrow - 1];
}

/// Rows of codes in groups of like size.
struct Groups {
    uint32_t rows, count;
    Groups(uint32_t all_rows, uint32_t planes)
        : rows{all_rows}, count{(all_rows + kRowsAtOnce / planes - 1) / (kRowsAtOnce / planes)} {}
    uint32_t first(uint32_t group) const { return uint32_t(uint64_t{rows} * group / count); }
    uint32_t size(uint32_t group) const { return first(group + 1) - first(group); }
};

/// A product, and what its loops share.
class GroupProduct {
public:
    GroupProduct(const Linear& linear, const PackedLinear& packed, const CodeRows& codes, uint32_t fx,
                 int32_t* y, Scratch& scratch)
        : linear_{linear},
          packed_{packed},
          codes_{codes},
          fx_{fx},
          steps_{packed.depth / kPackDepth},
          row_bytes_{size_t{codes.planes} * packed.depth},
          block_bytes_{size_t{kPackColumns} * packed.depth},
          groups_{codes.rows, codes.planes},
          narrow_{are_narrow(packed, codes, heaviest_row)},
          y_{y} {
        uint8_t* const cells = scratch.take_bytes(codes.rows * row_bytes_);
        for (uint32_t g = 0; g < groups_.count; ++g) {
            const uint32_t first = groups_.first(g);
            interleave(codes, first, groups_.size(g), steps_, cells + first * row_bytes_);
        }
        cells_ = cells;
    }

    void make(uint32_t block_begin, uint32_t block_end) {
        const size_t near_rows = std::max(kNearBytes / (row_bytes_ + linear_.n * sizeof *y_), kNearRowsMin);
        const auto near_groups = uint32_t(std::max<size_t>(1, near_rows * codes_.planes / kRowsAtOnce));
        for (uint32_t near = 0; near < groups_.count; near += near_groups) {
            const uint32_t near_end = std::min(groups_.count, near + near_groups);
            for (uint32_t block = block_begin; block < block_end; block += kBlocksAtOnce) {
                make_blocks(block, std::min(kBlocksAtOnce, block_end - block), near, near_end);
            }
        }
    }

private:
    void make_blocks(uint32_t block, uint32_t blocks, uint32_t near, uint32_t near_end) {
        // The first group of rows waits for weights; so all groups bring the next blocks nearer, each its
        // share.
        const uint32_t sharing = near_end - near;
        const auto stride = uint32_t((kStepsAhead * kBlocksAtOnce * kStepBytes + sharing - 1) / sharing);
        const size_t share = size_t{stride} * (steps_ / kStepsAhead);
        const OutputBlock outputs[] = {{linear_, packed_, block, fx_, narrow_},
                                       {linear_, packed_, block + blocks - 1, fx_, narrow_}};
        for (uint32_t g = near; g < near_end; ++g) {
            const size_t next = (g - near) * share;
            const uint32_t rows = groups_.size(g) * codes_.planes;
            if (blocks == 2 && (rows > kRowsNarrow || block_bytes_ >= kStreamBytes)) {
                multiply_group<2>(g, block, stride, next);
                OutputBlock::put(outputs, groups_.size(g), factors(g), sums(), shifts_, to(g, block));
                continue;
            }
            for (uint32_t b = 0; b < blocks; ++b) {
                multiply_group<1>(g, block + b, stride, next);
                outputs[b].put(groups_.size(g), factors(g), sums(), shifts_, to(g, block + b));
            }
        }
    }

    /// `next`: of the weights after these, those to bring near.
    template <uint32_t B>
    void multiply_group(uint32_t g, uint32_t block, uint32_t stride, size_t next) {
        const int8_t* const weights = packed_.weights.get() + block * block_bytes_;
        const uint32_t first = groups_.first(g), count = groups_.size(g);
        const Ahead ahead{weights + B * block_bytes_ + next, stride,
                          OutputLines{to(g, block), linear_.n, count, steps_ / kStepsAhead}};
        multiply_of(count * codes_.planes, B)(weights, cells_ + first * row_bytes_,
                                              &packed_.offset[size_t{block} * kPackColumns], steps_, ahead,
                                              sums_);
    }

    const Scale* factors(uint32_t g) const { return &codes_.factors[groups_.first(g)]; }
    SumRows sums() const {
        return {sums_.at[0][0], codes_.planes == 2 ? sums_.at[1][0] : nullptr,
                size_t{codes_.planes} * kBlocksAtOnce * kPackColumns, kPackColumns};
    }
    int32_t* to(uint32_t g, uint32_t block) const {
        return y_ + size_t{groups_.first(g)} * linear_.n + size_t{block} * kPackColumns;
    }

    const Linear& linear_;
    const PackedLinear& packed_;
    const CodeRows& codes_;
    const uint32_t fx_, steps_;
    const size_t row_bytes_, block_bytes_;
    const Groups groups_;
    const bool narrow_;
    int32_t* const y_;
    const uint8_t* cells_;
    Sums sums_;
    RowShifts shifts_;
};

}  // namespace

void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    GroupProduct{linear, *packed, codes, fx, y, scratch}.make(block_begin, block_end);
}

}  // namespace daidd::inference::avx512
#endif
