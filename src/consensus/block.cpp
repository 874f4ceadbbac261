#include "consensus/block.h"

#include <algorithm>
#include <cassert>

#include "crypto/hash.h"

namespace daidd::consensus {

namespace {

Hash256 node(const Hash256& left, const Hash256& right) {
    std::array<uint8_t, 64> both{};
    std::copy(left.begin(), left.end(), both.begin());
    std::copy(right.begin(), right.end(), both.begin() + 32);
    return crypto::sha256d(both);
}

/// One level up. An odd node is paired with itself.
std::vector<Hash256> level_above(const std::vector<Hash256>& level) {
    std::vector<Hash256> above;
    above.reserve((level.size() + 1) / 2);
    for (size_t i = 0; i < level.size(); i += 2)
        above.push_back(node(level[i], i + 1 < level.size() ? level[i + 1] : level[i]));
    return above;
}

/// Two equal neighbours give the root of a list without the second one (CVE-2012-2459).
bool has_equal_pair(const std::vector<Hash256>& level) {
    for (size_t i = 0; i + 1 < level.size(); i += 2)
        if (level[i] == level[i + 1]) return true;
    return false;
}

Hash256 root_over(std::vector<Hash256> level, bool* mutated) {
    if (mutated != nullptr) *mutated = false;
    if (level.empty()) return kZeroHash;
    while (level.size() > 1) {
        if (mutated != nullptr && has_equal_pair(level)) *mutated = true;
        level = level_above(level);
    }
    return level[0];
}

std::vector<Hash256> ids(const std::vector<Transaction>& transactions) {
    std::vector<Hash256> list;
    list.reserve(transactions.size());
    for (const Transaction& tx : transactions) list.push_back(txid(tx));
    return list;
}

}  // namespace

Hash256 block_hash(const BlockHeader& header) { return crypto::sha256d(encode(header)); }

Hash256 transactions_root(const std::vector<Transaction>& transactions, bool* mutated) {
    return root_over(ids(transactions), mutated);
}

std::vector<Hash256> coinbase_path(const std::vector<Transaction>& transactions) {
    std::vector<Hash256> path;
    for (auto level = ids(transactions); level.size() > 1; level = level_above(level))
        path.push_back(level[1]);
    return path;
}

Hash256 root_over_coinbase(const Hash256& coinbase_txid, const std::vector<Hash256>& path) {
    Hash256 hash = coinbase_txid;
    for (const Hash256& sibling : path) hash = node(hash, sibling);
    return hash;
}

Hash256 witness_commitment(const std::vector<Transaction>& transactions) {
    assert(!transactions.empty());
    std::vector<Hash256> list{kZeroHash};
    list.reserve(transactions.size());
    for (size_t i = 1; i < transactions.size(); ++i) list.push_back(wtxid(transactions[i]));
    return node(root_over(std::move(list), nullptr), kZeroHash);
}

size_t weight(const Block& block) {
    Writer count;
    count.compact_size(block.transactions.size());
    size_t total = 4 * (kHeaderBytes + count.take().size());
    for (const Transaction& tx : block.transactions) total += weight(tx);
    return total;
}

}  // namespace daidd::consensus
