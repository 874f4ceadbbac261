#include "inference/tokenizer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "inference/chat_markers.h"
#include "inference/encoder.h"

namespace daidd::inference {

namespace {

constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kBegin = "tokenizer.ggml.bos_token_id", kAddBegin = "tokenizer.ggml.add_bos_token";
constexpr std::string_view kEnd = "tokenizer.ggml.eos_token_id", kAddEnd = "tokenizer.ggml.add_eos_token";
/// GGUF spells it so.
constexpr std::string_view kSeparator = "tokenizer.ggml.seperator_token_id";
constexpr std::string_view kAddSeparator = "tokenizer.ggml.add_sep_token";
constexpr std::string_view kClass = "tokenizer.ggml.cls_token_id";

Result<bool, GgufError> flag_at(const GgufFile& file, std::string_view key, bool otherwise) {
    const GgufValue* value = file.find_value(key);
    if (value == nullptr) return otherwise;
    if (value->type != GgufValueType::kBool) {
        return Fail{GgufError{GgufReason::kWrongType, std::string{key}}};
    }
    return value->numbers[0] != 0;
}

bool is_special_type(TokenType type) {
    return type == TokenType::kControl || type == TokenType::kUnknown || type == TokenType::kUnused;
}

EncoderResult make_encoder(const GgufFile& file, const Vocabulary& vocabulary) {
    const auto model = file.text_at(kModel);
    if (!model) return Fail{model.error()};
    if (*model == "gpt2") return make_byte_pairs(file, vocabulary);
    if (*model == "llama") return make_sentence_pieces(file, vocabulary);
    if (*model == "bert") return make_word_pieces(file, vocabulary);
    return Fail{GgufError{GgufReason::kBadValue, std::string{kModel}}};
}

}  // namespace

struct Tokenizer::State {
    std::vector<std::string> texts;  // of each token: its bytes, of special ones their name
    std::vector<bool> special;
    std::map<std::string, uint32_t, std::less<>> specials;
    std::unique_ptr<const Encoder> encoder;  // none: a byte is its token
    std::optional<uint32_t> begin, closing;
    std::vector<uint32_t> ends;

    std::optional<GgufError> read_texts(const Vocabulary& vocabulary);
    std::optional<GgufError> read_frame(const GgufFile& file);
    std::optional<GgufError> read_ends(const GgufFile& file);
    /// The id in the first of these fields that the file has; the first is missing if it has none.
    Result<uint32_t, GgufError> id_at(const GgufFile& file,
                                      std::initializer_list<std::string_view> keys) const;
};

std::optional<GgufError> Tokenizer::State::read_texts(const Vocabulary& vocabulary) {
    for (uint32_t i = 0; i < vocabulary.size(); ++i) {
        const std::string& written = vocabulary.written[i];
        const TokenType type = vocabulary.types[i];
        special.push_back(is_special_type(type));
        if (special[i]) {
            texts.push_back(written);
        } else if (type == TokenType::kByte) {
            texts.emplace_back(1, char(*parse_byte_token(written)));
        } else {
            texts.push_back(encoder->bytes_of(written, type));
        }
        if (special[i] && !specials.emplace(written, i).second) {
            return element_error(GgufReason::kDuplicate, "tokenizer.ggml.tokens", i);
        }
    }
    return std::nullopt;
}

Result<uint32_t, GgufError> Tokenizer::State::id_at(const GgufFile& file,
                                                    std::initializer_list<std::string_view> keys) const {
    std::string_view present = *keys.begin();
    for (const std::string_view key : keys) {
        if (file.find_value(key) == nullptr) continue;
        present = key;
        break;
    }
    const auto id = file.number_at(present, texts.size() - 1);
    if (!id) return Fail{id.error()};
    return uint32_t(*id);
}

std::optional<GgufError> Tokenizer::State::read_frame(const GgufFile& file) {
    const auto add_begin = flag_at(file, kAddBegin, encoder->adds_begin());
    if (!add_begin) return add_begin.error();
    if (*add_begin) {
        const auto id = id_at(file, {kBegin, kClass});
        if (!id) return id.error();
        begin = *id;
    }
    const auto add_end = flag_at(file, kAddEnd, false);
    if (!add_end) return add_end.error();
    const auto add_separator = flag_at(file, kAddSeparator, encoder->adds_closing());
    if (!add_separator) return add_separator.error();
    if (*add_end || *add_separator) {
        const auto id = *add_separator ? id_at(file, {kSeparator}) : id_at(file, {kEnd});
        if (!id) return id.error();
        closing = *id;
    }
    return std::nullopt;
}

std::optional<GgufError> Tokenizer::State::read_ends(const GgufFile& file) {
    for (const std::string_view key : {kEnd, std::string_view{"tokenizer.ggml.eot_token_id"}}) {
        if (file.find_value(key) == nullptr) continue;
        const auto id = file.number_at(key, texts.size() - 1);
        if (!id) return id.error();
        ends.push_back(uint32_t(*id));
    }
    for (const std::string_view name : kEndMarkers) {
        const auto found = specials.find(name);
        if (found != specials.end()) ends.push_back(found->second);
    }
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    return std::nullopt;
}

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_{std::move(state)} {}

Result<Tokenizer, GgufError> Tokenizer::load(const GgufFile& file) {
    const auto model = file.text_at(kModel);
    if (!model) return Fail{model.error()};
    if (*model == "bytes") return bytes();
    const auto vocabulary = Vocabulary::read(file);
    if (!vocabulary) return Fail{vocabulary.error()};
    auto encoder = make_encoder(file, *vocabulary);
    if (!encoder) return Fail{encoder.error()};

    auto state = std::make_shared<State>();
    state->encoder = *std::move(encoder);
    if (const auto error = state->read_texts(*vocabulary)) return Fail{*error};
    if (const auto error = state->read_frame(file)) return Fail{*error};
    if (const auto error = state->read_ends(file)) return Fail{*error};
    return Tokenizer{std::move(state)};
}

Tokenizer Tokenizer::bytes() {
    auto state = std::make_shared<State>();
    for (uint32_t byte = 0; byte < 256; ++byte) state->texts.emplace_back(1, char(byte));
    state->special.assign(256, false);
    for (const std::string_view name : kByteSpecials) {
        state->specials.emplace(name, uint32_t(state->texts.size()));
        state->texts.emplace_back(name);
        state->special.push_back(true);
    }
    state->ends = {256, 258};
    return Tokenizer{std::move(state)};
}

std::vector<uint32_t> Tokenizer::encode(std::string_view text) const {
    std::vector<uint32_t> tokens;
    if (state_->encoder) {
        state_->encoder->encode(text, tokens);
    } else {
        for (const char c : text) tokens.push_back(uint8_t(c));
    }
    return tokens;
}

std::vector<uint32_t> Tokenizer::encode_whole(std::string_view text) const {
    auto tokens = encode(text);
    if (state_->begin) tokens.insert(tokens.begin(), *state_->begin);
    if (state_->closing) tokens.push_back(*state_->closing);
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
std::optional<uint32_t> Tokenizer::closing_token() const { return state_->closing; }
const std::vector<uint32_t>& Tokenizer::end_tokens() const { return state_->ends; }

}  // namespace daidd::inference
