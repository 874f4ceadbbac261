#include "store/database.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "store/impl.h"

namespace daidd::store {
namespace {

/// The smallest map worth trying when the system refuses a large reservation (RLIMIT_AS, containers).
constexpr size_t kMapBytesMin = size_t{1} << 20;
constexpr unsigned kTablesMax = 64;

ErrorKind kind_of(int rc) {
    switch (rc) {
    case MDB_MAP_FULL: return ErrorKind::kMapFull;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorKind::kDiskFull;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR: return ErrorKind::kAccess;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE: return ErrorKind::kCorrupt;
    default: return ErrorKind::kIo;
    }
}

}  // namespace

void raise(int rc, const std::string& what) { throw Error{kind_of(rc), what + ": " + mdb_strerror(rc)}; }

Database::Impl::~Impl() {
    assert(open_transactions == 0);
    if (env != nullptr) mdb_env_close(env);
    if (lock_fd >= 0) close(lock_fd);
}

void Database::Impl::lock_directory() {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw Error{ErrorKind::kAccess, "cannot make directory " + directory + ": " + error.message()};

    // LMDB lets several processes share an environment; our caches above it do not. The kernel drops the lock
    // with the process, so a crash leaves nothing to clean.
    const std::string path = directory + "/.lock";
    lock_fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd < 0) raise(errno, "cannot open " + path);
    if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) raise(errno, "cannot lock " + path);
        throw Error{ErrorKind::kLocked, "cannot lock " + path + ": another process is using this directory"};
    }
}

void Database::Impl::open(const Options& options) {
    check(mdb_env_create(&env), "cannot make a database environment");
    check(mdb_env_set_maxdbs(env, kTablesMax), "cannot set the number of tables");
    check(mdb_env_set_maxreaders(env, kReadersMax), "cannot set the number of readers");
    // NOTLS: a snapshot belongs to its object, not to the thread that made it.
    const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (options.durable ? 0U : unsigned{MDB_NOSYNC});
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    size_t map_bytes = (options.map_bytes + page - 1) / page * page;
    for (;;) {
        check(mdb_env_set_mapsize(env, map_bytes), "cannot set the map size");
        const int rc = mdb_env_open(env, directory.c_str(), flags, 0600);
        if (rc == MDB_SUCCESS) break;
        if (rc != ENOMEM || map_bytes / 2 < kMapBytesMin)
            raise(rc, "cannot open the database in " + directory);
        // A failed open leaves an environment that may only be closed.
        mdb_env_close(env);
        env = nullptr;
        map_bytes = map_bytes / 2 / page * page;
        check(mdb_env_create(&env), "cannot make a database environment");
        check(mdb_env_set_maxdbs(env, kTablesMax), "cannot set the number of tables");
        check(mdb_env_set_maxreaders(env, kReadersMax), "cannot set the number of readers");
    }

    MDB_envinfo info;
    MDB_stat stat;
    check(mdb_env_info(env, &info), "cannot read the database's size");
    check(mdb_env_stat(env, &stat), "cannot read the database's page size");
    // A file cut short would end the process with SIGBUS at the first look past its end.
    struct stat file {};
    const std::string path = directory + "/data.mdb";
    if (::stat(path.c_str(), &file) != 0) raise(errno, "cannot look at " + path);
    const uint64_t used = (uint64_t(info.me_last_pgno) + 1) * stat.ms_psize;
    if (info.me_last_txnid != 0 && uint64_t(file.st_size) < used) {
        throw Error{ErrorKind::kCorrupt, path + " has " + std::to_string(file.st_size) + " bytes of " +
                                             std::to_string(used) + ": it was cut short"};
    }

    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env, nullptr, 0, &txn), "cannot begin a transaction");
    for (const std::string& name : names) {
        MDB_dbi table = 0;
        const int rc = mdb_dbi_open(txn, name.c_str(), MDB_CREATE, &table);
        if (rc != MDB_SUCCESS) {
            mdb_txn_abort(txn);
            raise(rc, "cannot open table " + name + " in " + directory);
        }
        tables.push_back(table);
    }
    check(mdb_txn_commit(txn), "cannot make the tables in " + directory);
}

void Database::Impl::begin_transaction() {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return !growing; });
    ++open_transactions;
}

void Database::Impl::end_transaction() {
    const std::lock_guard lock{mutex};
    --open_transactions;
    changed.notify_all();
}

void Database::Impl::grow() {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return !growing; });
    growing = true;
    const bool alone =
        changed.wait_for(lock, std::chrono::seconds{kGrowWaitS}, [&] { return open_transactions == 0; });
    int rc = MDB_SUCCESS;
    if (alone) {
        MDB_envinfo info;
        mdb_env_info(env, &info);
        rc = mdb_env_set_mapsize(env, info.me_mapsize * 2);
    }
    growing = false;
    changed.notify_all();
    if (!alone)
        throw Error{ErrorKind::kMapFull, "cannot enlarge " + directory + ": a transaction stays open"};
    check(rc, "cannot enlarge " + directory);
}

Database::Database(const std::string& directory, std::vector<std::string> tables, Options options)
    : impl_{std::make_unique<Impl>()} {
    assert(tables.size() <= kTablesMax);
    impl_->directory = directory;
    impl_->names = std::move(tables);
    impl_->lock_directory();
    impl_->open(options);
}

Database::~Database() = default;

void Database::write(const std::function<void(WriteTransaction&)>& body) {
    for (;;) {
        try {
            WriteTransaction transaction{*this};
            body(transaction);
            transaction.commit();
            return;
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kMapFull) throw;
        }
        impl_->grow();
    }
}

uint64_t Database::used_bytes() const {
    MDB_envinfo info;
    MDB_stat stat;
    check(mdb_env_info(impl_->env, &info), "cannot read the database's size");
    check(mdb_env_stat(impl_->env, &stat), "cannot read the database's page size");
    return (uint64_t(info.me_last_pgno) + 1) * stat.ms_psize;
}

uint64_t Database::map_bytes() const {
    MDB_envinfo info;
    check(mdb_env_info(impl_->env, &info), "cannot read the database's size");
    return info.me_mapsize;
}

const std::string& Database::directory() const { return impl_->directory; }

}  // namespace daidd::store
