#include "crypto/keys.h"

#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <string.h>
#include <sys/random.h>

#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "crypto/curve.h"
#include "crypto/hash.h"

namespace daidd::crypto {
namespace {

/// A secret key with its public key, wiped when it goes.
struct KeyPair {
    explicit KeyPair(const Hash256& secret) {
        const int made = secp256k1_keypair_create(curve(), &pair, secret.data());
        assert(made == 1);
    }
    KeyPair(const KeyPair&) = delete;
    KeyPair& operator=(const KeyPair&) = delete;
    ~KeyPair() { wipe(&pair, sizeof(pair)); }

    PublicKey public_key() const {
        secp256k1_xonly_pubkey point;
        PublicKey key;
        const int read = secp256k1_keypair_xonly_pub(curve(), &point, nullptr, &pair);
        assert(read == 1);
        secp256k1_xonly_pubkey_serialize(curve(), key.data(), &point);
        return key;
    }

    secp256k1_keypair pair;
};

Hash256 tweak_of(const PublicKey& internal) { return tagged_hash("TapTweak", {internal}); }

std::optional<secp256k1_xonly_pubkey> point_of(const PublicKey& key) {
    secp256k1_xonly_pubkey point;
    if (secp256k1_xonly_pubkey_parse(curve(), &point, key.data()) != 1) return std::nullopt;
    return point;
}

}  // namespace

const secp256k1_context* curve() {
    struct Destroy {
        void operator()(secp256k1_context* context) const { secp256k1_context_destroy(context); }
    };
    static const std::unique_ptr<secp256k1_context, Destroy> context = [] {
        std::unique_ptr<secp256k1_context, Destroy> made{secp256k1_context_create(SECP256K1_CONTEXT_NONE)};
        Hash256 seed;
        random_bytes(seed);
        const int randomized = secp256k1_context_randomize(made.get(), seed.data());
        assert(randomized == 1);
        wipe(seed.data(), seed.size());
        return made;
    }();
    return context.get();
}

void wipe(void* memory, size_t size) { explicit_bzero(memory, size); }

void random_bytes(std::span<uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        // Without randomness every key would be a guess: no caller can go on.
        if (got <= 0) std::abort();
        out = out.subspan(size_t(got));
    }
}

std::optional<SecretKey> SecretKey::from_bytes(const Hash256& bytes) {
    if (secp256k1_ec_seckey_verify(curve(), bytes.data()) != 1) return std::nullopt;
    return SecretKey{bytes};
}

SecretKey SecretKey::random() {
    Hash256 bytes;
    std::optional<SecretKey> key;
    while (!key) {
        random_bytes(bytes);
        key = from_bytes(bytes);
    }
    wipe(bytes.data(), bytes.size());
    return *key;
}

SecretKey::~SecretKey() { wipe(bytes_.data(), bytes_.size()); }

PublicKey SecretKey::public_key() const { return KeyPair{bytes_}.public_key(); }

SecretKey SecretKey::taproot_tweaked() const {
    KeyPair pair{bytes_};
    const Hash256 tweak = tweak_of(pair.public_key());
    // Fails only if the hash is not below the group order or cancels the key, which nobody can find.
    const int tweaked = secp256k1_keypair_xonly_tweak_add(curve(), &pair.pair, tweak.data());
    assert(tweaked == 1);
    Hash256 bytes;
    const int read = secp256k1_keypair_sec(curve(), bytes.data(), &pair.pair);
    assert(read == 1);
    SecretKey key{bytes};
    wipe(bytes.data(), bytes.size());
    return key;
}

Signature SecretKey::sign(const Hash256& message) const {
    Hash256 auxiliary;
    random_bytes(auxiliary);
    return sign(message, auxiliary);
}

Signature SecretKey::sign(const Hash256& message, const Hash256& auxiliary) const {
    const KeyPair pair{bytes_};
    Signature signature;
    const int made =
        secp256k1_schnorrsig_sign32(curve(), signature.data(), message.data(), &pair.pair, auxiliary.data());
    assert(made == 1);
    return signature;
}

std::optional<PublicKey> output_key(const PublicKey& internal) {
    const auto point = point_of(internal);
    if (!point) return std::nullopt;
    const Hash256 tweak = tweak_of(internal);
    secp256k1_pubkey sum;
    if (secp256k1_xonly_pubkey_tweak_add(curve(), &sum, &*point, tweak.data()) != 1) return std::nullopt;
    secp256k1_xonly_pubkey output;
    const int converted = secp256k1_xonly_pubkey_from_pubkey(curve(), &output, nullptr, &sum);
    assert(converted == 1);
    PublicKey key;
    secp256k1_xonly_pubkey_serialize(curve(), key.data(), &output);
    return key;
}

bool is_valid(const PublicKey& key) { return point_of(key).has_value(); }

bool verify(const PublicKey& key, const Hash256& message, const Signature& signature) {
    const auto point = point_of(key);
    return point && secp256k1_schnorrsig_verify(curve(), signature.data(), message.data(), message.size(),
                                                &*point) == 1;
}

}  // namespace daidd::crypto
