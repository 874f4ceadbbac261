#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "inference/gguf.h"

namespace daidd::inference {

/// The tokenizer of generated models: ids 0..255 are the bytes, then these. Sixteen of them, so that the
/// vocabulary is a multiple of 16 and every column of the head can be mined.
inline constexpr std::array<std::string_view, 16> kByteSpecials{
    "<|endoftext|>",   "<|im_start|>",    "<|im_end|>",      "<|reserved_3|>",
    "<|reserved_4|>",  "<|reserved_5|>",  "<|reserved_6|>",  "<|reserved_7|>",
    "<|reserved_8|>",  "<|reserved_9|>",  "<|reserved_10|>", "<|reserved_11|>",
    "<|reserved_12|>", "<|reserved_13|>", "<|reserved_14|>", "<|reserved_15|>"};
inline constexpr uint32_t kByteVocabulary = 256 + uint32_t(kByteSpecials.size());

// Limits of a vocabulary: a model has at most as many tokens; the longest known token is a run of 256 blanks.
inline constexpr uint32_t kTokenizerVocabularyMax = 1u << 20;
inline constexpr size_t kTokenBytesMax = 1024;

enum class Specials : uint8_t { kOmit, kShow };

/// Text to token ids and back, as a GGUF file's metadata describes it: byte-pair encoding of bytes ("gpt2")
/// or of SentencePiece's characters ("llama"), or WordPiece ("bert"); encoder.h has their rules.
///
/// Special tokens (control, unknown and unused ones) live apart from text: no text encodes to one, whatever a
/// user types, except that the unknown token stands for what the vocabulary cannot say. Who needs one finds
/// it by name. User-defined tokens are text that is never cut: they are found before anything else.
/// Immutable, cheap to copy, safe to share between threads.
class Tokenizer {
public:
    /// From the `tokenizer.ggml.*` metadata. Refuses a tokenizer model or pre-tokenizer that is not known by
    /// naming its field. Copies what it needs.
    static Result<Tokenizer, GgufError> load(const GgufFile& file);
    /// Of generated models: no merges, kByteVocabulary tokens; <|endoftext|> and <|im_end|> end a text.
    static Tokenizer bytes();

    /// The tokens of a part of a text: no begin or closing token. Any bytes are allowed: those that are not
    /// UTF-8 are encoded one by one, and no token spans them. "gpt2" and "llama" leave out a byte for which
    /// the vocabulary has neither a token nor an unknown one, as the reference tokenizers do (SmolLM2 lacks
    /// 21, mostly bytes that UTF-8 never has); "bert" leaves out all that are not UTF-8.
    std::vector<uint32_t> encode(std::string_view text) const;
    /// A whole text as the model was trained to read it: begin_token, its tokens, closing_token.
    std::vector<uint32_t> encode_whole(std::string_view text) const;

    /// The bytes of the tokens; not always UTF-8 (utf8.h helps). Nothing if an id is not in the vocabulary.
    /// A text that was encoded comes back, with these exceptions: "llama" begins it with a blank unless
    /// `add_space_prefix` is false, and turns U+2581 into a blank; "qwen2" brings it to NFC; "bert" keeps
    /// only its words.
    std::optional<std::string> decode(std::span<const uint32_t> tokens,
                                      Specials specials = Specials::kOmit) const;

    uint32_t vocabulary() const;
    bool is_special(uint32_t token) const;
    std::optional<uint32_t> find_special(std::string_view name) const;
    /// A text's first token where the metadata (`add_bos_token`) or the kind of tokenizer asks for one.
    std::optional<uint32_t> begin_token() const;
    /// The last one of a whole text (`add_eos_token`, `add_sep_token`).
    std::optional<uint32_t> closing_token() const;
    /// Generation stops at any of these; sorted.
    const std::vector<uint32_t>& end_tokens() const;

private:
    struct State;
    explicit Tokenizer(std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

}  // namespace daidd::inference
