#include "inference/packed.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "inference/sum_bounds.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace daidd::inference {

namespace {

/// Weights for the kernels. A token reads all of them once, so huge pages are asked for where the system has
/// them: with small ones a fifth of the time goes into finding pages.
std::shared_ptr<int8_t[]> take_weights(size_t bytes) {
    constexpr size_t kHugePage = size_t{2} << 20;
    // A tile of the last block may reach behind it.
    constexpr size_t kTileBytes = 1024;
    bytes += kTileBytes;
    const std::align_val_t alignment{bytes < kHugePage ? 64 : kHugePage};
    auto* memory = static_cast<int8_t*>(::operator new[](bytes, alignment));
#if defined(__linux__)
    // Advice: what fails here only costs speed.
    if (bytes >= kHugePage) (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    std::fill_n(memory, bytes, int8_t{0});
    return {memory, [alignment](int8_t* weights) { ::operator delete[](weights, alignment); }};
}

uint32_t blocks_of(const Linear& linear) { return (linear.n + kPackColumns - 1) / kPackColumns; }
uint32_t depth_of(const Linear& linear) { return (linear.k + kPackDepth - 1) / kPackDepth * kPackDepth; }
/// A multiple of 64.
size_t bytes_of(const Linear& linear) { return size_t{blocks_of(linear)} * kPackColumns * depth_of(linear); }

/// No product of two planes that are lifted leaves an int64, and no bias the room that outputs have.
BlockScales scales_of(const PackedLinear& packed, uint32_t block) {
    const auto begin = packed.ew.begin() + block * kPackColumns;
    const int32_t least = *std::min_element(begin, begin + kPackColumns);
    const int32_t most = *std::max_element(begin, begin + kPackColumns);
    BlockScales scales{least, most, BlockScales::kApart};
    const auto is_near = [&](int32_t to) {
        const int32_t lift = to - least;
        return lift <= kLiftMax && product_bits(2, packed.k) + lift <= kShiftMax;
    };
    const auto bias = packed.bias.begin() + block * kPackColumns;
    const bool fits = std::all_of(bias, bias + kPackColumns,
                                  [](int32_t b) { return std::abs(int64_t{b}) < int64_t{1} << kRoomBits; });
    if (!fits || !is_near(most)) return scales;
    if (is_near(packed.ew_max)) scales.most = packed.ew_max;
    scales.lift = scales.most - least;
    return scales;
}

/// `weights` are zeros.
PackedLinear pack_into(std::shared_ptr<int8_t[]> weights, const Linear& linear) {
    PackedLinear out;
    out.n = linear.n;
    out.k = linear.k;
    out.blocks = blocks_of(linear);
    out.depth = depth_of(linear);
    out.weights = std::move(weights);
    const size_t rows = size_t{out.blocks} * kPackColumns;
    out.offset.assign(rows, 0);
    out.mw.assign(rows, 0);
    out.ew.assign(rows, linear.ew[0]);
    out.bias.assign(rows, 0);
    int32_t largest = 0;  // Σ |weight| of a row
    for (uint32_t r = 0; r < linear.n; ++r) {
        const auto row = linear.row(r);
        int8_t* block = out.weights.get() + size_t{r / kPackColumns} * kPackColumns * out.depth;
        int32_t sum = 0, magnitude = 0, squares = 0;
        for (uint32_t c = 0; c < linear.k; ++c) {
            const size_t step = c / kPackDepth, lane = r % kPackColumns;
            block[(step * kPackColumns + lane) * kPackDepth + c % kPackDepth] = row[c];
            sum += row[c];
            magnitude += std::abs(row[c]);  // <= 2^7 · 2^15
            squares += row[c] * row[c];     // <= 2^14 · 2^15
        }
        out.offset[r] = 64 * sum;  // <= 64 · 2^7 · 2^15
        largest = std::max(largest, magnitude);
        out.squares = std::max<int64_t>(out.squares, squares);
        out.mw[r] = linear.mw[r];
        out.ew[r] = linear.ew[r];
        if (!linear.bias.empty()) out.bias[r] = linear.bias[r];
    }
    const auto [low, high] = std::minmax_element(out.ew.begin(), out.ew.end());
    out.ew_min = *low;
    out.ew_max = *high;
    out.narrow = sum_max_of(2, largest) <= INT32_MAX;
    out.lifted = out.mw;
    for (uint32_t block = 0; block < out.blocks; ++block) {
        const BlockScales scales = scales_of(out, block);
        out.scales.push_back(scales);
        if (scales.lift == BlockScales::kApart) continue;
        for (uint32_t r = block * kPackColumns; r < (block + 1) * kPackColumns; ++r) {
            out.lifted[r] <<= scales.most - out.ew[r];  // < 2^(kMwBits + kLiftMax)
        }
    }
    return out;
}

}  // namespace

PackedLinear pack_linear(const Linear& linear) { return pack_into(take_weights(bytes_of(linear)), linear); }

std::shared_ptr<const PackedModel> pack_model(const ModelParts& parts) {
    size_t bytes = 0;
    for (const Linear& linear : parts.linears) bytes += bytes_of(linear);
    const std::shared_ptr<int8_t[]> all = take_weights(bytes);
    auto packed = std::make_shared<PackedModel>();
    size_t at = 0;
    for (const Linear& linear : parts.linears) {
        packed->linears.push_back(pack_into({all, all.get() + at}, linear));
        at += bytes_of(linear);
    }
    return packed;
}

}  // namespace daidd::inference
