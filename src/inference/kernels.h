#pragma once

#include <vector>

#include "inference/model.h"
#include "inference/packed.h"
#include "inference/pages.h"
#include "inference/reference.h"
#include "util/big_vector.h"

namespace daidd::inference {

/// Codes of some rows. Planes lie one after the other, high first, each rows · width.
struct CodeRows {
    uint32_t rows = 0, width = 0, planes = 0;
    BigVector<int8_t> codes;
    std::vector<RowScale> scales;
    std::vector<Scale>
        factors;  ///< what a linear multiplies with: the scale, through norm_scale after a norm

    /// Never takes memory back: the vectors may be longer than their rows.
    void resize(uint32_t new_rows, uint32_t new_width, uint32_t new_planes);
    std::span<int8_t> plane(uint32_t row, uint32_t p);
    std::span<const int8_t> plane(uint32_t row, uint32_t p) const;
};

/// Memory that one thread reuses from call to call.
struct Scratch {
    struct alignas(64) Line {
        int32_t at[16];
    };
    std::vector<int32_t> row;
    std::vector<int64_t> scores;
    std::vector<int16_t> weights;
    BigVector<uint8_t> bytes;
    std::vector<int8_t> codes;
    std::vector<int16_t> exponents;
    BigVector<Line> lines;
    BigVector<Line> arena;

    /// At least `count` of whatever.
    uint8_t* take_bytes(size_t count);
    int64_t* take_scores(size_t count);
    Line* take_lines(size_t count);
    Line* take_arena(size_t count);  ///< stays while a product is mined
};

/// The operations that take time, one implementation a backend; contracts as in reference.h.
struct Kernels {
    RowScale (*quant_row)(std::span<const int32_t> x, int32_t q, uint32_t fx, std::span<int8_t> high,
                          std::span<int8_t> low);
    void (*gain_row)(std::span<const int32_t> x, std::span<const int32_t> gq, std::span<int32_t> y);
    Scale (*norm_scale)(std::span<const int32_t> x, Scale scale, uint64_t epsilon, int32_t ge, uint32_t fx);
    /// Columns [16 · block_begin, min(n, 16 · block_end)) of y (rows × n) for all rows of `codes`.
    /// `packed` is null for the scalar backend.
    void (*linear)(const Linear& linear, const PackedLinear* packed, const CodeRows& codes,
                   uint32_t block_begin, uint32_t block_end, uint32_t fx, int32_t* y, Scratch& scratch);
    /// Positions [keys.skip, count); values.skip is the same.
    void (*attention_head)(const HeadQuery& query, const HeadPages& keys, const HeadPages& values,
                           uint32_t count, uint32_t head_dim, uint32_t fx, int32_t* out, Scratch& scratch);
    void (*add_row)(std::span<const int32_t> a, std::span<const int32_t> b, std::span<int32_t> y);
    /// `x` is gate ‖ up.
    void (*gated_row)(const GateTable& table, std::span<const int32_t> x, uint32_t fx, std::span<int32_t> y);
    void (*norm_row)(std::span<const int32_t> x, std::span<const int32_t> gq, int32_t ge, uint64_t epsilon,
                     uint32_t fx, std::span<int32_t> y);
};

/// The largest Σ code_weight(code) of some rows, `stride` apart.
using HeaviestRow = int64_t (*)(const int8_t* codes, size_t stride, uint32_t columns, uint32_t rows);

/// Whether 128 · high + low of all rows is an int32, by the weights or by the codes.
bool are_narrow(const PackedLinear& packed, const CodeRows& codes, HeaviestRow heaviest_row);

/// Makes the scores of the first `skip` positions of a page weigh nothing and returns the largest of the
/// others. Requires skip < count.
int64_t hide_scores(int64_t* score, uint32_t skip, uint32_t count);

/// attention_head() of the reference over pages, copied together: the specification, and the way out for
/// shapes that a fast kernel does not take.
void attend_copied(const HeadQuery& query, const HeadPages& keys, const HeadPages& values, uint32_t count,
                   uint32_t head_dim, uint32_t fx, int32_t* out, Scratch& scratch);

const Kernels& kernels_of(Backend backend);
extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;     // rows_avx2.cpp
extern const Kernels kAvxVnniKernels;  // linear_vnni_avx2.cpp
extern const Kernels kAvx512Kernels;   // rows_avx512.cpp
extern const Kernels kAmxKernels;      // linear_amx.cpp
#endif

}  // namespace daidd::inference
