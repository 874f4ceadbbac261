#include "crypto/hash.h"

#include "crypto/blake2s.h"
#include "crypto/vectors.h"

namespace daidd::crypto {
namespace {

Hash256 counting_key() {
    Hash256 key;
    for (size_t i = 0; i < key.size(); ++i) key[i] = uint8_t(i);
    return key;
}

TEST(Sha256, Standard) {
    for (const auto& entry : read_list("crypto/hashes.json", "sha256")) {
        EXPECT_EQ(to_hex(sha256(hex(entry["message"]))), entry["digest"]);
    }
    EXPECT_EQ(sha256d(as_bytes("abc")), sha256(sha256(as_bytes("abc"))));
}

TEST(TaggedHash, IsSha256OverTheTagTwiceAndTheParts) {
    const Hash256 tag = sha256(as_bytes("TapTweak"));
    Bytes joined{tag.begin(), tag.end()};
    joined.insert(joined.end(), tag.begin(), tag.end());
    for (const uint8_t byte : as_bytes("abcdef")) joined.push_back(byte);
    EXPECT_EQ(tagged_hash("TapTweak", {as_bytes("abc"), as_bytes("def")}), sha256(joined));
}

TEST(Blake2s, StandardPersonalisedAndKeyed) {
    for (const auto& entry : read_list("crypto/hashes.json", "blake2s")) {
        const Bytes message = hex(entry["message"]);
        const bool keyed = entry["key"] != "";
        const Hash256 key = keyed ? hex_array(entry["key"]) : Hash256{};
        const std::string tag = entry["tag"];
        EXPECT_EQ(to_hex(hash(tag, {message}, keyed ? &key : nullptr)), entry["digest"]);
    }
}

TEST(Blake2s, PartsAreJoinedWhereverTheyAreCut) {
    Bytes message(300);
    for (size_t i = 0; i < message.size(); ++i) message[i] = uint8_t(i * 31);
    const Hash256 key = counting_key();
    const ByteView view = message;
    for (size_t cut = 0; cut <= view.size(); ++cut) {
        EXPECT_EQ(hash("t", {view.first(cut), view.subspan(cut)}, &key), hash("t", {view}, &key)) << cut;
    }
}

TEST(Blake2s, ReferenceVectors) {
    const auto vectors = read_vectors("poui.json")["H"];
    const Hash256 key = counting_key();
    EXPECT_EQ(to_hex(hash("leaf", {as_bytes("abc")})), vectors["leaf_abc"]);
    EXPECT_EQ(to_hex(hash("leaf", {as_bytes("abc")}, &key)), vectors["leaf_abc_key_00_to_1f"]);
    EXPECT_EQ(to_hex(hash("node", {})), vectors["node_empty"]);
}

class Rows : public testing::TestWithParam<size_t> {};

TEST_P(Rows, EqualOneHashAfterAnother) {
    const size_t lanes = GetParam();
    if (lanes > Blake2s::lanes_max()) GTEST_SKIP() << "this processor has no " << lanes << " lanes";
    const Hash256 key = counting_key();
    for (size_t row_size = 1; row_size <= 200; ++row_size) {
        for (size_t count = 1; count <= 40; ++count) {
            Bytes rows(row_size * count);
            for (size_t i = 0; i < rows.size(); ++i) rows[i] = uint8_t(i * 167 + (i >> 8) + row_size);
            for (const Hash256* used_key : {static_cast<const Hash256*>(nullptr), &key}) {
                std::vector<Hash256> got(count);
                Blake2s{"leaf", used_key}.finish_rows(rows, row_size, got, lanes);
                for (size_t i = 0; i < count; ++i) {
                    ASSERT_EQ(got[i],
                              hash("leaf", {ByteView{rows}.subspan(i * row_size, row_size)}, used_key))
                        << row_size << " bytes, row " << i << " of " << count;
                }
            }
        }
    }
}
INSTANTIATE_TEST_SUITE_P(Blake2s, Rows, testing::Values(1, 8, 16),
                         [](const auto& test) { return "lanes_" + std::to_string(test.param); });

TEST(Blake2s, NoRowsIsNotAnError) { hash_rows("leaf", nullptr, {}, 10, {}); }

TEST(Xof, Standard) {
    for (const auto& entry : read_list("crypto/hashes.json", "chacha20")) {
        const Bytes nonce = hex(entry["nonce"]);
        Bytes stream(hex(entry["stream"]).size());
        xof(as_text(nonce), hex_array(entry["seed"]), stream);
        EXPECT_EQ(to_hex(stream), entry["stream"]);
    }
}

TEST(Xof, ReferenceVectorsAndEveryPrefix) {
    const auto vectors = read_vectors("poui.json")["XOF"];
    Bytes stream(80, 0xaa);
    xof("E", kZeroHash, stream);
    EXPECT_EQ(to_hex(stream), vectors["E_seed_zeros"]);
    xof("draw", counting_key(), stream);
    EXPECT_EQ(to_hex(stream), vectors["draw_seed_00_to_1f"]);
    for (size_t size = 0; size < stream.size(); ++size) {
        Bytes prefix(size);
        xof("draw", counting_key(), prefix);
        EXPECT_TRUE(std::ranges::equal(prefix, ByteView{stream}.first(size))) << size;
    }
}

}  // namespace
}  // namespace daidd::crypto
