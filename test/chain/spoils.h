#pragma once

#include "chain/activity.h"

namespace daidd::chain {

/// A block that is about to be spoiled, on the common part of Branches: a coinbase and two payments.
struct Victim {
    work::SealedBlock block;
    const Sealer& sealer;
    uint32_t median_time_past = 0;  ///< of its parent

    consensus::Transaction& coinbase() { return block.block.transactions[0]; }
    consensus::Transaction& payment() { return block.block.transactions[2]; }
    consensus::BlockHeader& header() { return block.block.header; }
};

/// Breaks one rule, and follows up whatever depends on what it changed.
struct Spoil {
    const char* name;
    void (*spoil)(Victim&);
    const char* token;
    /// Whether the sealed header shows it, without body and witness.
    bool in_header = true;
    bool peer_fault = true;
};
void PrintTo(const Spoil& spoil, std::ostream* out);

/// Nothing is credited: the hash stays unknown.
extern const std::vector<Spoil> kUncredited;
/// The body is not the header's own: that says nothing of the hash.
extern const std::vector<Spoil> kMutated;
/// The work was done, so it is credited; the block is broken for good.
extern const std::vector<Spoil> kBroken;

/// The common part with a block that would go on it, honest.
struct BaseWithVictim {
    DiskChain chain{base_directory()};
    Sealer sealer{1};
    work::SealedBlock honest;

    BaseWithVictim();
    work::SealedBlock spoiled(const Spoil& spoil);
};

}  // namespace daidd::chain
