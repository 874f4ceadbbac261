#include "schema/rules.h"

#include <algorithm>
#include <cassert>

#include "schema/json_schema.h"

namespace daidd::schema {

namespace {

// \u escapes leave out the surrogates: a lone one is no character, and what needs two can be written as it
// is.
constexpr std::string_view kJsonRules =
    R"gbnf(
json-value ::= json-object | json-array | json-string | json-number | json-boolean | json-null
json-object ::= "{" (json-member (json-comma json-member)*)? "}"
json-member ::= json-string json-colon json-value
json-array ::= "[" (json-value (json-comma json-value)*)? "]"
json-string ::= "\"" json-char* "\""
json-char ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" json-hex2 json-hex json-hex)
json-hex2 ::= [0-9a-cA-CefEF] json-hex | [dD] [0-7]
json-hex ::= [0-9a-fA-F]
json-integer ::= "0" | "-"? [1-9] [0-9]{0,17}
json-number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?
json-boolean ::= "true" | "false"
json-null ::= "null"
json-comma ::= "," " "?
json-colon ::= ":" " "?
)gbnf";
constexpr std::string_view kJsonObject = "root ::= json-object\n";

std::string digits(size_t count) { return count == 0 ? "" : " [0-9]{" + std::to_string(count) + "}"; }

std::string digit_range(char low, char high) {
    if (low == high) return gbnf_literal({&low, 1});
    return std::string{"["} + low + "-" + high + "]";
}

/// Numbers of one length, leading zeros and all: a fixed beginning, then any digits between those of the
/// bounds, and the bounds' own digits where the rest depends on them.
std::string same_length(std::string_view low, std::string_view high) {
    const auto all = [](std::string_view text, char c) { return text.find_first_not_of(c) == text.npos; };
    if (low.empty()) return "";
    if (low[0] == high[0]) {
        const auto rest = same_length(low.substr(1), high.substr(1));
        return digit_range(low[0], low[0]) + (rest.empty() ? "" : " " + rest);
    }
    char first = low[0], last = high[0];
    const size_t more = low.size() - 1;
    std::string out;
    if (!all(low.substr(1), '0')) {
        out += digit_range(first, first) + " " + same_length(low.substr(1), std::string(more, '9')) + " | ";
        ++first;
    }
    const bool is_cut = !all(high.substr(1), '9');
    if (is_cut) --last;
    if (first <= last) out += digit_range(first, last) + digits(more) + " | ";
    if (is_cut) {
        const auto rest = same_length(std::string(more, '0'), high.substr(1));
        out += digit_range(high[0], high[0]) + " " + rest + " | ";
    }
    out.resize(out.size() - 3);
    return "(" + out + ")";
}

std::string magnitudes(int64_t low, int64_t high) {
    std::string out;
    int64_t ten = 1;  // the first number of the length
    for (size_t length = 1; length <= 18; ++length, ten *= 10) {
        const int64_t first = std::max(low, length == 1 ? 0 : ten), last = std::min(high, ten * 10 - 1);
        if (first > last) continue;
        out += (out.empty() ? "" : " | ") + same_length(std::to_string(first), std::to_string(last));
    }
    return out;
}

}  // namespace

std::string_view json_rules() { return kJsonRules; }

std::string_view json_object_grammar() {
    static const std::string grammar = std::string{kJsonObject} + std::string{kJsonRules};
    return grammar;
}

std::string gbnf_literal(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += std::string{"\\"} + c;
        } else if (uint8_t(c) < 0x20) {
            out += std::string{"\\x"} + kHex[uint8_t(c) >> 4] + kHex[uint8_t(c) & 15];
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string gbnf_repeat(uint32_t least, std::optional<uint32_t> most) {
    return "{" + std::to_string(least) + "," + (most ? std::to_string(*most) : "") + "}";
}

std::string gbnf_range(int64_t low, int64_t high) {
    assert(low >= -kIntegerMax && low <= high && high <= kIntegerMax);
    std::string out;
    if (low < 0) out = "\"-\" (" + magnitudes(std::max<int64_t>(1, -high), -low) + ")";
    if (high >= 0) out += (out.empty() ? "" : " | ") + magnitudes(std::max<int64_t>(0, low), high);
    return "(" + out + ")";
}

}  // namespace daidd::schema
