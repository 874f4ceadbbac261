#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace daidd::inference {

/// Fraction bits of a row of length 1.
inline constexpr int kUnitBits = 30;

/// x / √Σx², rounded, with kUnitBits fraction bits (doc/numerics.md, "Embeddings and search"): whatever the
/// unit of x. Nothing where every element is 0: that row has no direction. Requires 0 < x.size() <= kDimMax
/// and x[i] > INT32_MIN.
std::optional<std::vector<int32_t>> unit_row(std::span<const int32_t> x);
/// The same of sums of up to kContextMax rows: |sums[i]| <= 2^48.
std::optional<std::vector<int32_t>> unit_row_of_sums(std::span<const int64_t> sums);

}  // namespace daidd::inference
