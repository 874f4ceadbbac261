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

enum class ContentVerdict {
    kDrawn,     ///< the tokens are what the unit had to run
    kNotShown,  ///< `source` does not open what was drawn, so nothing is known of the tokens
    kOther,     ///< `source` opens what was drawn, and the tokens are others
};
/// Compares `tokens` with what the unit had to run, as `source` shows it. A start unit needs no source and
/// may carry none.
ContentVerdict check_content(const consensus::Params& params, const UnitPreimage& preimage, const Pool& pool,
                             const std::vector<uint32_t>& tokens, const ContentSource& source);

}  // namespace daidd::work
