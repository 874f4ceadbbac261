#pragma once

#include "crypto/keys.h"

namespace daidd::crypto {

/// BIP39, English. `entropy` is 16, 20, 24, 28 or 32 bytes.
std::string mnemonic_from_entropy(ByteView entropy);
/// The entropy behind the words; nothing if a word is unknown or the checksum is wrong.
std::optional<Bytes> entropy_from_mnemonic(std::string_view words);
/// PBKDF2-HMAC-SHA512, 2048 rounds.
std::array<uint8_t, 64> seed_from_mnemonic(std::string_view words, std::string_view passphrase = "");

/// BIP32, private derivation. Child numbers from 2^31 are hardened.
struct ExtendedKey {
    SecretKey key;
    Hash256 chain_code;

    static std::optional<ExtendedKey> from_seed(ByteView seed);
    std::optional<ExtendedKey> child(uint32_t number) const;
};

inline constexpr uint32_t kHardened = 0x8000'0000;

}  // namespace daidd::crypto
