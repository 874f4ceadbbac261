#include "inference/packed.h"

#include <algorithm>
#include <cstdlib>
#include <new>

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
    out.magnitudes.assign(out.blocks, 0);
    for (uint32_t r = 0; r < linear.n; ++r) {
        const auto row = linear.row(r);
        int8_t* block = out.weights.get() + size_t{r / kPackColumns} * kPackColumns * out.depth;
        int32_t sum = 0, magnitude = 0;
        for (uint32_t c = 0; c < linear.k; ++c) {
            const size_t step = c / kPackDepth, lane = r % kPackColumns;
            block[(step * kPackColumns + lane) * kPackDepth + c % kPackDepth] = row[c];
            sum += row[c];
            magnitude += std::abs(row[c]);  // <= 2^7 · 2^15
        }
        out.offset[r] = 64 * sum;  // <= 64 · 2^7 · 2^15
        int32_t& largest = out.magnitudes[r / kPackColumns];
        largest = std::max(largest, magnitude);
        out.mw[r] = linear.mw[r];
        out.ew[r] = linear.ew[r];
        if (!linear.bias.empty()) out.bias[r] = linear.bias[r];
    }
    const auto [low, high] = std::minmax_element(out.ew.begin(), out.ew.end());
    out.ew_min = *low;
    out.ew_max = *high;
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
