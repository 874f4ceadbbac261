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
    /// By GGUF's name: "gpt-2" (also "default"), or "smollm", where every digit is a piece of its own.
    static std::optional<Pretokenizer> find(std::string_view name);

    /// The pieces in order; joined they are the text. Bytes that are not UTF-8 are pieces of one byte.
    std::vector<std::string_view> split(std::string_view text) const;

private:
    struct Pattern;
    explicit Pretokenizer(std::shared_ptr<const Pattern> pattern);
    void split_utf8(std::string_view text, std::vector<std::string_view>& pieces) const;

    std::shared_ptr<const Pattern> pattern_;
};

}  // namespace daidd::inference
