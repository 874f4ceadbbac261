#pragma once

#include <memory>

#include "inference/vocabulary.h"

namespace daidd::inference {

/// One kind of tokenizer: how its text becomes tokens, and what it asks for where the metadata is silent.
class Encoder {
public:
    virtual ~Encoder() = default;

    /// Appends the tokens of `text`, which may be any bytes.
    virtual void encode(std::string_view text, std::vector<uint32_t>& out) const = 0;

    /// The bytes that a normal or user-defined token, as the file writes it, stands for.
    virtual std::string bytes_of(std::string_view written, TokenType type) const = 0;

    /// Whether a text begins with a token, and ends with one, unless the metadata says otherwise.
    virtual bool adds_begin() const { return false; }
    virtual bool adds_closing() const { return false; }
};
using EncoderResult = Result<std::unique_ptr<const Encoder>, GgufError>;

/// `tokenizer.ggml.model` = "gpt2": byte-pair encoding of bytes within pieces (`pre`, pretokenizer.h), by a
/// list of merges.
EncoderResult make_byte_pairs(const GgufFile& file, const Vocabulary& vocabulary);

/// "llama": SentencePiece's byte-pair encoding of characters, by `scores`. Blanks are written ▁ and belong to
/// the word after them; a character without a token becomes its bytes' tokens, or the unknown token.
EncoderResult make_sentence_pieces(const GgufFile& file, const Vocabulary& vocabulary);

/// "bert": WordPiece. Text is lower-cased and loses its accents; a token that begins a word is written with ▁
/// before it, one that goes on bare.
EncoderResult make_word_pieces(const GgufFile& file, const Vocabulary& vocabulary);

}  // namespace daidd::inference
