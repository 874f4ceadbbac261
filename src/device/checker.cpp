#include "device/checker.h"

#include <algorithm>

#include "crypto/blake2s.h"
#include "inference/noised.h"

namespace daidd::device {

using namespace inference;

uint64_t Draw::next() {
    state_ += 0x9E37'79B9'7F4A'7C15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EB;
    return z ^ (z >> 31);
}

int32_t Draw::spread(int bits) {
    const auto value = int32_t(next() & ((uint64_t{1} << in(0, bits)) - 1));
    return next() % 2 == 0 ? value : -value;
}

std::vector<int32_t> Checker::values(size_t count) {
    std::vector<int32_t> out(count);
    for (int32_t& x : out) {
        switch (fill_) {
        case Fill::kSpread: x = draw_.spread(31); break;
        case Fill::kExtreme: x = draw_.next() % 2 == 0 ? INT32_MAX : -INT32_MAX; break;
        case Fill::kZero: x = 0; break;
        }
    }
    return out;
}

std::vector<int8_t> Checker::bytes(size_t count, int low, int high) {
    std::vector<int8_t> out(count);
    for (int8_t& x : out) {
        switch (fill_) {
        case Fill::kSpread: x = int8_t(draw_.in(low, high)); break;
        // Mostly of one sign, so that sums grow to their bound.
        case Fill::kExtreme: x = int8_t(draw_.next() % 64 == 0 ? high : low); break;
        case Fill::kZero: x = 0; break;
        }
    }
    return out;
}

Checker::Verdict Checker::embedding(uint32_t rows, uint32_t dim, uint32_t fx) {
    const uint32_t vocabulary = rows + 3;
    std::vector<int16_t> codes(size_t{vocabulary} * dim);
    std::vector<uint32_t> scales(vocabulary), tokens(rows);
    for (int16_t& c : codes) {
        c = int16_t(fill_ == Fill::kSpread ? draw_.in(-kEmbeddingCodeMax, kEmbeddingCodeMax)
                    : fill_ == Fill::kZero ? 0
                                           : (draw_.next() % 2 == 0 ? 1 : -1) * kEmbeddingCodeMax);
    }
    for (uint32_t& s : scales) s = uint32_t(draw_.in(kMwMin, kMwMax) | draw_.in(kEwMin, kEwMax) << 16);
    for (uint32_t& t : tokens) t = uint32_t(draw_.in(0, vocabulary - 1));
    std::vector<int32_t> expected(size_t{rows} * dim);
    for (size_t i = 0; i < expected.size(); ++i) {
        const uint32_t token = tokens[i / dim];
        expected[i] = embedding_element(codes[size_t{token} * dim + i % dim], uint16_t(scales[token]),
                                        uint8_t(scales[token] >> 16), fx);
    }
    const BufferPtr y = buffer(4 * expected.size());
    operations_.embedding(operations_.upload(std::span<const uint32_t>{tokens}),
                          operations_.upload(std::span<const int16_t>{codes}),
                          operations_.upload(std::span<const uint32_t>{scales}), rows, dim, fx, y);
    return same(y, expected) ? Verdict{} : Kernel::kEmbedding;
}

Checker::Verdict Checker::elements(uint32_t rows, uint32_t width, uint32_t fx) {
    const size_t count = size_t{rows} * width;
    const auto a = values(count), b = values(count), both = values(2 * count);
    std::vector<int32_t> gq(width), gained(count), sum(count), activated(count);
    for (int32_t& g : gq) g = int32_t(draw_.in(-kGainMax, kGainMax));
    if (fill_ == Fill::kExtreme) std::ranges::fill(gq, -kGainMax);
    for (size_t i = 0; i < count; ++i) {
        const size_t row = i / width, column = i % width;
        gained[i] = gain_element(a[i], gq[column]);
        sum[i] = add_element(a[i], b[i]);
        activated[i] =
            gated_element(kSigmoid, both[row * 2 * width + column], both[(row * 2 + 1) * width + column], fx);
    }
    const BufferPtr device_a = operations_.upload(std::span<const int32_t>{a}), y = buffer(4 * count);
    operations_.gain(device_a, operations_.upload(std::span<const int32_t>{gq}), rows, width, y);
    if (!same(y, gained)) return Kernel::kGain;
    operations_.add(device_a, operations_.upload(std::span<const int32_t>{b}), count, y);
    if (!same(y, sum)) return Kernel::kAdd;
    operations_.swiglu(operations_.upload(std::span<const int32_t>{both}), rows, width, fx, y);
    return same(y, activated) ? Verdict{} : Kernel::kSwiglu;
}

Checker::Verdict Checker::quantise(uint32_t rows, uint32_t width, int32_t q, uint32_t fx) {
    const uint32_t planes = q == kQTwoPlanes ? 2 : 1, stride = row_stride(width), from = 1;
    const auto x = values(size_t{from + rows} * width);
    std::vector<int8_t> expected(size_t{planes} * rows * stride);
    std::vector<int32_t> info, factors;
    for (uint32_t r = 0; r < rows; ++r) {
        const auto plane = [&](uint32_t p) {
            return std::span{expected}.subspan((size_t{p} * rows + r) * stride, width);
        };
        const RowScale row = quant_row(std::span{x}.subspan(size_t{from + r} * width, width), q, fx, plane(0),
                                       planes == 2 ? plane(1) : std::span<int8_t>{});
        info.insert(info.end(), {row.scale.m, row.scale.e, int32_t(row.index), int32_t(row.amax)});
        factors.insert(factors.end(), {row.scale.m, row.scale.e});
    }
    const DeviceCodes codes{
        rows, width, planes, buffer(expected.size()), buffer(size_t{16} * rows), buffer(size_t{8} * rows)};
    const BufferPtr device_x = operations_.upload(std::span<const int32_t>{x});
    operations_.quantise(device_x, from, q, fx, codes);
    if (!same(codes.codes, expected) || !same(codes.info, info) || !same(codes.factors, factors)) {
        return Kernel::kQuant;
    }
    return norm(device_x, x, from, fx, codes);
}

Checker::Verdict Checker::norm(const BufferPtr& x, std::span<const int32_t> values, uint32_t from,
                               uint32_t fx, const DeviceCodes& codes) {
    const auto epsilon = uint64_t(fill_ == Fill::kSpread ? draw_.in(0, int64_t(kEpsilonMax))
                                  : fill_ == Fill::kZero ? 0
                                                         : int64_t(kEpsilonMax));
    const auto ge = int32_t(draw_.in(-kGainExponentMax, kGainExponentMax));
    const auto info = operations_.download<int32_t>(codes.info, size_t{4} * codes.rows);
    std::vector<int32_t> factors;
    for (size_t r = 0; r < codes.rows; ++r) {
        const Scale factor = norm_scale(values.subspan((from + r) * codes.width, codes.width),
                                        {info[4 * r], info[4 * r + 1]}, epsilon, ge, fx);
        factors.insert(factors.end(), {factor.m, factor.e});
    }
    operations_.norm_scale(x, from, epsilon, ge, fx, codes);
    return same(codes.factors, factors) ? Verdict{} : Kernel::kNormScale;
}

Checker::Verdict Checker::argmax(uint32_t rows, uint32_t width) {
    auto logits = values(size_t{rows} * width);
    std::vector<uint32_t> expected(rows);
    for (size_t r = 0; r < rows; ++r) {
        const auto row = std::span{logits}.subspan(r * width, width);
        // A second largest one, so that ties are decided.
        row[draw_.next() % width] = *std::ranges::max_element(row);
        expected[r] = uint32_t(std::ranges::max_element(row) - row.begin());
    }
    const BufferPtr chosen = buffer(size_t{4} * rows);
    operations_.argmax(operations_.upload(std::span<const int32_t>{logits}), rows, width, chosen);
    return same(chosen, expected) ? Verdict{} : Kernel::kArgmax;
}

Checker::Verdict Checker::noised(uint32_t groups, uint32_t tiles, uint32_t k, uint32_t r) {
    const uint32_t stride = row_stride(k) + kRowAlign, weights_at = kRowAlign, steps = k / r;
    // Mostly 254 where they are extreme.
    const int from = fill_ == Fill::kZero ? 0 : 126;
    std::vector<uint8_t> rows;
    for (const int8_t x : bytes(size_t{groups} * kTile * k, -128, 126)) rows.push_back(uint8_t(from - x));
    auto weights = bytes(weights_at + size_t{tiles} * kTile * stride, -128, 127);
    // One column unlike the others: of equal ones the XOR would be 0.
    for (uint32_t t = 0; t < tiles; ++t) weights[weights_at + size_t{t} * kTile * stride] = 1;
    std::vector<uint32_t> expected(size_t{tiles} * groups * steps);
    const NoisedRows scalar{Backend::kScalar, rows, k};
    for (uint32_t t = 0; t < tiles; ++t) {
        scalar.fold(
            std::span{weights}.subspan(weights_at + size_t{t} * kTile * stride, (kTile - 1) * stride + k),
            stride, r, std::span{expected}.subspan(size_t{t} * groups * steps, size_t{groups} * steps));
    }
    const BufferPtr device_rows = operations_.upload(std::span<const uint8_t>{rows});
    const BufferPtr device_weights = operations_.upload(std::span<const int8_t>{weights});
    for (const Kernel kernel : {Kernel::kNoisedTiles, Kernel::kNoisedTensor}) {
        if (!operations_.device().supports(kernel)) continue;
        const BufferPtr words = buffer(4 * expected.size());
        operations_.noised(kernel, device_rows, groups, device_weights, weights_at, stride, tiles, k, r,
                           words);
        if (!same(words, expected)) return kernel;
    }
    return {};
}

Checker::Verdict Checker::blake2s(uint32_t count, uint32_t size, bool has_key) {
    const auto rows = bytes(size_t{count} * size, -128, 127);
    Hash256 key;
    for (uint8_t& b : key) b = uint8_t(draw_.next());
    const ByteView view{reinterpret_cast<const uint8_t*>(rows.data()), rows.size()};
    std::vector<Hash256> expected(count);
    const crypto::Blake2s hash{"device", has_key ? &key : nullptr};
    hash.finish_rows(view, size, expected, 1);
    const BufferPtr digests = buffer(sizeof(Hash256) * count);
    operations_.blake2s(operations_.upload(std::span<const int8_t>{rows}), count, size, "device",
                        has_key ? operations_.upload(std::span<const uint8_t>{key}) : nullptr, digests);
    return same(digests, expected) ? Verdict{} : Kernel::kBlake2s;
}

}  // namespace daidd::device
