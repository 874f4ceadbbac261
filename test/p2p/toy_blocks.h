#pragma once

#include "chain/chain.h"

namespace daidd::p2p::test {

/// Sealed blocks of regtest, one on the other from the genesis block, mined once a process.
inline constexpr size_t kToyBlocks = 4;
const std::vector<work::SealedBlock>& toy_blocks();
Hash256 hash_of(const work::SealedBlock& block);
Hash256 genesis_hash();

/// Headers that cost nothing: `count` of them on this parent, each right in all that a header shows. No block
/// of them can be valid. Another `salt` makes another branch.
std::vector<work::SealedHeader> made_up_headers(const consensus::BlockHeader& parent, size_t count,
                                                uint8_t salt);
/// The block that such a header would be of.
work::SealedBlock block_of(const work::SealedHeader& header);

}  // namespace daidd::p2p::test
