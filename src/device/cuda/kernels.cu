#include "device/cuda/kernels.h"

#include "device/cuda/noised_tensor.h"

// In this order: later files use what earlier ones define.
#include "device/kernels/dialect.h"

#include "device/kernels/arithmetic.h"

#include "device/kernels/rows.cl"

#include "device/kernels/linear.cl"

#include "device/kernels/attention.cl"

#include "device/kernels/noised.cl"

#include "device/kernels/blake2s.cl"

namespace daidd::device {

const void* const* cuda_kernels(uint32_t* count) {
    static const void* const kernels[] = {
        (const void*)embedding_rows,    (const void*)gain_rows,        (const void*)add_rows,
        (const void*)swiglu_rows,       (const void*)quant_rows,       (const void*)norm_scales,
        (const void*)argmax_rows,       (const void*)linear_tiles,     (const void*)linear_columns,
        (const void*)linear_outputs,    (const void*)rope_heads,       (const void*)attention_scores,
        (const void*)attention_weights, (const void*)attention_values, (const void*)attention_outputs,
        (const void*)noised_tiles,      (const void*)blake2s_rows,     (const void*)noised_tensor,
    };
    *count = sizeof kernels / sizeof *kernels;
    return kernels;
}

}  // namespace daidd::device
