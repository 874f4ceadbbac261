#include "inference/kernels.h"

#include <algorithm>

#include "inference/sum_bounds.h"

namespace daidd::inference {

void CodeRows::resize(uint32_t new_rows, uint32_t new_width, uint32_t new_planes) {
    rows = new_rows;
    width = new_width;
    planes = new_planes;
    codes.resize(std::max(codes.size(), size_t{rows} * width * planes));
    scales.resize(std::max<size_t>(scales.size(), rows));
    factors.resize(std::max<size_t>(factors.size(), rows));
}

std::span<int8_t> CodeRows::plane(uint32_t row, uint32_t p) {
    return std::span{codes}.subspan((size_t{p} * rows + row) * width, width);
}

std::span<const int8_t> CodeRows::plane(uint32_t row, uint32_t p) const {
    return std::span{codes}.subspan((size_t{p} * rows + row) * width, width);
}

uint8_t* Scratch::take_bytes(size_t count) {
    if (bytes.size() < count) bytes.resize(count);
    return bytes.data();
}

int64_t* Scratch::take_scores(size_t count) {
    if (scores.size() < count) scores.resize(count);
    return scores.data();
}

Scratch::Line* Scratch::take_arena(size_t count) {
    if (arena.size() < count) arena.resize(count);
    return arena.data();
}

Scratch::Line* Scratch::take_lines(size_t count) {
    if (lines.size() < count) lines.resize(count);
    return lines.data();
}

namespace {

void gain_row(std::span<const int32_t> x, std::span<const int32_t> gq, std::span<int32_t> y) {
    for (size_t i = 0; i < x.size(); ++i) y[i] = gain_element(x[i], gq[i]);
}

void linear_rows(const Linear& linear, const PackedLinear*, const CodeRows& codes, uint32_t block_begin,
                 uint32_t block_end, uint32_t fx, int32_t* y, Scratch&) {
    const uint32_t end = std::min(linear.n, block_end * kPackColumns);
    for (uint32_t r = 0; r < codes.rows; ++r) {
        const auto high = codes.plane(r, 0);
        const auto low = codes.planes == 2 ? codes.plane(r, 1) : std::span<const int8_t>{};
        for (uint32_t c = block_begin * kPackColumns; c < end; ++c) {
            const int32_t bias = linear.bias.empty() ? 0 : linear.bias[c];
            y[size_t{r} * linear.n + c] = linear_element(high, low, codes.factors[r], linear.row(c),
                                                         linear.mw[c], linear.ew[c], bias, fx);
        }
    }
}

void add_row(std::span<const int32_t> a, std::span<const int32_t> b, std::span<int32_t> y) {
    for (size_t i = 0; i < y.size(); ++i) y[i] = add_element(a[i], b[i]);
}

void gated_row(const GateTable& table, std::span<const int32_t> x, uint32_t fx, std::span<int32_t> y) {
    for (size_t i = 0; i < y.size(); ++i) y[i] = gated_element(table, x[i], x[i + y.size()], fx);
}

}  // namespace

void attend_copied(const HeadQuery& query, const HeadPages& keys, const HeadPages& values, uint32_t count,
                   uint32_t head_dim, uint32_t fx, int32_t* out, Scratch& scratch) {
    scratch.codes.resize(size_t{2} * count * head_dim);
    scratch.exponents.resize(size_t{2} * count);
    uint8_t* mantissas = scratch.take_bytes(size_t{2} * count);
    const auto copied = [&](const HeadPages& pages, size_t first) -> HeadRows {
        int8_t* codes = scratch.codes.data() + first * head_dim;
        int16_t* exponents = scratch.exponents.data() + first;
        for (uint32_t u = 0, to = 0; u < count; u += kPagePositions) {
            const HeadRows rows = pages.rows(u / kPagePositions, head_dim);
            const uint32_t from = u == 0 ? pages.skip : 0, here = in_page(u, count) - from;
            std::copy_n(rows.codes + size_t{from} * head_dim, size_t{here} * head_dim,
                        codes + size_t{to} * head_dim);
            std::copy_n(rows.mantissa + from, here, mantissas + first + to);
            std::copy_n(rows.exponent + from, here, exponents + to);
            to += here;
        }
        return {codes, mantissas + first, exponents};
    };
    attention_head(query, copied(keys, 0), copied(values, count), count - keys.skip, head_dim, fx, out);
}

bool are_narrow(const PackedLinear& packed, const CodeRows& codes, HeaviestRow heaviest_row) {
    if (codes.planes != 2 || packed.narrow) return codes.planes == 2;
    return heaviest_row(codes.plane(0, 0).data(), codes.width, codes.width, codes.rows) <=
           narrow_row_max(codes.width, packed.squares);
}

int64_t hide_scores(int64_t* score, uint32_t skip, uint32_t count) {
    // Scores are at most 2^60, so no distance from this one overflows.
    constexpr int64_t kUnseen = -(int64_t{1} << 62);
    std::fill_n(score, skip, kUnseen);
    return *std::max_element(score + skip, score + count);
}

const Kernels kScalarKernels = {quant_row,     gain_row, norm_scale, linear_rows,
                                attend_copied, add_row,  gated_row,  norm_row};

const Kernels& kernels_of(Backend backend) {
    assert(is_supported(backend));
#if defined(__x86_64__)
    if (backend == Backend::kAvx2) return kAvx2Kernels;
    if (backend == Backend::kAvxVnni) return kAvxVnniKernels;
    if (backend == Backend::kAvx512) return kAvx512Kernels;
    if (backend == Backend::kAmx) return kAmxKernels;
#endif
    return kScalarKernels;
}

}  // namespace daidd::inference
