#include "import/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

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

TEST(DequantizeBlocks, Q8IsTheScaleTimesEachCode) {
    Bytes data;
    append(data, 0x3800, 2);  // 0.5
    std::vector<double> expected;
    for (int i = 0; i < 32; ++i) {
        const int code = i == 0 ? -128 : i == 31 ? 127 : i - 16;
        data.push_back(uint8_t(code));
        expected.push_back(0.5 * code);
    }
    append(data, 0x8001, 2);  // −2^−24: a subnormal scale is one too
    for (int i = 0; i < 32; ++i) {
        data.push_back(uint8_t(3 - i));
        expected.push_back(-0x1p-24 * (3 - i));
    }
    const GgufTensor tensor{.name = "x", .type = GgufType::kQ8_0, .dims = {64}, .data = data};
    EXPECT_EQ(bits_of(dequantize(tensor, 0, 1).values), bits_of(expected));
}

TEST(DequantizeBlocks, Q4HasLowNibblesFirstAndAMinimum) {
    Bytes data;
    append(data, 0x4000, 2);  // scale 2
    append(data, 0xc500, 2);  // minimum −5
    std::vector<double> expected(32);
    for (size_t i = 0; i < 16; ++i) {
        data.push_back(uint8_t(i | (15 - i) << 4));
        expected[i] = 2.0 * double(i) - 5;
        expected[16 + i] = 2.0 * double(15 - i) - 5;
    }
    const GgufTensor tensor{.name = "x", .type = GgufType::kQ4_1, .dims = {32}, .data = data};
    EXPECT_EQ(bits_of(dequantize(tensor, 0, 1).values), bits_of(expected));
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
    for (const GgufType type : {GgufType::kF32, GgufType::kF16, GgufType::kQ8_0, GgufType::kQ4_1}) {
        const auto block = *inference::gguf_block(uint32_t(type));
        constexpr size_t kRows = 5, kCols = 64;
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

TEST(DequantizeTypes, FourHoldFloats) {
    for (const GgufType type : {GgufType::kI8, GgufType::kI16, GgufType::kI32, GgufType::kI64}) {
        EXPECT_FALSE(is_float_type(type)) << to_string(type);
    }
    for (const GgufType type : {GgufType::kF32, GgufType::kF16, GgufType::kQ8_0, GgufType::kQ4_1}) {
        EXPECT_TRUE(is_float_type(type)) << to_string(type);
    }
}

}  // namespace
}  // namespace daidd::import
