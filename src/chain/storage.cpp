#include "chain/storage.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>
#include <cstdlib>

namespace daidd::chain {

std::vector<std::string> Chain::tables() {
    return {"meta", "index", "sealed", "bodies", "undo", "txindex", "state"};
}

Bytes state_key(ledger::Table table, ByteView key) {
    Bytes bytes{uint8_t(table)};
    bytes.insert(bytes.end(), key.begin(), key.end());
    return bytes;
}

void throw_corrupt(std::string_view what) {
    throw store::Error{store::ErrorKind::kCorrupt, "chain: stored " + std::string(what) + " does not decode"};
}

std::optional<Bytes> StoredState::get(ledger::Table table, ByteView key) const {
    const auto value = transaction_.get(kState, state_key(table, key));
    if (!value) return std::nullopt;
    return Bytes(value->begin(), value->end());
}

void StoredState::put(ledger::Table, ByteView, Bytes) {
    assert(false && "a committed state is never written through a view");
}

void StoredState::erase(ledger::Table, ByteView) {
    assert(false && "a committed state is never written through a view");
}

std::optional<work::SealedBlock> read_body(const store::Transaction& transaction, const Hash256& hash) {
    const auto bytes = transaction.get(kBodies, hash);
    if (!bytes) return std::nullopt;
    return decode_stored<work::SealedBlock>(*bytes, "block " + to_hex_reversed(hash));
}

Hash256 read_tip(const store::Transaction& transaction) {
    const auto bytes = transaction.get(kMeta, as_bytes("tip"));
    Hash256 tip{};
    if (!bytes || bytes->size() != tip.size()) throw_corrupt("tip");
    std::copy(bytes->begin(), bytes->end(), tip.begin());
    return tip;
}

void crash_point(std::string_view name) {
    const char* wanted = std::getenv("DAIDD_CRASH_AT");
    if (wanted == nullptr) return;
    const std::string_view text{wanted};
    const size_t colon = text.find(':');
    if (text.substr(0, colon) != name) return;
    unsigned turn = 1;
    if (colon != std::string_view::npos) {
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), turn);
    }
    static std::atomic<unsigned> reached{0};
    if (++reached == turn) _exit(137);
}

}  // namespace daidd::chain
