#include "crypto/bech32.h"

#include "crypto/vectors.h"

namespace daidd::crypto {
namespace {

Bytes script_of(const WitnessProgram& program) {
    Bytes script{uint8_t(program.version == 0 ? 0 : 0x50 + program.version), uint8_t(program.program.size())};
    script.insert(script.end(), program.program.begin(), program.program.end());
    return script;
}

std::string lower(std::string text) {
    for (char& c : text) c = char(std::tolower(c));
    return text;
}

TEST(Address, RefusesBip350Invalid) {
    const auto vectors = read_vectors("crypto/bip350.json")["invalid"];
    EXPECT_EQ(vectors.size(), 15u);
    for (const auto& entry : vectors) {
        const std::string text = entry["address"];
        EXPECT_FALSE(parse_address("bc", text)) << entry;
        EXPECT_FALSE(parse_address("tb", text)) << entry;
    }
}

TEST(Address, Bip350ValidBothWays) {
    const auto vectors = read_vectors("crypto/bip350.json")["valid"];
    EXPECT_EQ(vectors.size(), 8u);
    for (const auto& entry : vectors) {
        const std::string text = entry["address"];
        const std::string hrp = lower(text.substr(0, 2));
        const auto program = parse_address(hrp, text);
        ASSERT_TRUE(program) << entry;
        EXPECT_EQ(to_hex(script_of(*program)), entry["script"]);
        EXPECT_EQ(encode_address(hrp, *program), lower(text));
        EXPECT_FALSE(parse_address(hrp == "bc" ? "tb" : "bc", text)) << entry;
    }
}

TEST(Address, EveryChangedCharacterIsSeen) {
    const std::string text = encode_address("dcrt", {.version = 1, .program = Bytes(32, 0xab)});
    ASSERT_TRUE(parse_address("dcrt", text));
    for (size_t at = 5; at < text.size(); ++at) {
        for (const char c : std::string_view{"qpzry9x8gf2tvdw0s3jn54khce6mua7l1b"}) {
            std::string changed = text;
            changed[at] = c;
            EXPECT_EQ(parse_address("dcrt", changed).has_value(), changed == text) << changed;
        }
    }
    for (size_t size = 0; size < text.size(); ++size)
        EXPECT_FALSE(parse_address("dcrt", text.substr(0, size)));
}

TEST(Address, ProgramSizesAtTheLimits) {
    for (const size_t size : {size_t{2}, size_t{40}}) {
        const std::string text = encode_address("bc", {.version = 16, .program = Bytes(size, 1)});
        ASSERT_TRUE(parse_address("bc", text)) << size;
        EXPECT_EQ(parse_address("bc", text)->program.size(), size);
    }
}

}  // namespace
}  // namespace daidd::crypto
