#pragma once

#include <cstddef>
#include <cstdint>

namespace daidd::inference {

// noised_tile() and noised_tiles() after their checks.
void noised_tile_scalar(const int8_t* noised, const int8_t* weights, size_t stride, uint32_t k, uint32_t r,
                        uint32_t* words);
void noised_tiles_avx2(const int8_t* noised, uint32_t groups, const int8_t* weights, size_t stride,
                       uint32_t k, uint32_t r, uint32_t* words);

}  // namespace daidd::inference
