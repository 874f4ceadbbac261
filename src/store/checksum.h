#pragma once

#include "util/bytes.h"

namespace daidd::store {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), continued from `crc`, the checksum of what came before.
uint32_t crc32c(ByteView bytes, uint32_t crc = 0);

}  // namespace daidd::store
