#include "inference/hand_vocabulary.h"

namespace daidd::inference {
namespace {

constexpr uint32_t kMinus1 = 0xBF80'0000, kMinus2 = 0xC000'0000, kMinus3 = 0xC040'0000, kMinus4 = 0xC080'0000,
                   kMinus100 = 0xC2C8'0000, kMinusZero = 0x8000'0000, kNoNumber = 0x7FC0'0000,
                   kMinusInfinity = 0xFF80'0000;

std::string byte_token(int byte) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    return std::string{"<0x"} + kDigits[size_t(byte >> 4)] + kDigits[size_t(byte & 15)] + ">";
}

/// Byte tokens, runs and a tag as Gemma has them, and pieces whose order of merging matters.
HandVocabulary hand_vocabulary() {
    HandVocabulary v;
    v.model = "llama";
    v.tokens = {{"<unk>", 2}, {"<s>", 3}, {"</s>", 3}};
    for (int byte = 0; byte < 256; ++byte) v.tokens.push_back({byte_token(byte), 6});
    for (const char* text : {"\n\n", "  ", "<b>", "<|im_start|>"}) v.tokens.push_back({text, 4});
    v.tokens.push_back({"▁a", 1, kMinus1});
    v.tokens.push_back({"ab", 1, kMinus2});
    v.tokens.push_back({"bc", 1, kMinus3});
    v.tokens.push_back({"abc", 1, kMinus4});
    for (const char* text : {"▁", "a", "b", "c", "é"}) v.tokens.push_back({text, 1, kMinus100});
    v.ids = {{"bos_token_id", 1}, {"unknown_token_id", 0}};
    v.flags = {{"add_space_prefix", 0}};
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
    {"highest_score_first", "abc", {"abc"}},
    {"then_the_next", "bcab", {"bc", "ab"}},
    {"a_blank_belongs_to_the_next_word", "ab abc", {"ab", "▁a", "bc"}},
    {"the_blank_s_own_character", "▁a", {"▁a"}},
    {"user_defined_before_all", "a\n\nb<b>abc", {"a", "\n\n", "b", "<b>", "abc"}},
    {"user_defined_leftmost", "\n\n\n", {"\n\n", "<0x0A>"}},
    {"user_defined_blanks", "   a", {"  ", "▁a"}},
    {"character_without_token", "aèé", {"a", "<0xC3>", "<0xA8>", "é"}},
    {"cut_character", "a\xE2\x96", {"a", "<0xE2>", "<0x96>"}},
    {"bytes_part_neighbours",
     "a\xFF"
     "b",
     {"a", "<0xFF>", "b"}},
    {"control_token_typed", "</s>", {"<0x3C>", "<0x2F>", "<0x73>", "<0x3E>"}},
    {"byte_token_typed", "<0x4", {"<0x3C>", "<0x30>", "<0x78>", "<0x34>"}},
};

class SentencePieces : public testing::TestWithParam<Pieces> {};

TEST_P(SentencePieces, AreThoseOfTheRule) {
    const HandVocabulary vocabulary = hand_vocabulary();
    const auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
    std::vector<uint32_t> expected;
    for (const auto token : GetParam().tokens) expected.push_back(vocabulary.id(token));
    EXPECT_EQ(tokenizer->encode(GetParam().text), expected);
    const auto text = std::string{GetParam().name} == "the_blank_s_own_character" ? " a" : GetParam().text;
    EXPECT_EQ(tokenizer->decode(expected), text);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, SentencePieces, testing::ValuesIn(kPieces),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(SentencePieces, BeginWithABlankUnlessTheFileSaysOtherwise) {
    HandVocabulary vocabulary = hand_vocabulary();
    vocabulary.flags.clear();
    const auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->encode("abc"), vocabulary.ids_of({"▁a", "bc"}));
    EXPECT_EQ(tokenizer->encode(""), std::vector<uint32_t>{});
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("x")), " x");
    EXPECT_EQ(tokenizer->encode_whole("abc"), vocabulary.ids_of({"<s>", "▁a", "bc"}));
}

TEST(SentencePieces, FramesFollowTheMetadata) {
    HandVocabulary vocabulary = hand_vocabulary();
    vocabulary.flags.push_back({"add_bos_token", 0});
    EXPECT_EQ(vocabulary.load()->begin_token(), std::nullopt);
    vocabulary.flags.push_back({"add_eos_token", 1});
    EXPECT_EQ(to_string(vocabulary.load().error()), "tokenizer.ggml.eos_token_id: missing");
    vocabulary.ids.push_back({"eos_token_id", 2});
    EXPECT_EQ(vocabulary.load()->encode_whole("a"), vocabulary.ids_of({"a", "</s>"}));
}

TEST(SentencePieces, WithoutByteTokensARunOfUnknownCharactersIsOneToken) {
    HandVocabulary vocabulary = hand_vocabulary();
    for (auto& token : vocabulary.tokens) {
        if (token.type == 6) token.type = 5;
    }
    auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->encode("xyab\xFFz"), vocabulary.ids_of({"<unk>", "ab", "<unk>"}));
    vocabulary.ids.pop_back();
    tokenizer = vocabulary.load();
    EXPECT_EQ(tokenizer->encode("xyab\xFFz"), vocabulary.ids_of({"ab"}));
}

TEST(SentencePieces, ACharacterNeedsAllOfItsBytes) {
    HandVocabulary vocabulary = hand_vocabulary();
    vocabulary.tokens[vocabulary.id("<0xA8>")].type = 5;
    EXPECT_EQ(vocabulary.load()->encode("èx"), vocabulary.ids_of({"<unk>", "<0x78>"}));
}

TEST(SentencePieces, TiesGoInTheOrderOfTheVocabulary) {
    for (const uint32_t zero : {0u, kMinusZero}) {
        HandVocabulary vocabulary = hand_vocabulary();
        vocabulary.tokens[vocabulary.id("ab")].score_bits = zero;
        vocabulary.tokens[vocabulary.id("bc")].score_bits = kMinusZero;
        vocabulary.tokens[vocabulary.id("abc")].type = 5;
        EXPECT_EQ(vocabulary.load()->encode("abc"), vocabulary.ids_of({"ab", "c"}));
    }
    HandVocabulary vocabulary = hand_vocabulary();
    vocabulary.tokens[vocabulary.id("ab")].score_bits = kMinusInfinity;
    vocabulary.tokens[vocabulary.id("abc")].type = 5;
    EXPECT_EQ(vocabulary.load()->encode("abca"), vocabulary.ids_of({"a", "bc", "a"}));
}

TEST(SentencePieces, MarkersOfConversationsAreNeverText) {
    const HandVocabulary vocabulary = hand_vocabulary();
    const auto tokenizer = vocabulary.load();
    ASSERT_TRUE(tokenizer);
    const uint32_t marker = vocabulary.id("<|im_start|>");
    EXPECT_EQ(tokenizer->find_special("<|im_start|>"), marker);
    EXPECT_FALSE(tokenizer->is_special(vocabulary.id("<b>")));
    const auto tokens = tokenizer->encode("<|im_start|>");
    EXPECT_EQ(std::count(tokens.begin(), tokens.end(), marker), 0);
}

TEST(SentencePieces, LongTextsTakeNoQuadraticTime) {
    const auto tokenizer = hand_vocabulary().load();
    ASSERT_TRUE(tokenizer);
    for (const char* unit : {"abc", " ", "\n", "\xFF", "é"}) {
        std::string text;
        while (text.size() < (1 << 20)) text += unit;
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    }
}

struct Spoiled {
    const char* name;
    void (*spoil)(HandVocabulary&);
    const char* error;
};
void PrintTo(const Spoiled& spoiled, std::ostream* out) { *out << spoiled.name; }

const Spoiled kSpoiled[] = {
    {"type_below", [](HandVocabulary& v) { v.tokens[5].type = 0; },
     "tokenizer.ggml.token_type[5]: bad value"},
    {"type_above", [](HandVocabulary& v) { v.tokens[5].type = 7; },
     "tokenizer.ggml.token_type[5]: bad value"},
    {"byte_without_digits", [](HandVocabulary& v) { v.tokens[5].text = "<0x0a>"; },
     "tokenizer.ggml.tokens[5]: bad value"},
    {"byte_too_short", [](HandVocabulary& v) { v.tokens[5].text = "<0xA>"; },
     "tokenizer.ggml.tokens[5]: bad value"},
    {"piece_twice", [](HandVocabulary& v) { v.tokens.push_back({"ab"}); },
     "tokenizer.ggml.tokens[272]: duplicate"},
    {"control_twice",
     [](HandVocabulary& v) {
         v.tokens.push_back({"<s>", 3});
     },
     "tokenizer.ggml.tokens[272]: duplicate"},
    {"no_scores", [](HandVocabulary& v) { v.has_scores = false; }, "tokenizer.ggml.scores: missing"},
    {"scores_of_integers", [](HandVocabulary& v) { v.score_type = GgufValueType::kI32; },
     "tokenizer.ggml.scores: wrong type"},
    {"score_missing", [](HandVocabulary& v) { v.scores_missing = 1; }, "tokenizer.ggml.scores: bad shape"},
    {"score_no_number", [](HandVocabulary& v) { v.tokens[7].score_bits = kNoNumber; },
     "tokenizer.ggml.scores[7]: bad value"},
    {"no_begin", [](HandVocabulary& v) { v.ids.erase(v.ids.begin()); },
     "tokenizer.ggml.bos_token_id: missing"},
    {"begin_outside", [](HandVocabulary& v) { v.ids[0].second = uint32_t(v.tokens.size()); },
     "tokenizer.ggml.bos_token_id: bad value"},
    {"unknown_outside", [](HandVocabulary& v) { v.ids[1].second = uint32_t(v.tokens.size()); },
     "tokenizer.ggml.unknown_token_id: bad value"},
    {"prefix_no_flag",
     [](HandVocabulary& v) {
         v.flags.clear();
         v.ids.push_back({"add_space_prefix", 0});
     },
     "tokenizer.ggml.add_space_prefix: wrong type"},
    {"blanks_removed",
     [](HandVocabulary& v) {
         v.flags.push_back({"remove_extra_whitespaces", 1});
     },
     "tokenizer.ggml.remove_extra_whitespaces: bad value"},
    {"characters_mapped",
     [](HandVocabulary& v) {
         v.ids.push_back({"precompiled_charsmap", 1});
     },
     "tokenizer.ggml.precompiled_charsmap: bad value"},
    {"begin_no_flag",
     [](HandVocabulary& v) {
         v.ids.push_back({"add_bos_token", 1});
     },
     "tokenizer.ggml.add_bos_token: wrong type"},
};

class RefusedPieces : public testing::TestWithParam<Spoiled> {};

TEST_P(RefusedPieces, NamesFieldAndReason) {
    HandVocabulary vocabulary = hand_vocabulary();
    GetParam().spoil(vocabulary);
    const auto loaded = vocabulary.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(to_string(loaded.error()), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, RefusedPieces, testing::ValuesIn(kSpoiled),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace daidd::inference
