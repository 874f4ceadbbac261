#pragma once

#include <vector>

#include "inference/vocabulary.h"

namespace daidd::inference {

/// Byte-pair encoding (Sennrich et al. 2016): neighbours become one token, by a list of pairs in order of
/// rank.
class Merges {
public:
    struct Merge {
        uint32_t left, right;
        uint32_t rank;
        uint32_t result;
    };
    /// The rank of the later one where a pair stands twice.
    static Result<Merges, uint32_t> make(std::vector<Merge> merges);

    /// Merges `symbols` until no pair is left: always the one of lowest rank first, of equal ones the
    /// leftmost. n log n in the count of symbols.
    void apply(std::vector<uint32_t>& symbols) const;

private:
    const Merge* find(uint32_t left, uint32_t right) const;

    std::vector<Merge> merges_;  // in order of (left, right)
};

}  // namespace daidd::inference
