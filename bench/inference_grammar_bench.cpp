#include <benchmark/benchmark.h>

#include <set>

#include "inference/gguf_writer.h"
#include "inference/grammar_matcher.h"

namespace daidd::inference {
namespace {

/// As JSON texts are, with strings, numbers and nesting.
constexpr std::string_view kJson = R"g(
root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
array ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" ws
number ::= "-"? ([0-9] | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws ::= | " " | "\n" [ \t]{0,20}
)g";

/// As many tokens as SmolLM2's vocabulary, of letters mostly, every second one after a blank.
std::shared_ptr<const TokenTrie> vocabulary() {
    static const auto trie = [] {
        std::vector<std::string> tokens;
        std::vector<uint64_t> types;
        for (char c = '!'; c <= '~'; ++c) tokens.emplace_back(1, c);
        tokens.emplace_back("\xC4\xA0");  // a blank
        uint64_t state = 1;
        std::set<std::string> seen{tokens.begin(), tokens.end()};
        while (tokens.size() < 49'151) {
            state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
            std::string word = (state >> 60) % 2 == 0 ? "" : "\xC4\xA0";
            uint64_t rest = state >> 16;
            for (uint64_t size = 2 + (state >> 61); size > 0; --size, rest /= 22)
                word += rest % 22 == 21 ? "\",:}]-1"[rest / 22 % 7] : char('a' + rest % 21);
            if (seen.insert(word).second) tokens.push_back(word);
        }
        types.assign(tokens.size(), 1);
        tokens.emplace_back("<|endoftext|>");
        types.push_back(3);
        GgufWriter writer;
        writer.add_text("tokenizer.ggml.model", "gpt2");
        writer.add_text("tokenizer.ggml.pre", "smollm");
        writer.add_value("tokenizer.ggml.tokens",
                         {GgufValueType::kArray, GgufValueType::kText, {}, {tokens.begin(), tokens.end()}});
        writer.add_value("tokenizer.ggml.merges", {GgufValueType::kArray, GgufValueType::kText, {}, {}});
        writer.add_value("tokenizer.ggml.token_type",
                         {GgufValueType::kArray, GgufValueType::kI32, types, {}});
        writer.add_number("tokenizer.ggml.eos_token_id", uint32_t(tokens.size() - 1));
        const Bytes file = writer.finish();
        return std::make_shared<const TokenTrie>(*Tokenizer::load(*GgufFile::parse(file)));
    }();
    return trie;
}

GrammarMatcher matcher_after(std::string_view text) {
    GrammarMatcher matcher{*Grammar::parse(kJson), vocabulary()};
    if (!matcher.accept_text(text)) std::abort();
    return matcher;
}

/// The tokens that may follow, with nothing known of the grammar before.
void first_mask(benchmark::State& state, std::string_view text) {
    const GrammarMatcher start = matcher_after(text);
    for (auto _ : state) {
        GrammarMatcher matcher = start;
        benchmark::DoNotOptimize(&matcher.allowed());
    }
}
BENCHMARK_CAPTURE(first_mask, start, "")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_mask, in_string, R"({"a)")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_mask, in_nested_string, R"({"a": [{"b": [1, "c)")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(first_mask, in_number, R"({"a": 12)")->Unit(benchmark::kMicrosecond);

/// The same where another string of the text was looked at before.
void next_mask(benchmark::State& state) {
    GrammarMatcher start = matcher_after(R"({"a)");
    start.allowed();
    if (!start.accept_text(R"(": "b)")) std::abort();
    for (auto _ : state) {
        state.PauseTiming();
        GrammarMatcher matcher = start;
        state.ResumeTiming();
        benchmark::DoNotOptimize(&matcher.allowed());
    }
}
BENCHMARK(next_mask)->Unit(benchmark::kMicrosecond);

void known_mask(benchmark::State& state) {
    GrammarMatcher matcher = matcher_after(R"({"a)");
    for (auto _ : state) {
        if (!matcher.accept_text("a")) std::abort();
        benchmark::DoNotOptimize(&matcher.allowed());
    }
}
BENCHMARK(known_mask)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace daidd::inference
