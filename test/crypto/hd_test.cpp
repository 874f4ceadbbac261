#include "crypto/hd.h"

#include <sstream>

#include "crypto/bech32.h"
#include "crypto/hash.h"
#include "crypto/vectors.h"

namespace daidd::crypto {
namespace {

/// The chain code and the key that an "xprv…" carries, after its checksum held.
std::pair<Hash256, Hash256> parse_xprv(const std::string& text) {
    constexpr std::string_view kDigits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    std::array<uint8_t, 82> bytes{};
    for (const char c : text) {
        size_t carry = kDigits.find(c);
        EXPECT_NE(carry, std::string_view::npos);
        for (size_t i = bytes.size(); i-- > 0; carry /= 256) {
            carry += bytes[i] * 58u;
            bytes[i] = uint8_t(carry);
        }
    }
    const ByteView view = bytes;
    EXPECT_TRUE(std::ranges::equal(ByteView{sha256d(view.first(78))}.first(4), view.subspan(78)));
    std::pair<Hash256, Hash256> out;
    std::ranges::copy(view.subspan(13, 32), out.first.begin());
    std::ranges::copy(view.subspan(46, 32), out.second.begin());
    return out;
}

ExtendedKey derive(ExtendedKey key, const std::string& path) {
    std::istringstream steps{path};
    std::string step;
    std::getline(steps, step, '/');
    EXPECT_EQ(step, "m");
    while (std::getline(steps, step, '/')) {
        const uint32_t hardened = step.ends_with('\'') ? kHardened : 0;
        key = key.child(uint32_t(std::stoul(step)) + hardened).value();
    }
    return key;
}

TEST(Bip32, Vectors) {
    size_t keys = 0;
    for (const auto& entry : read_list("crypto/bip32.json", "vectors")) {
        const auto master = ExtendedKey::from_seed(hex(entry["seed"]));
        ASSERT_TRUE(master);
        for (const auto& chain : entry["chains"]) {
            const auto [chain_code, secret] = parse_xprv(chain["xprv"]);
            const ExtendedKey key = derive(*master, chain["path"]);
            EXPECT_EQ(key.chain_code, chain_code) << chain;
            EXPECT_EQ(key.key.bytes(), secret) << chain;
            ++keys;
        }
    }
    EXPECT_EQ(keys, 17u);
}

TEST(Bip39, Vectors) {
    const auto vectors = read_vectors("crypto/bip39.json");
    EXPECT_EQ(vectors["vectors"].size(), 24u);
    for (const auto& entry : vectors["vectors"]) {
        const Bytes entropy = hex(entry[0]);
        const std::string words = entry[1];
        EXPECT_EQ(mnemonic_from_entropy(entropy), words);
        EXPECT_EQ(entropy_from_mnemonic(words), entropy);
        const auto seed = seed_from_mnemonic(words, vectors["passphrase"].get<std::string>());
        EXPECT_EQ(to_hex(seed), entry[2]);
        const auto [chain_code, secret] = parse_xprv(entry[3]);
        EXPECT_EQ(ExtendedKey::from_seed(seed)->key.bytes(), secret);
    }
}

TEST(Bip39, RefusesWhatIsNoMnemonic) {
    const std::string eleven =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon";
    EXPECT_TRUE(entropy_from_mnemonic(eleven + " about"));
    EXPECT_TRUE(entropy_from_mnemonic("  " + eleven + "\n about\t"));
    EXPECT_FALSE(entropy_from_mnemonic(""));
    EXPECT_FALSE(entropy_from_mnemonic(eleven));
    EXPECT_FALSE(entropy_from_mnemonic(eleven + " abandon")) << "checksum";
    EXPECT_FALSE(entropy_from_mnemonic(eleven + " bitcoin")) << "not in the list";
    EXPECT_FALSE(entropy_from_mnemonic(eleven + " abou")) << "cut";
    EXPECT_FALSE(entropy_from_mnemonic(eleven + " zzzz")) << "after the last word";
    EXPECT_FALSE(entropy_from_mnemonic(eleven + " About")) << "upper case";
    EXPECT_FALSE(entropy_from_mnemonic(eleven + " about about"));
    std::string many = mnemonic_from_entropy(Bytes(32));
    EXPECT_TRUE(entropy_from_mnemonic(many));
    EXPECT_FALSE(entropy_from_mnemonic(many + " abandon abandon abandon"));
}

TEST(Bip86, Vectors) {
    const auto vectors = read_vectors("crypto/bip86.json");
    const auto master = ExtendedKey::from_seed(seed_from_mnemonic(vectors["mnemonic"].get<std::string>()));
    ASSERT_TRUE(master);
    EXPECT_EQ(vectors["keys"].size(), 3u);
    for (const auto& entry : vectors["keys"]) {
        const PublicKey internal = derive(*master, entry["path"]).key.public_key();
        EXPECT_EQ(to_hex(internal), entry["internal_key"]);
        const PublicKey output = *output_key(internal);
        EXPECT_EQ(to_hex(output), entry["output_key"]);
        EXPECT_EQ(encode_address("bc", {.version = 1, .program = Bytes{output.begin(), output.end()}}),
                  entry["address"]);
    }
}

}  // namespace
}  // namespace daidd::crypto
