#include "rpc/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rpc/amount.h"

namespace daidd::rpc {
namespace {

TEST(ParseJson, RefusesWhatIsNotStrictJson) {
    for (const char* text :
         {"",      "{",        "[1,]",    "{\"a\":1,}",  "{a:1}",        "'a'",      "NaN",
          "[NaN]", "Infinity", "-",       "01",          "1.",           ".5",       "+1",
          "1 2",   "[1] x",    "// c\n1", "\"\\ud800\"", "\"\\udc00x\"", "\"\xff\"", "\"\xc0\x80\"",
          "1e400", "-1e400",   "tru"}) {
        EXPECT_FALSE(parse_json(text)) << text;
    }
}

TEST(ParseJson, RefusesAMemberNamedTwice) {
    EXPECT_FALSE(parse_json(R"({"a":1,"b":2,"a":3})"));
    EXPECT_FALSE(parse_json(R"([{"x":{"a":1,"\u0061":3}}])"));
    EXPECT_TRUE(parse_json(R"([{"a":1},{"a":{"a":1}}])"));
}

TEST(ParseJson, DepthUpTo512) {
    const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(parse_json(nested(kJsonDepthMax)));
    EXPECT_FALSE(parse_json(nested(kJsonDepthMax + 1)));
    EXPECT_FALSE(parse_json(nested(200'000)));
    EXPECT_FALSE(parse_json(std::string(200'000, '[')));
}

TEST(ParseJson, AHostileObjectTakesLinearTime) {
    std::string text = "{";
    for (int i = 0; i < 200'000; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
    EXPECT_EQ(parse_json(text + "}")->size(), 200'000u);
}

TEST(ParseJson, KeepsEmbeddedZeros) {
    EXPECT_EQ(parse_json("\"a\\u0000b\"")->get<std::string>(), std::string("a\0b", 3));
}

TEST(ParseJson, KeepsTheDigitsOfFractions) {
    for (const char* text :
         {"0.1", "1e-8", "84095999.99999999", "1E+2", "-0.0", "18446744073709551616", "1.10"}) {
        const auto value = parse_json(text);
        ASSERT_TRUE(value) << text;
        EXPECT_TRUE(is_decimal(*value)) << text;
        EXPECT_TRUE(is_number(*value)) << text;
        EXPECT_EQ(type_name(*value), "number") << text;
        EXPECT_EQ(write_json(*value), text);
    }
    EXPECT_FALSE(is_decimal(*parse_json("1")));
}

TEST(WriteJson, KeepsOrderAndReplacesBadUtf8) {
    const Json list = Json::array({nullptr, true, "q\"\n"});
    const Json value = {{"z", 1}, {"a", list}, {"m", decimal("0.00000001")}, {"o", Json::object()}};
    EXPECT_EQ(write_json(value), R"({"z":1,"a":[null,true,"q\"\n"],"m":0.00000001,"o":{}})");
    EXPECT_EQ(write_json("\xff"), "\"\xef\xbf\xbd\"");
}

struct AmountCase {
    const char* text;
    std::optional<int64_t> units;
};

const AmountCase kAmountCases[] = {
    {"0", 0},
    {"1", 100'000'000},
    {"0.00000001", 1},
    {"1e-8", 1},
    {"1E-8", 1},
    {"10e-9", 1},
    {"0.000000010000", 1},
    {"84095999.99999999", 8'409'599'999'999'999},
    {"0.1", 10'000'000},
    {"-0.00000001", -1},
    {"1e2", 10'000'000'000},
    {"100000000e-16", 1},
    {"0e999999999999", 0},
    {"0.000", 0},
    {"10", 1'000'000'000},
    {"1.05e1", 1'050'000'000},
    {"10000000000", 1'000'000'000'000'000'000},
    {"10000000000.00000001", std::nullopt},
    {"0.000000001", std::nullopt},
    {"1e-9", std::nullopt},
    {"1e11", std::nullopt},
    {"1e999999999999", std::nullopt},
    {"1e-999999999999", std::nullopt},
    {"99999999999999999999", std::nullopt},
    {"", std::nullopt},
    {"-", std::nullopt},
    {"--1", std::nullopt},
    {"+1", std::nullopt},
    {"01", std::nullopt},
    {"00", std::nullopt},
    {"1.", std::nullopt},
    {".1", std::nullopt},
    {"1e", std::nullopt},
    {"1e+", std::nullopt},
    {"0x1", std::nullopt},
    {" 1", std::nullopt},
    {"1 ", std::nullopt},
    {"1,0", std::nullopt},
    {"nan", std::nullopt},
};

TEST(ParseAmount, IsExact) {
    for (const AmountCase& one : kAmountCases) EXPECT_EQ(parse_amount(one.text), one.units) << one.text;
    EXPECT_EQ(parse_amount(std::string("1\0", 2)), std::nullopt);
    EXPECT_EQ(parse_amount(std::string(100'000, '0')), std::nullopt);
    EXPECT_EQ(parse_amount("0." + std::string(100'000, '0')), 0);
    EXPECT_EQ(parse_amount("1" + std::string(100'000, '0') + "e-100000"), 100'000'000);
}

TEST(FormatAmount, HasEightDecimals) {
    EXPECT_EQ(format_amount(0), "0.00000000");
    EXPECT_EQ(format_amount(1), "0.00000001");
    EXPECT_EQ(format_amount(-150'000'000), "-1.50000000");
    EXPECT_EQ(format_amount(consensus::kMoneyMax), "84096000.00000000");
    for (const int64_t units : {int64_t{7}, int64_t{123'456'789'012}, consensus::kMoneyMax - 1}) {
        EXPECT_EQ(parse_amount(format_amount(units)), units);
        EXPECT_EQ(parse_amount(write_json(amount_json(-units))), -units);
    }
}

}  // namespace
}  // namespace daidd::rpc
