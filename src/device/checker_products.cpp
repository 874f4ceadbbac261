#include <algorithm>

#include "device/checker.h"

namespace daidd::device {

using namespace inference;

namespace {

struct DrawnLinear {
    std::vector<int8_t> weights;
    std::vector<uint16_t> mw;
    std::vector<uint8_t> ew;
    std::vector<int32_t> bias;
    Linear linear;
};

DrawnLinear draw_linear(Draw& draw, std::vector<int8_t> weights, std::vector<int32_t> bias, uint32_t n,
                        uint32_t k) {
    DrawnLinear drawn{
        std::move(weights), std::vector<uint16_t>(n), std::vector<uint8_t>(n), std::move(bias), {}};
    for (uint16_t& m : drawn.mw) m = uint16_t(draw.in(kMwMin, kMwMax));
    for (uint8_t& e : drawn.ew) e = uint8_t(draw.in(kEwMin, kEwMax));
    drawn.linear = {.name = "drawn",
                    .n = n,
                    .k = k,
                    .weights = drawn.weights,
                    .mw = drawn.mw,
                    .ew = drawn.ew,
                    .bias = {}};
    if (draw.next() % 2 == 0) drawn.linear.bias = drawn.bias;
    return drawn;
}

}  // namespace

Checker::Verdict Checker::linear(uint32_t rows, uint32_t n, uint32_t k, uint32_t planes, uint32_t fx) {
    const DrawnLinear drawn = draw_linear(draw_, bytes(size_t{n} * k, -128, 127), values(n), n, k);
    const uint32_t stride = row_stride(k), from = rows / 2,
                   pitch = (n + kColumnAlign - 1) / kColumnAlign * kColumnAlign;
    const auto codes = bytes(size_t{planes} * rows * k, -64, 63);
    std::vector<int8_t> padded(size_t{planes} * rows * stride);
    for (size_t r = 0; r < size_t{planes} * rows; ++r) std::copy_n(&codes[r * k], k, &padded[r * stride]);
    std::vector<int32_t> factors, expected(size_t{rows} * n), sums(size_t{planes} * rows * pitch);
    // Exponents from far below to far above the usual ones, so shifts of 0, below 0 and above 62 occur.
    for (uint32_t r = 0; r < rows; ++r) {
        factors.insert(factors.end(), {int32_t(draw_.in(128, (1 << 14) - 1)), int32_t(draw_.in(-20, 70))});
    }
    for (size_t r = 0; r < rows; ++r) {
        for (size_t c = 0; c < n; ++c) {
            int64_t sum = 0;
            for (size_t p = 0; p < planes; ++p) {
                int32_t dot = 0;
                for (size_t i = 0; i < k; ++i)
                    dot += codes[(p * rows + r) * k + i] * drawn.weights[c * k + i];
                sums[(p * rows + r) * pitch + c] = dot;
                sum = 128 * sum + dot;
            }
            expected[r * n + c] =
                linear_output(sum, {factors[2 * r], factors[2 * r + 1]}, drawn.mw[c], drawn.ew[c],
                              drawn.linear.bias.empty() ? 0 : drawn.bias[c], fx);
        }
    }
    const DeviceLinear weights = operations_.upload(drawn.linear);
    const DeviceCodes device_codes{rows,    k,
                                   planes,  operations_.upload(std::span<const int8_t>{padded}),
                                   nullptr, operations_.upload(std::span<const int32_t>{factors})};
    const BufferPtr y = buffer(4 * expected.size());
    const BufferPtr device_sums = operations_.upload(std::span<const int32_t>{sums});
    operations_.linear_outputs(weights, device_codes, device_sums, pitch, fx, y);
    if (!same(y, expected)) return Kernel::kLinearOutputs;
    const Product product{weights.weights, device_codes.codes, device_sums, planes * rows, pitch, stride};
    if (operations_.device().multiply(product) && !same(device_sums, sums)) return Kernel::kLinearOutputs;
    expected.erase(expected.begin(), expected.begin() + ptrdiff_t(size_t{from} * n));
    for (const Kernel kernel : {Kernel::kLinearTiles, Kernel::kLinearColumns}) {
        operations_.linear(kernel, weights, device_codes, from, rows - from, fx, y);
        if (!same(y, expected)) return kernel;
    }
    return {};
}

/// All heads of the new rows and the cache, as they must be after rope, and where the device has them.
struct Checker::Heads {
    std::vector<int8_t> codes, keys, values;
    std::vector<int32_t> info, key_scales, value_scales;
    DeviceCodes device;
    DeviceCache cache;
};

Checker::Verdict Checker::rope(const AttentionShape& shape, uint32_t fx, Heads& heads) {
    const uint32_t all = shape.all_heads(), width = shape.head_dim, stride = row_stride(width);
    const auto x = values(size_t{shape.rows} * all * width);
    std::vector<uint64_t> turns(width / 2);
    for (uint64_t& t : turns) t = draw_.next() >> draw_.in(0, 40);
    const BufferPtr device_x = operations_.upload(std::span<const int32_t>{x});
    operations_.rope(device_x, operations_.upload(std::span<const uint64_t>{turns}), shape, fx, heads.device,
                     heads.cache);
    for (uint32_t item = 0; item < shape.rows * all; ++item) {
        const uint32_t row = item / all, head = item % all;
        std::vector<int32_t> values(x.begin() + ptrdiff_t(size_t{item} * width),
                                    x.begin() + ptrdiff_t(size_t{item + 1} * width));
        for (uint32_t j = 0; head < shape.heads + shape.kv_heads && j < width / 2; ++j) {
            rotate(values[2 * j], values[2 * j + 1], rotation(shape.first + row, turns[j]));
        }
        const auto codes = std::span{heads.codes}.subspan(size_t{item} * stride, width);
        const RowScale scale = quant_row(values, kQHead, fx, codes, {});
        const int32_t info[] = {scale.scale.m, scale.scale.e, int32_t(scale.index), int32_t(scale.amax)};
        std::ranges::copy(info, heads.info.begin() + ptrdiff_t{4} * item);
        if (head < shape.heads) continue;
        const bool is_key = head < shape.heads + shape.kv_heads;
        const uint32_t cache_head = shape.layer * shape.kv_heads + (head - shape.heads) % shape.kv_heads;
        const size_t at = size_t{cache_head} * shape.capacity + shape.first + row;
        std::ranges::copy(codes, (is_key ? heads.keys : heads.values).begin() + ptrdiff_t(at * stride));
        (is_key ? heads.key_scales : heads.value_scales)[at] = scale.scale.e * 256 + scale.scale.m;
    }
    const bool is_same = same(heads.device.codes, heads.codes) && same(heads.device.info, heads.info) &&
                         same(heads.cache.keys, heads.keys) && same(heads.cache.values, heads.values) &&
                         same(heads.cache.key_scales, heads.key_scales) &&
                         same(heads.cache.value_scales, heads.value_scales);
    return is_same ? Verdict{} : Kernel::kRope;
}

Checker::Verdict Checker::attention(const AttentionShape& shape, uint32_t fx) {
    const uint32_t stride = row_stride(shape.head_dim), items = shape.rows * shape.all_heads();
    const size_t cached = size_t{shape.layer + 1} * shape.kv_heads * shape.capacity;
    Heads heads;
    heads.codes.resize(size_t{items} * stride);
    heads.info.resize(size_t{4} * items);
    for (auto* codes : {&heads.keys, &heads.values}) {
        *codes = bytes(cached * stride, -127, 127);
        for (size_t i = 0; i < codes->size(); ++i) {
            if (i % stride >= shape.head_dim) (*codes)[i] = 0;
        }
    }
    const int32_t e_low = quant_scale(uint32_t(kSatMax), kQHead, fx).e, e_high = quant_scale(1, kQHead, fx).e;
    for (auto* scales : {&heads.key_scales, &heads.value_scales}) {
        // Near each other, or one position would have all the weight.
        const int64_t low = draw_.in(e_low, e_high), high = std::min<int64_t>(e_high, low + draw_.in(0, 4));
        for (size_t i = 0; i < cached; ++i) {
            scales->push_back(int32_t(draw_.in(low, high) * 256 + draw_.in(128, 255)));
        }
    }
    heads.device = {items,  shape.head_dim, 1, buffer(heads.codes.size()), buffer(size_t{16} * items),
                    nullptr};
    heads.cache = {shape.capacity, operations_.upload(std::span<const int8_t>{heads.keys}),
                   operations_.upload(std::span<const int32_t>{heads.key_scales}),
                   operations_.upload(std::span<const int8_t>{heads.values}),
                   operations_.upload(std::span<const int32_t>{heads.value_scales})};
    if (const Verdict verdict = rope(shape, fx, heads)) return verdict;
    return attend(shape, fx, heads);
}

namespace {

/// What attention_head computes on its way, for one head of one row.
struct Stages {
    std::vector<int64_t> scores, weights;
    std::array<int32_t, 3> state;
    std::vector<int32_t> partial;  // (split, head_dim)
};

Stages stages_of(const HeadQuery& query, const HeadRows& keys, const HeadRows& values, uint32_t count,
                 uint32_t head_dim, uint32_t fx) {
    Stages out;
    for (uint32_t u = 0; u < count; ++u) {
        int32_t dot = 0;
        for (uint32_t i = 0; i < head_dim; ++i) dot += query.codes[i] * keys.codes[size_t{u} * head_dim + i];
        out.scores.push_back(
            rsh(int64_t{dot} * query.scale.m * keys.mantissa[u], query.scale.e + keys.exponent[u] - 16));
    }
    const int64_t score_max = *std::ranges::max_element(out.scores);
    const int32_t e_min = *std::min_element(values.exponent, values.exponent + count);
    int64_t total = 0;
    for (uint32_t u = 0; u < count; ++u) {
        const int64_t p = exp2_negative(score_max - out.scores[u]);
        total += p;
        out.weights.push_back(rsh(p * values.mantissa[u], values.exponent[u] - e_min));
    }
    const int b = std::max(0, bit_length(uint64_t(*std::ranges::max_element(out.weights))) - 14);
    const int bits = bit_length(uint64_t(total));
    const uint64_t normal = bits > 32 ? uint64_t(total) >> (bits - 32) : uint64_t(total) << (32 - bits);
    out.state = {int32_t((uint64_t{1} << 55) / normal), 23 + bits - b + e_min - int(fx), b};
    out.partial.resize(size_t{(count + kSplitPositions - 1) / kSplitPositions} * head_dim);
    for (uint32_t u = 0; u < count; ++u) {
        const auto weight = int32_t(std::min<int64_t>(16383, rsh(out.weights[u], b)));
        for (uint32_t i = 0; i < head_dim; ++i) {
            out.partial[size_t{u / kSplitPositions} * head_dim + i] +=
                weight * values.codes[size_t{u} * head_dim + i];
        }
    }
    return out;
}

/// One key head of a cache as attention_head takes it.
struct HostRows {
    std::vector<int8_t> codes;
    std::vector<uint8_t> mantissa;
    std::vector<int16_t> exponent;

    HostRows(std::span<const int8_t> padded, std::span<const int32_t> scales, size_t at, uint32_t count,
             uint32_t head_dim) {
        const uint32_t stride = row_stride(head_dim);
        for (size_t u = at; u < at + count; ++u) {
            const auto row = padded.subspan(u * stride, head_dim);
            codes.insert(codes.end(), row.begin(), row.end());
            mantissa.push_back(uint8_t(scales[u] & 255));
            exponent.push_back(int16_t(scales[u] >> 8));
        }
    }
    HeadRows view() const { return {codes.data(), mantissa.data(), exponent.data()}; }
};

}  // namespace

Checker::Verdict Checker::attend(const AttentionShape& shape, uint32_t fx, const Heads& heads) {
    const uint32_t queries = shape.rows * shape.heads, width = shape.head_dim, positions = shape.positions();
    const AttentionScratch scratch{buffer(AttentionScratch::score_bytes(shape)),
                                   buffer(AttentionScratch::state_bytes(shape)),
                                   buffer(AttentionScratch::partial_bytes(shape))};
    const BufferPtr y = buffer(size_t{4} * queries * width);
    const auto download = [&]<class T>(const BufferPtr& from, size_t count, T) {
        return operations_.download<T>(from, count);
    };
    operations_.scores(heads.device, heads.cache, shape, scratch);
    const auto scores = download(scratch.scores, size_t{queries} * positions, int64_t{});
    operations_.weights(heads.cache, shape, fx, scratch);
    const auto weights = download(scratch.scores, size_t{queries} * positions, int64_t{});
    const auto states = download(scratch.states, size_t{3} * queries, int32_t{});
    operations_.values(heads.cache, shape, scratch);
    const auto partial = download(scratch.partial, size_t{queries} * shape.splits() * width, int32_t{});
    operations_.outputs(shape, scratch, y);
    const auto outputs = download(y, size_t{queries} * width, int32_t{});
    for (uint32_t item = 0; item < queries; ++item) {
        const uint32_t row = item / shape.heads, head = item % shape.heads, count = shape.first + row + 1;
        const size_t query_row = size_t{row} * shape.all_heads() + head;
        const uint32_t cache_head = shape.layer * shape.kv_heads + head / (shape.heads / shape.kv_heads);
        const size_t at = size_t{cache_head} * shape.capacity;
        const HostRows keys{heads.keys, heads.key_scales, at, count, width};
        const HostRows values{heads.values, heads.value_scales, at, count, width};
        const HeadQuery query{&heads.codes[query_row * row_stride(width)],
                              {heads.info[4 * query_row], heads.info[4 * query_row + 1]}};
        const Stages stages = stages_of(query, keys.view(), values.view(), count, width, fx);
        std::vector<int32_t> expected(width);
        attention_head(query, keys.view(), values.view(), count, width, fx, expected.data());
        const auto differs = [](const auto& all, size_t begin, const auto& part) {
            return !std::equal(part.begin(), part.end(), all.begin() + ptrdiff_t(begin));
        };
        if (differs(scores, size_t{item} * positions, stages.scores)) return Kernel::kScores;
        if (differs(weights, size_t{item} * positions, stages.weights)) return Kernel::kWeights;
        if (differs(states, size_t{3} * item, stages.state)) return Kernel::kWeights;
        if (differs(partial, size_t{item} * shape.splits() * width, stages.partial)) return Kernel::kValues;
        if (differs(outputs, size_t{item} * width, expected)) return Kernel::kOutputs;
    }
    return {};
}

}  // namespace daidd::device
