#pragma once

#include <map>
#include <string>

#include "chain/storage.h"

namespace daidd::chain {

/// Unix seconds at which the tests' blocks are submitted: none of them is from the future.
inline constexpr int64_t kNowS = 1'765'000'000;

/// Every entry of some tables of a database, by (table, key).
using Dump = std::map<std::pair<store::Table, Bytes>, Bytes>;
/// Of the tables that are about the best chain: what a branch that lost may leave no trace in.
Dump dump_of(store::Database& database);
/// Where two dumps differ first; empty if they are the same.
std::string difference(const Dump& a, const Dump& b);

/// An empty directory that goes with it.
class Directory {
public:
    Directory();
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// The database of a chain: small, and kept by the system alone.
std::unique_ptr<store::Database> open_database(const std::string& directory);

/// Requires that nobody has `from` open.
void copy_database(const std::string& from, const std::string& to);

/// regtest's chain in a directory of its own.
class DiskChain {
public:
    DiskChain();
    /// Continues with what lies in `directory`; the copy is ours.
    explicit DiskChain(const Directory& directory);

    Chain& operator*() { return *chain_; }
    Chain* operator->() { return chain_.get(); }
    store::Database& database() { return *database_; }
    const Directory& directory() const { return directory_; }

    void close();
    void open();
    void reopen() {
        close();
        open();
    }
    Dump dump() { return dump_of(*database_); }
    /// Each of them must be taken, into the best chain or beside it.
    void submit(const std::vector<work::SealedBlock>& blocks, size_t first, size_t end);
    void submit(const std::vector<work::SealedBlock>& blocks) { submit(blocks, 0, blocks.size()); }

private:
    Directory directory_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<Chain> chain_;
};

Hash256 hash_of(const work::SealedBlock& block);
/// What submit() says, in a word: "connected", "stored", "duplicate" or the rejection's token.
std::string verdict(const SubmitResult& result);
inline std::string submit(Chain& chain, const work::SealedBlock& block, int64_t now_s = kNowS) {
    return verdict(chain.submit(block, now_s));
}

}  // namespace daidd::chain
