#pragma once

#include "inference/toy.h"
#include "work/mine.h"

namespace daidd::work {

/// A chain of our own on a generated model, as a miner and a node see it: regtest's numbers.
struct ToyChain {
    inference::Model model;
    consensus::Params params;
    Corpora corpora;
    std::vector<uint32_t> answer;  ///< the one receipt that can be drawn
    Pool pool;

    explicit ToyChain(const inference::ToyShape& shape,
                      inference::Backend backend = inference::best_backend());

    std::vector<uint32_t> receipt_tokens(const PoolItem&) const { return answer; }
};

/// A lane under one beacon.
struct ToyLane {
    explicit ToyLane(const ToyChain& on, uint16_t lane = 0);

    /// Runs the next unit; nearest first in `units`.
    void run_next();
    SealContext context(const consensus::Uint256& target) const;
    std::optional<Win> find(const consensus::Uint256& target, const Hash256& parent_hash) const;

    const ToyChain& chain;
    UnitPreimage base;
    std::vector<std::shared_ptr<const UnitRun>> units;
};

/// The bytes of a text, one token each: the toy's tokenizer.
std::vector<uint32_t> byte_tokens(std::string_view text);

}  // namespace daidd::work
