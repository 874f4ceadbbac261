#include "inference/pretokenizer.h"

#include <cassert>
#include <string>

#include "inference/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace daidd::inference {

namespace {

// White space is Unicode's property White_Space, spelled out: PCRE2's \s also has U+180E.
#define DAIDD_SPACE "\\p{Z}\\x{9}-\\x{d}\\x{85}"

/// GPT-2's pattern (encoder.py of openai/gpt-2).
constexpr std::string_view kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" DAIDD_SPACE "\\p{L}\\p{N}]+|[" DAIDD_SPACE
    "]+(?![^" DAIDD_SPACE "])|[" DAIDD_SPACE "]+";

/// SmolLM cuts each digit off first and applies GPT-2's pattern to what lies between. In one pattern: a
/// number takes no blank before it, and white space before a number is at the end of its part.
constexpr std::string_view kSmolLm =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|\\p{N}| ?[^" DAIDD_SPACE "\\p{L}\\p{N}]+|[" DAIDD_SPACE
    "]+(?![^" DAIDD_SPACE "\\p{N}])|[" DAIDD_SPACE "]+";

// Llama 3's (tokenizer.py of meta-llama/llama3) and Qwen2's (tokenization_qwen2.py) differ in the length of
// numbers.
#define DAIDD_LLAMA_BPE(NUMBER)                                                               \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" NUMBER "| ?[^" DAIDD_SPACE  \
    "\\p{L}\\p{N}]+[\\r\\n]*|[" DAIDD_SPACE "]*[\\r\\n]+|[" DAIDD_SPACE "]+(?![^" DAIDD_SPACE \
    "])|[" DAIDD_SPACE "]+"
constexpr std::string_view kLlamaBpe = DAIDD_LLAMA_BPE("\\p{N}{1,3}");
constexpr std::string_view kQwen2 = DAIDD_LLAMA_BPE("\\p{N}");
#undef DAIDD_LLAMA_BPE
#undef DAIDD_SPACE

struct Known {
    std::string_view name;
    std::string_view pattern;
    bool composes = false;
    bool keeps_whole = false;
    bool adds_begin = false;
};
constexpr Known kKnown[] = {
    {"gpt-2", kGpt2},
    {"default", kGpt2},
    {"smollm", kSmolLm},
    {.name = "llama-bpe", .pattern = kLlamaBpe, .keeps_whole = true, .adds_begin = true},
    {.name = "qwen2", .pattern = kQwen2, .composes = true},
};

struct FreeMatch {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct Pretokenizer::Pattern {
    explicit Pattern(const Known& of) : known{of} {
        int error = 0;
        PCRE2_SIZE error_at = 0;
        code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(of.pattern.data()), of.pattern.size(),
                             PCRE2_UTF | PCRE2_UCP, &error, &error_at, nullptr);
        assert(code != nullptr);  // the patterns are literals
    }
    ~Pattern() { pcre2_code_free(code); }
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    const Known& known;
    pcre2_code* code;
};

Pretokenizer::Pretokenizer(std::shared_ptr<const Pattern> pattern) : pattern_{std::move(pattern)} {}

std::optional<Pretokenizer> Pretokenizer::find(std::string_view name) {
    for (const Known& known : kKnown) {
        if (known.name == name) return Pretokenizer{std::make_shared<const Pattern>(known)};
    }
    return std::nullopt;
}

bool Pretokenizer::composes() const { return pattern_->known.composes; }
bool Pretokenizer::keeps_whole() const { return pattern_->known.keeps_whole; }
bool Pretokenizer::adds_begin() const { return pattern_->known.adds_begin; }

std::vector<std::string_view> Pretokenizer::split(std::string_view text) const {
    std::vector<std::string_view> pieces;
    size_t begin = 0;
    size_t at = 0;
    while (at < text.size()) {
        const size_t length = utf8_length(text.substr(at));
        if (length > 0) {
            at += length;
            continue;
        }
        split_utf8(text.substr(begin, at - begin), pieces);
        pieces.push_back(text.substr(at, 1));
        begin = ++at;
    }
    split_utf8(text.substr(begin), pieces);
    return pieces;
}

void Pretokenizer::split_utf8(std::string_view text, std::vector<std::string_view>& pieces) const {
    if (text.empty()) return;
    const std::unique_ptr<pcre2_match_data, FreeMatch> match{pcre2_match_data_create(1, nullptr)};
    assert(match);
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    size_t at = 0;
    while (at < text.size()) {
        // Anchored: the alternatives cover every character, so each match begins where the last one ended.
        const int found = pcre2_match(pattern_->code, subject, text.size(), at,
                                      PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, match.get(), nullptr);
        // Only a limit of the library (a run of millions of characters) can stop a match: one piece then.
        const size_t end = found > 0 ? pcre2_get_ovector_pointer(match.get())[1] : text.size();
        assert(end > at);
        pieces.push_back(text.substr(at, end - at));
        at = end;
    }
}

}  // namespace daidd::inference
