#include <algorithm>
#include <numeric>

#include "inference/encoder.h"
#include "inference/merges.h"
#include "inference/utf8.h"

namespace daidd::inference {

namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kUnknown = "tokenizer.ggml.unknown_token_id";
constexpr std::string_view kSpacePrefix = "tokenizer.ggml.add_space_prefix";
/// What other SentencePiece models do to a text first; byte-pair models are made without.
constexpr std::string_view kNormalizers[] = {"tokenizer.ggml.precompiled_charsmap",
                                             "tokenizer.ggml.remove_extra_whitespaces"};

/// U+2581, how SentencePiece writes a blank.
constexpr std::string_view kBlank = "\xE2\x96\x81";

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
        const size_t found = std::min(text.find(what, at), text.size());
        out += text.substr(at, found - at);
        if (found < text.size()) out += by;
        at = found + what.size();
    }
    return out;
}

/// The bits of an IEEE 754 number as an integer of the same order, both zeros equal; nothing for no number.
std::optional<uint32_t> order_of_float(uint64_t bits) {
    const uint32_t magnitude = uint32_t(bits) & 0x7FFF'FFFF;
    if (magnitude > 0x7F80'0000) return std::nullopt;
    const bool is_negative = magnitude != 0 && magnitude != uint32_t(bits);
    return is_negative ? 0x8000'0000 - magnitude : 0x8000'0000 + magnitude;
}

Result<std::vector<uint32_t>, GgufError> read_scores(const GgufFile& file, size_t count) {
    const GgufValue* value = file.find_value(kScores);
    if (value == nullptr) return Fail{GgufError{GgufReason::kMissing, std::string{kScores}}};
    if (value->type != GgufValueType::kArray || value->element_type != GgufValueType::kF32) {
        return Fail{GgufError{GgufReason::kWrongType, std::string{kScores}}};
    }
    if (value->numbers.size() != count) {
        return Fail{GgufError{GgufReason::kBadShape, std::string{kScores}}};
    }
    std::vector<uint32_t> scores;
    for (size_t i = 0; i < count; ++i) {
        const auto score = order_of_float(value->numbers[i]);
        if (!score) return Fail{element_error(GgufReason::kBadValue, kScores, i)};
        scores.push_back(*score);
    }
    return scores;
}

class SentencePieces final : public Encoder {
public:
    std::optional<GgufError> read_tokens(const Vocabulary& vocabulary);
    std::optional<GgufError> read_options(const GgufFile& file, const Vocabulary& vocabulary);
    std::optional<GgufError> make_merges(const GgufFile& file, const Vocabulary& vocabulary);

    void encode(std::string_view text, std::vector<uint32_t>& out) const override;
    std::string bytes_of(std::string_view written, TokenType) const override {
        return replaced(written, kBlank, " ");
    }
    bool adds_begin() const override { return true; }

private:
    void encode_part(std::string_view text, std::vector<uint32_t>& out) const;

    TextTokens user_defined_;
    TextIndex normal_;
    std::vector<uint32_t> bytes_;
    uint32_t unknown_ = kNoToken;
    bool space_prefix_ = true;
    Merges merges_;
};

std::optional<GgufError> SentencePieces::read_tokens(const Vocabulary& vocabulary) {
    std::vector<TextIndex::Entry> normal;
    std::vector<std::pair<std::string, uint32_t>> user_defined;
    for (uint32_t i = 0; i < vocabulary.size(); ++i) {
        const std::string& written = vocabulary.written[i];
        if (vocabulary.types[i] == TokenType::kNormal) normal.emplace_back(written, i);
        // They are found in the text as it is merged; files write their blanks in both ways.
        if (vocabulary.types[i] == TokenType::kUserDefined) {
            user_defined.emplace_back(replaced(written, " ", kBlank), i);
        }
    }
    normal_ = TextIndex{normal};
    if (const auto twice = normal_.find_duplicate()) {
        return element_error(GgufReason::kDuplicate, kTokens, *twice);
    }
    user_defined_ = TextTokens{std::move(user_defined)};
    bytes_ = vocabulary.byte_tokens();
    return std::nullopt;
}

std::optional<GgufError> SentencePieces::read_options(const GgufFile& file, const Vocabulary& vocabulary) {
    for (const std::string_view key : kNormalizers) {
        const GgufValue* value = file.find_value(key);
        if (value == nullptr) continue;
        const bool is_off = value->type == GgufValueType::kBool && value->numbers[0] == 0;
        if (!is_off) return GgufError{GgufReason::kBadValue, std::string{key}};
    }
    if (file.find_value(kUnknown) != nullptr) {
        const auto id = file.number_at(kUnknown, vocabulary.size() - 1);
        if (!id) return id.error();
        unknown_ = uint32_t(*id);
    }
    if (const GgufValue* value = file.find_value(kSpacePrefix)) {
        if (value->type != GgufValueType::kBool) {
            return GgufError{GgufReason::kWrongType, std::string{kSpacePrefix}};
        }
        space_prefix_ = value->numbers[0] != 0;
    }
    return std::nullopt;
}

/// SentencePiece merges the neighbours whose joint piece has the highest score. As the list of pairs that the
/// reference makes of it: by score, then by the ids of the piece and of its halves.
std::optional<GgufError> SentencePieces::make_merges(const GgufFile& file, const Vocabulary& vocabulary) {
    const auto scores = read_scores(file, vocabulary.size());
    if (!scores) return scores.error();
    std::vector<uint32_t> order(vocabulary.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return (*scores)[a] > (*scores)[b]; });
    std::vector<Merges::Merge> merges;
    for (const uint32_t id : order) {
        if (vocabulary.types[id] != TokenType::kNormal) continue;
        const std::string_view piece = vocabulary.written[id];
        const size_t begin = merges.size();
        for (size_t cut = 1; cut < piece.size(); ++cut) {
            const uint32_t left = normal_.find(piece.substr(0, cut));
            if (left == kNoToken) continue;
            const uint32_t right = normal_.find(piece.substr(cut));
            if (right != kNoToken) merges.push_back({left, right, 0, id});
        }
        std::sort(merges.begin() + ptrdiff_t(begin), merges.end(), [](const auto& a, const auto& b) {
            return std::pair{a.left, a.right} < std::pair{b.left, b.right};
        });
    }
    for (size_t rank = 0; rank < merges.size(); ++rank) merges[rank].rank = uint32_t(rank);
    merges_ = *Merges::make(std::move(merges));  // two halves make one piece, so no pair stands twice
    return std::nullopt;
}

void SentencePieces::encode(std::string_view text, std::vector<uint32_t>& out) const {
    if (text.empty()) return;
    std::string escaped = replaced(text, " ", kBlank);
    if (space_prefix_) escaped.insert(0, kBlank);
    for (const TextTokens::Part& part : user_defined_.split(escaped)) {
        if (part.token != kNoToken) {
            out.push_back(part.token);
        } else {
            encode_part(part.text, out);
        }
    }
}

void SentencePieces::encode_part(std::string_view text, std::vector<uint32_t>& out) const {
    std::vector<uint32_t> symbols;
    bool after_unknown = false;
    while (!text.empty()) {
        const std::string_view character = text.substr(0, std::max<size_t>(utf8_length(text), 1));
        text.remove_prefix(character.size());
        const uint32_t token = normal_.find(character);
        const bool has_bytes =
            std::ranges::all_of(character, [&](char c) { return bytes_[uint8_t(c)] != kNoToken; });
        if (token != kNoToken) {
            symbols.push_back(token);
        } else if (has_bytes) {
            for (const char c : character) symbols.push_back(bytes_[uint8_t(c)]);
        } else if (unknown_ != kNoToken && !after_unknown) {
            symbols.push_back(unknown_);
        }
        after_unknown = token == kNoToken && !has_bytes;
    }
    merges_.apply(symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
}

}  // namespace

EncoderResult make_sentence_pieces(const GgufFile& file, const Vocabulary& vocabulary) {
    auto encoder = std::make_unique<SentencePieces>();
    if (const auto error = encoder->read_tokens(vocabulary)) return Fail{*error};
    if (const auto error = encoder->read_options(file, vocabulary)) return Fail{*error};
    if (const auto error = encoder->make_merges(file, vocabulary)) return Fail{*error};
    return std::unique_ptr<const Encoder>{std::move(encoder)};
}

}  // namespace daidd::inference
