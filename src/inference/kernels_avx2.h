#pragma once

#include "inference/kernels.h"

// Entries of kAvx2Kernels; contracts as in kernels.h.
namespace daidd::inference::avx2 {

RowScale quant_row(std::span<const int32_t> x, int32_t q, uint32_t fx, std::span<int8_t> high,
                   std::span<int8_t> low);
void gain_row(std::span<const int32_t> x, std::span<const int32_t> gq, std::span<int32_t> y);
Scale norm_scale(std::span<const int32_t> x, Scale scale, uint64_t epsilon, int32_t ge, uint32_t fx);
void linear(const Linear& linear, const PackedLinear* packed, const CodeRows& codes, uint32_t block_begin,
            uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch);
void attention_head(const HeadQuery& query, const HeadPages& keys, const HeadPages& values, uint32_t count,
                    uint32_t head_dim, uint32_t fx, int32_t* out, Scratch& scratch);
void add_row(std::span<const int32_t> a, std::span<const int32_t> b, std::span<int32_t> y);
void gated_row(const GateTable& table, std::span<const int32_t> x, uint32_t fx, std::span<int32_t> y);
void norm_row(std::span<const int32_t> x, std::span<const int32_t> gq, int32_t ge, uint64_t epsilon,
              uint32_t fx, std::span<int32_t> y);

}  // namespace daidd::inference::avx2
