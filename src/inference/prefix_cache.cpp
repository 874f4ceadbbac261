#include "inference/prefix_cache.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"

namespace daidd::inference {

Hash256 PrefixCache::next_key(std::span<const uint32_t> tokens, const Cursor& cursor) const {
    Writer writer;
    writer(cursor.pages == 0 ? root_ : cursor.key);
    for (const uint32_t token : tokens.subspan(cursor.pages * kPagePositions, kPagePositions)) writer(token);
    return crypto::hash("prefix", {writer.take()});
}

std::vector<Page> PrefixCache::find(std::span<const uint32_t> tokens, Cursor& cursor) {
    ++calls_;
    cursor = {};
    std::vector<Page> pages;
    while ((cursor.pages + 1) * kPagePositions <= tokens.size()) {
        const Hash256 key = next_key(tokens, cursor);
        const auto found = entries_.find(key);
        if (found == entries_.end()) break;
        found->second.used = calls_;
        pages.push_back(found->second.page);
        cursor = {cursor.pages + 1, key};
    }
    return pages;
}

void PrefixCache::share(std::span<const uint32_t> tokens, Sequence& sequence, Cursor& cursor) {
    assert(sequence.length() <= tokens.size());
    ++calls_;
    while ((cursor.pages + 1) * kPagePositions <= sequence.length()) {
        const Hash256 key = next_key(tokens, cursor);
        const Hash256 before = cursor.pages == 0 ? root_ : cursor.key;
        auto& entry = entries_[key];
        if (entry.page == nullptr) {
            entry = {sequence.pages()[cursor.pages], before, 0, 0};
            if (const auto parent = entries_.find(before); parent != entries_.end()) ++parent->second.next;
        } else {
            sequence.replace(cursor.pages, entry.page);
        }
        entry.used = calls_;
        cursor = {cursor.pages + 1, key};
    }
}

bool PrefixCache::give_back() {
    auto oldest = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
        if (at->second.next > 0 || at->second.page.use_count() > 1) continue;
        if (oldest == entries_.end() || at->second.used < oldest->second.used) oldest = at;
    }
    if (oldest == entries_.end()) return false;
    if (const auto parent = entries_.find(oldest->second.before); parent != entries_.end()) {
        --parent->second.next;
    }
    entries_.erase(oldest);
    return true;
}

size_t PrefixCache::pages_unused() const {
    return size_t(std::ranges::count_if(
        entries_, [](const auto& entry) { return entry.second.page.use_count() == 1; }));
}

}  // namespace daidd::inference
