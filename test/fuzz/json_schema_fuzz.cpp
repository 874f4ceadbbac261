#include <cstdlib>
#include <nlohmann/json.hpp>

#include "inference/grammar_matcher.h"
#include "schema/json_schema.h"

// Reads a schema as anybody may send it. What is accepted must be a grammar, and every text that a walk
// through it ends with must be JSON.

namespace {

using namespace daidd;

/// Text of the grammar, chosen by the bytes of the input; empty if it did not come to an end.
std::string walk(inference::GrammarMatcher matcher, std::string_view choices) {
    std::string text;
    for (size_t i = 0; i < 400 && !matcher.must_end(); ++i) {
        const auto& allowed = matcher.allowed();
        if (matcher.failed()) return "";
        if (matcher.may_end() && i > 200) return text;
        const uint32_t start = choices.empty() ? 0 : uint8_t(choices[i % choices.size()]) * 31u + uint32_t(i);
        uint32_t byte = 0;
        while (byte < 256 && !allowed.contains((start + byte) % 256)) ++byte;
        if (byte == 256) return matcher.may_end() ? text : "";
        text += char((start + byte) % 256);
        matcher.accept((start + byte) % 256);
    }
    return matcher.must_end() ? text : "";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto vocabulary =
        std::make_shared<const inference::TokenTrie>(inference::Tokenizer::bytes());
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const auto grammar = schema::make_grammar(input);
    if (!grammar) {
        if (grammar.error().text().empty()) std::abort();
        return 0;
    }
    const std::string text = walk({*grammar, vocabulary}, input);
    if (!text.empty() && !nlohmann::json::accept(text)) std::abort();
    return 0;
}
