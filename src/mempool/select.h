#pragma once

#include "mempool/judge.h"

namespace daidd::mempool {

/// A waiting transaction as the selection sees it.
struct Candidate {
    Entry entry;
    size_t commands_bytes = 0;
    std::vector<size_t> parents;  ///< indices among the candidates, all below its own
};
std::vector<Candidate> candidates_of(const Graph& graph);

/// What Mempool::select() promises, for candidates whose parents come before them.
std::vector<Transaction> select_best(const std::vector<Candidate>& candidates, size_t weight_max,
                                     size_t commands_bytes_max, const Tip& tip,
                                     const consensus::Params& params);

}  // namespace daidd::mempool
