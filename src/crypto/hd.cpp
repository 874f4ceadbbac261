#include "crypto/hd.h"

#include <crypto++/hmac.h>
#include <crypto++/pwdbased.h>
#include <crypto++/sha.h>

#include <algorithm>
#include <cassert>

#include "crypto/bip39_english.h"
#include "crypto/curve.h"
#include "crypto/hash.h"

namespace daidd::crypto {
namespace {

constexpr size_t kBitsPerWord = 11;

bool is_entropy_size(size_t size) { return size >= 16 && size <= 32 && size % 4 == 0; }

/// BIP39: the first bits of the hash, one for every 32 bits of entropy, so at most 8.
uint8_t checksum_of(ByteView entropy) {
    const size_t bits = entropy.size() / 4;
    return uint8_t(sha256(entropy)[0] >> (8 - bits));
}

using Hmac512 = std::array<uint8_t, 64>;

Hmac512 hmac_sha512(ByteView key, ByteView message) {
    CryptoPP::HMAC<CryptoPP::SHA512> mac{key.data(), key.size()};
    Hmac512 out;
    mac.CalculateDigest(out.data(), message.data(), message.size());
    return out;
}

std::pair<Hash256, Hash256> halves(const Hmac512& bytes) {
    std::pair<Hash256, Hash256> out;
    std::copy_n(bytes.begin(), 32, out.first.begin());
    std::copy_n(bytes.begin() + 32, 32, out.second.begin());
    return out;
}

std::array<uint8_t, 33> compressed_point(const SecretKey& key) {
    secp256k1_pubkey point;
    const int made = secp256k1_ec_pubkey_create(curve(), &point, key.bytes().data());
    assert(made == 1);
    std::array<uint8_t, 33> out;
    size_t size = out.size();
    secp256k1_ec_pubkey_serialize(curve(), out.data(), &size, &point, SECP256K1_EC_COMPRESSED);
    return out;
}

std::vector<std::string_view> split(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    std::vector<std::string_view> words;
    while (true) {
        const size_t begin = text.find_first_not_of(kSpace);
        if (begin == std::string_view::npos) return words;
        const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
}

}  // namespace

std::string mnemonic_from_entropy(ByteView entropy) {
    assert(is_entropy_size(entropy.size()));
    const size_t checksum_bits = entropy.size() / 4;
    Bytes bits{entropy.begin(), entropy.end()};
    bits.push_back(uint8_t(checksum_of(entropy) << (8 - checksum_bits)));
    std::string words;
    for (size_t at = 0; at + kBitsPerWord <= entropy.size() * 8 + checksum_bits; at += kBitsPerWord) {
        size_t index = 0;
        for (size_t i = at; i < at + kBitsPerWord; ++i)
            index = index << 1 | (bits[i / 8] >> (7 - i % 8) & 1u);
        if (!words.empty()) words += ' ';
        words += kBip39English[index];
    }
    return words;
}

std::optional<Bytes> entropy_from_mnemonic(std::string_view words) {
    const auto list = split(words);
    // Twelve to twenty-four words, in steps of three: 33 bits, of which 32 are entropy.
    if (list.size() < 12 || list.size() > 24 || list.size() % 3 != 0) return std::nullopt;
    const size_t size = list.size() / 3 * 4;
    Bytes bits(size + 1);
    size_t at = 0;
    for (const std::string_view word : list) {
        const auto found = std::ranges::lower_bound(kBip39English, word);
        if (found == kBip39English.end() || *found != word) return std::nullopt;
        const size_t index = size_t(found - kBip39English.begin());
        for (size_t i = 0; i < kBitsPerWord; ++i, ++at) {
            const size_t bit = index >> (kBitsPerWord - 1 - i) & 1;
            bits[at / 8] = uint8_t(bits[at / 8] | bit << (7 - at % 8));
        }
    }
    const uint8_t checksum = uint8_t(bits[size] >> (8 - size / 4));
    bits.pop_back();
    if (checksum != checksum_of(bits)) return std::nullopt;
    return bits;
}

std::array<uint8_t, 64> seed_from_mnemonic(std::string_view words, std::string_view passphrase) {
    constexpr unsigned kIterations = 2048;
    const std::string salt = "mnemonic" + std::string{passphrase};
    std::array<uint8_t, 64> seed;
    const ByteView password = as_bytes(words);
    CryptoPP::PKCS5_PBKDF2_HMAC<CryptoPP::SHA512>{}.DeriveKey(seed.data(), seed.size(), 0, password.data(),
                                                              password.size(), as_bytes(salt).data(),
                                                              salt.size(), kIterations);
    return seed;
}

std::optional<ExtendedKey> ExtendedKey::from_seed(ByteView seed) {
    auto mac = hmac_sha512(as_bytes("Bitcoin seed"), seed);
    auto [secret, chain_code] = halves(mac);
    const auto key = SecretKey::from_bytes(secret);
    wipe(mac.data(), mac.size());
    wipe(secret.data(), secret.size());
    if (!key) return std::nullopt;
    return ExtendedKey{.key = *key, .chain_code = chain_code};
}

std::optional<ExtendedKey> ExtendedKey::child(uint32_t number) const {
    Bytes message;
    if (number >= kHardened) {
        message.push_back(0);
        message.insert(message.end(), key.bytes().begin(), key.bytes().end());
    } else {
        const auto point = compressed_point(key);
        message.assign(point.begin(), point.end());
    }
    for (int shift = 24; shift >= 0; shift -= 8) message.push_back(uint8_t(number >> shift));
    auto mac = hmac_sha512(chain_code, message);
    auto [tweak, child_code] = halves(mac);
    Hash256 secret = key.bytes();
    const bool added = secp256k1_ec_seckey_tweak_add(curve(), secret.data(), tweak.data()) == 1;
    const auto child_key = added ? SecretKey::from_bytes(secret) : std::nullopt;
    wipe(message.data(), message.size());
    wipe(mac.data(), mac.size());
    wipe(tweak.data(), tweak.size());
    wipe(secret.data(), secret.size());
    if (!child_key) return std::nullopt;
    return ExtendedKey{.key = *child_key, .chain_code = child_code};
}

}  // namespace daidd::crypto
