#include "inference/token_trie.h"

#include <algorithm>

namespace daidd::inference {

TokenTrie::TokenTrie(Tokenizer tokenizer) : tokenizer_{std::move(tokenizer)} {
    struct Entry {
        std::string text;
        uint32_t token;
    };
    std::vector<Entry> entries;
    for (uint32_t token = 0; token < tokenizer_.vocabulary(); ++token) {
        const uint32_t one[] = {token};
        auto text = *tokenizer_.decode(one);
        if (!text.empty()) entries.push_back({std::move(text), token});
    }
    // Stable: equal texts stay in the order of their ids. Bytes are compared as unsigned.
    std::ranges::stable_sort(entries, {}, [](const Entry& entry) -> std::string_view { return entry.text; });

    nodes_.push_back({});
    std::vector<uint32_t> path = {0};  // path[d]: the open node of depth d
    const auto close_to = [&](size_t depth) {
        while (path.size() > depth + 1) {
            Node& node = nodes_[path.back()];
            node.end = uint32_t(nodes_.size());
            path.pop_back();
            nodes_[path.back()].groups |= node.groups | uint64_t{1} << byte_group(node.byte);
        }
    };
    std::string_view before;
    for (const auto& [text, token] : entries) {
        const auto common = size_t(std::ranges::mismatch(before, text).in1 - before.begin());
        close_to(common);
        for (size_t depth = common; depth < text.size(); ++depth) {
            path.push_back(uint32_t(nodes_.size()));
            nodes_.push_back({0, 0, uint32_t(tokens_.size()), 0, uint16_t(depth + 1), uint8_t(text[depth])});
        }
        ++nodes_[path.back()].token_count;
        tokens_.push_back(token);
        before = text;
    }
    close_to(0);
    nodes_[0].end = uint32_t(nodes_.size());
}

}  // namespace daidd::inference
