#pragma once

#include <cstddef>
#include <cstdint>

namespace daidd::crypto {

/// As blake2s_finish_8_avx2(), sixteen messages at once; plain types only for the same reason.
void blake2s_finish_16_avx512(const uint32_t state[8], uint64_t counted, const uint8_t* const rows[16],
                              size_t size, uint8_t* const out[16]);

}  // namespace daidd::crypto
