#include "inference/packed.h"

#include <algorithm>
#include <new>

namespace daidd::inference {

namespace {

constexpr std::align_val_t kAlignment{64};

void release(int8_t* weights) { ::operator delete[](weights, kAlignment); }

}  // namespace

PackedLinear pack_linear(const Linear& linear) {
    PackedLinear out;
    out.n = linear.n;
    out.k = linear.k;
    out.blocks = (linear.n + kPackColumns - 1) / kPackColumns;
    out.depth = (linear.k + kPackDepth - 1) / kPackDepth * kPackDepth;
    const size_t rows = size_t{out.blocks} * kPackColumns, bytes = rows * out.depth;
    out.weights = {static_cast<int8_t*>(::operator new[](bytes, kAlignment)), release};
    std::fill_n(out.weights.get(), bytes, int8_t{0});
    out.offset.assign(rows, 0);
    out.mw.assign(rows, 0);
    out.ew.assign(rows, linear.ew[0]);
    out.bias.assign(rows, 0);
    for (uint32_t r = 0; r < linear.n; ++r) {
        const auto row = linear.row(r);
        int8_t* block = out.weights.get() + size_t{r / kPackColumns} * kPackColumns * out.depth;
        int32_t sum = 0;
        for (uint32_t c = 0; c < linear.k; ++c) {
            const size_t step = c / kPackDepth, lane = r % kPackColumns;
            block[(step * kPackColumns + lane) * kPackDepth + c % kPackDepth] = row[c];
            sum += row[c];
        }
        out.offset[r] = 64 * sum;  // <= 64 · 2^7 · 2^15
        out.mw[r] = linear.mw[r];
        out.ew[r] = linear.ew[r];
        if (!linear.bias.empty()) out.bias[r] = linear.bias[r];
    }
    const auto [low, high] = std::minmax_element(out.ew.begin(), out.ew.end());
    out.ew_min = *low;
    out.ew_max = *high;
    return out;
}

std::shared_ptr<const PackedModel> pack_model(const ModelParts& parts) {
    auto packed = std::make_shared<PackedModel>();
    for (const Linear& linear : parts.linears) packed->linears.push_back(pack_linear(linear));
    return packed;
}

}  // namespace daidd::inference
