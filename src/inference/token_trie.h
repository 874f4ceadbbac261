#pragma once

#include <vector>

#include "inference/tokenizer.h"

namespace daidd::inference {

/// A set of token ids below a vocabulary's size.
class TokenSet {
public:
    explicit TokenSet(uint32_t vocabulary = 0) : words_((vocabulary + 63) / 64) {}
    void insert(uint32_t token) { words_[token / 64] |= uint64_t{1} << (token % 64); }
    bool contains(uint32_t token) const { return (words_[token / 64] >> (token % 64) & 1) != 0; }
    bool empty() const {
        for (const uint64_t word : words_) {
            if (word != 0) return false;
        }
        return true;
    }

private:
    std::vector<uint64_t> words_;
};

/// The texts of a vocabulary as a tree of bytes, so that what many tokens begin with is looked at once.
/// Special tokens and empty ones are not in it. Made once a model; immutable.
class TokenTrie {
public:
    explicit TokenTrie(Tokenizer tokenizer);

    /// Nodes in the order of a walk that goes down first; the first is the root. Children are one deeper.
    struct Node {
        uint64_t groups = 0;       ///< byte_group() of every byte below this one, a bit each
        uint32_t end = 0;          ///< behind the last node below this one
        uint32_t first_token = 0;  ///< tokens()[first_token …] end here: several only if texts are equal
        uint32_t token_count = 0;
        uint16_t depth = 0;
        uint8_t byte = 0;
    };
    const std::vector<Node>& nodes() const { return nodes_; }
    /// Of 64: ASCII in pairs, and all other bytes with the first.
    static int byte_group(uint8_t byte) { return byte < 0x80 ? byte / 2 : 0; }
    /// The tokens of a node and of all below it are tokens()[first_token … tokens_end(node)].
    uint32_t tokens_end(const Node& node) const {
        return node.end < nodes_.size() ? nodes_[node.end].first_token : uint32_t(tokens_.size());
    }
    const std::vector<uint32_t>& tokens() const { return tokens_; }
    const Tokenizer& tokenizer() const { return tokenizer_; }

private:
    Tokenizer tokenizer_;
    std::vector<Node> nodes_;
    std::vector<uint32_t> tokens_;
};

}  // namespace daidd::inference
