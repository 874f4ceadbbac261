#pragma once

#include <map>

#include "inference/sequence.h"

namespace daidd::inference {

/// Remembers whole pages by the tokens that led to them, so that texts with a common beginning compute it
/// once. A page's key is H("prefix"; key of the page before it ‖ its tokens u32 …), the first one's is
/// chained to the model's root: keys and values depend on nothing else. Results with and without are the
/// same.
///
/// Every page's predecessor is in the cache too, and whoever holds a page from it holds the predecessors:
/// so all pages that only the cache holds can be given back, last pages first. For sequences of one pool.
class PrefixCache {
public:
    explicit PrefixCache(const Hash256& model_root) : root_{model_root} {}

    /// How many first pages of a text are in the cache, and the key of the last of them.
    struct Cursor {
        size_t pages = 0;
        Hash256 key{};
    };

    /// The first whole pages of `tokens`, as many as are known; `cursor` is set to their end.
    std::vector<Page> find(std::span<const uint32_t> tokens, Cursor& cursor);
    /// Puts the whole pages of `sequence` behind `cursor` into the cache and moves it on; a page that is
    /// known already takes the place of the sequence's own. Requires the cursor that find() set, or a fresh
    /// one, for this text; the sequence holds the first of `tokens`.
    void share(std::span<const uint32_t> tokens, Sequence& sequence, Cursor& cursor);
    /// Gives back the page that is unused for longest of those that no other page follows and nobody else
    /// holds; false if there is none.
    bool give_back();

    size_t pages() const { return entries_.size(); }
    /// Pages that give_back() gives back when called again and again.
    size_t pages_unused() const;

private:
    struct Entry {
        Page page;
        Hash256 before;     ///< key of the page before it, or the root
        uint32_t next = 0;  ///< pages that follow it
        uint64_t used = 0;  ///< by the count of calls
    };
    Hash256 next_key(std::span<const uint32_t> tokens, const Cursor& cursor) const;

    Hash256 root_;
    uint64_t calls_ = 0;
    std::map<Hash256, Entry> entries_;
};

}  // namespace daidd::inference
