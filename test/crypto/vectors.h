#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "util/bytes.h"

namespace daidd::crypto {

inline nlohmann::json read_vectors(const std::string& name) {
    std::ifstream file{std::string{DAIDD_VECTORS} + "/" + name};
    EXPECT_TRUE(file) << name;
    return nlohmann::json::parse(file);
}

/// One member of a file, by value: a range-for over a member of a temporary would outlive it.
inline nlohmann::json read_list(const std::string& name, const std::string& member) {
    const nlohmann::json list = read_vectors(name).at(member);
    EXPECT_FALSE(list.empty()) << name << " " << member;
    return list;
}

inline Bytes hex(const nlohmann::json& text) { return parse_hex(text.get<std::string>()).value(); }

template <size_t N = 32>
std::array<uint8_t, N> hex_array(const nlohmann::json& text) {
    const Bytes bytes = hex(text);
    EXPECT_EQ(bytes.size(), N);
    std::array<uint8_t, N> array{};
    std::ranges::copy_n(bytes.begin(), ptrdiff_t(std::min(N, bytes.size())), array.begin());
    return array;
}

}  // namespace daidd::crypto
