#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace daidd::schema {

// Pieces of GBNF that the grammar of a schema is made of.

/// Integers have at most 18 digits, so that every reader's int64 holds them.
inline constexpr int64_t kIntegerMax = 999'999'999'999'999'999;

/// The rules json-value, json-object, json-array, json-string, json-char, json-number, json-integer,
/// json-boolean, json-null, json-comma and json-colon.
std::string_view json_rules();

/// `text` (UTF-8) as a literal.
std::string gbnf_literal(std::string_view text);
/// "{least,most}", "{least,}" without a `most`.
std::string gbnf_repeat(uint32_t least, std::optional<uint32_t> most);
/// An expression for the integers low … high, without leading zeros. Requires −kIntegerMax <= low <= high <=
/// kIntegerMax.
std::string gbnf_range(int64_t low, int64_t high);

}  // namespace daidd::schema
