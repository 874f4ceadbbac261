#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace daidd::inference {

// A grammar in GBNF, llama.cpp's notation (doc/generation.md): what text an answer may be. Compiled once to a
// pushdown automaton over bytes; grammar_matcher.h runs it.

// Limits of a grammar, which anybody may send.
inline constexpr size_t kGrammarBytesMax = 1u << 20;
inline constexpr size_t kGrammarRulesMax = 4096;      ///< with those that repetitions make
inline constexpr size_t kGrammarNodesMax = 1u << 16;  ///< of the automaton, and as many edges
inline constexpr size_t kGrammarNestingMax = 64;      ///< of parentheses
inline constexpr uint32_t kGrammarRepeatMax = 2000;   ///< m and n of {m,n}

/// Shown to users: never rename one.
enum class GrammarReason {
    kSyntax,         ///< `what` says what was expected
    kTooLarge,       ///< a limit above; `what` says which
    kNoRoot,         ///< there is no rule `root`
    kUnknownRule,    ///< `what` is its name
    kDuplicateRule,  ///< `what` is its name
    kEmptyClass,     ///< a character class that no character is in
    kLeftRecursion,  ///< the rule `what` may begin with itself
};
std::string_view to_string(GrammarReason reason);

struct GrammarError {
    GrammarReason reason;
    std::string what;
    uint32_t line = 0;         ///< from 1; 0 where it is not about a place in the text
    std::string text() const;  ///< "syntax: line 3: expected ::="
};

/// Immutable, cheap to copy, safe to share between threads.
class Grammar {
public:
    static Result<Grammar, GrammarError> parse(std::string_view text);

    enum class NodeKind : uint8_t {
        kMatch,   ///< one byte, along one of the edges [a, b)
        kSplit,   ///< either a or b
        kCall,    ///< the rule a, then the node b
        kReturn,  ///< the rule ends
    };
    struct Node {
        NodeKind kind = NodeKind::kReturn;
        uint32_t a = 0, b = 0;
    };
    /// Any byte of [low, high] leads to the node `next`.
    struct Edge {
        uint8_t low = 0, high = 0;
        uint32_t next = 0;
    };
    /// No rule can come back to its own beginning without a byte, so following nodes without bytes ends.
    struct Automaton {
        std::vector<Node> nodes;  ///< node 0 is the one kReturn
        std::vector<Edge> edges;
        std::vector<uint32_t> rules;  ///< where each begins
        uint32_t root = 0;            ///< index into rules
    };
    const Automaton& automaton() const { return *automaton_; }

private:
    explicit Grammar(std::shared_ptr<const Automaton> automaton) : automaton_{std::move(automaton)} {}
    std::shared_ptr<const Automaton> automaton_;
};

}  // namespace daidd::inference
