#pragma once

#include <cstddef>
#include <cstdint>

namespace daidd::crypto {

/// Ends eight BLAKE2s messages at once, each `size` > 0 bytes from rows[i], all from chaining value `state`
/// after `counted` bytes. Plain types only: nothing that this file's flags compile may be shared with
/// other files, where the linker could pick it for processors without AVX2.
void blake2s_finish_8_avx2(const uint32_t state[8], uint64_t counted, const uint8_t* const rows[8],
                           size_t size, uint8_t* const out[8]);

}  // namespace daidd::crypto
