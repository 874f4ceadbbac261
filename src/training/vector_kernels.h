#pragma once

#include <cstddef>
#include <cstdint>

#include "inference/backend.h"

namespace daidd::training {

/// out[r] = dot(query, row r) of `count` rows, `width` codes each, one after the other. Requires codes in
/// [−127, 127] and width <= kVectorWidthMax; every backend gives the same.
using DotRows = void(const int8_t* query, const int8_t* rows, size_t width, size_t count, int32_t* out);

DotRows* dot_rows(inference::Backend backend);

DotRows dot_rows_scalar;
#if defined(__x86_64__)
DotRows dot_rows_avx2;
DotRows dot_rows_avx512;
#endif

}  // namespace daidd::training
