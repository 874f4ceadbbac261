#include "inference/vocabulary.h"

#include <algorithm>
#include <cassert>

#include "inference/chat_markers.h"
#include "inference/tokenizer.h"

namespace daidd::inference {

namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";

/// Big-endian and filled up with zeros, so that numbers compare as texts do.
uint64_t head_of(std::string_view text) {
    uint64_t head = 0;
    for (size_t i = 0; i < 8; ++i) head = head << 8 | (i < text.size() ? uint8_t(text[i]) : 0);
    return head;
}

}  // namespace

GgufError element_error(GgufReason reason, std::string_view field, size_t index) {
    return {reason, std::string{field} + "[" + std::to_string(index) + "]"};
}

Result<Vocabulary, GgufError> Vocabulary::read(const GgufFile& file) {
    const auto tokens = file.texts_at(kTokens);
    if (!tokens) return Fail{tokens.error()};
    const auto types = file.numbers_at(kTypes);
    if (!types) return Fail{types.error()};
    const size_t count = (*tokens)->size();
    if (count == 0 || count > kTokenizerVocabularyMax) {
        return Fail{GgufError{GgufReason::kOverLimit, std::string{kTokens}}};
    }
    if ((*types)->size() != count) return Fail{GgufError{GgufReason::kBadShape, std::string{kTypes}}};
    Vocabulary vocabulary;
    for (size_t i = 0; i < count; ++i) {
        const std::string_view written = (**tokens)[i];
        const uint64_t type = (**types)[i];
        if (type < uint64_t(TokenType::kNormal) || type > uint64_t(TokenType::kByte)) {
            return Fail{element_error(GgufReason::kBadValue, kTypes, i)};
        }
        const bool is_byte = TokenType(type) == TokenType::kByte;
        if (written.empty() || written.size() > kTokenBytesMax || (is_byte && !parse_byte_token(written))) {
            return Fail{element_error(GgufReason::kBadValue, kTokens, i)};
        }
        vocabulary.written.emplace_back(written);
        const bool is_marker = std::ranges::find(kChatMarkers, written) != kChatMarkers.end();
        const bool is_text = TokenType(type) != TokenType::kUserDefined || !is_marker;
        vocabulary.types.push_back(is_text ? TokenType(type) : TokenType::kControl);
    }
    return vocabulary;
}

std::vector<uint32_t> Vocabulary::byte_tokens() const {
    std::vector<uint32_t> tokens(256, kNoToken);
    for (uint32_t i = 0; i < size(); ++i) {
        if (types[i] == TokenType::kByte) tokens[*parse_byte_token(written[i])] = i;
    }
    return tokens;
}

std::optional<uint8_t> parse_byte_token(std::string_view written) {
    if (written.size() != 6 || !written.starts_with("<0x") || written[5] != '>') return std::nullopt;
    uint8_t value = 0;
    for (const char c : written.substr(3, 2)) {
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'A' || c > 'F')) return std::nullopt;
        value = uint8_t(value << 4 | (is_digit ? c - '0' : c - 'A' + 10));
    }
    return value;
}

TextIndex::TextIndex(const std::vector<Entry>& entries) {
    keys_.reserve(entries.size());
    for (const auto& [text, token] : entries) {
        keys_.push_back({head_of(text), texts_.size(), uint32_t(text.size()), token});
        texts_ += text;
        longest_ = std::max(longest_, text.size());
    }
    std::sort(keys_.begin(), keys_.end(), [this](const Key& a, const Key& b) {
        if (a.head != b.head) return a.head < b.head;
        return std::pair{text_of(a), a.token} < std::pair{text_of(b), b.token};
    });
}

uint32_t TextIndex::find(std::string_view text) const {
    const uint64_t head = head_of(text);
    const auto at = std::partition_point(keys_.begin(), keys_.end(), [&](const Key& key) {
        return key.head != head ? key.head < head : text_of(key) < text;
    });
    return at != keys_.end() && at->head == head && text_of(*at) == text ? at->token : kNoToken;
}

std::optional<uint32_t> TextIndex::find_duplicate() const {
    for (size_t i = 1; i < keys_.size(); ++i) {
        if (keys_[i - 1].head == keys_[i].head && text_of(keys_[i - 1]) == text_of(keys_[i])) {
            return keys_[i].token;
        }
    }
    return std::nullopt;
}

TextTokens::TextTokens(std::vector<std::pair<std::string, uint32_t>> tokens) : tokens_{std::move(tokens)} {
    std::sort(tokens_.begin(), tokens_.end());
    assert(tokens_.empty() || !tokens_[0].first.empty());
}

const std::pair<std::string, uint32_t>* TextTokens::find_prefix(std::string_view text) const {
    // Of the tokens that share the first `depth` bytes of the text, the shortest comes first.
    const std::pair<std::string, uint32_t>* longest = nullptr;
    auto first = tokens_.begin();
    auto last = tokens_.end();
    for (size_t depth = 0; first != last && depth < text.size(); ++depth) {
        const auto byte_at = [depth](const auto& token) { return uint8_t(token.first[depth]); };
        const auto byte = uint8_t(text[depth]);
        first = std::partition_point(first, last, [&](const auto& token) { return byte_at(token) < byte; });
        last = std::partition_point(first, last, [&](const auto& token) { return byte_at(token) <= byte; });
        if (first != last && first->first.size() == depth + 1) {
            longest = &*first;
            while (first != last && first->first.size() == depth + 1) ++first;
        }
    }
    return longest;
}

std::vector<TextTokens::Part> TextTokens::split(std::string_view text) const {
    std::vector<Part> parts;
    size_t begin = 0;
    size_t at = 0;
    while (at < text.size()) {
        const auto* token = find_prefix(text.substr(at));
        if (token == nullptr) {
            ++at;
            continue;
        }
        if (at > begin) parts.push_back({text.substr(begin, at - begin)});
        parts.push_back({text.substr(at, token->first.size()), token->second});
        begin = at += token->first.size();
    }
    if (at > begin) parts.push_back({text.substr(begin)});
    return parts;
}

}  // namespace daidd::inference
