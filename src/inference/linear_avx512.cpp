#if defined(__x86_64__)
#include <algorithm>
#include <cstring>

#include "inference/kernels_avx512.h"
#include "inference/lanes_avx512.h"

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

/// The products of R rows with the 16 columns of each of B blocks. D steps at a time have sums of their own:
/// a sum can take one product in five cycles only.
template <uint32_t R, uint32_t B, uint32_t D>
void multiply(const int8_t* weights, const uint8_t* codes, uint32_t steps, Ahead ahead, Sums& out) {
    const size_t block_bytes = size_t{steps} * kStepBytes;
    __m512i sum[D][R][B];
#pragma GCC unroll 32
    for (uint32_t d = 0; d < D; ++d) {
#pragma GCC unroll 32
        for (uint32_t i = 0; i < R * B; ++i) sum[d][i / B][i % B] = _mm512_setzero_si512();
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

using Multiply = void (*)(const int8_t* weights, const uint8_t* codes, uint32_t steps, Ahead ahead,
                          Sums& out);
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

/// What all rows share in eight outputs, in int64 lanes.
struct Columns {
    __m512i offset, mw, shift, bias;

    Columns(const PackedLinear& w, uint32_t column, uint32_t fx) {
        const auto wide = [](const std::vector<int32_t>& values, uint32_t at) {
            return _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(&values[at])));
        };
        offset = wide(w.offset, column);
        mw = wide(w.mw, column);
        shift = _mm512_sub_epi64(wide(w.ew, column), _mm512_set1_epi64(int64_t{fx} + 1));
        const __m512i b = wide(w.bias, column);
        bias = _mm512_add_epi64(_mm512_add_epi64(b, b), _mm512_set1_epi64(1));
    }
};

__m512i wide_sums(const int32_t* at, __m512i offset) {
    const __m256i sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    return _mm512_sub_epi64(_mm512_cvtepi32_epi64(sum), offset);
}

/// Eight outputs before they saturate; all shifts are within 1 … 62. With s one less than the shift,
/// rsh + bias = ((v >> s) + 2 · bias + 1) >> 1.
__m512i outputs(const int32_t* high, const int32_t* low, Scale factor, const Columns& c) {
    const __m512i multiplier = _mm512_mul_epu32(c.mw, _mm512_set1_epi64(factor.m));  // < 2^24
    __m512i v = _mm512_mul_epi32(wide_sums(high, c.offset), multiplier);
    if (low != nullptr) {
        const __m512i l = _mm512_mul_epi32(wide_sums(low, c.offset), multiplier);
        v = _mm512_add_epi64(_mm512_slli_epi64(v, 7), l);
    }
    v = _mm512_srav_epi64(v, _mm512_add_epi64(c.shift, _mm512_set1_epi64(factor.e)));
    return _mm512_srai_epi64(_mm512_add_epi64(v, c.bias), 1);
}

/// Rows [first, first + count) of the outputs of one block.
void put_block(const Linear& linear, const PackedLinear& w, const CodeRows& codes, uint32_t first,
               uint32_t count, uint32_t block, uint32_t fx, const int32_t* sums, int32_t* y) {
    constexpr size_t kRowSums = size_t{kBlocksAtOnce} * kPackColumns;
    const uint32_t column = block * kPackColumns, columns = std::min(kPackColumns, linear.n - column);
    const Columns left{w, column, fx}, right{w, column + 8, fx};
    for (uint32_t r = 0; r < count; ++r) {
        const Scale factor = codes.factors[first + r];
        const int32_t* high = sums + r * codes.planes * kRowSums;
        const int32_t* low = codes.planes == 2 ? high + kRowSums : nullptr;
        int32_t* out = y + size_t{first + r} * linear.n + column;
        const int32_t shift = factor.e - int32_t(fx);
        if (shift + w.ew_min >= 1 && shift + w.ew_max <= 62) {
            const __m512i first_half = outputs(high, low, factor, left);
            const __m512i second_half = outputs(high + 8, low == nullptr ? nullptr : low + 8, factor, right);
            _mm512_mask_storeu_epi32(out, first_lanes(columns), sat_halves(first_half, second_half));
            continue;
        }
        for (uint32_t c = 0; c < columns; ++c) {
            const int32_t offset = w.offset[column + c];
            int64_t sum = high[c] - offset;
            if (low != nullptr) sum = 128 * sum + (low[c] - offset);
            out[c] = linear_output(sum, factor, linear.mw[column + c], linear.ew[column + c],
                                   w.bias[column + c], fx);
        }
    }
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
        for (uint32_t first = 0; first < codes.rows; first += rows_at_once) {
            const uint32_t count = count_at(first), rows = count * planes;
            const uint32_t together = rows <= kRowsNarrow ? 1 : blocks;
            for (uint32_t b = 0; b < blocks; b += together) {
                const int8_t* weights = w.weights.get() + (block + b) * block_bytes;
                const Ahead ahead{weights + together * block_bytes + first / rows_at_once * share, stride};
                multiply_of(rows, together)(weights, group_at(first), steps, ahead, sums);
                for (uint32_t i = 0; i < together; ++i) {
                    put_block(linear, w, codes, first, count, block + b + i, fx, sums.at[0][i], y);
                }
            }
        }
    }
}

}  // namespace daidd::inference::avx512
#endif
