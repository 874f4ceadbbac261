#include "training/vector_kernels.h"

#include <cassert>

#include "training/vector.h"

namespace daidd::training {

void dot_rows_scalar(const int8_t* query, const int8_t* rows, size_t width, size_t count, int32_t* out) {
    for (size_t r = 0; r < count; ++r) out[r] = dot({query, width}, {rows + r * width, width});
}

DotRows* dot_rows(inference::Backend backend) {
    assert(is_supported(backend));
#if defined(__x86_64__)
    if (backend >= inference::Backend::kAvx512) return dot_rows_avx512;
    if (backend >= inference::Backend::kAvx2) return dot_rows_avx2;
#endif
    return dot_rows_scalar;
}

}  // namespace daidd::training
