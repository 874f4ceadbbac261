#include "inference/sampler_keys.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

#include "inference/logprob.h"
#include "inference/model.h"

namespace daidd::inference {

TopKeys::TopKeys(size_t count) : count_{count} { assert(count > 0); }

void TopKeys::thin() {
    if (keys_.size() <= count_) return;
    std::ranges::nth_element(keys_, keys_.begin() + ptrdiff_t(count_ - 1), std::greater{});
    keys_.resize(count_);
    floor_ = keys_.back();
}

std::vector<uint64_t> TopKeys::take() {
    thin();
    floor_ = 0;
    return std::exchange(keys_, {});
}

std::vector<uint64_t> TopKeys::take_sorted() {
    auto keys = take();
    std::ranges::sort(keys, std::greater{});
    return keys;
}

void keep_top_share(std::vector<uint64_t>& keys, uint32_t share, uint32_t fx) {
    assert(!keys.empty() && keys.size() <= kVocabularyMax && share <= 1u << 16);
    struct Weighted {
        uint64_t key;
        int64_t weight;
    };
    const int32_t logit_max = logit_of_key(*std::ranges::max_element(keys));
    std::vector<Weighted> all;
    all.reserve(keys.size());
    int64_t total = 0;  // <= 2^50
    for (const uint64_t key : keys) {
        all.push_back({key, softmax_weight(int64_t{logit_max} - logit_of_key(key), fx)});
        total += all.back().weight;
    }
    const int64_t wanted = (total >> 16) * share + (((total & 0xffff) * share) >> 16);  // <= 2^50

    // All tokens lighter than this together do not outweigh what may be left out, so the run ends before
    // them: of a model's vocabulary some hundred remain. Halving needs no order within what is kept.
    const int64_t lightest = std::max<int64_t>(1, (total - wanted) / int64_t(keys.size()));
    std::erase_if(all, [&](const Weighted& entry) { return entry.weight < lightest; });
    size_t kept = 0, end = all.size();  // the run ends in (kept, end]
    int64_t sum = 0;                    // of the first `kept`
    while (end - kept > 1) {
        const size_t middle = kept + (end - kept) / 2;
        const auto at = [&](size_t i) { return all.begin() + ptrdiff_t(i); };
        std::nth_element(at(kept), at(middle), at(end),
                         [](const Weighted& a, const Weighted& b) { return a.key > b.key; });
        int64_t half = 0;
        for (size_t i = kept; i < middle; ++i) half += all[i].weight;
        if (sum + half >= wanted) {
            end = middle;
        } else {
            sum += half;
            kept = middle;
        }
    }
    keys.clear();
    for (size_t i = 0; i < end; ++i) keys.push_back(all[i].key);
}

}  // namespace daidd::inference
