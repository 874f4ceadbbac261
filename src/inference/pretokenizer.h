#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace daidd::inference {

/// Cuts a text into the pieces within which tokens may merge: words with the blank before them, numbers,
/// punctuation, white space.
class Pretokenizer {
public:
    /// By GGUF's name: "gpt-2" (also "default"); "smollm", where every digit is a piece of its own;
    /// "llama-bpe" (Llama 3), where numbers are cut after three digits; "qwen2" (Qwen2, 2.5 and 3), after
    /// each.
    static std::optional<Pretokenizer> find(std::string_view name);

    /// The pieces in order; joined they are the text. Bytes that are not UTF-8 are pieces of one byte.
    std::vector<std::string_view> split(std::string_view text) const;

    /// Whether a text is brought to NFC before it is cut.
    bool composes() const;
    /// Whether a piece that is a token as a whole is that token, whatever its merges would make of it.
    bool keeps_whole() const;
    /// Whether a text begins with a token where the metadata does not say.
    bool adds_begin() const;

private:
    struct Pattern;
    explicit Pretokenizer(std::shared_ptr<const Pattern> pattern);
    void split_utf8(std::string_view text, std::vector<std::string_view>& pieces) const;

    std::shared_ptr<const Pattern> pattern_;
};

}  // namespace daidd::inference
