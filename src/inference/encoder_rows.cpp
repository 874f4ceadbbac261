#include "inference/encoder_rows.h"

#include <cassert>

#include "inference/reference.h"
#include "inference/unit_row.h"

namespace daidd::inference {

int32_t position_element(const Linear& table, uint32_t position, uint32_t column, int32_t x, uint32_t fx) {
    const int8_t code = table.row(position)[column];
    return add_element(x, embedding_element(code, table.mw[position], table.ew[position], fx));
}

void centre_row(std::span<const int32_t> x, std::span<int32_t> y) {
    assert(!x.empty() && x.size() <= kDimMax && y.size() == x.size());
    int64_t sum = 0;  // <= 2^14 · 2^31
    for (const int32_t v : x) sum += v;
    const auto n = int64_t(x.size());
    const int64_t twice = 2 * sum + n;
    const int64_t mean = twice >= 0 ? twice / (2 * n) : -((2 * n - 1 - twice) / (2 * n));  // floor
    for (size_t i = 0; i < x.size(); ++i) y[i] = sat(x[i] - mean);
}

std::vector<int32_t> layer_norm_biases(const Norm& norm, uint32_t fx) {
    std::vector<int32_t> biases;
    // |b| <= 2^15 and the shift is at least −17.
    for (const int32_t b : norm.gq.subspan(norm.gq.size() / 2)) {
        biases.push_back(sat(rsh(b, 15 + norm.ge - int(fx))));
    }
    return biases;
}

void layer_norm_row(std::span<const int32_t> x, const Norm& norm, uint64_t epsilon, uint32_t fx,
                    std::span<int32_t> y) {
    assert(norm.gq.size() == 2 * x.size());
    std::vector<int32_t> centred(x.size());
    centre_row(x, centred);
    norm_row(centred, norm.gq.first(x.size()), norm.ge, epsilon, fx, y);
    const auto biases = layer_norm_biases(norm, fx);
    for (size_t i = 0; i < y.size(); ++i) y[i] = add_element(y[i], biases[i]);
}

int32_t gelu_element(int32_t x, uint32_t fx) {
    return int32_t(rsh(x * gate_element(kGeluErf, x, fx), 16));  // the gate is at most 2^16
}

std::vector<int32_t> mean_direction(std::span<const int32_t> rows, uint32_t width) {
    assert(width > 0 && rows.size() % width == 0 && rows.size() / width <= kContextMax);
    std::vector<int64_t> sums(width);
    for (; !rows.empty(); rows = rows.subspan(width)) {
        for (uint32_t i = 0; i < width; ++i) sums[i] += rows[i];
    }
    const auto unit = unit_row_of_sums(sums);
    return unit ? *unit : std::vector<int32_t>(width);
}

}  // namespace daidd::inference
