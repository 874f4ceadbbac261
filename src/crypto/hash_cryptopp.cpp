#include "crypto/hash.h"

#include <crypto++/chacha.h>
#include <crypto++/sha.h>

#include <algorithm>
#include <cassert>

namespace daidd::crypto {

Hash256 sha256(ByteView bytes) {
    Hash256 digest;
    CryptoPP::SHA256{}.CalculateDigest(digest.data(), bytes.data(), bytes.size());
    return digest;
}

Hash256 sha256d(ByteView bytes) { return sha256(sha256(bytes)); }

Hash256 tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts) {
    const Hash256 tag_hash = sha256(as_bytes(tag));
    CryptoPP::SHA256 state;
    state.Update(tag_hash.data(), tag_hash.size());
    state.Update(tag_hash.data(), tag_hash.size());
    for (const ByteView part : parts) state.Update(part.data(), part.size());
    Hash256 digest;
    state.Final(digest.data());
    return digest;
}

void xof(std::string_view tag, const Hash256& seed, std::span<uint8_t> out) {
    constexpr size_t kNonceSize = 12;
    constexpr uint64_t kBytesMax = uint64_t{64} << 32;  // then the block counter would repeat
    assert(tag.size() <= kNonceSize && out.size() <= kBytesMax);
    if (out.empty()) return;
    std::array<uint8_t, kNonceSize> nonce{};
    std::ranges::copy(tag, nonce.begin());
    // The keystream is what encrypts zeros. This class is RFC 8439's ChaCha20; it counts from 0 unless told.
    std::ranges::fill(out, uint8_t{0});
    CryptoPP::ChaChaTLS::Encryption stream;
    stream.SetKeyWithIV(seed.data(), seed.size(), nonce.data(), nonce.size());
    stream.ProcessData(out.data(), out.data(), out.size());
}

}  // namespace daidd::crypto
