#include "import/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace daidd::import {
namespace {

using inference::GgufTensor;
using inference::GgufType;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The bits, so that zeros of both signs differ; one pattern for all that are not a number.
std::vector<uint64_t> bits_of(const std::vector<double>& values) {
    std::vector<uint64_t> bits;
    for (const double value : values) bits.push_back(std::isnan(value) ? 1 : std::bit_cast<uint64_t>(value));
    return bits;
}

void append(Bytes& out, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out.push_back(uint8_t(value >> (8 * i)));
}

struct NumberCase {
    std::string name;
    GgufType type;
    uint32_t bits;
    double expected;
};
void PrintTo(const NumberCase& c, std::ostream* out) { *out << c.name; }

const NumberCase kNumberCases[] = {
    {"f32_zero", GgufType::kF32, 0x0000'0000, 0.0},
    {"f32_minus_zero", GgufType::kF32, 0x8000'0000, -0.0},
    {"f32_one", GgufType::kF32, 0x3f80'0000, 1.0},
    {"f32_fraction", GgufType::kF32, 0xc048'f5c3, -0x1.91eb86p+1},
    {"f32_least_subnormal", GgufType::kF32, 0x0000'0001, 0x1p-149},
    {"f32_most", GgufType::kF32, 0x7f7f'ffff, 0x1.fffffep+127},
    {"f32_infinity", GgufType::kF32, 0xff80'0000, -kInfinity},
    {"f32_nan", GgufType::kF32, 0x7fc0'0000, NAN},
    {"f16_zero", GgufType::kF16, 0x0000, 0.0},
    {"f16_minus_zero", GgufType::kF16, 0x8000, -0.0},
    {"f16_least_subnormal", GgufType::kF16, 0x0001, 0x1p-24},
    {"f16_most_subnormal", GgufType::kF16, 0x83ff, -1023 * 0x1p-24},
    {"f16_least_normal", GgufType::kF16, 0x0400, 0x1p-14},
    {"f16_third", GgufType::kF16, 0x3555, 0.333251953125},
    {"f16_one", GgufType::kF16, 0xbc00, -1.0},
    {"f16_most", GgufType::kF16, 0x7bff, 65504.0},
    {"f16_infinity", GgufType::kF16, 0x7c00, kInfinity},
    {"f16_minus_infinity", GgufType::kF16, 0xfc00, -kInfinity},
    {"f16_nan", GgufType::kF16, 0x7e00, NAN},
    {"bf16_zero", GgufType::kBf16, 0x0000, 0.0},
    {"bf16_minus_zero", GgufType::kBf16, 0x8000, -0.0},
    {"bf16_least_subnormal", GgufType::kBf16, 0x0001, 0x1p-133},
    {"bf16_most_subnormal", GgufType::kBf16, 0x807f, -127 * 0x1p-133},
    {"bf16_least_normal", GgufType::kBf16, 0x0080, 0x1p-126},
    {"bf16_fraction", GgufType::kBf16, 0xc049, -3.140625},
    {"bf16_most", GgufType::kBf16, 0x7f7f, 255 * 0x1p+120},
    {"bf16_infinity", GgufType::kBf16, 0xff80, -kInfinity},
    {"bf16_nan", GgufType::kBf16, 0x7fc0, NAN},
};

class Dequantize : public testing::TestWithParam<NumberCase> {};

TEST_P(Dequantize, ReadsTheNumberExactly) {
    const auto& [name, type, bits, expected] = GetParam();
    Bytes data;
    append(data, bits, type == GgufType::kF32 ? 4 : 2);
    const GgufTensor tensor{.name = "x", .type = type, .dims = {1}, .data = data};
    EXPECT_EQ(bits_of(dequantize(tensor, 0, 1).values), bits_of({expected}));
}

INSTANTIATE_TEST_SUITE_P(Numbers, Dequantize, testing::ValuesIn(kNumberCases),
                         [](const auto& p) { return p.param.name; });

/// By the other way: the fields moved to those of binary32, a subnormal shifted until its leading one shows.
float half_by_fields(uint32_t bits) {
    const uint32_t sign = (bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 1023;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f80'0000 | fraction << 13);
    if (exponent == 0 && fraction == 0) return std::bit_cast<float>(sign);
    if (exponent == 0) {
        exponent = 1;
        for (; (fraction & 1024) == 0; fraction <<= 1) --exponent;
    }
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | (fraction & 1023) << 13);
}

TEST(HalfToDouble, AgreesWithTheFieldsForEveryPattern) {
    for (uint32_t bits = 0; bits < 0x1'0000; ++bits) {
        const double found = half_to_double(uint16_t(bits));
        const double expected = half_by_fields(bits);
        ASSERT_EQ(bits_of({found}), bits_of({expected})) << "pattern " << bits;
    }
}

TEST(HalfToDouble, KeepsTheOrderOfThePatterns) {
    for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
        ASSERT_LT(half_to_double(uint16_t(bits)), half_to_double(uint16_t(bits + 1))) << "pattern " << bits;
        ASSERT_EQ(half_to_double(uint16_t(bits | 0x8000)), -half_to_double(uint16_t(bits)));
    }
}

constexpr GgufType kIntegerTypes[] = {GgufType::kI8, GgufType::kI16, GgufType::kI32, GgufType::kI64};
constexpr GgufType kPlainTypes[] = {GgufType::kF32, GgufType::kF16, GgufType::kBf16};
constexpr GgufType kBlockTypes[] = {GgufType::kQ4_0, GgufType::kQ4_1, GgufType::kQ5_0, GgufType::kQ5_1,
                                    GgufType::kQ8_0, GgufType::kQ2_K, GgufType::kQ3_K, GgufType::kQ4_K,
                                    GgufType::kQ5_K, GgufType::kQ6_K};

/// test/vectors/quantized.json, made by make_quantized.py.
nlohmann::json read_vectors() {
    return nlohmann::json::parse(std::ifstream{std::string{DAIDD_VECTORS} + "/quantized.json"});
}

TEST(DequantizeBlocks, EqualTheVectorsExactly) {
    std::map<std::string, int> found;
    for (const auto& c : read_vectors()) {
        const std::string name = c["type"];
        const auto* type = std::ranges::find(kBlockTypes, name, [](GgufType t) { return to_string(t); });
        ASSERT_NE(type, std::end(kBlockTypes)) << name;
        const Bytes data = *parse_hex(c["block"].get<std::string>());
        const auto block = *inference::gguf_block(uint32_t(*type));
        ASSERT_EQ(data.size(), block.bytes) << name;
        const GgufTensor tensor{.name = "x", .type = *type, .dims = {block.elements}, .data = data};
        std::vector<double> units = dequantize(tensor, 0, 1).values;
        for (double& value : units) value *= 0x1p+24;
        ASSERT_EQ(units, c["values"].get<std::vector<double>>()) << name << " block " << found[name];
        ++found[name];
    }
    for (const GgufType type : kBlockTypes) {
        EXPECT_GE(found[std::string{to_string(type)}], 10) << to_string(type);
    }
}

/// A scale that is not finite shows in every value of its group, whatever the codes: 0 · ∞ is not a number.
TEST(DequantizeBlocks, AScaleThatIsNotFiniteIsNotLost) {
    const std::map<GgufType, std::vector<size_t>> scales_at = {
        {GgufType::kQ4_0, {0}},    {GgufType::kQ4_1, {0, 2}}, {GgufType::kQ5_0, {0}},
        {GgufType::kQ5_1, {0, 2}}, {GgufType::kQ8_0, {0}},    {GgufType::kQ2_K, {80, 82}},
        {GgufType::kQ3_K, {108}},  {GgufType::kQ4_K, {0, 2}}, {GgufType::kQ5_K, {0, 2}},
        {GgufType::kQ6_K, {208}}};
    for (const auto& [type, offsets] : scales_at) {
        const auto block = *inference::gguf_block(uint32_t(type));
        for (const size_t at : offsets) {
            for (const uint32_t bits : {0x7c00u, 0xfc00u, 0x7e00u}) {
                Bytes data(block.bytes);
                data[at] = uint8_t(bits);
                data[at + 1] = uint8_t(bits >> 8);
                const GgufTensor tensor{.name = "x", .type = type, .dims = {block.elements}, .data = data};
                for (const double value : dequantize(tensor, 0, 1).values) {
                    ASSERT_FALSE(std::isfinite(value)) << to_string(type) << " at " << at;
                }
            }
        }
    }
}

TEST(DequantizeBlocks, Q4LosesNothingBetweenExtremes) {
    Bytes data;
    append(data, 0x7bff, 2);  // scale 65504
    append(data, 0x0001, 2);  // minimum 2^−24
    data.resize(data.size() + 16, 0xf1);
    const GgufTensor tensor{.name = "x", .type = GgufType::kQ4_1, .dims = {32}, .data = data};
    const auto values = dequantize(tensor, 0, 1).values;
    EXPECT_EQ(values[0] - 65504, 0x1p-24);
    EXPECT_EQ(values[16] - 15 * 65504.0, 0x1p-24);
}

TEST(DequantizeRows, AnyRangeIsThatPartOfTheWhole) {
    std::vector<GgufType> types{std::begin(kPlainTypes), std::end(kPlainTypes)};
    types.insert(types.end(), std::begin(kBlockTypes), std::end(kBlockTypes));
    for (const GgufType type : types) {
        const auto block = *inference::gguf_block(uint32_t(type));
        constexpr size_t kRows = 5, kCols = 512;
        Bytes data(kRows * kCols / block.elements * block.bytes);
        for (size_t i = 0; i < data.size(); ++i) data[i] = uint8_t(i * 37 % 113);  // finite in every type
        const GgufTensor tensor{.name = "x", .type = type, .dims = {kCols, kRows}, .data = data};
        const Matrix whole = dequantize(tensor, 0, kRows);
        ASSERT_EQ(whole.rows, kRows);
        ASSERT_EQ(whole.cols, kCols);
        for (size_t first = 0; first <= kRows; ++first) {
            for (size_t count = 0; first + count <= kRows; ++count) {
                const Matrix part = dequantize(tensor, first, count);
                const std::vector<double> expected(whole.values.begin() + ptrdiff_t(first * kCols),
                                                   whole.values.begin() + ptrdiff_t((first + count) * kCols));
                EXPECT_EQ(part.rows, count);
                EXPECT_EQ(bits_of(part.values), bits_of(expected))
                    << to_string(type) << ": " << count << " rows from " << first;
            }
        }
    }
}

TEST(DequantizeTypes, AllButIntegersHoldFloats) {
    for (const GgufType type : kIntegerTypes) EXPECT_FALSE(is_float_type(type)) << to_string(type);
    for (const GgufType type : kPlainTypes) EXPECT_TRUE(is_float_type(type)) << to_string(type);
    for (const GgufType type : kBlockTypes) EXPECT_TRUE(is_float_type(type)) << to_string(type);
    size_t known = 0;
    for (uint32_t type = 0; type < 256; ++type) known += inference::gguf_block(type).has_value();
    EXPECT_EQ(known, std::size(kIntegerTypes) + std::size(kPlainTypes) + std::size(kBlockTypes));
}

}  // namespace
}  // namespace daidd::import
