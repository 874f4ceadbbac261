#include "inference/grammar_parse.h"

#include <algorithm>
#include <map>

#include "inference/utf8.h"

namespace daidd::inference {

namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

uint32_t code_point(std::string_view character) {
    const auto lead = uint8_t(character[0]);
    if (character.size() == 1) return lead;
    uint32_t code = lead & (0x7Fu >> character.size());
    for (const char c : character.substr(1)) code = code << 6 | (uint8_t(c) & 0x3Fu);
    return code;
}

void append_utf8(uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += char(code);
        return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    out += char((0xFF00 >> (more + 1) & 0xFF) | code >> (6 * more));
    for (int i = more - 1; i >= 0; --i) out += char(0x80 | (code >> (6 * i) & 0x3F));
}

/// Recursive descent. The first error is kept and ends everything.
class Parser {
public:
    explicit Parser(std::string_view text) : rest_{text} {}

    Result<GrammarText, GrammarError> parse() {
        skip_blank(true);
        while (!error_ && !rest_.empty()) parse_rule();
        if (error_) return Fail{*error_};
        return std::move(text_);
    }

private:
    using Kind = GrammarPart::Kind;

    bool refuse(GrammarReason reason, std::string what) {
        if (!error_) error_ = GrammarError{reason, std::move(what), line_};
        return false;
    }
    bool expected(std::string_view what) {
        return refuse(GrammarReason::kSyntax, "expected " + std::string{what});
    }
    char peek() const { return rest_.empty() ? '\0' : rest_[0]; }
    void skip(size_t count) {
        for (const char c : rest_.substr(0, count)) line_ += c == '\n' ? 1 : 0;
        rest_.remove_prefix(count);
    }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        skip(word.size());
        return true;
    }
    /// Blanks and comments; ends of lines too where a rule cannot end there.
    void skip_blank(bool lines) {
        while (!rest_.empty()) {
            const char c = rest_[0];
            if (c == '#') {
                skip(std::min(rest_.find('\n'), rest_.size()));
            } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
                skip(1);
            } else {
                return;
            }
        }
    }

    std::string_view take_name() {
        size_t size = 0;
        while (size < rest_.size() && is_name_character(rest_[size])) ++size;
        const auto name = rest_.substr(0, size);
        skip(size);
        return name;
    }
    /// The index of a rule, which is made if it is new.
    uint32_t rule_of(std::string_view name) {
        const auto [found, is_new] = names_.emplace(name, uint32_t(text_.rules.size()));
        if (is_new) text_.rules.push_back({std::string{name}, std::nullopt, line_});
        if (text_.rules.size() > kGrammarRulesMax) refuse(GrammarReason::kTooLarge, "rules");
        return found->second;
    }

    bool parse_rule() {
        const auto name = take_name();
        if (name.empty()) return expected("the name of a rule");
        const uint32_t index = rule_of(name);
        if (text_.rules[index].body) return refuse(GrammarReason::kDuplicateRule, std::string{name});
        text_.rules[index].line = line_;
        skip_blank(false);
        if (!take("::=")) return expected("::=");
        skip_blank(true);
        GrammarPart body;
        if (!parse_choice(body, 0)) return false;
        if (!rest_.empty() && peek() != '\n' && peek() != '\r') return expected("the end of the rule");
        text_.rules[index].body = std::move(body);
        skip_blank(true);
        return true;
    }

    /// `nesting`: in how many parentheses; within them a line's end means nothing.
    bool parse_choice(GrammarPart& choice, size_t nesting) {
        choice.kind = Kind::kChoice;
        choice.line = line_;
        do {
            if (!choice.parts.empty()) skip_blank(true);
            if (!parse_sequence(choice.parts.emplace_back(), nesting)) return false;
        } while (take("|"));
        return true;
    }

    bool parse_sequence(GrammarPart& sequence, size_t nesting) {
        sequence.line = line_;
        while (!error_) {
            const char c = peek();
            if (std::string_view{"*+?{"}.find(c) != std::string_view::npos) {
                if (!parse_repeat(sequence)) return false;
            } else if (c == '"') {
                if (!parse_literal(sequence.parts.emplace_back())) return false;
            } else if (c == '[' || c == '.') {
                if (!parse_class(sequence.parts.emplace_back())) return false;
            } else if (c == '(') {
                if (nesting == kGrammarNestingMax) return refuse(GrammarReason::kTooLarge, "parentheses");
                skip(1);
                skip_blank(true);
                if (!parse_choice(sequence.parts.emplace_back(), nesting + 1)) return false;
                if (!take(")")) return expected(")");
            } else if (is_name_character(c)) {
                GrammarPart part{.kind = Kind::kRule, .line = line_};
                part.rule = rule_of(take_name());
                sequence.parts.push_back(std::move(part));
            } else {
                return true;
            }
            skip_blank(nesting > 0);
        }
        return false;
    }

    bool parse_literal(GrammarPart& literal) {
        literal.kind = Kind::kLiteral;
        literal.line = line_;
        skip(1);
        while (!take("\"")) {
            const auto code = parse_character();
            if (!code) return false;
            append_utf8(*code, literal.bytes);
        }
        return true;
    }

    bool parse_class(GrammarPart& part) {
        part.kind = Kind::kClass;
        part.line = line_;
        if (take(".")) {
            part.ranges.push_back({0, kCodePointMax});
            return true;
        }
        skip(1);
        part.negated = take("^");
        while (!take("]")) {
            const auto low = parse_character();
            if (!low) return false;
            auto high = low;
            if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
                skip(1);
                high = parse_character();
                if (!high) return false;
            }
            if (*high < *low) return expected("a range that rises");
            part.ranges.push_back({*low, *high});
        }
        return true;
    }

    std::optional<uint32_t> parse_character() {
        if (rest_.empty()) {
            expected("a character");
            return std::nullopt;
        }
        if (take("\\")) return parse_escape();
        const size_t length = utf8_length(rest_);
        if (length == 0) {
            expected("UTF-8");
            return std::nullopt;
        }
        const uint32_t code = code_point(rest_.substr(0, length));
        skip(length);
        return code;
    }

    std::optional<uint32_t> parse_escape() {
        const char c = peek();
        if (!rest_.empty()) skip(1);
        switch (c) {
        case 'x': return parse_hex(2);
        case 'u': return parse_hex(4);
        case 'U': return parse_hex(8);
        case 't': return '\t';
        case 'r': return '\r';
        case 'n': return '\n';
        case '\\':
        case '"':
        case '[':
        case ']': return uint32_t(c);
        default: expected("an escape: x u U t r n \\ \" [ ]"); return std::nullopt;
        }
    }

    std::optional<uint32_t> parse_hex(size_t digits) {
        uint64_t code = 0;
        for (size_t i = 0; i < digits; ++i) {
            const auto digit = std::string_view{"0123456789abcdef"}.find(char(peek() | 0x20));
            if (rest_.empty() || digit == std::string_view::npos || peek() < '0') {
                expected(std::to_string(digits) + " hexadecimal digits");
                return std::nullopt;
            }
            code = code << 4 | digit;
            skip(1);
        }
        if (code > kCodePointMax || (code >= 0xD800 && code <= 0xDFFF)) {
            expected("a character of Unicode");
            return std::nullopt;
        }
        return uint32_t(code);
    }

    std::optional<uint32_t> parse_count() {
        if (peek() < '0' || peek() > '9') {
            expected("a number");
            return std::nullopt;
        }
        uint32_t count = 0;
        for (; peek() >= '0' && peek() <= '9'; skip(1)) {
            count = 10 * count + uint32_t(peek() - '0');
            if (count > kGrammarRepeatMax) {
                refuse(GrammarReason::kTooLarge, "repetitions");
                return std::nullopt;
            }
        }
        return count;
    }

    bool parse_repeat(GrammarPart& sequence) {
        if (sequence.parts.empty()) return expected("something to repeat");
        size_t nesting = 0;
        for (const auto* part = &sequence.parts.back(); part->kind == Kind::kRepeat; part = &part->parts[0])
            ++nesting;
        if (nesting == kGrammarNestingMax) return refuse(GrammarReason::kTooLarge, "repetitions");
        GrammarPart repeat{.kind = Kind::kRepeat, .repeat_max = kNoRepeatMax, .line = line_};
        if (take("+")) {
            repeat.repeat_min = 1;
        } else if (take("?")) {
            repeat.repeat_max = 1;
        } else if (!take("*")) {
            skip(1);
            skip_blank(false);
            const auto low = parse_count();
            if (!low) return false;
            repeat.repeat_min = repeat.repeat_max = *low;
            skip_blank(false);
            if (take(",")) {
                skip_blank(false);
                repeat.repeat_max = kNoRepeatMax;
                if (!rest_.starts_with("}")) {
                    const auto high = parse_count();
                    if (!high) return false;
                    repeat.repeat_max = *high;
                }
                skip_blank(false);
            }
            if (!take("}")) return expected("}");
            if (repeat.repeat_max < repeat.repeat_min) return expected("a range that rises");
        }
        repeat.parts.push_back(std::move(sequence.parts.back()));
        sequence.parts.back() = std::move(repeat);
        return true;
    }

    std::string_view rest_;
    uint32_t line_ = 1;
    GrammarText text_;
    std::map<std::string, uint32_t, std::less<>> names_;
    std::optional<GrammarError> error_;
};

}  // namespace

Result<GrammarText, GrammarError> parse_grammar_text(std::string_view text) {
    if (text.size() > kGrammarBytesMax) return Fail{GrammarError{GrammarReason::kTooLarge, "bytes"}};
    return Parser{text}.parse();
}

}  // namespace daidd::inference
