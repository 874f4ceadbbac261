#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/gguf.h"

namespace daidd::inference {

/// tokenizer.ggml.token_type, with GGUF's own numbers.
enum class TokenType : uint8_t {
    kNormal = 1,
    kUnknown = 2,      // stands for text that the vocabulary cannot say
    kControl = 3,      // not text
    kUserDefined = 4,  // text that is always one token, wherever it stands
    kUnused = 5,
    kByte = 6  // "<0x0A>"
};

inline constexpr uint32_t kNoToken = ~uint32_t{0};

/// The tokens as a GGUF file writes them (`tokenizer.ggml.tokens`, `token_type`), checked for sizes and
/// types.
struct Vocabulary {
    std::vector<std::string> written;
    std::vector<TokenType> types;

    static Result<Vocabulary, GgufError> read(const GgufFile& file);

    uint32_t size() const { return uint32_t(written.size()); }
    /// kNoToken for a byte without a token of type kByte.
    std::vector<uint32_t> byte_tokens() const;
};

/// The value of "<0x0A>", or nothing if it is not written so.
std::optional<uint8_t> parse_byte_token(std::string_view written);

/// Names an element of a field: "tokenizer.ggml.tokens[7]".
GgufError element_error(GgufReason reason, std::string_view field, size_t index);

/// Finds tokens by their text, in a time that grows with the logarithm of their count whatever the texts are.
/// Copies the texts.
class TextIndex {
public:
    using Entry = std::pair<std::string_view, uint32_t>;
    TextIndex() = default;
    explicit TextIndex(const std::vector<Entry>& entries);

    /// kNoToken if there is none; of several the lowest.
    uint32_t find(std::string_view text) const;
    /// The second token of a text, if any text has two.
    std::optional<uint32_t> find_duplicate() const;
    /// Bytes of the longest text.
    size_t longest() const { return longest_; }

private:
    /// The first eight bytes decide most comparisons without a look at the text.
    struct Key {
        uint64_t head;
        size_t at;
        uint32_t size;
        uint32_t token;
    };
    std::string_view text_of(const Key& key) const {
        return std::string_view{texts_}.substr(key.at, key.size);
    }

    std::string texts_;
    std::vector<Key> keys_;
    size_t longest_ = 0;
};

/// Cuts a text at those tokens that stand in it as they are: the leftmost first, of those the longest.
class TextTokens {
public:
    TextTokens() = default;
    /// No text may be empty.
    explicit TextTokens(std::vector<std::pair<std::string, uint32_t>> tokens);

    struct Part {
        std::string_view text;
        uint32_t token = kNoToken;  ///< kNoToken: a text between tokens, never empty
    };
    std::vector<Part> split(std::string_view text) const;

private:
    /// Of the tokens that `text` begins with the longest, or null.
    const std::pair<std::string, uint32_t>* find_prefix(std::string_view text) const;

    std::vector<std::pair<std::string, uint32_t>> tokens_;  // in order of text
};

}  // namespace daidd::inference
