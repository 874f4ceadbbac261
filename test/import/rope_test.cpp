#include "import/rope.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace daidd::import {
namespace {

/// test/vectors/rope.json, made by make_rope.py.
nlohmann::json read_vectors() {
    return nlohmann::json::parse(std::ifstream{std::string{DAIDD_VECTORS} + "/rope.json"});
}

TEST(RopeConstants, EqualTheVectorsToTheLastBit) {
    const nlohmann::json cases = read_vectors();
    ASSERT_GE(cases.size(), 10u);
    for (const auto& c : cases) {
        const uint32_t base = c["base"];
        const uint32_t head_dim = c["head_dim"];
        ASSERT_EQ(c["constants"].size(), head_dim / 2);
        EXPECT_EQ(rope_constants(base, head_dim), c["constants"].get<std::vector<uint64_t>>())
            << "base " << base << ", head_dim " << head_dim;
    }
}

TEST(RopeConstants, BeginWithOneRadianAndFall) {
    for (const uint32_t base : {2u, 10'000u, UINT32_MAX}) {
        const auto constants = rope_constants(base, 256);
        EXPECT_EQ(constants[0], 2'935'890'503'282'001'226u) << "2^64 / 2π";
        for (size_t j = 1; j < constants.size(); ++j) ASSERT_LT(constants[j], constants[j - 1]);
    }
}

}  // namespace
}  // namespace daidd::import
