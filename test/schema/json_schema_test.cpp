#include "schema/json_schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "inference/grammar_matcher.h"
#include "schema/rules.h"

namespace daidd::schema {
namespace {

using inference::Grammar;
using inference::GrammarMatcher;

GrammarMatcher matcher_of(const Grammar& grammar) {
    static const auto bytes = std::make_shared<const inference::TokenTrie>(inference::Tokenizer::bytes());
    return {grammar, bytes};
}

bool has(const Grammar& grammar, std::string_view text) {
    GrammarMatcher matcher = matcher_of(grammar);
    return matcher.accept_text(text) && matcher.may_end();
}

struct Language {
    const char* name;
    const char* schema;
    std::vector<std::string> inside, outside;
    friend void PrintTo(const Language& language, std::ostream* out) { *out << language.name; }
};
const Language kLanguages[] = {
    {"anything", "{}", {"{}", "[1, \"a\"]", "null", R"({"a": {"b":[-1.5e9]}})"}, {"", "{,}", "nul", "[1,]"}},
    {"true", "true", {"1"}, {"", "x"}},
    {"string",
     R"({"type": "string"})",
     {R"("")", R"("aé😀\n\"\\\u00e9/")"},
     {"a", R"("a)", R"("\x")", "\"\n\"", R"("\ud800")", R"("\uDFFF")", "\"\xFF\""}},
    {"string_lengths",
     R"({"type": "string", "minLength": 2, "maxLength": 3})",
     {R"("ab")", R"("é😀\n")", R"("\u00e9x")"},
     {R"("a")", R"("abcd")", R"("")"}},
    {"string_least", R"({"type": "string", "minLength": 1})", {R"("a")", R"("abcdef")"}, {R"("")"}},
    {"string_none", R"({"type": "string", "maxLength": 0})", {R"("")"}, {R"("a")"}},
    {"number",
     R"({"type": "number"})",
     {"0", "-0.5", "12.25", "1e9", "-1E-05", "1.5e+10"},
     {"01", ".5", "1.", "+1", "1e", "1e100", "--1", "NaN"}},
    {"integer",
     R"({"type": "integer"})",
     {"0", "7", "-12", "999999999999999999"},
     {"-0", "01", "1.0", "1e2", "1000000000000000000", ""}},
    {"integer_bounds",
     R"({"type": "integer", "minimum": -5, "exclusiveMaximum": 120})",
     {"-5", "-1", "0", "9", "10", "99", "100", "119"},
     {"-6", "-10", "120", "200", "-0", "007", "1190"}},
    {"integer_one", R"({"type": "integer", "exclusiveMinimum": 6, "maximum": 7})", {"7"}, {"6", "8", "77"}},
    {"boolean", R"({"type": "boolean"})", {"true", "false"}, {"True", "1"}},
    {"null", R"({"type": "null"})", {"null"}, {"", "0"}},
    {"union", R"({"type": ["integer", "null", "boolean"]})", {"1", "null", "true"}, {"\"a\"", "[]"}},
    {"enum",
     R"({"enum": ["a", "a\"b", 1, null, [1,{"x":2}]]})",
     {R"("a")", R"("a\"b")", "1", "null", R"([1,{"x":2}])"},
     {R"("b")", "a", "2"}},
    {"enum_of_type", R"({"type": "string", "enum": ["a", 1]})", {R"("a")"}, {"1"}},
    {"const", R"({"const": "x y"})", {R"("x y")"}, {"x y", R"("x")"}},
    {"array",
     R"({"type": "array", "items": {"type": "integer"}})",
     {"[]", "[1]", "[1,2, 3]"},
     {"[", "[1,]", "[1  ,2]", "[\"a\"]"}},
    {"array_of_anything", R"({"type": "array"})", {"[]", R"([1, "a", {}])"}, {"{}"}},
    {"array_bounds",
     R"({"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 3})",
     {"[null,null]", "[null, null, null]"},
     {"[]", "[null]", "[null,null,null,null]"}},
    {"array_least",
     R"({"type": "array", "items": {"type": "null"}, "minItems": 1})",
     {"[null]", "[null,null,null]"},
     {"[]"}},
    {"array_most",
     R"({"type": "array", "items": {"type": "null"}, "maxItems": 1})",
     {"[]", "[null]"},
     {"[null,null]"}},
    {"array_none", R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
    {"object",
     R"({"type": "object", "properties": {"a": {"type": "integer"}, "b~/\"": {"type": "string"}},
         "required": ["a", "b~/\""], "additionalProperties": false})",
     {R"({"a":1,"b~/\"":"x"})", R"({"a": 1, "b~/\"": "x"})"},
     {"{}", R"({"a":1})", R"({"b~/\"":"x","a":1})", R"({"a":1,"b~/\"":"x","c":1})"}},
    {"object_optional",
     R"({"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}},
         "required": ["b"]})",
     {R"({"b":2})", R"({"a":1,"b":2})", R"({"b":2,"c":3})", R"({"a":1,"b":2,"c":3})"},
     {"{}", R"({"a":1})", R"({"a":1,"c":3})", R"({,"b":2})", R"({"b":2,})", R"({"c":3,"b":2})"}},
    {"object_all_optional",
     R"({"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}})",
     {"{}", R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})"},
     {R"({"b":2,"a":1})", R"({"c":1})"}},
    {"object_free", R"({"type": "object"})", {"{}", R"({"x": [1], "y": {}})"}, {"[]", "{1:2}"}},
    {"object_closed", R"({"type": "object", "additionalProperties": false})", {"{}"}, {R"({"a":1})"}},
    {"map",
     R"({"type": "object", "additionalProperties": {"type": "integer"}})",
     {"{}", R"({"x": 1,"y":2})"},
     {R"({"x":"a"})"}},
    {"any_of",
     R"({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"const": 0}}]})",
     {"4", "[0,0]"},
     {"\"a\"", "[1]"}},
    {"one_of", R"({"oneOf": [{"const": "a"}, {"const": "b"}]})", {R"("a")", R"("b")"}, {R"("c")"}},
    {"reference", R"({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}})", {"null"}, {"1"}},
    {"tree",
     R"({"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"},
         {"type": "null"}]}}, "required": ["v", "next"]})",
     {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
     {R"({"v":1})"}},
    {"annotations",
     R"({"title": "t", "description": "d", "type": "null", "default": 1, "examples": [],
                        "$schema": "s", "$comment": "c", "deprecated": true})",
     {"null"},
     {"1"}},
};

class Languages : public testing::TestWithParam<Language> {};
INSTANTIATE_TEST_SUITE_P(JsonSchema, Languages, testing::ValuesIn(kLanguages),
                         [](const auto& language) { return language.param.name; });
TEST_P(Languages, HaveTheirTexts) {
    const auto grammar = make_grammar(GetParam().schema);
    ASSERT_TRUE(grammar) << grammar.error().text();
    for (const auto& text : GetParam().outside) EXPECT_FALSE(has(*grammar, text)) << text;
    for (const auto& text : GetParam().inside) {
        EXPECT_TRUE(has(*grammar, text)) << text;
        EXPECT_TRUE(nlohmann::json::accept(text)) << text;
    }
}

struct BadSchema {
    const char* name;
    std::string schema, expected;
    friend void PrintTo(const BadSchema& bad, std::ostream* out) { *out << bad.name; }
};
std::string nested(size_t depth) {
    std::string out = "{}";
    for (size_t i = 1; i < depth; ++i) out = R"({"not":)" + out + "}";
    return out;
}
const BadSchema kBadSchemas[] = {
    {"empty", "", "not_json: unexpected input at byte 1"},
    {"broken", "{\"type\": }", "not_json: unexpected input at byte 10"},
    {"trailing", "{} {}", "not_json: unexpected input at byte 4"},
    {"member_twice", R"({"type": "null", "type": "string"})", "not_json: a member is there twice: \"type\""},
    {"large_number", R"({"const": 1e999})", "not_json: a number is too large"},
    {"bytes", "{}" + std::string(kSchemaBytesMax - 1, ' '), "too_large: bytes"},
    {"depth", nested(kSchemaDepthMax + 2), "too_large: depth"},
    {"not_a_schema", "3", "bad_value: #: expected a schema that accepts something"},
    {"nothing", "false", "bad_value: #: expected a schema that accepts something"},
    {"unknown_type", R"({"type": "text"})", "bad_value: #/type: expected types, each once"},
    {"no_type", R"({"type": []})", "bad_value: #/type: expected types, each once"},
    {"type_twice", R"({"type": ["null", "null"]})", "bad_value: #/type: expected types, each once"},
    {"pattern", R"({"type": "string", "pattern": "a"})", "unsupported: #/pattern"},
    {"nested_keyword", R"({"type": "object", "properties": {"a/b": {"type": "array", "uniqueItems": true}}})",
     "unsupported: #/properties/a~1b/uniqueItems"},
    {"keyword_of_another_type", R"({"type": "string", "minItems": 1})", "unsupported: #/minItems"},
    {"keyword_without_type", R"({"properties": {}})", "unsupported: #/properties"},
    {"number_bounds", R"({"type": "number", "minimum": 1})", "unsupported: #/minimum"},
    {"all_of", R"({"allOf": [{}]})", "unsupported: #/allOf"},
    {"beside_ref", R"({"$ref": "#", "type": "null"})", "unsupported: #/type"},
    {"beside_any_of", R"({"anyOf": [true], "type": "null"})", "unsupported: #/type"},
    {"beside_enum", R"({"enum": ["a"], "maxLength": 3})", "unsupported: #/maxLength"},
    {"named_and_free", R"({"type": "object", "properties": {"a": true}, "additionalProperties": true})",
     "unsupported: #/additionalProperties"},
    {"required_unknown", R"({"type": "object", "properties": {"a": true}, "required": ["b"]})",
     "bad_value: #/required: expected names of properties"},
    {"required_no_list", R"({"type": "object", "required": "a"})",
     "bad_value: #/required: expected an array"},
    {"properties_no_object", R"({"type": "object", "properties": []})",
     "bad_value: #/properties: expected an object"},
    {"empty_any_of", R"({"anyOf": []})", "bad_value: #/anyOf: expected an array with schemas"},
    {"empty_enum", R"({"enum": []})", "bad_value: #/enum: expected a value of the type"},
    {"enum_no_list", R"({"enum": "a"})", "bad_value: #/enum: expected an array"},
    {"enum_of_no_type", R"({"type": "integer", "enum": ["a", 1.5]})",
     "bad_value: #/enum: expected a value of the type"},
    {"length_negative", R"({"type": "string", "minLength": -1})",
     "bad_value: #/minLength: expected an integer from 0 to 2000"},
    {"length_beyond", R"({"type": "string", "maxLength": 2001})",
     "bad_value: #/maxLength: expected an integer from 0 to 2000"},
    {"lengths_crossed", R"({"type": "string", "minLength": 3, "maxLength": 2})",
     "bad_value: #/maxLength: expected at least minLength"},
    {"items_crossed", R"({"type": "array", "minItems": 1, "maxItems": 0})",
     "bad_value: #/maxItems: expected at least minItems"},
    {"bound_no_integer", R"({"type": "integer", "minimum": 0.5})",
     "bad_value: #/minimum: expected an integer of at most 18 digits"},
    {"bound_beyond", R"({"type": "integer", "maximum": 1000000000000000000})",
     "bad_value: #/maximum: expected an integer of at most 18 digits"},
    {"bound_far_beyond", R"({"type": "integer", "maximum": 18446744073709551615})",
     "bad_value: #/maximum: expected an integer of at most 18 digits"},
    {"bounds_crossed", R"({"type": "integer", "minimum": 2, "maximum": 1})",
     "bad_value: #: expected an integer between the bounds"},
    {"ref_no_text", R"({"$ref": 1})", "bad_value: #/$ref: expected a string"},
    {"ref_to_nothing", R"({"$ref": "#/$defs/a"})", "unknown_ref: #/$ref: #/$defs/a"},
    {"ref_elsewhere", R"({"$ref": "http://a/b"})", "unknown_ref: #/$ref: http://a/b"},
    {"ref_no_pointer", R"({"$ref": "#a"})", "unknown_ref: #/$ref: #a"},
    {"ref_to_itself", R"({"$ref": "#"})", "bad_grammar: left_recursion: line 2: s0"},
    {"ref_to_no_schema", R"({"$ref": "#/$defs", "$defs": 3})",
     "bad_value: #/$defs: expected a schema that accepts something"},
    {"too_many_repeats", R"({"type": "array", "items": {"enum": ["a"]}, "minItems": 2001})",
     "bad_value: #/minItems: expected an integer from 0 to 2000"},
};

class BadSchemas : public testing::TestWithParam<BadSchema> {};
INSTANTIATE_TEST_SUITE_P(JsonSchema, BadSchemas, testing::ValuesIn(kBadSchemas),
                         [](const auto& bad) { return bad.param.name; });
TEST_P(BadSchemas, AreRefusedByNameAndPath) {
    const auto grammar = make_grammar(GetParam().schema);
    ASSERT_FALSE(grammar);
    EXPECT_EQ(grammar.error().text(), GetParam().expected);
}

TEST(SchemaLimits, AreThemselvesAllowed) {
    EXPECT_TRUE(make_grammar("{}" + std::string(kSchemaBytesMax - 2, ' ')));
    EXPECT_EQ(make_grammar(nested(kSchemaDepthMax + 1)).error().text(), "unsupported: #/not");
    EXPECT_TRUE(make_grammar(R"({"type": "string", "minLength": 2000, "maxLength": 2000})"));
    EXPECT_TRUE(make_grammar(R"({"type": "array", "minItems": 2000, "maxItems": 2000})"));
    EXPECT_TRUE(make_grammar(R"({"type": "integer", "minimum": -999999999999999999, "maximum": 0})"));
}

TEST(SchemaLimits, ALongChainOfReferencesIsNoRecursion) {
    std::string schema = R"({"$ref": "#/$defs/0", "$defs": {)";
    for (int i = 0; i < 4000; ++i)
        schema += "\"" + std::to_string(i) + R"(": {"$ref": "#/$defs/)" + std::to_string(i + 1) + R"("}, )";
    const auto grammar = make_grammar(schema + R"("4000": {"type": "null"}}})");
    ASSERT_TRUE(grammar) << grammar.error().text();
    EXPECT_TRUE(has(*grammar, "null"));
}

TEST(GbnfRange, HoldsExactlyItsIntegers) {
    const auto check = [](int64_t low, int64_t high, std::initializer_list<int64_t> values) {
        const auto grammar = Grammar::parse("root ::= " + gbnf_range(low, high));
        ASSERT_TRUE(grammar) << gbnf_range(low, high) << grammar.error().text();
        for (const int64_t value : values) {
            const bool inside = value >= low && value <= high;
            EXPECT_EQ(has(*grammar, std::to_string(value)), inside) << low << " " << value << " " << high;
        }
    };
    uint64_t state = 1;
    const auto random = [&] {
        state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
        return int64_t(state >> 20) >> (state >> 58) % 44 << (state % 3 == 0 ? 18 : 0);
    };
    for (int i = 0; i < 400; ++i) {
        const int64_t a = random() % kIntegerMax * (i % 2 == 0 ? 1 : -1), b = random() % kIntegerMax;
        const int64_t low = std::min(a, b), high = std::max(a, b);
        check(low, high,
              {low, low - 1, low + 1, high, high - 1, high + 1, 0, -low, -high, low / 2 + high / 2,
               low / 11 * 10, high / 10, 9, 10, 99, 100, -1});
    }
    check(0, 0, {0, 1, -1});
    check(-1, 0, {-2, -1, 0, 1});
    check(-kIntegerMax, kIntegerMax, {-kIntegerMax - 1, -kIntegerMax, 0, kIntegerMax, kIntegerMax + 1});
    for (int64_t low = -25; low <= 125; low += 7) {
        for (int64_t high = low; high <= 130; high += 3) {
            const auto grammar = *Grammar::parse("root ::= " + gbnf_range(low, high));
            for (int64_t value = -30; value <= 140; ++value)
                ASSERT_EQ(has(grammar, std::to_string(value)), value >= low && value <= high);
            ASSERT_FALSE(has(grammar, "-0"));
            ASSERT_FALSE(has(grammar, "01"));
        }
    }
}

TEST(JsonObjectGrammar, IsAnyObject) {
    const auto grammar = Grammar::parse(json_object_grammar());
    ASSERT_TRUE(grammar) << grammar.error().text();
    EXPECT_TRUE(has(*grammar, R"({"a": [1, {"b": null}], "c":"d"})"));
    EXPECT_FALSE(has(*grammar, "[]"));
}

}  // namespace
}  // namespace daidd::schema
