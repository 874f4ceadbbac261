#include "work/seal.h"

#include <cassert>

#include "crypto/hash.h"

namespace daidd::work {

Hash256 seal_root(const Seal& seal) { return crypto::hash("seal", {encode(seal)}); }

SealedHeader sealed_header(const SealedBlock& block) {
    assert(!block.block.transactions.empty());
    return {.header = block.block.header,
            .coinbase = block.block.transactions[0],
            .coinbase_path = consensus::coinbase_path(block.block.transactions),
            .seal = block.seal,
            .signature = block.signature};
}

Hash256 header_message(const consensus::BlockHeader& header) {
    return crypto::tagged_hash("dai/header", {consensus::block_hash(header)});
}

}  // namespace daidd::work
