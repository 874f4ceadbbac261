#pragma once

#include <optional>
#include <utility>

#include "inference/grammar.h"

namespace daidd::inference {

inline constexpr uint32_t kCodePointMax = 0x10FFFF;
inline constexpr uint32_t kNoRepeatMax = UINT32_MAX;  ///< of {m,}

/// Code points, the ends included.
struct CodeRange {
    uint32_t low = 0, high = 0;
};

/// A part of a rule's right side. Which fields count goes by the kind.
struct GrammarPart {
    enum class Kind : uint8_t { kLiteral, kClass, kRule, kSequence, kChoice, kRepeat };
    Kind kind = Kind::kSequence;
    std::string bytes = {};                   ///< kLiteral: UTF-8
    std::vector<CodeRange> ranges = {};       ///< kClass: in no order, may overlap
    bool negated = false;                     ///< kClass
    uint32_t rule = 0;                        ///< kRule: index into GrammarText::rules
    uint32_t repeat_min = 0, repeat_max = 0;  ///< kRepeat of parts[0]
    std::vector<GrammarPart> parts = {};      ///< kSequence, kChoice, kRepeat
    uint32_t line = 0;
};

struct GrammarText {
    struct Rule {
        std::string name;
        std::optional<GrammarPart> body;  ///< none: named, but not defined
        uint32_t line = 0;                ///< of its definition, or else where it was first named
    };
    std::vector<Rule> rules;
};

/// The grammar as it is written; names are not resolved further than to rules that may have no body.
Result<GrammarText, GrammarError> parse_grammar_text(std::string_view text);

}  // namespace daidd::inference
