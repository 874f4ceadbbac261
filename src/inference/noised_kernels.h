#pragma once

#include <cstddef>
#include <cstdint>

namespace daidd::inference {

// noised_tile() after its checks, one function a backend.
void noised_tile_scalar(const int8_t* noised, const int8_t* weights, size_t stride, uint32_t k, uint32_t r,
                        uint32_t* words);
void noised_tile_avx2(const int8_t* noised, const int8_t* weights, size_t stride, uint32_t k, uint32_t r,
                      uint32_t* words);

}  // namespace daidd::inference
