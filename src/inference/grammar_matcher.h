#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>

#include "inference/grammar.h"
#include "inference/token_trie.h"

namespace daidd::inference {

// Limits of the work that one token may cost. A grammar within them is not slowed down by being ambiguous.
inline constexpr size_t kGrammarStacksMax = 4096;    ///< ways in which a text can be read at once
inline constexpr size_t kGrammarWorkMax = 1u << 20;  ///< nodes looked at to find the tokens that may follow
inline constexpr uint32_t kGrammarDepthMax =
    1024;  ///< rules within rules: deeper text is not in the language

/// Follows a text through a grammar, byte by byte: a set of stacks, one for each way to read it. What follows
/// from a set is found once and kept, so that a JSON grammar soon costs a look at a table a byte. Special
/// tokens are no text: none but the end tokens is ever allowed.
class GrammarMatcher {
public:
    GrammarMatcher(Grammar grammar, std::shared_ptr<const TokenTrie> vocabulary);

    /// Every token after which the text can still be continued to one of the language, as far as the grammar
    /// tells; the end tokens where the text may end. Valid until the next call. Empty once failed() or ended.
    const TokenSet& allowed();
    /// Goes on by an allowed token.
    void accept(uint32_t token);
    /// Goes on by text; false, and nothing has changed, if the grammar does not have it.
    bool accept_text(std::string_view text);

    /// Whether the text so far is one of the language.
    bool may_end() const;
    /// Whether it is and nothing can follow, or an end token was accepted.
    bool must_end() const;
    /// The grammar is too ambiguous for the limits: it cannot be followed any further.
    bool failed() const { return failed_; }

private:
    using Config = uint64_t;  ///< node << 32 | stack
    using StateId = uint32_t;
    struct Frame {
        uint32_t node = 0;    ///< where the rule is left to
        uint32_t parent = 0;  ///< the stack below
        uint32_t depth = 0;
    };
    struct State {
        std::vector<Config> configs;    ///< sorted; kMatch nodes, and kEnd where the text may end
        std::array<StateId, 256> next;  ///< kUnknown until asked for
        std::optional<size_t> mask;     ///< index into masks_
        std::optional<uint64_t> loops;  ///< groups of bytes that all lead back to this state
    };

    StateId step(StateId from, uint8_t byte);
    uint64_t loops(StateId state);
    StateId close(std::vector<Config> open);
    StateId intern(std::vector<Config> configs);
    std::optional<uint32_t> push(uint32_t node, uint32_t stack);
    TokenSet walk();
    void make_room();

    Grammar grammar_;
    std::shared_ptr<const TokenTrie> vocabulary_;
    std::vector<Frame> frames_;  ///< stack s is frames_[s] on the stack frames_[s].parent; 0 is empty
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> frame_ids_;
    std::vector<State> states_;  ///< 0 is the one without configurations
    std::map<std::vector<Config>, StateId> state_ids_;
    std::vector<TokenSet> masks_;
    TokenSet none_;
    StateId current_ = 0;
    size_t work_ = 0;  ///< since the last call from outside
    bool failed_ = false;
    bool ended_ = false;
};

}  // namespace daidd::inference
