#include "training/search.h"

#include "crypto/hash.h"

namespace daidd::training {

std::string_view to_string(SearchError error) {
    switch (error) {
    case SearchError::kOtherIndex: return "other_index";
    case SearchError::kBadQuery: return "bad_query";
    case SearchError::kBadCount: return "bad_count";
    case SearchError::kWrongHits: return "wrong_hits";
    }
    return "unknown";
}

Hash256 commitment_of(const SearchResult& result) {
    const Bytes bytes = encode(result);
    return crypto::hash("vsearch", {bytes});
}

SearchResult run_search(const VectorIndex& index, Vector query, uint32_t k, inference::Backend backend,
                        unsigned threads) {
    auto hits = index.search(query, k, backend, threads);
    return {index.root(), std::move(query), k, std::move(hits)};
}

std::optional<SearchError> check_search(const VectorIndex& index, const SearchResult& result,
                                        inference::Backend backend, unsigned threads) {
    if (result.index != index.root()) return SearchError::kOtherIndex;
    if (result.query.codes.size() != index.width() || !is_valid(result.query)) return SearchError::kBadQuery;
    if (result.k == 0 || result.k > kHitsMax) return SearchError::kBadCount;
    if (index.search(result.query, result.k, backend, threads) != result.hits) return SearchError::kWrongHits;
    return std::nullopt;
}

}  // namespace daidd::training
