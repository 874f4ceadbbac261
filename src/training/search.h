#pragma once

#include "training/vector_index.h"

namespace daidd::training {

/// What somebody found in an index, and everything that another needs to find it again.
struct SearchResult {
    Hash256 index{};  ///< root
    Vector query;
    uint32_t k = 0;
    std::vector<Hit> hits;

    bool operator==(const SearchResult&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.index, self.query, self.k, bounded(self.hits, kHitsMax));
    }
};

/// H("vsearch"; encoded result): what a receipt commits to.
Hash256 commitment_of(const SearchResult& result);

/// Requires what VectorIndex::search requires.
SearchResult run_search(const VectorIndex& index, Vector query, uint32_t k, inference::Backend backend,
                        unsigned threads = 1);

/// Shown to users: never rename one.
enum class SearchError {
    kOtherIndex,  ///< the result is of an index with another root
    kBadQuery,    ///< another width, or numbers out of range
    kBadCount,    ///< k is 0 or above kHitsMax
    kWrongHits,   ///< not what the search finds
};
std::string_view to_string(SearchError error);

/// Runs the search again. Nothing in the result is trusted; the first breach is the answer.
std::optional<SearchError> check_search(const VectorIndex& index, const SearchResult& result,
                                        inference::Backend backend, unsigned threads = 1);

}  // namespace daidd::training
