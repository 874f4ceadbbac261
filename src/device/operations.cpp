#include "device/operations.h"

#include <algorithm>

#include "inference/noised.h"
#include "inference/tables.h"

namespace daidd::device {

using namespace inference;

namespace {

constexpr uint32_t kLinearTileColumns = 64, kLinearTileRows = 32;  // linear_tiles
constexpr uint32_t kLinearLanes = 32;                              // linear_columns
constexpr uint32_t kWord = 4;

uint32_t parts(uint64_t count, uint32_t size) { return uint32_t((count + size - 1) / size); }

}  // namespace

size_t AttentionScratch::score_bytes(const AttentionShape& shape) {
    return size_t{8} * shape.rows * shape.heads * shape.positions();
}

size_t AttentionScratch::state_bytes(const AttentionShape& shape) {
    return size_t{12} * shape.rows * shape.heads;
}

size_t AttentionScratch::partial_bytes(const AttentionShape& shape) {
    return size_t{4} * shape.rows * shape.heads * shape.splits() * shape.head_dim;
}

Operations::Operations(std::shared_ptr<Device> device)
    : device_{std::move(device)},
      exp2_{upload(std::span<const int32_t>{kExp2})},
      sigmoid_{upload(std::span<const int32_t>{kSigmoid})},
      quarter_sine_{upload(std::span<const int32_t>{kQuarterSine})},
      empty_{device_->allocate(0)} {}

DeviceLinear Operations::upload(const Linear& linear) const {
    const uint32_t stride = row_stride(linear.k);
    std::vector<int8_t> weights(size_t{parts(linear.n, kColumnAlign)} * kColumnAlign * stride);
    std::vector<uint32_t> scales(linear.n);
    for (size_t r = 0; r < linear.n; ++r) {
        std::ranges::copy(linear.row(r), weights.begin() + ptrdiff_t(r * stride));
        scales[r] = linear.mw[r] | uint32_t{linear.ew[r]} << 16;
    }
    return {linear.n,
            linear.k,
            !linear.bias.empty(),
            upload(std::span<const int8_t>{weights}),
            upload(std::span<const uint32_t>{scales}),
            linear.bias.empty() ? empty_ : upload(linear.bias)};
}

uint64_t Operations::bytes_of(const Linear& linear) {
    return uint64_t{parts(linear.n, kColumnAlign)} * kColumnAlign * row_stride(linear.k) +
           sizeof(uint32_t) * linear.n + linear.bias.size_bytes();
}

void Operations::launch(Kernel kernel, uint32_t groups_x, uint32_t groups_y,
                        std::initializer_list<Argument> arguments) const {
    device_->launch(kernel, groups_x, groups_y, std::span{arguments.begin(), arguments.size()});
}

void Operations::launch_elements(Kernel kernel, uint64_t count,
                                 std::initializer_list<Argument> arguments) const {
    launch(kernel, parts(count, kElementThreads), 1, arguments);
}

void Operations::embedding(const BufferPtr& tokens, const BufferPtr& codes, const BufferPtr& scales,
                           uint32_t rows, uint32_t dim, uint32_t fx, const BufferPtr& y) const {
    const uint64_t total = uint64_t{rows} * dim;
    launch_elements(Kernel::kEmbedding, total, {tokens, codes, scales, y, total, dim, fx});
}

void Operations::gain(const BufferPtr& x, const BufferPtr& gq, uint32_t rows, uint32_t width,
                      const BufferPtr& y) const {
    const uint64_t total = uint64_t{rows} * width;
    launch_elements(Kernel::kGain, total, {x, gq, y, total, width});
}

void Operations::add(const BufferPtr& a, const BufferPtr& b, uint64_t count, const BufferPtr& y) const {
    launch_elements(Kernel::kAdd, count, {a, b, y, count});
}

void Operations::swiglu(const BufferPtr& x, uint32_t rows, uint32_t width, uint32_t fx,
                        const BufferPtr& y) const {
    const uint64_t total = uint64_t{rows} * width;
    launch_elements(Kernel::kSwiglu, total, {x, sigmoid_, y, total, width, fx});
}

void Operations::quantise(const BufferPtr& x, uint32_t from, int32_t q, uint32_t fx,
                          const DeviceCodes& out) const {
    launch(Kernel::kQuant, out.rows, 1,
           {x, out.codes, out.info, out.factors, from, out.rows, out.width, row_stride(out.width), out.planes,
            q, fx});
}

void Operations::norm_scale(const BufferPtr& x, uint32_t from, uint64_t epsilon, int32_t ge, uint32_t fx,
                            const DeviceCodes& out) const {
    launch(Kernel::kNormScale, out.rows, 1, {x, out.info, out.factors, epsilon, from, out.width, ge, fx});
}

void Operations::linear(Kernel kernel, const DeviceLinear& linear, const DeviceCodes& codes, uint32_t from,
                        uint32_t rows, uint32_t fx, const BufferPtr& y) const {
    assert(codes.width == linear.k && from + rows <= codes.rows);
    const bool is_tiled = kernel == Kernel::kLinearTiles;
    launch(kernel, parts(linear.n, is_tiled ? kLinearTileColumns : kTileThreads / kLinearLanes),
           is_tiled ? parts(rows, kLinearTileRows) : rows,
           {codes.codes, linear.weights, codes.factors, linear.scales, linear.bias, y, from, rows, codes.rows,
            linear.n, row_stride(linear.k) / kWord, codes.planes, uint32_t{linear.has_bias}, fx});
}

void Operations::linear_outputs(const DeviceLinear& linear, const DeviceCodes& codes, const BufferPtr& sums,
                                uint32_t pitch, uint32_t fx, const BufferPtr& y) const {
    const uint64_t total = uint64_t{codes.rows} * linear.n;
    launch_elements(Kernel::kLinearOutputs, total,
                    {sums, codes.factors, linear.scales, linear.bias, y, total, codes.rows, linear.n, pitch,
                     codes.planes, uint32_t{linear.has_bias}, fx});
}

void Operations::rope(const BufferPtr& x, const BufferPtr& turns, const AttentionShape& shape, uint32_t fx,
                      const DeviceCodes& out, const DeviceCache& cache) const {
    launch(Kernel::kRope, shape.rows * shape.all_heads(), 1,
           {x, turns, quarter_sine_, out.codes, out.info, cache.keys, cache.key_scales, cache.values,
            cache.value_scales, shape.first, shape.heads, shape.kv_heads, shape.head_dim,
            row_stride(shape.head_dim), shape.layer * shape.kv_heads, shape.capacity, fx});
}

void Operations::scores(const DeviceCodes& heads, const DeviceCache& cache, const AttentionShape& shape,
                        const AttentionScratch& scratch) const {
    launch(Kernel::kScores, shape.rows * shape.heads, parts(shape.positions(), kRowThreads),
           {heads.codes, heads.info, cache.keys, cache.key_scales, scratch.scores, shape.first, shape.heads,
            shape.kv_heads, row_stride(shape.head_dim) / kWord, shape.layer * shape.kv_heads, shape.capacity,
            shape.positions()});
}

void Operations::weights(const DeviceCache& cache, const AttentionShape& shape, uint32_t fx,
                         const AttentionScratch& scratch) const {
    launch(Kernel::kWeights, shape.rows * shape.heads, 1,
           {scratch.scores, cache.value_scales, exp2_, scratch.states, shape.first, shape.heads,
            shape.kv_heads, shape.layer * shape.kv_heads, shape.capacity, shape.positions(), fx});
}

void Operations::values(const DeviceCache& cache, const AttentionShape& shape,
                        const AttentionScratch& scratch) const {
    launch(Kernel::kValues, shape.rows * shape.heads, shape.splits(),
           {scratch.scores, scratch.states, cache.values, scratch.partial, shape.first, shape.heads,
            shape.kv_heads, shape.head_dim, row_stride(shape.head_dim), shape.layer * shape.kv_heads,
            shape.capacity, shape.positions(), shape.splits()});
}

void Operations::outputs(const AttentionShape& shape, const AttentionScratch& scratch,
                         const BufferPtr& y) const {
    const uint64_t total = uint64_t{shape.rows} * shape.heads * shape.head_dim;
    launch_elements(Kernel::kOutputs, total,
                    {scratch.partial, scratch.states, y, total, shape.head_dim, shape.splits()});
}

void Operations::argmax(const BufferPtr& logits, uint32_t rows, uint32_t width,
                        const BufferPtr& chosen) const {
    launch(Kernel::kArgmax, rows, 1, {logits, chosen, width});
}

void Operations::noised(Kernel kernel, const BufferPtr& rows, uint32_t groups, const BufferPtr& weights,
                        uint64_t weights_at, uint32_t stride, uint32_t tiles, uint32_t k, uint32_t r,
                        const BufferPtr& words) const {
    assert(r > 0 && r <= kStepMax && r % 8 == 0 && k % r == 0 && stride % kWord == 0 &&
           weights_at % kWord == 0);
    // A warp a tile of weights on tensor cores, a group a tile elsewhere.
    const uint32_t tiles_a_group = kernel == Kernel::kNoisedTensor ? kTensorThreads / 32 : 1;
    launch(kernel, parts(tiles, tiles_a_group), groups,
           {rows, weights, words, weights_at / kWord, groups, tiles, stride / kWord, k / kWord, r / kWord});
}

void Operations::blake2s(const BufferPtr& rows, uint32_t count, uint32_t size, std::string_view personal,
                         const BufferPtr& key, const BufferPtr& digests) const {
    uint64_t word = 0;
    assert(personal.size() <= sizeof word && size > 0);
    std::memcpy(&word, personal.data(), personal.size());
    launch_elements(
        Kernel::kBlake2s, count,
        {rows, key == nullptr ? empty_ : key, digests, word, count, size, uint32_t{key != nullptr}});
}

}  // namespace daidd::device
