#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace daidd::inference {

/// A logit and its token as one number whose order is the order of choice: the larger logit first, the lower
/// id on ties. No two keys of a vocabulary are equal, so every selection by key has one result.
inline uint64_t make_key(int32_t logit, uint32_t token) {
    return uint64_t{uint32_t(logit) ^ 0x8000'0000u} << 32 | ~token;
}
inline uint32_t token_of_key(uint64_t key) { return ~uint32_t(key); }
inline int32_t logit_of_key(uint64_t key) { return int32_t(uint32_t(key >> 32) ^ 0x8000'0000u); }

/// The `count` largest of a stream of keys, in time that is linear in its length: most keys of a vocabulary
/// are refused by one comparison, and what passes is thinned out each time there is twice as much as wanted.
class TopKeys {
public:
    /// Requires count > 0.
    explicit TopKeys(size_t count);
    void push(uint64_t key) {
        if (key < floor_) return;
        keys_.push_back(key);
        if (keys_.size() >= 2 * count_) thin();
    }
    /// All of them, in no order. Leaves none.
    std::vector<uint64_t> take();
    /// The largest first.
    std::vector<uint64_t> take_sorted();

private:
    void thin();

    size_t count_;
    uint64_t floor_ = 0;  ///< what is smaller is not among the largest
    std::vector<uint64_t> keys_;
};

/// The shortest run of keys, the largest first, whose softmax weights make up at least `share` (16 fraction
/// bits, <= 1) of the weights of all: floor(sum · share). Drops the others; the order of what is left is not
/// said; at least one is kept. Requires at least one key, at most kVocabularyMax.
void keep_top_share(std::vector<uint64_t>& keys, uint32_t share, uint32_t fx);

}  // namespace daidd::inference
