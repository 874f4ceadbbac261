#include "crypto/keys.h"

#include <sstream>

#include "crypto/bech32.h"
#include "crypto/vectors.h"

namespace daidd::crypto {
namespace {

Hash256 filled(uint8_t byte) {
    Hash256 bytes;
    bytes.fill(byte);
    return bytes;
}

struct Bip340Line {
    std::string index, secret, public_key, auxiliary, message, signature, verdict;
};

std::vector<Bip340Line> bip340_lines() {
    std::ifstream file{std::string{DAIDD_VECTORS} + "/crypto/bip340.csv"};
    std::vector<Bip340Line> lines;
    std::string text;
    std::getline(file, text);
    while (std::getline(file, text)) {
        std::istringstream fields{text};
        Bip340Line line;
        for (std::string* field : {&line.index, &line.secret, &line.public_key, &line.auxiliary,
                                   &line.message, &line.signature, &line.verdict}) {
            std::getline(fields, *field, ',');
        }
        lines.push_back(line);
    }
    return lines;
}

TEST(SecretKey, RefusesZeroAndTheGroupOrder) {
    const Hash256 order = *parse_hash("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    Hash256 below = order;
    below[31] -= 1;
    EXPECT_FALSE(SecretKey::from_bytes(kZeroHash));
    EXPECT_FALSE(SecretKey::from_bytes(order));
    EXPECT_TRUE(SecretKey::from_bytes(below));
}

TEST(Signature, Bip340Vectors) {
    size_t verified = 0, signed_count = 0;
    for (const auto& line : bip340_lines()) {
        const auto message = parse_hash(line.message);
        if (!message) continue;  // the protocol signs 32-byte messages only
        const auto key = hex_array(line.public_key);
        const auto signature = hex_array<64>(line.signature);
        EXPECT_EQ(verify(key, *message, signature), line.verdict == "TRUE") << line.index;
        ++verified;
        if (line.secret.empty()) continue;
        const auto secret = SecretKey::from_bytes(hex_array(line.secret));
        ASSERT_TRUE(secret) << line.index;
        EXPECT_EQ(secret->public_key(), key) << line.index;
        EXPECT_EQ(secret->sign(*message, hex_array(line.auxiliary)), signature) << line.index;
        ++signed_count;
    }
    EXPECT_EQ(verified, 15u);
    EXPECT_EQ(signed_count, 4u);
}

TEST(Signature, HoldsForItsMessageAndKeyOnly) {
    const SecretKey key = SecretKey::random();
    const Hash256 message = filled(7);
    const Signature signature = key.sign(message);
    EXPECT_TRUE(verify(key.public_key(), message, signature));
    EXPECT_NE(key.sign(message), signature) << "auxiliary randomness is missing";
    EXPECT_FALSE(verify(key.public_key(), filled(8), signature));
    EXPECT_FALSE(verify(SecretKey::random().public_key(), message, signature));
    for (const size_t at : {size_t{0}, size_t{31}, size_t{32}, size_t{63}}) {
        Signature spoiled = signature;
        spoiled[at] ^= 1;
        EXPECT_FALSE(verify(key.public_key(), message, spoiled)) << at;
    }
}

TEST(PublicKey, ThatIsNoPointIsRefused) {
    EXPECT_FALSE(is_valid(kZeroHash));
    EXPECT_FALSE(is_valid(filled(0xff)));
    EXPECT_FALSE(output_key(filled(0xff)));
    EXPECT_FALSE(verify(filled(0xff), kZeroHash, Signature{}));
    EXPECT_TRUE(is_valid(SecretKey::random().public_key()));
}

TEST(Taproot, Bip341KeysWithoutAScriptTree) {
    const auto vectors = read_vectors("crypto/bip341.json");
    size_t keys = 0;
    for (const auto& entry : vectors["scriptPubKey"]) {
        if (!entry["given"]["scriptTree"].is_null()) continue;
        const auto key = output_key(hex_array(entry["given"]["internalPubkey"]));
        ASSERT_TRUE(key);
        EXPECT_EQ(to_hex(*key), entry["intermediary"]["tweakedPubkey"]);
        EXPECT_EQ(encode_address("bc", {.version = 1, .program = Bytes{key->begin(), key->end()}}),
                  entry["expected"]["bip350Address"]);
        ++keys;
    }
    size_t secrets = 0;
    for (const auto& entry : vectors["keyPathSpending"][0]["inputSpending"]) {
        if (!entry["given"]["merkleRoot"].is_null()) continue;
        const auto key = SecretKey::from_bytes(hex_array(entry["given"]["internalPrivkey"]));
        ASSERT_TRUE(key);
        EXPECT_EQ(to_hex(key->public_key()), entry["intermediary"]["internalPubkey"]);
        EXPECT_EQ(to_hex(key->taproot_tweaked().bytes()), entry["intermediary"]["tweakedPrivkey"]);
        ++secrets;
    }
    EXPECT_GT(keys, 0u);
    EXPECT_GT(secrets, 0u);
}

TEST(Taproot, TheTweakedKeySignsForTheOutputKey) {
    for (int i = 0; i < 16; ++i) {
        const SecretKey key = SecretKey::random();
        const SecretKey tweaked = key.taproot_tweaked();
        EXPECT_EQ(tweaked.public_key(), output_key(key.public_key()));
        EXPECT_TRUE(verify(*output_key(key.public_key()), filled(3), tweaked.sign(filled(3))));
    }
}

TEST(Randomness, FillsEveryByte) {
    // A byte that is never written stays zero in all rounds; a random one does with chance 2^-128.
    Bytes seen(1000);
    for (int round = 0; round < 16; ++round) {
        Bytes bytes(seen.size());
        random_bytes(bytes);
        for (size_t i = 0; i < seen.size(); ++i) seen[i] |= bytes[i];
    }
    EXPECT_EQ(std::ranges::count(seen, 0), 0);
}

}  // namespace
}  // namespace daidd::crypto
