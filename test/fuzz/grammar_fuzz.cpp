#include <cstdlib>

#include "inference/grammar_matcher.h"

// Reads a grammar as anybody may send it, and a text behind a zero byte. What parses must be followed without
// hanging, allow exactly the bytes that it accepts, and come to the same end in one piece as byte by byte.

namespace daidd::inference {
namespace {

const std::shared_ptr<const TokenTrie>& vocabulary() {
    static const auto trie = std::make_shared<const TokenTrie>(Tokenizer::bytes());
    return trie;
}

void follow(const Grammar& grammar, std::string_view text) {
    const GrammarMatcher start{grammar, vocabulary()};
    GrammarMatcher matcher = start;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = uint8_t(text[i]);
        const bool is_allowed = matcher.allowed().contains(byte);
        if (matcher.failed()) return;
        const bool is_accepted = matcher.accept_text(text.substr(i, 1));
        if (matcher.failed()) return;
        if (is_accepted != is_allowed) std::abort();
        if (!is_accepted) return;
    }
    GrammarMatcher whole = start;
    if (whole.accept_text(text) != !whole.failed()) std::abort();
    if (!whole.failed() && whole.may_end() != matcher.may_end()) std::abort();
}

}  // namespace
}  // namespace daidd::inference

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace daidd::inference;
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const size_t end = std::min(input.find('\0'), size);
    const auto grammar = Grammar::parse(input.substr(0, end));
    if (grammar) follow(*grammar, input.substr(std::min(end + 1, size)).substr(0, 64));
    return 0;
}
