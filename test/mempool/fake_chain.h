#pragma once

#include <map>

#include "consensus/fixtures.h"
#include "ledger/commands.h"
#include "ledger/lookup.h"
#include "mempool/mempool.h"

namespace daidd::mempool::test {

using consensus::OutPoint;
using consensus::TxOut;

/// A chain's view in a map.
class FakeSnapshot final : public chain::Snapshot {
public:
    std::optional<Bytes> get(ledger::Table table, ByteView key) const override;
    void put(ledger::Table table, ByteView key, Bytes value) override;
    void erase(ledger::Table table, ByteView key) override;

    const chain::HeaderInfo& tip() const override { return headers.back(); }
    std::optional<chain::HeaderInfo> find_header(const Hash256& hash) const override;
    std::optional<chain::HeaderInfo> header_at(uint32_t height) const override;
    std::optional<Hash256> find_transaction_block(const Hash256& txid) const override;
    std::optional<work::SealedBlock> read_block(const Hash256&) const override { return {}; }
    std::optional<work::SealedHeader> read_sealed_header(const Hash256&) const override { return {}; }
    std::vector<chain::HeaderInfo> tips() const override { return {tip()}; }
    std::vector<Hash256> recent_jobs(size_t) const override { return {}; }
    std::vector<Hash256> recent_receipts(size_t) const override { return {}; }
    std::vector<Hash256> open_jobs() const override { return {}; }
    void for_each_coin(const std::function<bool(const OutPoint&, const ledger::Coin&)>&) const override {}

    std::map<std::pair<ledger::Table, Bytes>, Bytes> state;
    std::vector<chain::HeaderInfo> headers;
    std::map<Hash256, Hash256> transactions;  ///< txid to block
};

/// Blocks by hand over coins of one key, and a mempool that hears of them.
struct FakeChain {
    FakeChain();

    /// A new coin, as if it had always been there. Before make_pool().
    OutPoint coin(consensus::Amount value = consensus::kCoin, uint32_t height = 0, bool coinbase = false);
    void make_pool(Options options = {});

    /// Transactions on the tip, after a coinbase. tell_tip() is the caller's, so that several blocks can come
    /// or go at once.
    void connect(const std::vector<Transaction>& transactions);
    void disconnect();
    void tell_tip();
    /// One block and the news of it.
    void mine(const std::vector<Transaction>& transactions = {}) {
        connect(transactions);
        tell_tip();
    }

    /// Spends coins of the chain, or outputs of transactions made here, all to our key but `fee`; signed.
    Transaction spend(const std::vector<OutPoint>& from, consensus::Amount fee, size_t outputs = 1);
    /// The same with these outputs first and what remains behind them.
    Transaction pay(const std::vector<OutPoint>& from, std::vector<TxOut> outputs, consensus::Amount fee);
    /// Every input, as if each spent an output of ours.
    void sign(Transaction& tx) const;
    TxOut to_us(consensus::Amount value) const { return {value, script}; }
    static OutPoint output_of(const Transaction& tx, uint32_t index = 0) {
        return {consensus::txid(tx), index};
    }

    consensus::Params params = consensus::test::chain();
    crypto::SecretKey key;
    Bytes script;
    std::shared_ptr<FakeSnapshot> now;
    int64_t now_s = 1'800'000'000;
    std::unique_ptr<Mempool> pool;
    std::vector<std::pair<Hash256, std::optional<Removal>>> news;  ///< what the observer was told

private:
    struct Lost {
        std::shared_ptr<FakeSnapshot> before;
        work::SealedBlock block;
    };
    std::vector<Lost> blocks_;
    std::map<OutPoint, TxOut> made_;
    uint32_t coins_ = 0;
};

/// The token of a refusal, or "" for what was kept.
std::string token_of(const Result<Entry, Rejection>& result);

}  // namespace daidd::mempool::test
