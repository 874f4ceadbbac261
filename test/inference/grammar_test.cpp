#include "inference/grammar.h"

#include <gtest/gtest.h>

#include "inference/grammar_matcher.h"
#include "inference/random.h"
#include "inference/tokenizer_fixture.h"

namespace daidd::inference {
namespace {

std::shared_ptr<const TokenTrie> byte_vocabulary() {
    static const auto trie = std::make_shared<const TokenTrie>(Tokenizer::bytes());
    return trie;
}

GrammarMatcher matcher_of(std::string_view grammar) {
    auto parsed = Grammar::parse(grammar);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text());
    return {*parsed, byte_vocabulary()};
}

bool has(const GrammarMatcher& start, std::string_view text) {
    GrammarMatcher matcher = start;
    return matcher.accept_text(text) && matcher.may_end();
}

struct Language {
    const char* name;
    const char* grammar;
    std::vector<std::string> inside, outside;
    friend void PrintTo(const Language& language, std::ostream* out) { *out << language.name; }
};
const Language kLanguages[] = {
    {"literal", R"g(root ::= "ab")g", {"ab"}, {"", "a", "abc", "b"}},
    {"empty", R"g(root ::= "")g", {""}, {"a"}},
    {"choice", R"g(root ::= "a" | "bc" | )g", {"a", "bc", ""}, {"b", "abc"}},
    {"sequence", R"g(root ::= "a" [bc] "d")g", {"abd", "acd"}, {"ad", "abcd"}},
    {"star", R"g(root ::= "a" "b"* "c")g", {"ac", "abc", "abbbbc"}, {"a", "abb"}},
    {"plus", R"g(root ::= [0-9]+)g", {"0", "01234"}, {"", "x", "1x"}},
    {"option", R"g(root ::= "a"? "b")g", {"b", "ab"}, {"a", "aab"}},
    {"exactly", R"g(root ::= "ab"{3})g", {"ababab"}, {"abab", "abababab"}},
    {"at_least", R"g(root ::= "a"{2,})g", {"aa", "aaaaa"}, {"a", ""}},
    {"at_most", R"g(root ::= "a"{0,2})g", {"", "a", "aa"}, {"aaa"}},
    {"between", R"g(root ::= [ab]{2,3} "c")g", {"abc", "aabc"}, {"ac", "aaaac", "c"}},
    {"never", R"g(root ::= "a"{0} "b")g", {"b"}, {"ab"}},
    {"group", R"g(root ::= ("a" | "b" "c")+ "d")g", {"ad", "bcad"}, {"d", "bd"}},
    {"nested_repeats", R"g(root ::= (("a"{2}){2}){2})g", {"aaaaaaaa"}, {"aaaaaaa", "aaaaaaaaa"}},
    {"repeat_of_repeat", R"g(root ::= "a"?*  "b")g", {"b", "aab"}, {"a"}},
    {"empty_repeated", R"g(root ::= (""*)* "a" ("" | "b"?){2,5})g", {"a", "ab", "abbbbb"}, {"", "abbbbbb"}},
    {"range", R"g(root ::= [a-c-])g", {"a", "c", "-"}, {"d", "", "ab"}},
    {"negated", R"g(root ::= [^a-c"\\])g", {"d", "é", "漢", "😀", "\n"}, {"a", "\"", "\\", "\x80", "dd"}},
    {"any", "root ::= . .", {"ab", "é漢", "😀\n"}, {"a", "\xFF\xFF", "\xC0\x80z", "\xED\xA0\x80z"}},
    {"characters",
     "root ::= [à-ü]+ [ߐ-\U00010010]?",
     {"é", "àüߐ", "é\uFFFF", "é\U00010010"},
     {"þ", "\xC3", "é\U00010011"}},
    {"escapes",
     R"g(root ::= "\x41\u00e9\U0001F600\t\r\n\\\"\[\]" [\]\[\\\x20])g",
     {"Aé😀\t\r\n\\\"[]]", "Aé😀\t\r\n\\\"[][", "Aé😀\t\r\n\\\"[] "},
     {"Aé😀\t\r\n\\\"[]x"}},
    {"comments", "# a\nroot ::= # b\n  \"x\" # c\n\n# d\n", {"x"}, {"", "y"}},
    {"lines_in_parentheses", "root ::= (\n \"a\"\n |\n \"b\"\n) \"c\" |\n \"d\"\n", {"ac", "bc", "d"}, {"a"}},
    {"rules", "root ::= two-A two-A\r\ntwo-A ::= \"a\" x_1\r\nx_1 ::= \"1\"\r\n", {"a1a1"}, {"a1"}},
    {"right_recursion", R"g(root ::= "a" root | "b")g", {"b", "aaab"}, {"a", "ba"}},
    {"brackets", R"g(root ::= "(" root ")" root | "")g", {"", "()", "(()())()"}, {"(", ")", "(()"}},
    {"palindromes", R"g(root ::= "a" root "a" | "b" root "b" | "c")g", {"c", "abcba"}, {"ab", "abcab"}},
    {"ambiguous",
     R"g(root ::= "a" root | "a" "a" root | "a" other | ""
other ::= root "a" | root)g",
     {"", "a", "aaaaaaa"},
     {"b", "ab"}},
};

class Languages : public testing::TestWithParam<Language> {};
INSTANTIATE_TEST_SUITE_P(Gbnf, Languages, testing::ValuesIn(kLanguages),
                         [](const auto& language) { return language.param.name; });
TEST_P(Languages, HaveTheirTexts) {
    const GrammarMatcher matcher = matcher_of(GetParam().grammar);
    for (const auto& text : GetParam().outside) EXPECT_FALSE(has(matcher, text)) << text;
    for (const auto& text : GetParam().inside) EXPECT_TRUE(has(matcher, text)) << text;
}

struct BadGrammar {
    const char* name;
    std::string grammar, expected;
    friend void PrintTo(const BadGrammar& bad, std::ostream* out) { *out << bad.name; }
};
std::string repeated(std::string_view what, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += what;
    return out;
}
const BadGrammar kBadGrammars[] = {
    {"empty", "", "no_root"},
    {"no_root", "a ::= \"x\"", "no_root"},
    {"no_name", "root ::= \"x\"\n::= \"y\"", "syntax: line 2: expected the name of a rule"},
    {"no_definition", "root = \"x\"", "syntax: line 1: expected ::="},
    {"two_rules_a_line", "root ::= \"x\" ) ", "syntax: line 1: expected the end of the rule"},
    {"open_literal", "root ::= \"x", "syntax: line 1: expected a character"},
    {"open_class", "root ::= [a", "syntax: line 1: expected a character"},
    {"open_group", "root ::= (\n\"a\"", "syntax: line 2: expected )"},
    {"open_count", "root ::= \"a\"{1", "syntax: line 1: expected }"},
    {"no_count", "root ::= \"a\"{}", "syntax: line 1: expected a number"},
    {"falling_count", "root ::= \"a\"{3,2}", "syntax: line 1: expected a range that rises"},
    {"falling_class", "root ::= [b-a]", "syntax: line 1: expected a range that rises"},
    {"nothing_to_repeat", "root ::= *", "syntax: line 1: expected something to repeat"},
    {"bad_escape", "root ::= \"\\q\"", "syntax: line 1: expected an escape: x u U t r n \\ \" [ ]"},
    {"short_escape", "root ::= \"\\x4\"", "syntax: line 1: expected 2 hexadecimal digits"},
    {"surrogate", "root ::= \"\\uD800\"", "syntax: line 1: expected a character of Unicode"},
    {"beyond_unicode", "root ::= \"\\U00110000\"", "syntax: line 1: expected a character of Unicode"},
    {"not_utf8", "root ::= \"\xFF\"", "syntax: line 1: expected UTF-8"},
    {"unknown_rule", "root ::= \"a\"\nb ::= c", "unknown_rule: line 2: c"},
    {"duplicate_rule", "root ::= \"a\"\nroot ::= \"b\"", "duplicate_rule: line 2: root"},
    {"empty_class", "root ::= []", "empty_class: line 1"},
    {"class_of_nothing", "root ::= [^\\x00-\\U0010FFFF]", "empty_class: line 1"},
    {"left_recursion", "root ::= \"a\"\nx ::= x \"b\" | \"c\"", "left_recursion: line 2: x"},
    {"left_recursion_of_two", "root ::= \"a\" | b\nb ::= \"b\" | (\"c\" | root \"x\")",
     "left_recursion: line 1: root"},
    {"left_recursion_behind_nothing", "root ::= e e root\ne ::= \"a\"*", "left_recursion: line 1: root"},
    {"left_recursion_in_a_repetition", "root ::= (\"\" root \"a\"){3}", "left_recursion: line 1: root"},
    {"repetitions", "root ::= \"a\"{2001}", "too_large: line 1: repetitions"},
    {"parentheses", "root ::= " + repeated("(", 65) + "\"a\"" + repeated(")", 65),
     "too_large: line 1: parentheses"},
    {"repeats_of_repeats", "root ::= \"a\"" + repeated("*", 65), "too_large: line 1: repetitions"},
    {"nodes", "root ::= \"" + std::string(kGrammarNodesMax, 'a') + "\"", "too_large: nodes"},
    {"bytes", "root ::= \"a\"" + std::string(kGrammarBytesMax - 11, ' '), "too_large: bytes"},
};

class BadGrammars : public testing::TestWithParam<BadGrammar> {};
INSTANTIATE_TEST_SUITE_P(Gbnf, BadGrammars, testing::ValuesIn(kBadGrammars),
                         [](const auto& bad) { return bad.param.name; });
TEST_P(BadGrammars, AreRefusedByName) {
    const auto parsed = Grammar::parse(GetParam().grammar);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().text(), GetParam().expected);
}

TEST(GrammarLimits, AreThemselvesAllowed) {
    const std::string cases[] = {
        "root ::= \"a\"{2000}",
        "root ::= " + repeated("(", 64) + "\"a\"" + repeated(")", 64),
        "root ::= \"a\"" + repeated("*", 64),
        "root ::= \"" + std::string(kGrammarNodesMax - 2, 'a') + "\"",
        "root ::= \"a\"" + std::string(kGrammarBytesMax - 12, ' '),
    };
    for (const auto& grammar : cases) EXPECT_TRUE(Grammar::parse(grammar)) << grammar.substr(0, 40);
    std::string rules = "root ::= \"a\"\n";
    for (size_t i = 1; i < kGrammarRulesMax; ++i) rules += "r" + std::to_string(i) + " ::= \"a\"\n";
    EXPECT_TRUE(Grammar::parse(rules));
    EXPECT_EQ(Grammar::parse(rules + "more ::= \"a\"").error().text(), "too_large: line 4097: rules");
    rules += "root2 ::= ";
    EXPECT_FALSE(Grammar::parse(rules));
}

// Repetitions of repetitions would be 2^64 copies if they were written out.
TEST(GrammarLimits, NestedRepetitionsStaySmall) {
    std::string grammar = "\"\"";
    for (int i = 0; i < 60; ++i) grammar = "(" + grammar + "){2}";
    EXPECT_TRUE(Grammar::parse("root ::= " + grammar));
    const auto big = Grammar::parse("root ::= (([ab] \"c\"){2000}){2000}");
    ASSERT_TRUE(big);
    EXPECT_LT(big->automaton().nodes.size(), 4100u);
}

// The mask against each token on its own, with tokens of several bytes.
TEST(GrammarMatcher, AllowsExactlyWhatItAccepts) {
    const Tokenizer tokenizer = *SmallVocabulary{}.load();
    const auto vocabulary = std::make_shared<const TokenTrie>(tokenizer);
    const Grammar grammars[] = {
        *Grammar::parse(R"g(root ::= (" "? [a-z]+){1,4} [.!] | "the " root)g"),
        *Grammar::parse(R"g(root ::= [^aeiou]{0,9} ("é" | "\u00e8" | .){2})g"),
        *Grammar::parse(R"g(root ::= "(" root ")" root | [a-z ]*)g"),
    };
    Random random{1};
    size_t allowed_count = 0;
    for (const Grammar& grammar : grammars) {
        for (int run = 0; run < 5; ++run) {
            GrammarMatcher matcher{grammar, vocabulary};
            for (int step = 0; step < 12 && !matcher.must_end(); ++step) {
                const TokenSet& allowed = matcher.allowed();
                std::vector<uint32_t> tokens;
                for (uint32_t token = 0; token < tokenizer.vocabulary(); ++token) {
                    GrammarMatcher trial = matcher;
                    const std::vector<uint32_t> one = {token};
                    const bool is_end = std::ranges::binary_search(tokenizer.end_tokens(), token);
                    const bool expected =
                        is_end ? matcher.may_end()
                               : !tokenizer.is_special(token) && trial.accept_text(*tokenizer.decode(one));
                    ASSERT_EQ(allowed.contains(token), expected) << token;
                    if (expected && !is_end) tokens.push_back(token);
                }
                ASSERT_FALSE(tokens.empty());
                allowed_count += tokens.size();
                matcher.accept(tokens[size_t(random.in(0, int64_t(tokens.size()) - 1))]);
            }
        }
    }
    EXPECT_GT(allowed_count, 1000u);
}

TEST(GrammarMatcher, EndsWhenNothingElseMayFollow) {
    GrammarMatcher matcher = matcher_of("root ::= \"a\" \"b\"?");
    EXPECT_FALSE(matcher.may_end());
    EXPECT_FALSE(matcher.allowed().contains(256));
    matcher.accept('a');
    EXPECT_TRUE(matcher.may_end());
    EXPECT_FALSE(matcher.must_end());
    EXPECT_TRUE(matcher.allowed().contains(256) && matcher.allowed().contains(258));
    EXPECT_FALSE(matcher.allowed().contains(257));  // special, and not an end
    GrammarMatcher other = matcher;
    matcher.accept('b');
    EXPECT_TRUE(matcher.must_end());
    EXPECT_TRUE(matcher.allowed().contains(256));
    other.accept(258);
    EXPECT_TRUE(other.must_end());
    EXPECT_TRUE(other.allowed().empty());
}

TEST(GrammarMatcher, KeepsItsPlaceWhenTextIsRefused) {
    GrammarMatcher matcher = matcher_of("root ::= \"abc\"");
    EXPECT_FALSE(matcher.accept_text("abd"));
    EXPECT_TRUE(matcher.accept_text("ab"));
    EXPECT_FALSE(matcher.accept_text("b"));
    EXPECT_TRUE(matcher.accept_text("c"));
    EXPECT_TRUE(matcher.must_end());
}

TEST(GrammarMatcher, FollowsHalvesOfCharacters) {
    GrammarMatcher matcher = matcher_of("root ::= [à-ü] \"!\"");
    EXPECT_TRUE(matcher.allowed().contains(0xC3));
    EXPECT_FALSE(matcher.allowed().contains(0xC2));
    matcher.accept(0xC3);
    EXPECT_TRUE(matcher.allowed().contains(0xA9));
    EXPECT_FALSE(matcher.allowed().contains(0xBD));  // ý
    EXPECT_FALSE(matcher.may_end());
    matcher.accept(0xA9);
    EXPECT_TRUE(matcher.allowed().contains('!'));
}

TEST(GrammarMatcher, DepthIsLimited) {
    GrammarMatcher matcher = matcher_of(R"g(root ::= "(" root ")" | "x")g");
    EXPECT_TRUE(matcher.accept_text(repeated("(", kGrammarDepthMax)));
    EXPECT_FALSE(matcher.accept_text("("));
    EXPECT_TRUE(matcher.accept_text("x" + repeated(")", kGrammarDepthMax)));
    EXPECT_TRUE(matcher.must_end());
    EXPECT_FALSE(matcher.failed());
}

TEST(GrammarMatcher, ListsDoNotGrowTheStack) {
    GrammarMatcher matcher = matcher_of("root ::= \"a\" root | \"b\"");
    EXPECT_TRUE(matcher.accept_text(std::string(100'000, 'a') + "b"));
    EXPECT_TRUE(matcher.must_end());
}

// More states than are kept, within rules that must be left again.
TEST(GrammarMatcher, ForgettingChangesNothing) {
    GrammarMatcher matcher = matcher_of(R"g(root ::= "(" root ")" | "[" root "]" | "a"{2000} "b"{2000})g");
    const std::string text = "([" + std::string(2000, 'a') + std::string(2000, 'b') + "])";
    for (const char c : text) {
        ASSERT_FALSE(matcher.accept_text("c"));
        ASSERT_FALSE(matcher.may_end());
        ASSERT_TRUE(matcher.accept_text({&c, 1}));
    }
    EXPECT_TRUE(matcher.must_end());
}

// Every reading has a stack of its own, so they double with each byte.
TEST(GrammarMatcher, TooAmbiguousIsAnErrorAndNoHang) {
    GrammarMatcher matcher = matcher_of(R"g(root ::= "a" root x | "a" root y | "b"
x ::= "x"
y ::= "x")g");
    EXPECT_TRUE(matcher.accept_text(std::string(5, 'a')));
    EXPECT_FALSE(matcher.failed());
    EXPECT_FALSE(matcher.accept_text(std::string(40, 'a')));
    EXPECT_TRUE(matcher.failed());
    EXPECT_TRUE(matcher.allowed().empty());
    EXPECT_FALSE(matcher.may_end());
}

}  // namespace
}  // namespace daidd::inference
