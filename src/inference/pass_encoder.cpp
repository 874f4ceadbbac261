#include <algorithm>

#include "inference/encoder_rows.h"
#include "inference/pass.h"

namespace daidd::inference {

void Pass::add_positions(size_t i, const Op& op) {
    const Linear& table = model_.linears()[op.linear];
    auto& out = take_rows(i, size_t{count()} * table.k);
    each_row([&](uint32_t r, Scratch&) {
        const auto x = row_of(values_[op.a].rows, r, table.k), y = row_of(out, r, table.k);
        for (uint32_t c = 0; c < table.k; ++c)
            y[c] = position_element(table, rows_[r].position, c, x[c], model_.fx());
    });
    trace_rows(i);
}

void Pass::layer_norm(size_t i, const Op& op) {
    const uint32_t width = model_.plan().width[i];
    const Norm& norm = model_.parts().norms[op.norm];
    const auto biases = layer_norm_biases(norm, model_.fx());
    auto& out = take_rows(i, size_t{count()} * width);
    each_row([&](uint32_t r, Scratch& scratch) {
        scratch.row.resize(width);
        const auto y = row_of(out, r, width);
        centre_row(row_of(values_[op.a].rows, r, width), scratch.row);
        kernels_.norm_row(scratch.row, norm.gq.first(width), norm.ge, model_.parts().epsilon, model_.fx(), y);
        kernels_.add_row(y, biases, y);
    });
}

// A gated row whose other half is 1: multiplying by it changes no bit.
void Pass::gelu(size_t i, const Op& op) {
    const uint32_t width = model_.plan().width[i];
    auto& out = take_rows(i, size_t{count()} * width);
    each_row([&](uint32_t r, Scratch& scratch) {
        scratch.row.resize(2 * size_t{width});
        std::ranges::copy(row_of(values_[op.a].rows, r, width), scratch.row.begin());
        std::fill(scratch.row.begin() + width, scratch.row.end(), 1 << model_.fx());
        kernels_.gated_row(kGeluErf, scratch.row, model_.fx(), row_of(out, r, width));
    });
}

void Pass::pool(size_t i, const Op& op) {
    const uint32_t width = model_.plan().width[i];
    const auto mean = mean_direction(std::span{values_[op.a].rows}.first(size_t{count()} * width), width);
    values_[i].rows.assign(mean.begin(), mean.end());
}

}  // namespace daidd::inference
