#pragma once

#include <mutex>

#include "chain/header_tree.h"
#include "chain/storage.h"

namespace daidd::chain {

/// A read transaction of the database with the tip that was committed in it. The headers are the live tree:
/// what it says of the best chain at this tip never changes.
class StoredSnapshot : public Snapshot {
public:
    StoredSnapshot(const store::Database& database, std::shared_ptr<HeaderTree> tree);

    std::optional<Bytes> get(ledger::Table table, ByteView key) const override;
    void put(ledger::Table table, ByteView key, Bytes value) override;
    void erase(ledger::Table table, ByteView key) override;

    const HeaderInfo& tip() const override { return tip_; }
    std::optional<HeaderInfo> find_header(const Hash256& hash) const override;
    std::optional<HeaderInfo> header_at(uint32_t height) const override;
    std::optional<work::SealedBlock> read_block(const Hash256& hash) const override;
    std::optional<work::SealedHeader> read_sealed_header(const Hash256& hash) const override;
    std::vector<HeaderInfo> tips() const override;
    std::optional<Hash256> find_transaction_block(const Hash256& txid) const override;
    std::vector<Hash256> recent_jobs(size_t count) const override;
    std::vector<Hash256> recent_receipts(size_t count) const override;
    std::vector<Hash256> open_jobs() const override;
    void for_each_coin(
        const std::function<bool(const consensus::OutPoint&, const ledger::Coin&)>& visit) const override;

private:
    void for_each_newest(ledger::Table table, const std::function<bool(ByteView value)>& visit) const;

    std::shared_ptr<HeaderTree> tree_;
    mutable std::mutex mutex_;  ///< a read transaction serves one thread at a time
    store::ReadTransaction transaction_;
    StoredState state_;
    const Node* node_ = nullptr;
    HeaderInfo tip_;
};

}  // namespace daidd::chain
