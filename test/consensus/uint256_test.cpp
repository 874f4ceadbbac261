#include "consensus/uint256.h"

#include <gtest/gtest.h>

#include <random>

namespace daidd::consensus {
namespace {

Uint256 max256() { return ~Uint256{}; }

Uint256 random(std::mt19937_64& engine) {
    Uint256 value;
    for (auto& word : value.words) word = engine();
    return value >> unsigned(engine() % 256);
}

TEST(Uint256, CarriesAndBorrows) {
    EXPECT_EQ(max256() + Uint256{1}, Uint256{});
    EXPECT_EQ(Uint256{} - Uint256{1}, max256());
    const Uint256 high = Uint256{1} << 192;
    EXPECT_EQ((high - Uint256{1}).bit_length(), 192u);
    EXPECT_EQ(high - Uint256{1} + Uint256{1}, high);
}

TEST(Uint256, ShiftsOutAtBothEnds) {
    EXPECT_EQ(Uint256{1} << 256, Uint256{});
    EXPECT_EQ(max256() >> 256, Uint256{});
    EXPECT_EQ(max256() << 0, max256());
    for (unsigned bits = 0; bits < 256; ++bits) {
        EXPECT_EQ((Uint256{1} << bits).bit_length(), bits + 1);
        EXPECT_EQ((Uint256{1} << bits) >> bits, Uint256{1});
        EXPECT_EQ((max256() >> bits).bit_length(), 256 - bits);
    }
}

TEST(Uint256, DividesSoThatTheRestIsSmaller) {
    std::mt19937_64 engine{1};
    for (int i = 0; i < 2000; ++i) {
        const Uint256 dividend = random(engine);
        const uint64_t divisor = (engine() >> (engine() % 64)) | 1;
        const Uint256 quotient = dividend / Uint256{divisor};
        const auto product = quotient.times(divisor);
        ASSERT_TRUE(product);
        EXPECT_LE(*product, dividend);
        EXPECT_LT(dividend - *product, Uint256{divisor});
    }
    EXPECT_EQ(max256() / max256(), Uint256{1});
    EXPECT_EQ(max256() / Uint256{1}, max256());
    EXPECT_EQ(Uint256{5} / max256(), Uint256{});
    EXPECT_EQ(max256() / (Uint256{1} << 200), max256() >> 200);
}

TEST(Uint256, ProductOf256BitsIsTheLast) {
    EXPECT_EQ((Uint256{1} << 254).times(2), Uint256{1} << 255);
    EXPECT_FALSE((Uint256{1} << 254).times(4));
    EXPECT_EQ(max256().times(1), max256());
    EXPECT_FALSE(max256().times(2));
    EXPECT_EQ(max256().times(0), Uint256{});
}

TEST(Uint256, ReadsBytesLowestFirst) {
    Hash256 bytes{};
    bytes[0] = 1;
    EXPECT_EQ(Uint256::from_bytes(bytes), Uint256{1});
    bytes[31] = 0x80;
    EXPECT_EQ(Uint256::from_bytes(bytes), (Uint256{1} << 255) + Uint256{1});
    std::mt19937_64 engine{2};
    const Uint256 value = random(engine);
    EXPECT_EQ(Uint256::from_bytes(value.to_bytes()), value);
}

TEST(Uint256, OrdersByTheHighestWord) {
    EXPECT_LT(Uint256{~uint64_t{0}}, Uint256{1} << 64);
    EXPECT_GT(max256(), max256() - Uint256{1});
}

/// Bitcoin Core's arith_uint256 cases: what SetCompact makes of the bits, and GetCompact of that.
struct CompactCase {
    uint32_t bits;
    std::optional<uint32_t> again;
};
const CompactCase kCompactCases[] = {
    {0, std::nullopt},           {0x0012'3456, std::nullopt}, {0x0100'3456, std::nullopt},
    {0x0200'0056, std::nullopt}, {0x0300'0000, std::nullopt}, {0x0400'0000, std::nullopt},
    {0x0092'3456, std::nullopt},                               // negative zero
    {0x0112'3456, 0x0112'0000},  {0x01fe'dcba, std::nullopt},  // negative
    {0x0212'3456, 0x0212'3400},  {0x0312'3456, 0x0312'3456},  {0x0412'3456, 0x0412'3456},
    {0x0492'3456, std::nullopt},                                                            // negative
    {0x0500'9234, 0x0500'9234},  {0x2012'3456, 0x2012'3456},  {0xff12'3456, std::nullopt},  // over 256 bits
    {0x2100'ffff, 0x2100'ffff},  {0x2101'0000, std::nullopt}, {0x2200'00ff, 0x2100'ff00},
    {0x2200'0100, std::nullopt}, {0x2300'0001, std::nullopt},
};

TEST(Compact, IsReadAsBitcoinReadsIt) {
    for (const CompactCase& test : kCompactCases) {
        const auto target = target_from_bits(test.bits);
        ASSERT_EQ(target.has_value(), test.again.has_value()) << std::hex << test.bits;
        if (!target) continue;
        EXPECT_EQ(bits_from_target(*target), *test.again) << std::hex << test.bits;
    }
}

TEST(Compact, KeepsTheSignBitFree) {
    EXPECT_EQ(bits_from_target(Uint256{0x80}), 0x0200'8000u);
    EXPECT_EQ(bits_from_target(Uint256{0x7f}), 0x017f'0000u);
    EXPECT_EQ(bits_from_target(max256()), 0x2100'ffffu);
}

TEST(Work, IsHowManyTriesATargetTakes) {
    // Bitcoin's genesis block.
    EXPECT_EQ(work_of(*target_from_bits(0x1d00'ffff)), Uint256{0x1'0001'0001});
    EXPECT_EQ(work_of(max256()), Uint256{1});
    EXPECT_EQ(work_of(max256() - Uint256{1}), Uint256{1});
    EXPECT_EQ(work_of((Uint256{1} << 255) - Uint256{1}), Uint256{2});
    EXPECT_EQ(work_of(Uint256{1}), Uint256{1} << 255);
}

}  // namespace
}  // namespace daidd::consensus
