#include "inference/grammar_matcher.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

namespace daidd::inference {

namespace {

constexpr uint32_t kEmptyStack = 0;
constexpr uint32_t kEnd = UINT32_MAX;      ///< instead of a node: the root rule has ended
constexpr uint32_t kUnknown = UINT32_MAX;  ///< instead of a state: not looked at yet

// What is kept between tokens. More is forgotten, not refused: it costs time alone.
constexpr size_t kStatesKept = 2048;
constexpr size_t kMasksKept = 64;
/// States that one walk may make: a kilobyte each.
constexpr size_t kStatesMax = 4 * kStatesKept;

uint64_t make_config(uint32_t node, uint32_t stack) { return uint64_t{node} << 32 | stack; }
uint32_t node_of(uint64_t config) { return uint32_t(config >> 32); }
uint32_t stack_of(uint64_t config) { return uint32_t(config); }

}  // namespace

GrammarMatcher::GrammarMatcher(Grammar grammar, std::shared_ptr<const TokenTrie> vocabulary)
    : grammar_{std::move(grammar)},
      vocabulary_{std::move(vocabulary)},
      none_{vocabulary_->tokenizer().vocabulary()} {
    frames_.push_back({});
    intern({});
    const auto& automaton = grammar_.automaton();
    current_ = close({make_config(automaton.rules[automaton.root], kEmptyStack)});
}

/// The same node on the same stack is the same stack, so that states can be compared. Nothing if it is too
/// deep.
std::optional<uint32_t> GrammarMatcher::push(uint32_t node, uint32_t stack) {
    const auto [found, is_new] = frame_ids_.emplace(std::pair{node, stack}, uint32_t(frames_.size()));
    if (is_new) frames_.push_back({node, stack, frames_[stack].depth + 1});
    if (frames_[found->second].depth > kGrammarDepthMax) return std::nullopt;
    return found->second;
}

GrammarMatcher::StateId GrammarMatcher::intern(std::vector<Config> configs) {
    const auto [found, is_new] = state_ids_.emplace(std::move(configs), StateId(states_.size()));
    if (is_new) {
        if (states_.size() >= kStatesMax) failed_ = true;
        State& state = states_.emplace_back();
        state.configs = found->first;
        state.next.fill(kUnknown);
    }
    return found->second;
}

/// Follows all nodes that need no byte. Ends, because no rule comes back to its beginning without one and no
/// configuration is followed twice.
GrammarMatcher::StateId GrammarMatcher::close(std::vector<Config> open) {
    const auto& automaton = grammar_.automaton();
    std::set<Config> seen;
    std::vector<Config> configs;
    while (!open.empty()) {
        const Config config = open.back();
        open.pop_back();
        if (!seen.insert(config).second) continue;
        if (++work_ > kGrammarWorkMax || configs.size() > kGrammarStacksMax) {
            failed_ = true;
            return 0;
        }
        const uint32_t stack = stack_of(config);
        const auto& node = automaton.nodes[node_of(config)];
        switch (node.kind) {
        case Grammar::NodeKind::kMatch: configs.push_back(config); break;
        case Grammar::NodeKind::kSplit:
            open.push_back(make_config(node.b, stack));
            open.push_back(make_config(node.a, stack));
            break;
        case Grammar::NodeKind::kCall: {
            // A rule that ends with a call has nothing to come back for: lists do not grow the stack.
            const bool is_last = automaton.nodes[node.b].kind == Grammar::NodeKind::kReturn;
            const auto below = is_last ? std::optional{stack} : push(node.b, stack);
            if (below) open.push_back(make_config(automaton.rules[node.a], *below));
            break;
        }
        case Grammar::NodeKind::kReturn:
            if (stack == kEmptyStack) {
                configs.push_back(make_config(kEnd, kEmptyStack));
            } else {
                open.push_back(make_config(frames_[stack].node, frames_[stack].parent));
            }
            break;
        }
    }
    std::ranges::sort(configs);
    return intern(std::move(configs));
}

GrammarMatcher::StateId GrammarMatcher::step(StateId from, uint8_t byte) {
    if (states_[from].next[byte] != kUnknown) return states_[from].next[byte];
    const auto& automaton = grammar_.automaton();
    std::vector<Config> open;
    work_ += states_[from].configs.size();
    for (const Config config : states_[from].configs) {
        if (node_of(config) == kEnd) continue;
        const auto& node = automaton.nodes[node_of(config)];
        work_ += node.b - node.a;
        for (uint32_t i = node.a; i < node.b; ++i) {
            const Grammar::Edge& edge = automaton.edges[i];
            if (byte >= edge.low && byte <= edge.high)
                open.push_back(make_config(edge.next, stack_of(config)));
        }
    }
    const StateId to = close(std::move(open));
    if (!failed_) states_[from].next[byte] = to;
    return to;
}

/// Forgets what is kept but for the current state, whose stacks are built anew.
void GrammarMatcher::make_room() {
    if (states_.size() <= kStatesKept) return;
    const auto frames = std::exchange(frames_, {Frame{}});
    const auto configs = states_[current_].configs;
    frame_ids_.clear();
    state_ids_.clear();
    states_.clear();
    masks_.clear();
    intern({});
    std::vector<Config> moved;
    for (const Config config : configs) {
        std::vector<uint32_t> nodes;  // the top first
        for (uint32_t stack = stack_of(config); stack != kEmptyStack; stack = frames[stack].parent)
            nodes.push_back(frames[stack].node);
        uint32_t stack = kEmptyStack;
        for (size_t i = nodes.size(); i-- > 0;) stack = *push(nodes[i], stack);
        moved.push_back(make_config(node_of(config), stack));
    }
    std::ranges::sort(moved);
    current_ = intern(std::move(moved));
}

/// Within a string most bytes change nothing. What the vocabulary has below a node need not be walked if it
/// is of such bytes alone.
uint64_t GrammarMatcher::loops(StateId state) {
    if (states_[state].loops) return *states_[state].loops;
    uint64_t others = 0;
    for (int byte = 0; byte < 256; ++byte) {
        if (step(state, uint8_t(byte)) != state)
            others |= uint64_t{1} << TokenTrie::byte_group(uint8_t(byte));
    }
    states_[state].loops = ~others;
    return ~others;
}

/// All tokens at once: down the tree of the vocabulary while the grammar goes along.
TokenSet GrammarMatcher::walk() {
    const Tokenizer& tokenizer = vocabulary_->tokenizer();
    TokenSet tokens{tokenizer.vocabulary()};
    if (may_end()) {
        for (const uint32_t token : tokenizer.end_tokens()) tokens.insert(token);
    }
    const auto& nodes = vocabulary_->nodes();
    std::array<StateId, kTokenBytesMax + 1> states;  // by depth
    states[0] = current_;
    for (uint32_t i = 1; i < nodes.size();) {
        const TokenTrie::Node& node = nodes[i];
        const StateId state = step(states[node.depth - 1], node.byte);
        if (failed_) return TokenSet{tokenizer.vocabulary()};
        if (states_[state].configs.empty()) {
            i = node.end;
            continue;
        }
        states[node.depth] = state;
        const bool whole = state == states[node.depth - 1] && (node.groups & ~loops(state)) == 0;
        const uint32_t end = whole ? vocabulary_->tokens_end(node) : node.first_token + node.token_count;
        for (uint32_t t = node.first_token; t < end; ++t) tokens.insert(vocabulary_->tokens()[t]);
        i = whole ? node.end : i + 1;
    }
    return tokens;
}

const TokenSet& GrammarMatcher::allowed() {
    if (failed_) return none_;
    make_room();
    if (!states_[current_].mask) {
        if (masks_.size() >= kMasksKept) {
            masks_.clear();
            for (State& state : states_) state.mask.reset();
        }
        work_ = 0;
        masks_.push_back(walk());
        if (failed_) return none_;
        states_[current_].mask = masks_.size() - 1;
    }
    return masks_[*states_[current_].mask];
}

void GrammarMatcher::accept(uint32_t token) {
    const auto& tokenizer = vocabulary_->tokenizer();
    const uint32_t one[] = {token};
    if (std::ranges::binary_search(tokenizer.end_tokens(), token)) {
        assert(may_end());
        ended_ = true;
        current_ = 0;
        return;
    }
    const bool is_allowed = accept_text(*tokenizer.decode(one));
    assert(is_allowed);
}

bool GrammarMatcher::accept_text(std::string_view text) {
    make_room();
    work_ = 0;
    StateId state = current_;
    for (const char c : text) {
        if (!failed_) state = step(state, uint8_t(c));
    }
    if (failed_ || states_[state].configs.empty()) return false;
    current_ = state;
    return true;
}

bool GrammarMatcher::may_end() const {
    const auto& configs = states_[current_].configs;
    return !failed_ && !configs.empty() && node_of(configs.back()) == kEnd;  // the largest
}

bool GrammarMatcher::must_end() const {
    return ended_ || (may_end() && states_[current_].configs.size() == 1);
}

}  // namespace daidd::inference
