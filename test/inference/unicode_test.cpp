#include "inference/unicode.h"

#include <gtest/gtest.h>

#include "inference/utf8.h"

namespace daidd::inference::unicode {
namespace {

struct Normalized {
    const char* name;
    std::u32string text, decomposed, composed;
};
void PrintTo(const Normalized& normalized, std::ostream* out) { *out << normalized.name; }

// Examples of UAX #15, and what its rules make of their neighbours.
const Normalized kNormalized[] = {
    {"ascii", U"abc", U"abc", U"abc"},
    {"letter_and_accent", U"\u00C5", U"A\u030A", U"\u00C5"},
    {"singleton", U"\u212B\u2126", U"A\u030A\u03A9", U"\u00C5\u03A9"},
    {"two_steps", U"\u1E69", U"s\u0323\u0307", U"\u1E69"},
    {"marks_are_put_in_order", U"s\u0307\u0323", U"s\u0323\u0307", U"\u1E69"},
    {"equal_classes_keep_their_order", U"a\u0308\u0301", U"a\u0308\u0301", U"\u00E4\u0301"},
    {"an_equal_class_blocks", U"a\u0300\u0301", U"a\u0300\u0301", U"\u00E0\u0301"},
    {"a_mark_may_be_skipped", U"a\u0323\u0302\u0301", U"a\u0323\u0302\u0301", U"\u1EAD\u0301"},
    {"a_letter_blocks", U"ab\u0301", U"ab\u0301", U"ab\u0301"},
    {"excluded_from_composition", U"\u0958", U"\u0915\u093C", U"\u0915\u093C"},
    {"non_starter_decomposition", U"\u0344", U"\u0308\u0301", U"\u0308\u0301"},
    {"hangul_of_two", U"\uAC00", U"\u1100\u1161", U"\uAC00"},
    {"hangul_of_three", U"\uD7A3", U"\u1112\u1175\u11C2", U"\uD7A3"},
    {"hangul_in_parts", U"\uAC00\u11A8", U"\u1100\u1161\u11A8", U"\uAC01"},
    {"hangul_no_trailing", U"\u1100\u1161\u11A7", U"\u1100\u1161\u11A7", U"\uAC00\u11A7"},
    {"hangul_trailing_once", U"\uAC01\u11A8", U"\u1100\u1161\u11A8\u11A8", U"\uAC01\u11A8"},
    {"beyond_the_basic_plane", U"\U0001D15E", U"\U0001D157\U0001D165", U"\U0001D157\U0001D165"},
    {"mark_alone", U"\u0301", U"\u0301", U"\u0301"},
};

class Normalization : public testing::TestWithParam<Normalized> {};

TEST_P(Normalization, FollowsTheAnnex) {
    const auto& [name, text, decomposed, composed] = GetParam();
    EXPECT_EQ(decompose(text), decomposed);
    EXPECT_EQ(compose(text), composed);
    EXPECT_EQ(compose(decomposed), composed);
    EXPECT_EQ(decompose(composed), decomposed);
}

INSTANTIATE_TEST_SUITE_P(Unicode, Normalization, testing::ValuesIn(kNormalized),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(Unicode, BrokenBytesStayAndSeparate) {
    EXPECT_EQ(to_nfc("a\xFF\xCC\x81"), "a\xFF\xCC\x81");
    EXPECT_EQ(to_nfc("a\xCC\x81\xFF"), "\xC3\xA1\xFF");
    EXPECT_EQ(to_nfc("\xCC"), "\xCC");
}

TEST(Unicode, LowerCaseIsOneCharacter) {
    EXPECT_EQ(to_lower(U'A'), U'a');
    EXPECT_EQ(to_lower(U'['), U'[');
    EXPECT_EQ(to_lower(U'a'), U'a');
    EXPECT_EQ(to_lower(U'\u0178'), U'\u00FF');
    EXPECT_EQ(to_lower(U'\u0101'), U'\u0101');  // between two capitals of a run of every second character
    EXPECT_EQ(to_lower(U'\u01C5'), U'\u01C6');
    EXPECT_EQ(to_lower(U'\u1E9E'), U'\u00DF');
    EXPECT_EQ(to_lower(U'\u0130'), U'\u0130');
    EXPECT_EQ(to_lower(U'\U00010400'), U'\U00010428');
}

TEST(Unicode, ClassesEndWhereTheyEnd) {
    EXPECT_TRUE(is_white_space(0x0D) && is_white_space(0x85) && is_white_space(0x3000));
    EXPECT_FALSE(is_white_space(0x0E) || is_white_space(0x180E) || is_white_space(0x200B));
    EXPECT_TRUE(is_bert_removed(0) && is_bert_removed(0xFFFD) && is_bert_removed(0x200D));
    EXPECT_FALSE(is_bert_removed('\t') || is_bert_removed('\n') || is_bert_removed('\r'));
    EXPECT_TRUE(is_bert_mark(0x0300) && is_bert_mark(0x036F));
    EXPECT_FALSE(is_bert_mark(0x02FF) || is_bert_mark(0x0370));
    EXPECT_TRUE(is_bert_punctuation('$') && is_bert_punctuation('~') && is_bert_punctuation(0x3001));
    EXPECT_FALSE(is_bert_punctuation('0') || is_bert_punctuation(0x20AC));
    EXPECT_TRUE(is_bert_ideograph(0x4E00) && is_bert_ideograph(0x9FFF) && is_bert_ideograph(0x2B920));
    EXPECT_FALSE(is_bert_ideograph(0x4DFF) || is_bert_ideograph(0xA000) || is_bert_ideograph(0x2B91F));
}

TEST(Utf8, CharactersAndBack) {
    for (const char32_t c :
         {0x00u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
        std::string text;
        append_utf8(c, text);
        EXPECT_EQ(utf8_length(text), text.size());
        EXPECT_EQ(utf8_character(text), c);
    }
    const std::string broken = "a\xE2\x82\xAC\xE2\x82\xED\xA0\x80\xF0\x9F\x99\x82\xFF";
    EXPECT_EQ(to_characters(broken),
              (std::u32string{U'a', 0x20AC, kBrokenByte + 0xE2, kBrokenByte + 0x82, kBrokenByte + 0xED,
                              kBrokenByte + 0xA0, kBrokenByte + 0x80, 0x1F642, kBrokenByte + 0xFF}));
    EXPECT_EQ(to_bytes(to_characters(broken)), broken);
}

}  // namespace
}  // namespace daidd::inference::unicode
