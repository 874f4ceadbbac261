#include <algorithm>
#include <array>

#include "inference/encoder.h"
#include "inference/merges.h"
#include "inference/pretokenizer.h"
#include "inference/unicode.h"

namespace daidd::inference {

namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";
constexpr std::string_view kPre = "tokenizer.ggml.pre";

/// GPT-2 writes bytes as printable characters: those of Latin-1 that are printable as they are, the others
/// as U+0100 and on. Here the way back, by code point.
constexpr std::array<int16_t, 0x144> byte_of_character() {
    std::array<int16_t, 0x144> table{};
    table.fill(-1);
    size_t next = 0x100;
    for (int16_t byte = 0; byte < 256; ++byte) {
        const bool printable =
            (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        table[printable ? size_t(byte) : next++] = byte;
    }
    return table;
}
constexpr auto kByteOfCharacter = byte_of_character();

/// The bytes that a vocabulary entry stands for, or nothing if it is not written in that alphabet.
std::optional<std::string> token_bytes(std::string_view written) {
    std::string bytes;
    for (size_t i = 0; i < written.size(); ++i) {
        uint32_t code = uint8_t(written[i]);
        if (code >= 0xC0) {  // the alphabet has two-byte characters only
            if (code > 0xDF || i + 1 == written.size()) return std::nullopt;
            code = (code & 0x1F) << 6 | (uint8_t(written[++i]) & 0x3Fu);
        } else if (code >= 0x80) {
            return std::nullopt;
        }
        if (code >= kByteOfCharacter.size() || kByteOfCharacter[code] < 0) return std::nullopt;
        bytes.push_back(char(kByteOfCharacter[code]));
    }
    return bytes;
}

class BytePairs final : public Encoder {
public:
    explicit BytePairs(Pretokenizer pretokenizer) : pretokenizer_{std::move(pretokenizer)} {}

    std::optional<GgufError> read_tokens(const Vocabulary& vocabulary);
    std::optional<GgufError> read_merges(const GgufFile& file);

    void encode(std::string_view text, std::vector<uint32_t>& out) const override;
    std::string bytes_of(std::string_view written, TokenType type) const override {
        return type == TokenType::kNormal ? *token_bytes(written) : std::string{written};
    }
    bool adds_begin() const override { return pretokenizer_.adds_begin(); }

private:
    void encode_piece(std::string_view piece, std::vector<uint32_t>& out) const;

    Pretokenizer pretokenizer_;
    TextTokens user_defined_;
    TextIndex normal_;
    std::array<uint32_t, 256> bytes_{};  // kNoToken where there is none
    Merges merges_;
};

std::optional<GgufError> BytePairs::read_tokens(const Vocabulary& vocabulary) {
    std::vector<std::string> texts;
    std::vector<uint32_t> ids;
    std::vector<std::pair<std::string, uint32_t>> user_defined;
    bytes_.fill(kNoToken);
    for (uint32_t i = 0; i < vocabulary.size(); ++i) {
        const std::string& written = vocabulary.written[i];
        if (vocabulary.types[i] == TokenType::kUserDefined) user_defined.emplace_back(written, i);
        if (vocabulary.types[i] != TokenType::kNormal) continue;
        auto bytes = token_bytes(written);
        if (!bytes) return element_error(GgufReason::kBadValue, kTokens, i);
        if (bytes->size() == 1) bytes_[uint8_t((*bytes)[0])] = i;
        texts.push_back(*std::move(bytes));
        ids.push_back(i);
    }
    std::vector<TextIndex::Entry> entries;
    for (size_t i = 0; i < texts.size(); ++i) entries.emplace_back(texts[i], ids[i]);
    normal_ = TextIndex{entries};
    if (const auto twice = normal_.find_duplicate()) {
        return element_error(GgufReason::kDuplicate, kTokens, *twice);
    }
    user_defined_ = TextTokens{std::move(user_defined)};
    return std::nullopt;
}

std::optional<GgufError> BytePairs::read_merges(const GgufFile& file) {
    const auto lines = file.texts_at(kMerges);
    if (!lines) return lines.error();
    std::vector<Merges::Merge> merges;
    const auto find = [&](const std::optional<std::string>& text) {
        return text ? normal_.find(*text) : kNoToken;
    };
    for (uint32_t rank = 0; rank < (*lines)->size(); ++rank) {
        const std::string_view line = (**lines)[rank];
        const size_t blank = line.find(' ', 1);
        const auto left = blank == line.npos ? std::nullopt : token_bytes(line.substr(0, blank));
        const auto right = blank == line.npos ? std::nullopt : token_bytes(line.substr(blank + 1));
        const auto both = left && right ? std::optional{*left + *right} : std::nullopt;
        const Merges::Merge merge{find(left), find(right), rank, find(both)};
        if (merge.left == kNoToken || merge.right == kNoToken || merge.result == kNoToken) {
            return element_error(GgufReason::kBadValue, kMerges, rank);
        }
        merges.push_back(merge);
    }
    auto made = Merges::make(std::move(merges));
    if (!made) return element_error(GgufReason::kDuplicate, kMerges, made.error());
    merges_ = *std::move(made);
    return std::nullopt;
}

void BytePairs::encode(std::string_view text, std::vector<uint32_t>& out) const {
    for (const TextTokens::Part& part : user_defined_.split(text)) {
        if (part.token != kNoToken) {
            out.push_back(part.token);
        } else if (pretokenizer_.composes()) {
            const std::string composed = unicode::to_nfc(part.text);
            for (const std::string_view piece : pretokenizer_.split(composed)) encode_piece(piece, out);
        } else {
            for (const std::string_view piece : pretokenizer_.split(part.text)) encode_piece(piece, out);
        }
    }
}

void BytePairs::encode_piece(std::string_view piece, std::vector<uint32_t>& out) const {
    if (pretokenizer_.keeps_whole()) {
        if (const uint32_t whole = normal_.find(piece); whole != kNoToken) {
            out.push_back(whole);
            return;
        }
    }
    std::vector<uint32_t> symbols;
    for (const char c : piece) {
        if (bytes_[uint8_t(c)] != kNoToken) symbols.push_back(bytes_[uint8_t(c)]);
    }
    merges_.apply(symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
}

}  // namespace

EncoderResult make_byte_pairs(const GgufFile& file, const Vocabulary& vocabulary) {
    const auto pre = file.text_at(kPre);
    if (!pre) return Fail{pre.error()};
    auto pretokenizer = Pretokenizer::find(*pre);
    if (!pretokenizer) return Fail{GgufError{GgufReason::kBadValue, std::string{kPre}}};
    auto encoder = std::make_unique<BytePairs>(*std::move(pretokenizer));
    if (const auto error = encoder->read_tokens(vocabulary)) return Fail{*error};
    if (const auto error = encoder->read_merges(file)) return Fail{*error};
    return std::unique_ptr<const Encoder>{std::move(encoder)};
}

}  // namespace daidd::inference
