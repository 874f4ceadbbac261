#include "ledger/lookup.h"

#include <algorithm>
#include <cassert>

#include "ledger/state_tree.h"

namespace daidd::ledger {

namespace {

void append_big_endian(Bytes& bytes, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(uint8_t(value >> shift));
}

Bytes item_key(uint32_t height, uint32_t index) {
    Bytes key = height_key(height);
    append_big_endian(key, index);
    return key;
}

/// What the ledger itself wrote decodes, or the store lied about its checksums.
template <class T>
std::optional<T> find(const StateView& state, Table table, ByteView key) {
    const auto bytes = state.get(table, key);
    if (!bytes) return std::nullopt;
    auto record = decode<T>(*bytes);
    assert(record);
    return *std::move(record);
}

struct Count {
    uint32_t value = 0;
    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.value);
    }
};

}  // namespace

Bytes coin_key(const consensus::OutPoint& outpoint) {
    Bytes key(outpoint.txid.begin(), outpoint.txid.end());
    append_big_endian(key, outpoint.index);
    return key;
}

Bytes height_key(uint32_t height) {
    Bytes key;
    append_big_endian(key, height);
    return key;
}

Bytes open_job_key(uint32_t height, const Hash256& id) {
    Bytes key = height_key(height);
    key.insert(key.end(), id.begin(), id.end());
    return key;
}

uint32_t list_size(const StateView& state, Table table, uint32_t height) {
    const auto count = find<Count>(state, table, height_key(height));
    return count ? count->value : 0;
}

Bytes list_item(const StateView& state, Table table, uint32_t height, uint32_t index) {
    auto item = state.get(table, item_key(height, index));
    assert(item);
    return *std::move(item);
}

void list_append(StateView& state, Table table, uint32_t height, Bytes item) {
    const uint32_t size = list_size(state, table, height);
    state.put(table, item_key(height, size), std::move(item));
    state.put(table, height_key(height), encode(Count{size + 1}));
}

void list_erase(StateView& state, Table table, uint32_t height) {
    const uint32_t size = list_size(state, table, height);
    for (uint32_t index = 0; index < size; ++index) state.erase(table, item_key(height, index));
    if (size > 0) state.erase(table, height_key(height));
}

std::optional<Coin> find_coin(const StateView& state, const consensus::OutPoint& outpoint) {
    return find<Coin>(state, Table::kCoin, coin_key(outpoint));
}

std::optional<JobRecord> find_job(const StateView& state, const Hash256& id) {
    return find<JobRecord>(state, Table::kJob, id);
}

std::optional<ReceiptRecord> find_receipt(const StateView& state, const Hash256& id) {
    return find<ReceiptRecord>(state, Table::kReceipt, id);
}

TreasuryRecord treasury(const StateView& state) {
    return find<TreasuryRecord>(state, Table::kTreasury, kZeroHash).value_or(TreasuryRecord{});
}

work::Pool pool_at(uint32_t height, const consensus::Params& params, const StateView& state) {
    work::Pool pool;
    if (height == 0) return pool;
    const uint32_t last = height - 1;
    const uint32_t first = last < params.challenge_window ? 0 : last - params.challenge_window + 1;
    for (uint32_t at = first; at <= last; ++at) {
        const uint32_t size = list_size(state, Table::kPool, at);
        for (uint32_t index = 0; index < size; ++index) {
            auto item = decode<work::PoolItem>(list_item(state, Table::kPool, at, index));
            assert(item);
            pool.push_back(*std::move(item));
        }
    }
    return pool;
}

Hash256 state_root(const StateView& state) { return tree_root(state); }

}  // namespace daidd::ledger
