#pragma once

#include <optional>

#include "util/bytes.h"

namespace daidd::crypto {

/// An x-only public key (BIP340), 32 bytes. As the program of a taproot output it is an *output key*.
using PublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;

/// A secp256k1 secret key, wiped when it goes.
class SecretKey {
public:
    /// Nothing if the bytes are zero or not below the group order.
    static std::optional<SecretKey> from_bytes(const Hash256& bytes);
    /// From the operating system's generator.
    static SecretKey random();

    SecretKey(const SecretKey&) = default;
    SecretKey& operator=(const SecretKey&) = default;
    ~SecretKey();

    const Hash256& bytes() const { return bytes_; }
    PublicKey public_key() const;

    /// BIP341 without a script tree, as BIP86 uses it: the key that signs for output_key(public_key()).
    SecretKey taproot_tweaked() const;

    /// BIP340 over a 32-byte message, with auxiliary randomness from the operating system.
    Signature sign(const Hash256& message) const;
    /// The same with the auxiliary randomness given: a function of its arguments, as the standard's examples
    /// need it.
    Signature sign(const Hash256& message, const Hash256& auxiliary) const;

private:
    explicit SecretKey(const Hash256& bytes) : bytes_{bytes} {}
    Hash256 bytes_;
};

/// BIP341 output key of an internal key without a script tree; nothing if it is not a curve point.
std::optional<PublicKey> output_key(const PublicKey& internal);

/// Whether the 32 bytes are the x coordinate of a point.
bool is_valid(const PublicKey& key);

/// BIP340.
bool verify(const PublicKey& key, const Hash256& message, const Signature& signature);

/// `size` bytes from the operating system's generator.
void random_bytes(std::span<uint8_t> out);

}  // namespace daidd::crypto
