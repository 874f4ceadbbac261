#pragma once

#include <lmdb.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "store/database.h"

namespace daidd::store {

/// Throws the Error that `rc`, an LMDB or system code, stands for.
[[noreturn]] void raise(int rc, const std::string& what);
inline void check(int rc, const std::string& what) {
    if (rc != MDB_SUCCESS) raise(rc, what);
}

struct Database::Impl {
    std::string directory;
    std::vector<std::string> names;
    std::vector<MDB_dbi> tables;
    MDB_env* env = nullptr;
    int lock_fd = -1;

    // LMDB cannot move its map while a transaction of this process is open, and leaves counting to us.
    std::mutex mutex;
    std::condition_variable changed;
    size_t open_transactions = 0;
    bool growing = false;
    std::thread::id writer;

    ~Impl();
    void lock_directory();
    void open(const Options& options);
    void begin_transaction();
    void end_transaction();
    /// Doubles the map once no transaction is open. Throws kMapFull if they do not end in kGrowWaitS.
    void grow();
};

}  // namespace daidd::store
