#include "inference/tokenizer.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <queue>
#include <utility>

#include "inference/pretokenizer.h"

namespace daidd::inference {

namespace {

constexpr uint32_t kNone = ~uint32_t{0};

/// tokenizer.ggml.token_type, with GGUF's own numbers.
enum class TokenType : uint64_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
};

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

Fail<GgufError> refuse(GgufReason reason, std::string_view field) {
    return Fail{GgufError{reason, std::string{field}}};
}

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";

}  // namespace

struct Tokenizer::State {
    struct Merge {
        uint32_t left, right;
        uint32_t rank;
        uint32_t result;
    };

    std::vector<std::string> texts;  // of each token: its bytes, of special ones their name
    std::vector<bool> special;
    std::map<std::string, uint32_t, std::less<>> specials;
    std::array<uint32_t, 256> byte_tokens{};  // kNone where there is none
    std::vector<Merge> merges;                // in order of (left, right)
    std::optional<Pretokenizer> pretokenizer;
    std::optional<uint32_t> begin;
    std::vector<uint32_t> ends;

    const Merge* find_merge(uint32_t left, uint32_t right) const {
        const auto at = std::lower_bound(merges.begin(), merges.end(), std::pair{left, right},
                                         [](const Merge& m, auto p) {
                                             return std::pair{m.left, m.right} < p;
                                         });
        return at != merges.end() && at->left == left && at->right == right ? &*at : nullptr;
    }
    std::optional<GgufError> read_vocabulary(const GgufFile& file);
    std::optional<GgufError> read_merges(const GgufFile& file);
    std::optional<GgufError> read_ends(const GgufFile& file);
    void encode_piece(std::string_view piece, std::vector<uint32_t>& out) const;
};

std::optional<GgufError> Tokenizer::State::read_vocabulary(const GgufFile& file) {
    const auto tokens = file.texts_at(kTokens);
    if (!tokens) return tokens.error();
    const auto types = file.numbers_at(kTypes);
    if (!types) return types.error();
    const size_t count = (*tokens)->size();
    if (count == 0 || count > kTokenizerVocabularyMax) return refuse(GgufReason::kOverLimit, kTokens).error;
    if ((*types)->size() != count) return refuse(GgufReason::kBadShape, kTypes).error;
    byte_tokens.fill(kNone);
    for (size_t i = 0; i < count; ++i) {
        const std::string_view written = (**tokens)[i];
        if (written.empty() || written.size() > kTokenBytesMax) {
            return refuse(GgufReason::kBadValue, std::string{kTokens} + "[" + std::to_string(i) + "]").error;
        }
        const bool is_normal = TokenType((**types)[i]) == TokenType::kNormal;
        special.push_back(!is_normal);
        auto bytes = is_normal ? token_bytes(written) : std::string{written};
        if (!bytes)
            return refuse(GgufReason::kBadValue, std::string{kTokens} + "[" + std::to_string(i) + "]").error;
        if (is_normal && bytes->size() == 1) byte_tokens[uint8_t((*bytes)[0])] = uint32_t(i);
        if (!is_normal && !specials.emplace(*bytes, uint32_t(i)).second) {
            return refuse(GgufReason::kDuplicate, std::string{kTokens} + "[" + std::to_string(i) + "]").error;
        }
        texts.push_back(std::move(*bytes));
    }
    return std::nullopt;
}

std::optional<GgufError> Tokenizer::State::read_merges(const GgufFile& file) {
    const auto lines = file.texts_at(kMerges);
    if (!lines) return lines.error();
    std::vector<std::pair<std::string_view, uint32_t>> normal;  // by text
    for (uint32_t i = 0; i < texts.size(); ++i) {
        if (!special[i]) normal.emplace_back(texts[i], i);
    }
    std::sort(normal.begin(), normal.end());
    for (size_t i = 1; i < normal.size(); ++i) {
        if (normal[i - 1].first != normal[i].first) continue;
        return refuse(GgufReason::kDuplicate,
                      std::string{kTokens} + "[" + std::to_string(normal[i].second) + "]")
            .error;
    }
    const auto find = [&](const std::optional<std::string>& text) {
        if (!text) return kNone;
        const auto at =
            std::lower_bound(normal.begin(), normal.end(), std::pair{std::string_view{*text}, uint32_t{0}});
        return at != normal.end() && at->first == *text ? at->second : kNone;
    };
    for (uint32_t rank = 0; rank < (*lines)->size(); ++rank) {
        const std::string_view line = (**lines)[rank];
        const size_t blank = line.find(' ', 1);
        const auto left = blank == line.npos ? std::nullopt : token_bytes(line.substr(0, blank));
        const auto right = blank == line.npos ? std::nullopt : token_bytes(line.substr(blank + 1));
        const auto both = left && right ? std::optional{*left + *right} : std::nullopt;
        const Merge merge{find(left), find(right), rank, find(both)};
        if (merge.left == kNone || merge.right == kNone || merge.result == kNone) {
            return refuse(GgufReason::kBadValue, std::string{kMerges} + "[" + std::to_string(rank) + "]")
                .error;
        }
        merges.push_back(merge);
    }
    const auto order = [](const Merge& m) { return std::tuple{m.left, m.right, m.rank}; };
    std::sort(merges.begin(), merges.end(),
              [&](const Merge& a, const Merge& b) { return order(a) < order(b); });
    for (size_t i = 1; i < merges.size(); ++i) {
        if (merges[i - 1].left != merges[i].left || merges[i - 1].right != merges[i].right) continue;
        return refuse(GgufReason::kDuplicate,
                      std::string{kMerges} + "[" + std::to_string(merges[i].rank) + "]")
            .error;
    }
    return std::nullopt;
}

std::optional<GgufError> Tokenizer::State::read_ends(const GgufFile& file) {
    for (const std::string_view key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
        if (file.find_value(key) == nullptr) continue;
        const auto id = file.number_at(key, texts.size() - 1);
        if (!id) return id.error();
        ends.push_back(uint32_t(*id));
    }
    for (const std::string_view name : {"<|endoftext|>", "<|im_end|>"}) {
        const auto found = specials.find(name);
        if (found != specials.end()) ends.push_back(found->second);
    }
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

    const GgufValue* add_begin = file.find_value("tokenizer.ggml.add_bos_token");
    if (add_begin != nullptr && add_begin->type == GgufValueType::kBool && add_begin->numbers[0] == 1) {
        const auto id = file.number_at("tokenizer.ggml.bos_token_id", texts.size() - 1);
        if (!id) return id.error();
        begin = uint32_t(*id);
    }
    return std::nullopt;
}

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_{std::move(state)} {}

Result<Tokenizer, GgufError> Tokenizer::load(const GgufFile& file) {
    const auto model = file.text_at("tokenizer.ggml.model");
    if (!model) return Fail{model.error()};
    if (*model == "bytes") return bytes();
    if (*model != "gpt2") return refuse(GgufReason::kBadValue, "tokenizer.ggml.model");
    const auto pre = file.text_at("tokenizer.ggml.pre");
    if (!pre) return Fail{pre.error()};

    auto state = std::make_shared<State>();
    state->pretokenizer = Pretokenizer::find(*pre);
    if (!state->pretokenizer) return refuse(GgufReason::kBadValue, "tokenizer.ggml.pre");
    if (const auto error = state->read_vocabulary(file)) return Fail{*error};
    if (const auto error = state->read_merges(file)) return Fail{*error};
    if (const auto error = state->read_ends(file)) return Fail{*error};
    return Tokenizer{std::move(state)};
}

Tokenizer Tokenizer::bytes() {
    auto state = std::make_shared<State>();
    for (uint32_t byte = 0; byte < 256; ++byte) {
        state->texts.emplace_back(1, char(byte));
        state->byte_tokens[byte] = byte;
    }
    state->special.assign(256, false);
    for (const std::string_view name : kByteSpecials) {
        state->specials.emplace(name, uint32_t(state->texts.size()));
        state->texts.emplace_back(name);
        state->special.push_back(true);
    }
    state->ends = {256, 258};
    return Tokenizer{std::move(state)};
}

/// Applies the merges to one piece, always the one of lowest rank first and of equal ones the leftmost.
void Tokenizer::State::encode_piece(std::string_view piece, std::vector<uint32_t>& out) const {
    struct Symbol {
        uint32_t token;
        size_t previous, next;
    };
    struct Candidate {
        uint32_t rank;
        size_t at;
        uint32_t left, right;  // tokens when it was found: it is stale if they have changed
        uint32_t result;
        bool operator>(const Candidate& other) const {
            return std::pair{rank, at} > std::pair{other.rank, other.at};
        }
    };
    constexpr size_t kEnd = ~size_t{0};
    std::vector<Symbol> symbols;
    symbols.reserve(piece.size());
    for (const char c : piece) {
        const uint32_t token = byte_tokens[uint8_t(c)];
        if (token == kNone) continue;
        symbols.push_back({token, symbols.size() - 1, symbols.size() + 1});
    }
    if (symbols.empty()) return;
    symbols.back().next = kEnd;

    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto consider = [&](size_t at) {
        if (at == kEnd || symbols[at].next == kEnd) return;
        const uint32_t left = symbols[at].token;
        const uint32_t right = symbols[symbols[at].next].token;
        if (const Merge* merge = find_merge(left, right))
            candidates.push({merge->rank, at, left, right, merge->result});
    };
    for (size_t i = 0; i < symbols.size(); ++i) consider(i);
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        Symbol& left = symbols[best.at];
        if (left.token != best.left || left.next == kEnd || symbols[left.next].token != best.right) continue;
        Symbol& right = symbols[left.next];
        left.token = best.result;
        left.next = right.next;
        right.token = kNone;
        if (left.next != kEnd) symbols[left.next].previous = best.at;
        consider(best.at);
        consider(left.previous);
    }
    for (size_t at = 0; at != kEnd; at = symbols[at].next) out.push_back(symbols[at].token);
}

std::vector<uint32_t> Tokenizer::encode(std::string_view text) const {
    std::vector<uint32_t> tokens;
    if (!state_->pretokenizer) {
        for (const char c : text) tokens.push_back(uint8_t(c));
        return tokens;
    }
    for (const std::string_view piece : state_->pretokenizer->split(text))
        state_->encode_piece(piece, tokens);
    return tokens;
}

std::optional<std::string> Tokenizer::decode(std::span<const uint32_t> tokens, Specials specials) const {
    std::string text;
    for (const uint32_t token : tokens) {
        if (token >= vocabulary()) return std::nullopt;
        if (specials == Specials::kOmit && state_->special[token]) continue;
        text += state_->texts[token];
    }
    return text;
}

uint32_t Tokenizer::vocabulary() const { return uint32_t(state_->texts.size()); }
bool Tokenizer::is_special(uint32_t token) const { return token < vocabulary() && state_->special[token]; }

std::optional<uint32_t> Tokenizer::find_special(std::string_view name) const {
    const auto found = state_->specials.find(name);
    return found == state_->specials.end() ? std::nullopt : std::optional{found->second};
}

std::optional<uint32_t> Tokenizer::begin_token() const { return state_->begin; }
const std::vector<uint32_t>& Tokenizer::end_tokens() const { return state_->ends; }

}  // namespace daidd::inference
