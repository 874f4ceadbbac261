#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/kernels_avx512.h"
#include "inference/outputs_avx512.h"

namespace daidd::inference::avx512 {

namespace {

constexpr uint32_t kRowsAtOnce = 12;  // rows of codes (planes count) that share one read of the weights
constexpr uint32_t kBlocksAtOnce = 2;
constexpr uint32_t kRowsNarrow = 4;  // so few rows wait for the weights: one block at a time, as it lies
constexpr uint32_t kPrefetchBytes = 2048;
constexpr uint32_t kStepBytes = kPackColumns * kPackDepth;
static_assert(kStepBytes == sizeof(__m512i));

struct Sums {
    alignas(64) int32_t at[kRowsAtOnce][kBlocksAtOnce][kPackColumns];
};

/// Rows [first, first + count) of codes, planes of a row together, each code + 64: unsigned, as vpdpbusd
/// wants one operand. Four codes of each row lie together, so one step of the product reads on where the last
/// ended. Depth is padded with zeros, which meet zero weights.
void interleave(const CodeRows& codes, uint32_t first, uint32_t count, uint32_t steps, uint8_t* out) {
    const uint32_t rows = count * codes.planes, whole = codes.width / kPackDepth;
    for (uint32_t r = 0; r < rows; ++r) {
        const int8_t* from = codes.plane(first + r / codes.planes, r % codes.planes).data();
        uint8_t* to = out + size_t{r} * kPackDepth;
        const auto put = [&](uint32_t step, uint32_t bytes) {
            uint32_t four = 0;
            std::memcpy(&four, from + size_t{step} * kPackDepth, bytes);
            four = (four ^ 0x4040'4040) & 0x7f7f'7f7f;  // each byte + 64: its sign becomes bit 6
            std::memcpy(to + size_t{step} * rows * kPackDepth, &four, kPackDepth);
        };
        for (uint32_t step = 0; step < whole; ++step) put(step, kPackDepth);
        if (whole < steps) put(whole, codes.width - whole * kPackDepth);
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

/// Weights to bring near while others are multiplied: a line a step, each `stride` bytes after the last. They
/// may lie behind the end of the matrix: what is only brought near need not exist.
struct Ahead {
    const int8_t* weights;
    uint32_t stride;
};

/// The products of R rows with the 16 columns of each of B blocks, less `offset`: what codes + 64 add to the
/// sums of each column. D steps at a time have sums of their own: a sum can take one product in five cycles
/// only.
template <uint32_t R, uint32_t B, uint32_t D>
void multiply(const int8_t* weights, const uint8_t* codes, const int32_t* offset, uint32_t steps, Ahead ahead,
              Sums& out) {
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
    for (; step + D <= steps; step += D) {
#pragma GCC unroll 32
        for (uint32_t d = 0; d < D; ++d) {
            if constexpr (D > 1) {
                _mm_prefetch(reinterpret_cast<const char*>(weights) + kPrefetchBytes, _MM_HINT_T0);
            } else {
                _mm_prefetch(reinterpret_cast<const char*>(ahead.weights), _MM_HINT_T1);
                ahead.weights += ahead.stride;
            }
            add_step(weights, block_bytes, codes, sum[d]);
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
constexpr Multiply kNarrow[] = {multiply<1, 1, 4>, multiply<2, 1, 4>, multiply<3, 1, 4>, multiply<4, 1, 4>};
constexpr Multiply kOneBlock[] = {multiply<5, 1, 1>,  multiply<6, 1, 1>, multiply<7, 1, 1>,
                                  multiply<8, 1, 1>,  multiply<9, 1, 1>, multiply<10, 1, 1>,
                                  multiply<11, 1, 1>, multiply<12, 1, 1>};
constexpr Multiply kTwoBlocks[] = {multiply<5, 2, 1>,  multiply<6, 2, 1>, multiply<7, 2, 1>,
                                   multiply<8, 2, 1>,  multiply<9, 2, 1>, multiply<10, 2, 1>,
                                   multiply<11, 2, 1>, multiply<12, 2, 1>};
static_assert(kRowsNarrow + std::size(kTwoBlocks) == kRowsAtOnce);

Multiply multiply_of(uint32_t rows, uint32_t blocks) {
    assert(rows > 0 && rows <= kRowsAtOnce);
    if (rows <= kRowsNarrow) return kNarrow[rows - 1];
    return (blocks == 1 ? kOneBlock : kTwoBlocks)[rows - kRowsNarrow - 1];
}

}  // namespace

void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch) {
    const PackedLinear& w = *packed;
    const uint32_t planes = codes.planes, steps = w.depth / kPackDepth;
    const uint32_t most = kRowsAtOnce / planes, groups = (codes.rows + most - 1) / most;
    const uint32_t rows_at_once = (codes.rows + groups - 1) / groups;  // groups of like size
    uint8_t* const cells = scratch.take_bytes(size_t{codes.rows} * planes * w.depth);
    const auto group_at = [&](uint32_t first) { return cells + size_t{first} * planes * w.depth; };
    const auto count_at = [&](uint32_t first) { return std::min(rows_at_once, codes.rows - first); };
    for (uint32_t first = 0; first < codes.rows; first += rows_at_once) {
        interleave(codes, first, count_at(first), steps, group_at(first));
    }
    // The first group of rows waits for weights; so all groups bring the next blocks nearer, each its share.
    const size_t block_bytes = size_t{kPackColumns} * w.depth;
    const auto stride = uint32_t((kBlocksAtOnce * kStepBytes + groups - 1) / groups);
    const size_t share = size_t{stride} * steps;
    Sums sums;
    for (uint32_t block = block_begin; block < block_end; block += kBlocksAtOnce) {
        const uint32_t blocks = std::min(kBlocksAtOnce, block_end - block);
        const OutputBlock outputs[] = {{linear, w, block, fx}, {linear, w, block + blocks - 1, fx}};
        for (uint32_t first = 0; first < codes.rows; first += rows_at_once) {
            const uint32_t count = count_at(first), rows = count * planes;
            const uint32_t together = rows <= kRowsNarrow ? 1 : blocks;
            for (uint32_t b = 0; b < blocks; b += together) {
                const int8_t* weights = w.weights.get() + (block + b) * block_bytes;
                const Ahead ahead{weights + together * block_bytes + first / rows_at_once * share, stride};
                const int32_t* offset = &w.offset[size_t{block + b} * kPackColumns];
                multiply_of(rows, together)(weights, group_at(first), offset, steps, ahead, sums);
                for (uint32_t i = 0; i < together; ++i) {
                    const OutputBlock& to = outputs[b + i];
                    to.put(count, &codes.factors[first], sums.at[0][i], planes == 2 ? sums.at[1][i] : nullptr,
                           size_t{planes} * kBlocksAtOnce * kPackColumns,
                           y + size_t{first} * linear.n + to.column());
                }
            }
        }
    }
}

}  // namespace daidd::inference::avx512
#endif
