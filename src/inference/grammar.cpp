#include "inference/grammar.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <tuple>

#include "inference/grammar_parse.h"

namespace daidd::inference {

std::string_view to_string(GrammarReason reason) {
    switch (reason) {
    case GrammarReason::kSyntax: return "syntax";
    case GrammarReason::kTooLarge: return "too_large";
    case GrammarReason::kNoRoot: return "no_root";
    case GrammarReason::kUnknownRule: return "unknown_rule";
    case GrammarReason::kDuplicateRule: return "duplicate_rule";
    case GrammarReason::kEmptyClass: return "empty_class";
    case GrammarReason::kLeftRecursion: return "left_recursion";
    }
    return "unknown";
}

std::string GrammarError::text() const {
    std::string out{to_string(reason)};
    if (line > 0) out += ": line " + std::to_string(line);
    return what.empty() ? out : out + ": " + what;
}

namespace {

using Node = Grammar::Node;
using NodeKind = Grammar::NodeKind;

/// Sorted, apart from each other, without surrogates.
std::vector<CodeRange> normal_ranges(std::vector<CodeRange> ranges, bool negated) {
    ranges.push_back({0xD800, 0xDFFF});
    std::ranges::sort(ranges, {}, &CodeRange::low);
    // What is in none of them, by their gaps; a class itself is what is in no gap.
    std::vector<CodeRange> gaps;
    uint32_t next = 0;
    for (const auto& [low, high] : ranges) {
        if (low > next) gaps.push_back({next, low - 1});
        next = std::max(next, high + 1);
    }
    if (next <= kCodePointMax) gaps.push_back({next, kCodePointMax});
    if (negated) return gaps;
    gaps.push_back({0xD800, 0xDFFF});
    return normal_ranges(std::move(gaps), true);
}

/// Builds the automaton from the back: each part is given the node that follows it.
class Compiler {
public:
    explicit Compiler(const GrammarText& text) : text_{text} {}

    Result<Grammar::Automaton, GrammarError> compile() {
        out_.nodes.push_back({});  // kReturn
        out_.rules.resize(text_.rules.size());
        for (size_t i = 0; i < text_.rules.size(); ++i) {
            const auto& rule = text_.rules[i];
            if (!rule.body) return Fail{GrammarError{GrammarReason::kUnknownRule, rule.name, rule.line}};
            const uint32_t entry = build(*rule.body, 0);
            out_.rules[i] = entry;
            if (error_) return Fail{*error_};
        }
        const auto root = std::ranges::find(text_.rules, "root", [](const auto& rule) { return rule.name; });
        if (root == text_.rules.end()) return Fail{GrammarError{GrammarReason::kNoRoot, ""}};
        out_.root = uint32_t(root - text_.rules.begin());
        return std::move(out_);
    }

private:
    using Kind = GrammarPart::Kind;

    void refuse(GrammarReason reason, std::string what, uint32_t line) {
        if (!error_) error_ = GrammarError{reason, std::move(what), line};
    }
    uint32_t add(NodeKind kind, uint32_t a, uint32_t b) {
        if (out_.nodes.size() >= kGrammarNodesMax || out_.edges.size() > kGrammarNodesMax) {
            refuse(GrammarReason::kTooLarge, "nodes", 0);
            return 0;
        }
        out_.nodes.push_back({kind, a, b});
        return uint32_t(out_.nodes.size() - 1);
    }
    uint32_t add_match(std::span<const Grammar::Edge> edges) {
        const auto first = uint32_t(out_.edges.size());
        out_.edges.insert(out_.edges.end(), edges.begin(), edges.end());
        return add(NodeKind::kMatch, first, uint32_t(out_.edges.size()));
    }

    uint32_t build(const GrammarPart& part, uint32_t next) {
        if (error_) return 0;
        switch (part.kind) {
        case Kind::kLiteral: return build_literal(part.bytes, next);
        case Kind::kClass: return build_class(part, next);
        case Kind::kRule: return add(NodeKind::kCall, part.rule, next);
        case Kind::kSequence:
            for (auto it = part.parts.rbegin(); it != part.parts.rend(); ++it) next = build(*it, next);
            return next;
        case Kind::kChoice: {
            uint32_t entry = build(part.parts.back(), next);
            for (size_t i = part.parts.size() - 1; i-- > 0;)
                entry = add(NodeKind::kSplit, build(part.parts[i], next), entry);
            return entry;
        }
        case Kind::kRepeat: return build_repeat(part, next);
        }
        return next;
    }

    uint32_t build_literal(std::string_view bytes, uint32_t next) {
        for (size_t i = bytes.size(); i-- > 0;) {
            const Grammar::Edge edge{uint8_t(bytes[i]), uint8_t(bytes[i]), next};
            next = add_match({&edge, 1});
        }
        return next;
    }

    uint32_t build_repeat(const GrammarPart& repeat, uint32_t next) {
        const bool open = repeat.repeat_max == kNoRepeatMax;
        const uint32_t copies = open ? repeat.repeat_min + 1 : repeat.repeat_max;
        const auto copy = [this, &repeat, body = shared_body(repeat.parts[0], copies)](uint32_t then) {
            return body ? add(NodeKind::kCall, *body, then) : build(repeat.parts[0], then);
        };
        uint32_t entry = next;
        if (open) {
            entry = add(NodeKind::kSplit, 0, next);
            const uint32_t loop = copy(entry);  // may add nodes, so the loop is closed afterwards
            out_.nodes[entry].a = loop;
        } else {
            for (uint32_t i = repeat.repeat_min; i < repeat.repeat_max && !error_; ++i)
                entry = add(NodeKind::kSplit, copy(entry), next);
        }
        for (uint32_t i = 0; i < repeat.repeat_min && !error_; ++i) entry = copy(entry);
        return entry;
    }

    /// A part that is repeated becomes a rule of its own, so that repetitions of repetitions take time and
    /// space by their sum and not by their product. Single characters and words are copied where that is
    /// less.
    std::optional<uint32_t> shared_body(const GrammarPart& part, uint32_t copies) {
        const bool leaf = part.kind == Kind::kLiteral || part.kind == Kind::kClass;
        if (copies <= 1 || part.kind == Kind::kRule || (leaf && copies == 2)) return std::nullopt;
        if (out_.rules.size() >= kGrammarRulesMax) {
            refuse(GrammarReason::kTooLarge, "rules", part.line);
            return std::nullopt;
        }
        const uint32_t entry = build(part, 0);
        out_.rules.push_back(entry);
        return uint32_t(out_.rules.size() - 1);
    }

    uint32_t build_class(const GrammarPart& part, uint32_t next) {
        const auto ranges = normal_ranges(part.ranges, part.negated);
        if (ranges.empty()) {
            refuse(GrammarReason::kEmptyClass, "", part.line);
            return 0;
        }
        class_edges_.clear();
        class_nodes_.clear();
        for (const auto& [low, high] : ranges) add_range(low, high, next);
        return add_match(class_edges_);
    }

    /// The byte sequences of [low, high]: cut until each byte has a range of its own, whatever the others
    /// are.
    void add_range(uint32_t low, uint32_t high, uint32_t next) {
        if (error_) return;
        for (const uint32_t last : {0x7Fu, 0x7FFu, 0xFFFFu}) {
            if (low > last || high <= last) continue;
            add_range(low, last, next);
            return add_range(last + 1, high, next);
        }
        const int more = low < 0x80 ? 0 : low < 0x800 ? 1 : low < 0x10000 ? 2 : 3;  // bytes after the first
        for (int i = 1; i <= more; ++i) {
            const uint32_t mask = (1u << (6 * i)) - 1;
            if ((low & ~mask) == (high & ~mask)) continue;
            if ((low & mask) != 0) {
                add_range(low, low | mask, next);
                return add_range((low | mask) + 1, high, next);
            }
            if ((high & mask) != mask) {
                add_range(low, (high & ~mask) - 1, next);
                return add_range(high & ~mask, high, next);
            }
        }
        for (int i = 0; i < more; ++i) {
            const auto continuation = [&](uint32_t code) { return uint8_t(0x80 | (code >> (6 * i) & 0x3F)); };
            next = shared_match({continuation(low), continuation(high), next});
        }
        const auto lead = [&](uint32_t code) {
            return uint8_t(more == 0 ? code : (0xFF00u >> (more + 1) & 0xFF) | code >> (6 * more));
        };
        class_edges_.push_back({lead(low), lead(high), next});
    }

    /// Within one class the same ending is the same node.
    uint32_t shared_match(Grammar::Edge edge) {
        const auto [found, is_new] = class_nodes_.emplace(std::tuple{edge.low, edge.high, edge.next}, 0);
        if (is_new) found->second = add_match({&edge, 1});
        return found->second;
    }

    const GrammarText& text_;
    Grammar::Automaton out_;
    std::optional<GrammarError> error_;
    std::vector<Grammar::Edge> class_edges_;
    std::map<std::tuple<uint8_t, uint8_t, uint32_t>, uint32_t> class_nodes_;
};

/// Finds a rule that can come back to its beginning without a byte. A rule that is called at the beginning of
/// one under search, and is itself under search, is one; else its own search has ended and told whether it
/// can be empty. So each node is looked at once.
class LeftRecursion {
public:
    explicit LeftRecursion(const Grammar::Automaton& automaton)
        : automaton_{automaton}, states_(automaton.rules.size()), seen_(automaton.nodes.size(), kNoRule) {}

    /// The index of the rule, if there is one.
    std::optional<uint32_t> find() {
        for (uint32_t rule = 0; rule < states_.size() && !found_; ++rule) can_be_empty(rule);
        return found_;
    }

private:
    enum class State : uint8_t { kNew, kSearching, kEmpty, kNotEmpty };
    static constexpr uint32_t kNoRule = UINT32_MAX;

    bool can_be_empty(uint32_t rule) {
        if (states_[rule] == State::kSearching && !found_) found_ = rule;
        if (found_ || states_[rule] != State::kNew) return states_[rule] == State::kEmpty;
        states_[rule] = State::kSearching;
        bool empty = false;
        std::vector<uint32_t> open = {automaton_.rules[rule]};
        while (!open.empty() && !found_) {
            const uint32_t index = open.back();
            open.pop_back();
            // Nodes belong to one rule each, but for the kReturn that all share.
            if (std::exchange(seen_[index], rule) == rule) continue;
            const Node& node = automaton_.nodes[index];
            if (node.kind == NodeKind::kReturn) empty = true;
            if (node.kind == NodeKind::kSplit) open.insert(open.end(), {node.a, node.b});
            if (node.kind == NodeKind::kCall && can_be_empty(node.a)) open.push_back(node.b);
        }
        states_[rule] = empty ? State::kEmpty : State::kNotEmpty;
        return empty;
    }

    const Grammar::Automaton& automaton_;
    std::vector<State> states_;
    std::vector<uint32_t> seen_;
    std::optional<uint32_t> found_;
};

}  // namespace

Result<Grammar, GrammarError> Grammar::parse(std::string_view text) {
    const auto parsed = parse_grammar_text(text);
    if (!parsed) return Fail{parsed.error()};
    auto automaton = Compiler{*parsed}.compile();
    if (!automaton) return Fail{automaton.error()};
    if (const auto rule = LeftRecursion{*automaton}.find()) {
        // Rules that repetitions made have no name, but the way into one leads through the rule that it is
        // in.
        assert(*rule < parsed->rules.size());
        const auto& found = parsed->rules[*rule];
        return Fail{GrammarError{GrammarReason::kLeftRecursion, found.name, found.line}};
    }
    return Grammar{std::make_shared<const Automaton>(*std::move(automaton))};
}

}  // namespace daidd::inference
