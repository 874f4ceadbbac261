#include "training/vector.h"

#include <gtest/gtest.h>

#include "inference/random.h"
#include "training/vector_kernels.h"
#include "training/vectors.h"

namespace daidd::training {
namespace {

using inference::Random;
using inference::unit_row;

TEST(UnitRow, EqualsTheVectors) {
    const auto vectors = index_vectors();
    for (const auto& unit : vectors["units"]) {
        EXPECT_EQ(unit_row(unit["x"].get<std::vector<int32_t>>()), unit["unit"].get<std::vector<int32_t>>());
    }
    for (size_t i = 0; i < vectors["sources"].size(); ++i) {
        const auto unit = unit_row(vectors["sources"][i].get<std::vector<int32_t>>());
        EXPECT_EQ(make_vector(*unit), vector_of(vectors["rows"][i]["vector"])) << i;
    }
}

TEST(MakeVector, ReachesBothEndsOfItsRange) {
    const auto exponent_of = [](const std::vector<int32_t>& x) {
        return make_vector(*unit_row(x))->exponent;
    };
    EXPECT_EQ(exponent_of({1}), 0);
    EXPECT_EQ(exponent_of(std::vector<int32_t>(kVectorWidthMax, -1)), kVectorExponentMax);
    EXPECT_FALSE(make_vector(std::vector<int32_t>(5))) << "zeros have no direction";
}

TEST(Vector, LimitsOnBothSides) {
    const Vector good{{0, 127, -127}, 128, kVectorExponentMax};
    EXPECT_TRUE(is_valid(good));
    const struct {
        const char* name;
        Vector vector;
        bool is_good;
    } cases[] = {{"lowest code", {{-128, 127}, 128, 0}, false},
                 {"all zero", {{0, 0}, 128, 0}, false},
                 {"one code", {{0, 1}, 255, 0}, true},
                 {"no code", {{}, 128, 0}, false},
                 {"mantissa", {{1}, 127, 0}, false},
                 {"exponent", {{1}, 128, kVectorExponentMax + 1}, false},
                 {"widest", {std::vector<int8_t>(kVectorWidthMax, 1), 128, 0}, true},
                 {"too wide", {std::vector<int8_t>(kVectorWidthMax + 1, 1), 128, 0}, false}};
    for (const auto& c : cases) EXPECT_EQ(is_valid(c.vector), c.is_good) << c.name;
}

class FastDots : public testing::TestWithParam<inference::Backend> {
protected:
    void SetUp() override {
        if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
    }
};

INSTANTIATE_TEST_SUITE_P(Backends, FastDots,
                         testing::Values(inference::Backend::kAvx2, inference::Backend::kAvxVnni,
                                         inference::Backend::kAvx512),
                         [](const auto& backend) { return std::string{to_string(backend.param)}; });

TEST_P(FastDots, AreTheSame) {
    Random random{3};
    for (int round = 0; round < 200; ++round) {
        const auto width = size_t(random.in(1, 300)), count = size_t(random.in(1, 9));
        std::vector<int8_t> query(width), rows(width * count);
        for (int8_t& code : query) code = int8_t(random.in(-127, 127));
        for (int8_t& code : rows) code = int8_t(random.in(-127, 127));
        std::vector<int32_t> expected(count), sums(count);
        dot_rows_scalar(query.data(), rows.data(), width, count, expected.data());
        dot_rows(GetParam())(query.data(), rows.data(), width, count, sums.data());
        ASSERT_EQ(sums, expected) << width;
    }
}

TEST_P(FastDots, HoldAtTheLargestSums) {
    for (const int8_t a : {int8_t{127}, int8_t{-127}}) {
        for (const int8_t b : {int8_t{127}, int8_t{-127}}) {
            const std::vector<int8_t> query(kVectorWidthMax, a), row(kVectorWidthMax, b);
            int32_t sum = 0;
            dot_rows(GetParam())(query.data(), row.data(), kVectorWidthMax, 1, &sum);
            EXPECT_EQ(sum, int32_t{kVectorWidthMax} * a * b);
        }
    }
}

}  // namespace
}  // namespace daidd::training
