#pragma once

#include <cstddef>
#include <cstdint>

namespace daidd::import {

// One block of a GGUF tensor as doubles, one function a layout; dequantize.h says why they are exact. A block
// has as many bytes and elements as gguf_block says. A code of fewer than eight bits is split: low bits here,
// high bits there, each packed with those of other elements.

inline constexpr size_t kSmallBlock = 32;   ///< elements of Q4_0 … Q8_0
inline constexpr size_t kSuperBlock = 256;  ///< elements of Q2_K … Q6_K

void read_q4_0(const uint8_t* block, double* out);
void read_q4_1(const uint8_t* block, double* out);
void read_q5_0(const uint8_t* block, double* out);
void read_q5_1(const uint8_t* block, double* out);
void read_q8_0(const uint8_t* block, double* out);

void read_q2_k(const uint8_t* block, double* out);
void read_q3_k(const uint8_t* block, double* out);
void read_q4_k(const uint8_t* block, double* out);
void read_q5_k(const uint8_t* block, double* out);
void read_q6_k(const uint8_t* block, double* out);

}  // namespace daidd::import
