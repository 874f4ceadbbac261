#pragma once

#include <initializer_list>
#include <string_view>

#include "util/bytes.h"

namespace daidd::crypto {

/// FIPS 180-4, and applied twice as Bitcoin hashes blocks and transactions.
Hash256 sha256(ByteView bytes);
Hash256 sha256d(ByteView bytes);

/// BIP340: SHA256(SHA256(tag) ‖ SHA256(tag) ‖ parts).
Hash256 tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts);

/// H(tag; parts) of the protocol: BLAKE2s-256 (RFC 7693) over the parts joined, the tag (at most 8
/// bytes, zero padded) as personalisation; H[key](tag; parts) with a 32-byte key.
Hash256 hash(std::string_view tag, std::initializer_list<ByteView> parts, const Hash256* key = nullptr);

/// The same over many rows of one length, out[i] = H[key](tag; row i), several lanes at once where the
/// processor can: traces are hashed row by row, and one lane alone would cost as much as the model.
/// Requires rows.size() == out.size() * row_size and row_size > 0.
void hash_rows(std::string_view tag, const Hash256* key, ByteView rows, size_t row_size,
               std::span<Hash256> out);

/// XOF(tag; seed) of the protocol: the ChaCha20 keystream (RFC 8439), seed as key, tag (at most 12 bytes,
/// zero padded) as nonce, block counter from 0. Fills `out` with its first bytes.
void xof(std::string_view tag, const Hash256& seed, std::span<uint8_t> out);

}  // namespace daidd::crypto
