#pragma once

#include <set>

#include "chain/disk_chain.h"
#include "chain/sealer.h"

namespace daidd::chain {

/// Transactions of one key on one branch, each applying to the tip that it was made for, in order.
class Payer {
public:
    explicit Payer(crypto::SecretKey key) : key_{std::move(key)} {}

    /// Signed, `output` first and the change behind it, paid by a coin of the key that nothing made here has
    /// spent. Fails the test when there is none.
    consensus::Transaction pay(const Snapshot& snapshot, consensus::TxOut output);
    consensus::Transaction plain(const Snapshot& snapshot, consensus::Amount value);
    consensus::Transaction job(const Snapshot& snapshot, std::vector<uint32_t> prompt, uint32_t deadline,
                               consensus::JobKind kind = consensus::JobKind::kInfer);
    /// Whoever asks first is assigned on regtest. A job that wants a result gets the shortest one of zeros.
    consensus::Transaction receipt(const Snapshot& snapshot, const Hash256& job,
                                   std::vector<uint32_t> answer);

    const crypto::SecretKey& key() const { return key_; }

private:
    crypto::SecretKey key_;
    std::set<consensus::OutPoint> spent_;
};

Hash256 job_of(const consensus::Transaction& tx);
Hash256 receipt_of(const consensus::Transaction& tx);

/// What a busy block holds: a job that will be answered, of each kind in turn, the answer to the one of two
/// blocks before, every third time a job that nobody answers, and a payment. Over 20 blocks all that can
/// become of a job happens.
std::vector<consensus::Transaction> busy_block(const Snapshot& snapshot, Payer& payer);

/// Blocks from the genesis block on: a common part whose coins are mature at its end, and two branches of
/// busy blocks on it. Mined once.
struct Branches {
    std::vector<work::SealedBlock> base;
    std::vector<work::SealedBlock> a;
    std::vector<work::SealedBlock> b;

    static const Branches& instance();
};
/// A database that holds the common part.
const Directory& base_directory();
inline constexpr size_t kBaseBlocks = 24;
inline constexpr size_t kForkBlocks = 20;

}  // namespace daidd::chain
