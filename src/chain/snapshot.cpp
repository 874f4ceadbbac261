#include "chain/snapshot.h"

#include <algorithm>
#include <cassert>

namespace daidd::chain {

namespace {

using ledger::Table;

constexpr size_t kTableBytes = 1;
constexpr size_t kHeightBytes = 4;

Hash256 to_hash(ByteView bytes) {
    Hash256 hash{};
    assert(bytes.size() == hash.size());
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return hash;
}

consensus::OutPoint outpoint_of(ByteView coin_key) {
    consensus::OutPoint outpoint;
    outpoint.txid = to_hash(coin_key.first(32));
    for (const uint8_t byte : coin_key.subspan(32)) outpoint.index = outpoint.index << 8 | byte;
    return outpoint;
}

}  // namespace

bool Snapshot::in_best_chain(const Hash256& hash) const {
    const auto info = find_header(hash);
    if (!info || info->height > tip().height) return false;
    const auto there = header_at(info->height);
    return there && there->hash == hash;
}

ledger::BlockContext next_context(const Snapshot& snapshot) {
    const auto below = [&snapshot](uint32_t height) {
        const auto info = snapshot.header_at(height);
        assert(info);
        return *info;
    };
    ledger::BlockContext context;
    context.height = snapshot.tip().height + 1;
    context.median_time_past = snapshot.tip().median_time_past;
    context.beacon_at = [below](uint32_t height) { return below(height).beacon; };
    context.median_time_at = [below](uint32_t height) { return below(height).median_time_past; };
    return context;
}

StoredSnapshot::StoredSnapshot(const store::Database& database, std::shared_ptr<HeaderTree> tree)
    : tree_{std::move(tree)}, transaction_{database}, state_{transaction_} {
    node_ = tree_->find(read_tip(transaction_));
    assert(node_ != nullptr);
    tip_ = tree_->info(*node_);
}

std::optional<Bytes> StoredSnapshot::get(Table table, ByteView key) const {
    const std::lock_guard lock{mutex_};
    return state_.get(table, key);
}

void StoredSnapshot::put(Table table, ByteView key, Bytes value) { state_.put(table, key, std::move(value)); }

void StoredSnapshot::erase(Table table, ByteView key) { state_.erase(table, key); }

std::optional<HeaderInfo> StoredSnapshot::find_header(const Hash256& hash) const {
    return tree_->find_info(hash);
}

std::optional<HeaderInfo> StoredSnapshot::header_at(uint32_t height) const {
    if (height > node_->height) return std::nullopt;
    return tree_->info(ancestor(*node_, height));
}

std::optional<work::SealedBlock> StoredSnapshot::read_block(const Hash256& hash) const {
    const std::lock_guard lock{mutex_};
    return read_body(transaction_, hash);
}

std::optional<work::SealedHeader> StoredSnapshot::read_sealed_header(const Hash256& hash) const {
    const std::lock_guard lock{mutex_};
    const auto bytes = transaction_.get(kSealed, hash);
    if (!bytes) return std::nullopt;
    return decode_stored<work::SealedHeader>(*bytes, "sealed header");
}

std::vector<HeaderInfo> StoredSnapshot::tips() const { return tree_->tips(*node_); }

std::optional<Hash256> StoredSnapshot::find_transaction_block(const Hash256& txid) const {
    const std::lock_guard lock{mutex_};
    const auto bytes = transaction_.get(kTxIndex, txid);
    if (!bytes) return std::nullopt;
    return to_hash(*bytes);
}

/// Items of a list by height, from the last of the highest; counts lie between them and are passed over.
void StoredSnapshot::for_each_newest(Table table, const std::function<bool(ByteView value)>& visit) const {
    Bytes from{uint8_t(table)};
    from.insert(from.end(), 2 * kHeightBytes, 0xff);
    const std::lock_guard lock{mutex_};
    transaction_.for_each_reverse(kState, from, [&](ByteView key, ByteView value) {
        if (key[0] != uint8_t(table)) return false;
        if (key.size() == kTableBytes + kHeightBytes) return true;
        return visit(value);
    });
}

std::vector<Hash256> StoredSnapshot::recent_jobs(size_t count) const {
    std::vector<Hash256> list;
    for_each_newest(Table::kJobOrder, [&](ByteView value) {
        if (list.size() >= count) return false;
        list.push_back(to_hash(value));
        return true;
    });
    return list;
}

std::vector<Hash256> StoredSnapshot::recent_receipts(size_t count) const {
    std::vector<Hash256> list;
    for_each_newest(Table::kPool, [&](ByteView value) {
        if (list.size() >= count) return false;
        list.push_back(decode_stored<work::PoolItem>(value, "pool item").receipt);
        return true;
    });
    return list;
}

std::vector<Hash256> StoredSnapshot::open_jobs() const {
    std::vector<Hash256> list;
    const Bytes prefix{uint8_t(Table::kOpenJob)};
    const std::lock_guard lock{mutex_};
    transaction_.for_each_prefix(kState, prefix, [&](ByteView key, ByteView) {
        list.push_back(to_hash(key.subspan(kTableBytes + kHeightBytes)));
        return true;
    });
    return list;
}

void StoredSnapshot::for_each_coin(
    const std::function<bool(const consensus::OutPoint&, const ledger::Coin&)>& visit) const {
    const Bytes prefix{uint8_t(Table::kCoin)};
    const std::lock_guard lock{mutex_};
    transaction_.for_each_prefix(kState, prefix, [&](ByteView key, ByteView value) {
        return visit(outpoint_of(key.subspan(kTableBytes)), decode_stored<ledger::Coin>(value, "coin"));
    });
}

}  // namespace daidd::chain
