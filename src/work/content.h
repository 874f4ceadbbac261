#pragma once

#include "work/mine.h"

namespace daidd::work {

inline constexpr size_t kCorpusLeafTokens = 256;

/// The leaves of the corpus that a content opens: those holding the window's first P − receipt tokens.
struct LeafRange {
    uint64_t first = 0;
    uint64_t end = 0;  ///< none when end == first
};
LeafRange opened_leaves(const consensus::Params& params, uint64_t window, size_t receipt_tokens);

/// Tokens and source of a receipt (none for a corpus window), padded by the window.
/// Requires that `corpora` are those of `params`.
Content padded_content(const consensus::Params& params, const Corpora& corpora, Kind kind,
                       const std::vector<uint32_t>& receipt, uint64_t window);

/// Whether `tokens` are what the unit had to run, and `source` shows it. A start unit needs no source and
/// may carry none.
bool is_content_of(const consensus::Params& params, const UnitPreimage& preimage, const Pool& pool,
                   const std::vector<uint32_t>& tokens, const ContentSource& source);

}  // namespace daidd::work
