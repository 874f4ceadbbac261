#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/error.h"
#include "util/bytes.h"

struct MDB_txn;

namespace daidd::store {

/// LMDB's own limit. Keys are 1 to kKeyBytesMax bytes: anything else is a bug in the caller (assert).
inline constexpr size_t kKeyBytesMax = 511;
/// A transaction that waits for the others to end before the map can grow gives up after this.
inline constexpr int kGrowWaitS = 10;
inline constexpr unsigned kReadersMax = 1024;

struct Options {
    /// Address space reserved at first, not disk space. Doubled whenever it is full (see Database::write).
    size_t map_bytes = size_t{16} << 30;
    /// Off: commits survive kill -9 but not a power loss. For tests and for what can be rebuilt.
    bool durable = true;
};

/// A position in the list of names given to Database; callers use an enum.
using Table = size_t;

/// A directory with one LMDB environment. Thread safe. Outlives its transactions.
class Database {
public:
    /// Opens `directory`, made if missing, with these tables, made if missing. The names are on disk, their
    /// order is not. Throws Error.
    Database(const std::string& directory, std::vector<std::string> tables, Options options = {});
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `body` in a write transaction and commits it. When the map is full it is enlarged and `body` runs
    /// again from the start, so `body` must not change anything else. An exception of `body` aborts. The
    /// caller must hold no ReadTransaction of this database: the map cannot grow under it.
    void write(const std::function<void(class WriteTransaction&)>& body);

    /// Bytes of the data file in use, free pages inside it included.
    uint64_t used_bytes() const;
    uint64_t map_bytes() const;
    const std::string& directory() const;

    struct Impl;  ///< of database.cpp

private:
    friend class ReadTransaction;
    friend class WriteTransaction;
    std::unique_ptr<Impl> impl_;
};

/// What reading and writing share: a consistent view of the whole database.
class Transaction {
public:
    /// Called with each key and value; false stops. It must not write to the table it walks.
    using Visit = std::function<bool(ByteView key, ByteView value)>;

    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// The value, or nothing. The view is valid until the transaction ends or, in a WriteTransaction, until
    /// its next put or erase.
    std::optional<ByteView> get(Table table, ByteView key) const;
    bool contains(Table table, ByteView key) const { return get(table, key).has_value(); }

    /// Keys in byte order from the first that is not below `from` (empty: from the beginning).
    void for_each(Table table, ByteView from, const Visit& visit) const;
    /// Keys that begin with `prefix`, in byte order.
    void for_each_prefix(Table table, ByteView prefix, const Visit& visit) const;
    /// Keys in reverse byte order from the last that is not above `from` (empty: from the end).
    void for_each_reverse(Table table, ByteView from, const Visit& visit) const;

    /// The highest key and its value, or nothing from an empty table. Valid as get()'s view is.
    std::optional<std::pair<ByteView, ByteView>> last(Table table) const;
    uint64_t count(Table table) const;

protected:
    explicit Transaction(Database::Impl& database) : database_{&database} {}
    ~Transaction() = default;

    Database::Impl* database_;
    MDB_txn* txn_ = nullptr;
};

/// A snapshot: what was committed when it was made, whatever happens since. May be used by any one thread at
/// a time. A snapshot kept for long keeps old pages from being used again, so the file grows meanwhile.
class ReadTransaction : public Transaction {
public:
    explicit ReadTransaction(const Database& database);
    ~ReadTransaction();
};

/// Waits for the writer before it, if any. Must be used and ended by the thread that made it; one thread must
/// not make a second while it has one. Ends without a trace unless committed. Throws Error with kMapFull when
/// the map is full; only Database::write() enlarges it.
class WriteTransaction : public Transaction {
public:
    explicit WriteTransaction(Database& database);
    ~WriteTransaction();

    void put(Table table, ByteView key, ByteView value);
    /// Whether the key was there.
    bool erase(Table table, ByteView key);
    void clear(Table table);

    /// On disk when it returns (if durable). Nothing else may be called on the transaction after it.
    void commit();
    void abort();

private:
    void end();
};

}  // namespace daidd::store
