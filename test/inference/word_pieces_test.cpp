#include "inference/hand_vocabulary.h"

namespace daidd::inference {
namespace {

HandVocabulary hand_vocabulary() {
    HandVocabulary v;
    v.model = "bert";
    v.tokens = {{"[PAD]", 3}, {"[UNK]", 3}, {"[CLS]", 3}, {"[SEP]", 3}};
    for (const char* text : {"▁un", "▁hello", "▁he", "▁,", "▁!", "▁[", "▁]", "▁a", "▁中", "▁sep", "▁\u1100",
                             "aff", "able", "abl", "a", "\u1161"}) {
        v.tokens.push_back({text});
    }
    v.ids = {{"unknown_token_id", 1}, {"seperator_token_id", 3}, {"cls_token_id", 2}};
    v.has_scores = false;
    return v;
}

struct Pieces {
    const char* name;
    std::string text;
    std::vector<std::string_view> tokens;
};
void PrintTo(const Pieces& pieces, std::ostream* out) { *out << pieces.name; }

const Pieces kPieces[] = {
    {"nothing", "", {}},
    {"white_space_alone", " \t\n\u3000", {}},
    {"longest_first", "unaffable", {"▁un", "aff", "able"}},
    {"one_piece_missing", "unaffx a", {"[UNK]", "▁a"}},
    {"words_by_punctuation", "hello,hello!", {"▁hello", "▁,", "▁hello", "▁!"}},
    {"without_case", "HELLO", {"▁hello"}},
    {"without_accents", "Ünâffable", {"▁un", "aff", "able"}},
    {"accents_apart", "u\u0308naffable", {"▁un", "aff", "able"}},
    {"ideographs_are_words", "中中a", {"▁中", "▁中", "▁a"}},
    {"hangul_in_parts", "가", {"▁\u1100", "\u1161"}},
    {"controls_are_left_out",
     "un\u200d\x01"
     "affable",
     {"▁un", "aff", "able"}},
    {"broken_bytes_are_left_out",
     "un\xFF"
     "affable\xE2\x82",
     {"▁un", "aff", "able"}},
    {"special_typed", "[SEP]", {"▁[", "▁sep", "▁]"}},
    {"mark_of_words_typed", "un▁a", {"[UNK]"}},
    {"mark_of_words_alone", "▁", {"[UNK]"}},
};

class WordPieces : public testing::TestWithParam<Pieces> {};

TEST_P(WordPieces, AreThoseOfTheRule) {
    const HandVocabulary vocabulary = hand_vocabulary();
    const auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
    std::vector<uint32_t> expected;
    for (const auto token : GetParam().tokens) expected.push_back(vocabulary.id(token));
    EXPECT_EQ(tokenizer->encode(GetParam().text), expected);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, WordPieces, testing::ValuesIn(kPieces),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(WordPieces, WordsOfMoreThanAHundredCharactersAreUnknown) {
    const HandVocabulary vocabulary = hand_vocabulary();
    const auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer);
    std::vector<uint32_t> expected(100, vocabulary.id("a"));
    expected[0] = vocabulary.id("▁a");
    EXPECT_EQ(tokenizer->encode(std::string(100, 'a')), expected);
    EXPECT_EQ(tokenizer->encode(std::string(101, 'a')), vocabulary.ids_of({"[UNK]"}));
}

TEST(WordPieces, AreFramedAsAWhole) {
    HandVocabulary vocabulary = hand_vocabulary();
    auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->encode_whole("un a"), vocabulary.ids_of({"[CLS]", "▁un", "▁a", "[SEP]"}));
    EXPECT_EQ(tokenizer->decode(tokenizer->encode_whole("Unaffable a")), " unaffable a");
    vocabulary.flags = {{"add_bos_token", 0}, {"add_sep_token", 0}};
    tokenizer = vocabulary.load();
    EXPECT_EQ(tokenizer->encode_whole("un a"), vocabulary.ids_of({"▁un", "▁a"}));
}

struct Spoiled {
    const char* name;
    void (*spoil)(HandVocabulary&);
    const char* error;
};
void PrintTo(const Spoiled& spoiled, std::ostream* out) { *out << spoiled.name; }

const Spoiled kSpoiled[] = {
    {"word_twice", [](HandVocabulary& v) { v.tokens.push_back({"▁un"}); },
     "tokenizer.ggml.tokens[20]: duplicate"},
    {"part_twice", [](HandVocabulary& v) { v.tokens.push_back({"aff"}); },
     "tokenizer.ggml.tokens[20]: duplicate"},
    {"no_unknown", [](HandVocabulary& v) { v.ids.erase(v.ids.begin()); },
     "tokenizer.ggml.unknown_token_id: missing"},
    {"no_separator", [](HandVocabulary& v) { v.ids.erase(v.ids.begin() + 1); },
     "tokenizer.ggml.seperator_token_id: missing"},
    {"no_begin", [](HandVocabulary& v) { v.ids.pop_back(); }, "tokenizer.ggml.bos_token_id: missing"},
    {"begin_outside", [](HandVocabulary& v) { v.ids.back().second = uint32_t(v.tokens.size()); },
     "tokenizer.ggml.cls_token_id: bad value"},
};

class RefusedWords : public testing::TestWithParam<Spoiled> {};

TEST_P(RefusedWords, NamesFieldAndReason) {
    HandVocabulary vocabulary = hand_vocabulary();
    GetParam().spoil(vocabulary);
    const auto loaded = vocabulary.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(to_string(loaded.error()), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, RefusedWords, testing::ValuesIn(kSpoiled),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace daidd::inference
