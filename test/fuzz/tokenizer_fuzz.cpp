#include <algorithm>
#include <array>
#include <cstdlib>

#include "inference/chat_template.h"
#include "inference/gguf_writer.h"
#include "inference/unicode.h"
#include "inference/utf8.h"

// Reads the tokenizer of a file as anybody may offer it, and any text with it. The input is the text of a
// small program that writes the metadata, so that most inputs get past the container.

namespace daidd::inference {
namespace {

/// Bytes that run out as zeros.
class Input {
public:
    Input(const uint8_t* data, size_t size) : rest_{data, size} {}

    uint8_t byte() {
        if (rest_.empty()) return 0;
        const uint8_t value = rest_[0];
        rest_ = rest_.subspan(1);
        return value;
    }
    std::string text() {
        const size_t size = std::min<size_t>(byte() % 24, rest_.size());
        std::string out{rest_.begin(), rest_.begin() + ptrdiff_t(size)};
        rest_ = rest_.subspan(size);
        return out;
    }
    std::string remaining() { return {rest_.begin(), rest_.end()}; }

private:
    std::span<const uint8_t> rest_;
};

constexpr std::array<std::string_view, 4> kModels{"gpt2", "llama", "bert", "bytes"};
constexpr std::array<std::string_view, 6> kPres{"gpt-2", "smollm", "llama-bpe", "qwen2", "default", "other"};
constexpr std::array<std::string_view, 8> kKnownTokens{
    "<|im_start|>", "<|im_end|>", "<start_of_turn>", "[INST]", "<0x41>", "▁", "</s>", "a"};
constexpr std::array<std::string_view, 5> kIds{"bos_token_id", "eos_token_id", "unknown_token_id",
                                               "seperator_token_id", "cls_token_id"};
constexpr std::array<std::string_view, 4> kFlags{"add_bos_token", "add_eos_token", "add_sep_token",
                                                 "add_space_prefix"};

Bytes metadata(Input& input) {
    const std::string_view model = kModels[input.byte() % kModels.size()];
    const uint8_t options = input.byte();
    std::vector<std::string> tokens, merges;
    GgufValue types{GgufValueType::kArray, GgufValueType::kI32, {}, {}};
    GgufValue scores{GgufValueType::kArray, GgufValueType::kF32, {}, {}};
    for (size_t count = input.byte() % 64; tokens.size() < count;) {
        const uint8_t kind = input.byte();
        // One character of GPT-2's alphabet and of most texts, a known name, or anything.
        if (kind < 0x60) {
            tokens.emplace_back(1, char(kind + 0x21));
        } else {
            tokens.push_back(kind < 0x80 ? std::string{kKnownTokens[kind % kKnownTokens.size()]}
                                         : input.text());
        }
        types.numbers.push_back(kind < 0x60 ? 1 : input.byte() % 8);
        scores.numbers.push_back(uint64_t{input.byte()} << 24 | uint64_t{input.byte()} << 16);
    }
    for (size_t count = tokens.empty() ? 0 : input.byte() % 32; merges.size() < count;) {
        const std::string& left = tokens[input.byte() % tokens.size()];
        merges.push_back(left + " " + tokens[input.byte() % tokens.size()]);
    }
    GgufWriter writer;
    writer.add_text("tokenizer.ggml.model", model);
    writer.add_text("tokenizer.ggml.pre", kPres[input.byte() % kPres.size()]);
    writer.add_value("tokenizer.ggml.tokens",
                     {GgufValueType::kArray, GgufValueType::kText, {}, {tokens.begin(), tokens.end()}});
    writer.add_value("tokenizer.ggml.merges",
                     {GgufValueType::kArray, GgufValueType::kText, {}, {merges.begin(), merges.end()}});
    writer.add_value("tokenizer.ggml.token_type", types);
    writer.add_value("tokenizer.ggml.scores", scores);
    for (const auto key : kIds) writer.add_number("tokenizer.ggml." + std::string{key}, input.byte() % 64);
    for (size_t i = 0; i < kFlags.size(); ++i) {
        const uint64_t on = options >> i & 1;
        writer.add_value("tokenizer.ggml." + std::string{kFlags[i]},
                         {GgufValueType::kBool, GgufValueType::kBool, {on}, {}});
    }
    if ((options & 0x10) != 0) writer.add_text("tokenizer.chat_template", input.text() + input.text());
    return writer.finish();
}

void require(bool holds) {
    if (!holds) std::abort();
}

void check_unicode(const std::string& text) {
    require(to_bytes(to_characters(text)) == text);
    const std::string composed = unicode::to_nfc(text);
    require(unicode::to_nfc(composed) == composed);
    const auto decomposed = unicode::decompose(to_characters(text));
    require(unicode::decompose(decomposed) == decomposed);
    require(to_bytes(unicode::compose(decomposed)) == composed);
}

void check_tokens(const Tokenizer& tokenizer, const std::string& text) {
    const auto tokens = tokenizer.encode(text);
    // A blank may become three byte tokens, one may come before, and composition is at most three times as
    // long.
    require(tokens.size() <= 3 * (text.size() + 1));
    require(tokenizer.decode(tokens).has_value());
    require(tokenizer.encode_whole(text).size() <= tokens.size() + 2);
}

}  // namespace
}  // namespace daidd::inference

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::inference;
    Input input{data, size};
    const daidd::Bytes bytes = metadata(input);
    const std::string text = input.remaining();
    check_unicode(text);
    const auto file = GgufFile::parse(bytes);
    if (!file) return 0;
    const auto tokenizer = Tokenizer::load(*file);
    if (!tokenizer) return 0;
    check_tokens(*tokenizer, text);
    const auto chat = ChatTemplate::load(*file, *tokenizer);
    if (!chat) return 0;
    const std::vector<Message> messages{{Role::kSystem, text}, {Role::kUser, text}, {Role::kAssistant, text}};
    const auto rendered = chat->render(messages);
    require(tokenizer->decode(rendered).has_value());
    return 0;
}
