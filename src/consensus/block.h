#pragma once

#include "consensus/transaction.h"

namespace daidd::consensus {

/// Bitcoin's 80 bytes. The work is in the seal, so the nonce is 0.
struct BlockHeader {
    int32_t version = 0x2000'0000;
    Hash256 previous{};
    Hash256 merkle_root{};
    uint32_t time = 0;  ///< Unix seconds
    uint32_t bits = 0;  ///< target in Bitcoin's compact form
    uint32_t nonce = 0;

    bool operator==(const BlockHeader&) const = default;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.version, self.previous, self.merkle_root, self.time, self.bits, self.nonce);
    }
};

inline constexpr size_t kHeaderBytes = 80;
/// A block of weight 4,000,000 cannot hold more.
inline constexpr size_t kBlockTransactionsMax = 4'000'000 / (4 * 60);

struct Block {
    BlockHeader header;
    std::vector<Transaction> transactions;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.header, bounded(self.transactions, kBlockTransactionsMax));
    }
};

/// SHA256d of the 80 bytes, wire order.
Hash256 block_hash(const BlockHeader& header);

/// Bitcoin's tree (the odd node is repeated) over txids; zeros for no transaction. `mutated` tells whether
/// some level has an equal pair, so that a shorter list has the same root (CVE-2012-2459).
Hash256 transactions_root(const std::vector<Transaction>& transactions, bool* mutated = nullptr);
/// The siblings of transaction 0, from the leaf up: what a sealed header carries.
std::vector<Hash256> coinbase_path(const std::vector<Transaction>& transactions);
/// The root over transaction 0 with this path.
Hash256 root_over_coinbase(const Hash256& coinbase_txid, const std::vector<Hash256>& path);
/// BIP141: SHA256d(witness root ‖ reserved value of zeros); the coinbase's wtxid counts as zeros.
Hash256 witness_commitment(const std::vector<Transaction>& transactions);

size_t weight(const Block& block);

}  // namespace daidd::consensus
