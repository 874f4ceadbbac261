#include <algorithm>
#include <cassert>
#include <cstring>

#include "store/checksum.h"
#include "store/impl.h"

namespace daidd::store {
namespace {

constexpr size_t kChecksumBytes = 4;

MDB_val value_of(ByteView bytes) { return {bytes.size(), const_cast<uint8_t*>(bytes.data())}; }
ByteView view_of(const MDB_val& value) { return {static_cast<const uint8_t*>(value.mv_data), value.mv_size}; }

/// The name and the key are in it, so a value found in the wrong place is seen too.
uint32_t checksum(const std::string& name, ByteView key, ByteView value) {
    return crc32c(value, crc32c(key, crc32c(as_bytes(name))));
}

/// The value without its checksum; throws if they differ.
ByteView checked(const std::string& name, ByteView key, const MDB_val& stored) {
    const ByteView bytes = view_of(stored);
    uint32_t expected = 0;
    if (bytes.size() >= kChecksumBytes) {
        const ByteView value = bytes.first(bytes.size() - kChecksumBytes);
        std::memcpy(&expected, bytes.data() + value.size(), kChecksumBytes);
        if (checksum(name, key, value) == expected) return value;
    }
    throw Error{ErrorKind::kCorrupt, "table " + name + ", key " + to_hex(key) + ": wrong checksum on disk"};
}

bool is_key(ByteView key) { return !key.empty() && key.size() <= kKeyBytesMax; }

class Cursor {
public:
    Cursor(MDB_txn* txn, MDB_dbi table) {
        check(mdb_cursor_open(txn, table, &cursor_), "cannot open a cursor");
    }
    ~Cursor() { mdb_cursor_close(cursor_); }
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    /// Whether there is an entry there; `key` is the argument of MDB_SET_RANGE.
    bool move(MDB_cursor_op op) {
        const int rc = mdb_cursor_get(cursor_, &key, &value, op);
        if (rc == MDB_NOTFOUND) return false;
        check(rc, "cannot read a table");
        return true;
    }

    MDB_val key{};
    MDB_val value{};

private:
    MDB_cursor* cursor_ = nullptr;
};

}  // namespace

std::optional<ByteView> Transaction::get(Table table, ByteView key) const {
    assert(txn_ != nullptr && is_key(key));
    MDB_val name = value_of(key);
    MDB_val stored{};
    const int rc = mdb_get(txn_, database_->tables.at(table), &name, &stored);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    check(rc, "cannot read table " + database_->names[table]);
    return checked(database_->names[table], key, stored);
}

void Transaction::for_each(Table table, ByteView from, const Visit& visit) const {
    assert(txn_ != nullptr && from.size() <= kKeyBytesMax);
    Cursor cursor{txn_, database_->tables.at(table)};
    cursor.key = value_of(from);
    bool found = cursor.move(from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    for (; found; found = cursor.move(MDB_NEXT)) {
        const ByteView key = view_of(cursor.key);
        if (!visit(key, checked(database_->names[table], key, cursor.value))) return;
    }
}

void Transaction::for_each_prefix(Table table, ByteView prefix, const Visit& visit) const {
    for_each(table, prefix, [&](ByteView key, ByteView value) {
        if (key.size() < prefix.size() || !std::ranges::equal(key.first(prefix.size()), prefix)) return false;
        return visit(key, value);
    });
}

void Transaction::for_each_reverse(Table table, ByteView from, const Visit& visit) const {
    assert(txn_ != nullptr && from.size() <= kKeyBytesMax);
    Cursor cursor{txn_, database_->tables.at(table)};
    bool found = false;
    if (from.empty()) {
        found = cursor.move(MDB_LAST);
    } else {
        cursor.key = value_of(from);
        if (!cursor.move(MDB_SET_RANGE)) {
            found = cursor.move(MDB_LAST);
        } else {
            found = std::ranges::equal(view_of(cursor.key), from) || cursor.move(MDB_PREV);
        }
    }
    for (; found; found = cursor.move(MDB_PREV)) {
        const ByteView key = view_of(cursor.key);
        if (!visit(key, checked(database_->names[table], key, cursor.value))) return;
    }
}

std::optional<std::pair<ByteView, ByteView>> Transaction::last(Table table) const {
    std::optional<std::pair<ByteView, ByteView>> found;
    for_each_reverse(table, {}, [&](ByteView key, ByteView value) {
        found = {key, value};
        return false;
    });
    return found;
}

uint64_t Transaction::count(Table table) const {
    assert(txn_ != nullptr);
    MDB_stat stat;
    check(mdb_stat(txn_, database_->tables.at(table), &stat),
          "cannot count table " + database_->names[table]);
    return stat.ms_entries;
}

ReadTransaction::ReadTransaction(const Database& database) : Transaction{*database.impl_} {
    database_->begin_transaction();
    const int rc = mdb_txn_begin(database_->env, nullptr, MDB_RDONLY, &txn_);
    if (rc == MDB_SUCCESS) return;
    database_->end_transaction();
    raise(rc, "cannot take a snapshot of " + database_->directory);
}

ReadTransaction::~ReadTransaction() {
    mdb_txn_abort(txn_);
    database_->end_transaction();
}

WriteTransaction::WriteTransaction(Database& database) : Transaction{*database.impl_} {
    {
        const std::lock_guard lock{database_->mutex};
        assert(database_->writer != std::this_thread::get_id());
    }
    database_->begin_transaction();
    const int rc = mdb_txn_begin(database_->env, nullptr, 0, &txn_);
    if (rc != MDB_SUCCESS) {
        database_->end_transaction();
        raise(rc, "cannot begin to write in " + database_->directory);
    }
    const std::lock_guard lock{database_->mutex};
    database_->writer = std::this_thread::get_id();
}

WriteTransaction::~WriteTransaction() { abort(); }

void WriteTransaction::put(Table table, ByteView key, ByteView value) {
    assert(txn_ != nullptr && is_key(key));
    const uint32_t sum = checksum(database_->names.at(table), key, value);
    MDB_val name = value_of(key);
    // `value` may be a view into this very table, which LMDB may move while it makes room.
    const Bytes copy{value.begin(), value.end()};
    MDB_val stored{value.size() + kChecksumBytes, nullptr};
    check(mdb_put(txn_, database_->tables[table], &name, &stored, MDB_RESERVE),
          "cannot write to table " + database_->names[table]);
    auto* out = static_cast<uint8_t*>(stored.mv_data);
    std::ranges::copy(copy, out);
    std::memcpy(out + copy.size(), &sum, kChecksumBytes);
}

bool WriteTransaction::erase(Table table, ByteView key) {
    assert(txn_ != nullptr && is_key(key));
    MDB_val name = value_of(key);
    const int rc = mdb_del(txn_, database_->tables.at(table), &name, nullptr);
    if (rc == MDB_NOTFOUND) return false;
    check(rc, "cannot erase in table " + database_->names[table]);
    return true;
}

void WriteTransaction::clear(Table table) {
    assert(txn_ != nullptr);
    check(mdb_drop(txn_, database_->tables.at(table), 0), "cannot clear table " + database_->names[table]);
}

void WriteTransaction::commit() {
    assert(txn_ != nullptr);
    const int rc = mdb_txn_commit(txn_);  // frees the transaction, whatever it answers
    end();
    check(rc, "cannot commit to " + database_->directory);
}

void WriteTransaction::abort() {
    if (txn_ == nullptr) return;
    mdb_txn_abort(txn_);
    end();
}

void WriteTransaction::end() {
    txn_ = nullptr;
    {
        const std::lock_guard lock{database_->mutex};
        database_->writer = {};
    }
    database_->end_transaction();
}

}  // namespace daidd::store
