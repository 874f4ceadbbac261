#include "util/codec.h"

#include <gtest/gtest.h>

namespace daidd {
namespace {

constexpr size_t kNameMax = 5;

struct Inner {
    int16_t offset = 0;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.offset);
    }
};

struct Sample {
    uint32_t version = 0;
    Hash256 parent{};
    std::string name;
    std::vector<Inner> list;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.version, self.parent, bounded(self.name, kNameMax), bounded(self.list, 3));
    }
};

Sample sample() { return {.version = 0x01020304, .parent = {9}, .name = "abc", .list = {{-1}, {2}}}; }

TEST(Codec, SurvivesTheWire) {
    const Bytes wire = encode(sample());
    EXPECT_EQ(to_hex(ByteView{wire}.first(4)), "04030201");
    EXPECT_EQ(wire.size(), 4u + 32 + 1 + 3 + 1 + 4);
    const auto back = decode<Sample>(wire);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode(*back), wire);
    EXPECT_EQ(back->list[0].offset, -1);
}

TEST(Codec, RefusesEveryPrefixAndATrailingByte) {
    Bytes wire = encode(sample());
    for (size_t size = 0; size < wire.size(); ++size) {
        EXPECT_EQ(decode<Sample>(ByteView{wire}.first(size)).error(), DecodeError::kTruncated) << size;
    }
    wire.push_back(0);
    EXPECT_EQ(decode<Sample>(wire).error(), DecodeError::kTrailingBytes);
}

TEST(Codec, RefusesOneElementPastTheLimit) {
    Sample full = sample();
    full.name = "12345";
    EXPECT_TRUE(decode<Sample>(encode(full)));
    full.name = "123456";
    EXPECT_EQ(decode<Sample>(encode(full)).error(), DecodeError::kOverLimit);
}

TEST(Codec, AHugeCountInAShortMessageTakesNoMemory) {
    Bytes wire(36, 0);
    wire.insert(wire.end(), 8, 0xff);
    wire.push_back(0x7f);
    EXPECT_EQ(decode<Sample>(wire).error(), DecodeError::kOverLimit);
}

TEST(Codec, CompactSizeIsCanonical) {
    for (const uint64_t value :
         {0ull, 252ull, 253ull, 0xffffull, 0x10000ull, 0xffffffffull, 0x100000000ull}) {
        Writer writer;
        writer.compact_size(value);
        const Bytes bytes = writer.take();
        Reader reader{bytes};
        EXPECT_EQ(reader.compact_size(), value);
        EXPECT_TRUE(reader.exhausted());
    }
    for (const char* text : {"fdfc00", "feffff0000", "ffffffffff00000000"}) {
        const Bytes bytes = *parse_hex(text);
        Reader reader{bytes};
        reader.compact_size();
        EXPECT_EQ(reader.error(), DecodeError::kNotCanonical) << text;
    }
}

TEST(Hex, BothWays) {
    EXPECT_EQ(to_hex(*parse_hex("00fFa5")), "00ffa5");
    EXPECT_FALSE(parse_hex("0"));
    EXPECT_FALSE(parse_hex("zz"));
    const Hash256 hash{1, 2, 3};
    EXPECT_EQ(parse_hash_reversed(to_hex_reversed(hash)), hash);
    EXPECT_FALSE(parse_hash("00"));
}

}  // namespace
}  // namespace daidd
