#pragma once

#include <secp256k1.h>

#include <cstddef>

namespace daidd::crypto {

/// The library's context, made once, blinded against side channels with randomness of this process.
const secp256k1_context* curve();

/// Overwrites memory that held a secret; the compiler cannot leave it out.
void wipe(void* memory, size_t size);

}  // namespace daidd::crypto
