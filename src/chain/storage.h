#pragma once

#include "chain/chain.h"

namespace daidd::chain {

/// Where things lie in the database. The order is Chain::tables()'s.
enum StoreTable : store::Table {
    kMeta,     ///< "version", "genesis", "tip"
    kIndex,    ///< block hash → IndexRecord, of every block whose work was credited once
    kSealed,   ///< block hash → SealedHeader, of stored blocks but the genesis
    kBodies,   ///< block hash → SealedBlock
    kUndo,     ///< block hash → UndoRecord, of the best chain but the genesis
    kTxIndex,  ///< txid → block hash, of the best chain
    kState,    ///< ledger table u8 ‖ key → value
};

/// Of what lies in the database; a node refuses others.
inline constexpr uint32_t kStoreVersion = 1;

struct IndexRecord {
    consensus::BlockHeader header;
    uint32_t height = 0;
    Hash256 beacon{};
    uint8_t have_block = 0;
    uint8_t broken = 0;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.header, self.height, self.beacon, self.have_block, self.broken);
    }
};

/// A block writes a few entries an input, an output and a record; these bounds are far above.
inline constexpr size_t kUndoEntriesMax = 1 << 24;
inline constexpr size_t kUndoKeyBytesMax = 256;
inline constexpr size_t kUndoValueBytesMax = 8'000'000;

/// The value that a key had before the block.
struct UndoEntry {
    uint8_t table = 0;
    Bytes key;
    uint8_t existed = 0;
    Bytes value;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(self.table, bounded(self.key, kUndoKeyBytesMax), self.existed,
              bounded(self.value, kUndoValueBytesMax));
    }
};
struct UndoRecord {
    std::vector<UndoEntry> entries;

    template <class Self, class Visit>
    static void fields(Self& self, Visit& visit) {
        visit(bounded(self.entries, kUndoEntriesMax));
    }
};

Bytes state_key(ledger::Table table, ByteView key);

/// What this program wrote and the store's checksums passed must decode: throws store::Error (kCorrupt) that
/// names the table where it does not.
[[noreturn]] void throw_corrupt(std::string_view what);
template <class T>
T decode_stored(ByteView bytes, std::string_view what) {
    auto object = decode<T>(bytes);
    if (!object) throw_corrupt(what);
    return *std::move(object);
}

/// The committed state as a view; writing to it is a bug.
class StoredState : public ledger::StateView {
public:
    explicit StoredState(const store::Transaction& transaction) : transaction_{transaction} {}
    std::optional<Bytes> get(ledger::Table table, ByteView key) const override;
    void put(ledger::Table table, ByteView key, Bytes value) override;
    void erase(ledger::Table table, ByteView key) override;

private:
    const store::Transaction& transaction_;
};

std::optional<work::SealedBlock> read_body(const store::Transaction& transaction, const Hash256& hash);
/// Throws store::Error (kCorrupt) when there is none.
Hash256 read_tip(const store::Transaction& transaction);

/// Ends the process at once, as kill -9 would, if the environment variable DAIDD_CRASH_AT names this point:
/// for tests of what a crash leaves. Points: store-before-commit, store-after-commit, connect-before-commit,
/// connect-after-commit, disconnect-before-commit; with ":N" the N-th time it is reached.
void crash_point(std::string_view name);

}  // namespace daidd::chain
