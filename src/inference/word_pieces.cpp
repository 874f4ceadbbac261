#include "inference/encoder.h"
#include "inference/unicode.h"
#include "inference/utf8.h"

namespace daidd::inference {

namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kUnknown = "tokenizer.ggml.unknown_token_id";

/// How a GGUF file marks the tokens that begin a word.
constexpr std::string_view kWordBegin = "\xE2\x96\x81";

/// A longer word is unknown as a whole, as in the reference: it also bounds the search for pieces.
constexpr size_t kWordCharactersMax = 100;

/// BERT's normalizer for models without case: controls are removed, ideographs set apart, accents stripped.
std::u32string normalized(std::string_view text) {
    std::u32string cleaned;
    for (const char32_t c : to_characters(text)) {
        if (c >= kBrokenByte || unicode::is_bert_removed(c)) continue;
        if (unicode::is_bert_ideograph(c)) {
            cleaned += {U' ', c, U' '};
        } else {
            cleaned.push_back(unicode::is_white_space(c) ? U' ' : c);
        }
    }
    std::u32string out;
    for (const char32_t c : unicode::decompose(cleaned)) {
        if (!unicode::is_bert_mark(c)) out.push_back(unicode::to_lower(c));
    }
    return out;
}

class WordPieces final : public Encoder {
public:
    std::optional<GgufError> read_tokens(const Vocabulary& vocabulary);
    std::optional<GgufError> read_unknown(const GgufFile& file, const Vocabulary& vocabulary);

    void encode(std::string_view text, std::vector<uint32_t>& out) const override;
    std::string bytes_of(std::string_view written, TokenType) const override {
        const bool begins = written.starts_with(kWordBegin);
        return begins ? " " + std::string{written.substr(kWordBegin.size())} : std::string{written};
    }
    bool adds_begin() const override { return true; }
    bool adds_closing() const override { return true; }

private:
    void encode_word(std::u32string_view word, std::vector<uint32_t>& out) const;

    TextIndex begins_, continues_;
    uint32_t unknown_ = kNoToken;
};

std::optional<GgufError> WordPieces::read_tokens(const Vocabulary& vocabulary) {
    std::vector<TextIndex::Entry> begins, continues;
    for (uint32_t i = 0; i < vocabulary.size(); ++i) {
        if (vocabulary.types[i] != TokenType::kNormal) continue;
        const std::string_view written = vocabulary.written[i];
        if (written.starts_with(kWordBegin)) {
            begins.emplace_back(written.substr(kWordBegin.size()), i);
        } else {
            continues.emplace_back(written, i);
        }
    }
    begins_ = TextIndex{begins};
    continues_ = TextIndex{continues};
    for (const TextIndex* index : {&begins_, &continues_}) {
        if (const auto twice = index->find_duplicate()) {
            return element_error(GgufReason::kDuplicate, kTokens, *twice);
        }
    }
    return std::nullopt;
}

std::optional<GgufError> WordPieces::read_unknown(const GgufFile& file, const Vocabulary& vocabulary) {
    const auto id = file.number_at(kUnknown, vocabulary.size() - 1);
    if (!id) return id.error();
    unknown_ = uint32_t(*id);
    return std::nullopt;
}

void WordPieces::encode(std::string_view text, std::vector<uint32_t>& out) const {
    const std::u32string characters = normalized(text);
    std::u32string_view rest = characters;
    while (!rest.empty()) {
        size_t length = 0;
        const auto is_alone = [](char32_t c) {
            return unicode::is_white_space(c) || unicode::is_bert_punctuation(c);
        };
        while (length < rest.size() && !is_alone(rest[length])) ++length;
        const size_t word = length > 0 ? length : 1;
        if (!unicode::is_white_space(rest[0])) encode_word(rest.substr(0, word), out);
        rest.remove_prefix(word);
    }
}

/// Always the longest piece that fits; where none does, the whole word is unknown.
void WordPieces::encode_word(std::u32string_view word, std::vector<uint32_t>& out) const {
    const size_t before = out.size();
    if (word.size() > kWordCharactersMax) {
        out.push_back(unknown_);
        return;
    }
    for (size_t at = 0; at < word.size();) {
        uint32_t token = kNoToken;
        size_t length = word.size() - at;
        for (; length > 0 && token == kNoToken; --length) {
            token = (at == 0 ? begins_ : continues_).find(to_bytes(word.substr(at, length)));
        }
        if (token == kNoToken) {
            out.resize(before);
            out.push_back(unknown_);
            return;
        }
        out.push_back(token);
        at += length + 1;
    }
}

}  // namespace

EncoderResult make_word_pieces(const GgufFile& file, const Vocabulary& vocabulary) {
    auto encoder = std::make_unique<WordPieces>();
    if (const auto error = encoder->read_tokens(vocabulary)) return Fail{*error};
    if (const auto error = encoder->read_unknown(file, vocabulary)) return Fail{*error};
    return std::unique_ptr<const Encoder>{std::move(encoder)};
}

}  // namespace daidd::inference
