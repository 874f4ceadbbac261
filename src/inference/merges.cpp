#include "inference/merges.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <utility>

namespace daidd::inference {

Result<Merges, uint32_t> Merges::make(std::vector<Merge> merges) {
    const auto order = [](const Merge& m) { return std::tuple{m.left, m.right, m.rank}; };
    std::sort(merges.begin(), merges.end(),
              [&](const Merge& a, const Merge& b) { return order(a) < order(b); });
    for (size_t i = 1; i < merges.size(); ++i) {
        if (merges[i - 1].left != merges[i].left || merges[i - 1].right != merges[i].right) continue;
        return Fail{merges[i].rank};
    }
    Merges made;
    made.merges_ = std::move(merges);
    return made;
}

const Merges::Merge* Merges::find(uint32_t left, uint32_t right) const {
    const auto at = std::lower_bound(merges_.begin(), merges_.end(), std::pair{left, right},
                                     [](const Merge& m, const auto& pair) {
                                         return std::pair{m.left, m.right} < pair;
                                     });
    return at != merges_.end() && at->left == left && at->right == right ? &*at : nullptr;
}

void Merges::apply(std::vector<uint32_t>& symbols) const {
    constexpr size_t kEnd = ~size_t{0};
    struct Place {
        size_t previous, next;
    };
    struct Candidate {
        uint32_t rank;
        size_t at;
        uint32_t left, right;  // tokens when it was found: it is stale if they have changed
        uint32_t result;
        bool operator>(const Candidate& other) const {
            return std::pair{rank, at} > std::pair{other.rank, other.at};
        }
    };
    if (symbols.empty()) return;
    std::vector<Place> places(symbols.size());
    for (size_t i = 0; i < places.size(); ++i) places[i] = {i - 1, i + 1};  // before the first: kEnd
    places.back().next = kEnd;

    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto consider = [&](size_t at) {
        if (at == kEnd || places[at].next == kEnd) return;
        const uint32_t left = symbols[at];
        const uint32_t right = symbols[places[at].next];
        if (const Merge* merge = find(left, right))
            candidates.push({merge->rank, at, left, right, merge->result});
    };
    for (size_t i = 0; i < symbols.size(); ++i) consider(i);
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        const size_t right = places[best.at].next;
        if (symbols[best.at] != best.left || right == kEnd || symbols[right] != best.right) continue;
        symbols[best.at] = best.result;
        symbols[right] = kNoToken;
        places[best.at].next = places[right].next;
        if (places[right].next != kEnd) places[places[right].next].previous = best.at;
        consider(best.at);
        consider(places[best.at].previous);
    }
    std::erase(symbols, kNoToken);
}

}  // namespace daidd::inference
