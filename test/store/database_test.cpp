#include "store/database.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/checksum.h"

namespace daidd::store {
namespace {

enum : Table { kCoins, kBlocks };
const std::vector<std::string> kNames = {"coins", "blocks"};

class Store : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "daidd-store-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        directory = name;
    }
    void TearDown() override { std::filesystem::remove_all(directory); }

    Database open(size_t map_bytes = 1 << 20) const {
        return Database{directory, kNames, {.map_bytes = map_bytes, .durable = false}};
    }

    std::string directory;
};

ErrorKind kind_thrown_by(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorKind::kIo;
}

std::string text_at(const Transaction& transaction, Table table, std::string_view key) {
    const auto value = transaction.get(table, as_bytes(key));
    return value ? std::string{as_text(*value)} : "(none)";
}

void put(Database& database, std::string_view key, std::string_view value) {
    database.write([&](WriteTransaction& txn) { txn.put(kCoins, as_bytes(key), as_bytes(value)); });
}

TEST_F(Store, KeepsWhatWasCommittedAndNothingElse) {
    {
        Database database = open();
        put(database, "a", "1");
        WriteTransaction aborted{database};
        aborted.put(kCoins, as_bytes("b"), as_bytes("2"));
        EXPECT_EQ(text_at(aborted, kCoins, "b"), "2");
        EXPECT_TRUE(aborted.erase(kCoins, as_bytes("a")));
        EXPECT_FALSE(aborted.erase(kCoins, as_bytes("a")));
        EXPECT_EQ(text_at(aborted, kCoins, "a"), "(none)");
    }
    Database database = open();
    const ReadTransaction read{database};
    EXPECT_EQ(text_at(read, kCoins, "a"), "1");
    EXPECT_EQ(text_at(read, kCoins, "b"), "(none)");
    EXPECT_EQ(text_at(read, kBlocks, "a"), "(none)");
    EXPECT_EQ(read.count(kCoins), 1u);
}

TEST_F(Store, AnExceptionInTheBodyAborts) {
    Database database = open();
    EXPECT_THROW(database.write([](WriteTransaction& txn) {
        txn.put(kCoins, as_bytes("a"), as_bytes("1"));
        throw std::runtime_error{"changed my mind"};
    }),
                 std::runtime_error);
    EXPECT_EQ(ReadTransaction{database}.count(kCoins), 0u);
    put(database, "a", "2");  // the writer's lock was given back
}

TEST_F(Store, ASnapshotDoesNotMove) {
    Database database = open();
    put(database, "a", "old");
    const ReadTransaction before{database};
    std::thread{[&] { put(database, "a", "new"); }}.join();
    const ReadTransaction after{database};
    EXPECT_EQ(text_at(before, kCoins, "a"), "old");
    EXPECT_EQ(text_at(after, kCoins, "a"), "new");
}

TEST_F(Store, ASnapshotMayEndInAnotherThread) {
    Database database = open();
    put(database, "a", "1");
    auto read = std::make_unique<ReadTransaction>(database);
    std::thread{[&] {
        EXPECT_EQ(text_at(*read, kCoins, "a"), "1");
        read.reset();
    }}.join();
    EXPECT_EQ(text_at(ReadTransaction{database}, kCoins, "a"), "1");
}

std::string walk(const Transaction& txn, std::string_view from, int limit = 100) {
    std::string keys;
    txn.for_each(kCoins, as_bytes(from), [&](ByteView key, ByteView) {
        keys += std::string{as_text(key)} + " ";
        return --limit > 0;
    });
    return keys;
}

std::string walk_back(const Transaction& txn, std::string_view from) {
    std::string keys;
    txn.for_each_reverse(kCoins, as_bytes(from), [&](ByteView key, ByteView) {
        keys += std::string{as_text(key)} + " ";
        return true;
    });
    return keys;
}

TEST_F(Store, WalksInByteOrder) {
    Database database = open();
    for (const char* key : {"b", "a", "ba", "c\xff", "bb"}) put(database, key, key);
    const ReadTransaction txn{database};
    EXPECT_EQ(walk(txn, ""), "a b ba bb c\xff ");
    EXPECT_EQ(walk(txn, "b", 2), "b ba ");
    EXPECT_EQ(walk(txn, "bab"), "bb c\xff ");
    EXPECT_EQ(walk(txn, "d"), "");
    EXPECT_EQ(walk_back(txn, ""), "c\xff bb ba b a ");
    EXPECT_EQ(walk_back(txn, "d"), "c\xff bb ba b a ");
    EXPECT_EQ(walk_back(txn, "ba"), "ba b a ");
    EXPECT_EQ(walk_back(txn, "b!"), "b a ");
    EXPECT_EQ(walk_back(txn, "A"), "");
    std::string prefixed;
    txn.for_each_prefix(kCoins, as_bytes("b"), [&](ByteView key, ByteView value) {
        EXPECT_EQ(as_text(key), as_text(value));
        prefixed += std::string{as_text(key)} + " ";
        return true;
    });
    EXPECT_EQ(prefixed, "b ba bb ");
    EXPECT_EQ(as_text(txn.last(kCoins)->first), "c\xff");
    EXPECT_FALSE(txn.last(kBlocks));
}

TEST_F(Store, WalksItsOwnWritesAndClears) {
    Database database = open();
    put(database, "a", "1");
    WriteTransaction txn{database};
    txn.put(kCoins, as_bytes("b"), {});
    EXPECT_EQ(walk(txn, ""), "a b ");
    EXPECT_EQ(txn.get(kCoins, as_bytes("b"))->size(), 0u);
    txn.clear(kCoins);
    EXPECT_EQ(walk(txn, ""), "");
    txn.commit();
    EXPECT_EQ(ReadTransaction{database}.count(kCoins), 0u);
}

TEST_F(Store, AValueMayBeCopiedFromTheTableItself) {
    Database database = open();
    put(database, "a", std::string(3000, 'x'));
    database.write([](WriteTransaction& txn) {
        for (int i = 0; i < 50; ++i) {
            const std::string key = "copy" + std::to_string(i);
            txn.put(kCoins, as_bytes(key), *txn.get(kCoins, as_bytes("a")));
        }
    });
    const ReadTransaction txn{database};
    EXPECT_EQ(text_at(txn, kCoins, "copy49"), std::string(3000, 'x'));
}

TEST_F(Store, KeysAreOneTo511Bytes) {
    Database database = open();
    const std::string longest(kKeyBytesMax, 'k');
    put(database, longest, "v");
    EXPECT_EQ(text_at(ReadTransaction{database}, kCoins, longest), "v");
    EXPECT_DEATH(put(database, longest + "k", "v"), "is_key");
    EXPECT_DEATH(put(database, "", "v"), "is_key");
    EXPECT_DEATH((void)ReadTransaction{database}.get(kCoins, {}), "is_key");
}

TEST_F(Store, TheMapGrowsWhenItIsFull) {
    Database database = open(1 << 20);
    const Bytes mebibyte(1 << 20, 7);
    int runs = 0;
    database.write([&](WriteTransaction& txn) {
        ++runs;
        for (uint8_t i = 0; i < 10; ++i) txn.put(kBlocks, Bytes{i}, mebibyte);
    });
    EXPECT_GT(runs, 1);
    EXPECT_GE(database.map_bytes(), 10u << 20);
    EXPECT_GE(database.used_bytes(), 10u << 20);
    const ReadTransaction txn{database};
    EXPECT_EQ(txn.count(kBlocks), 10u);
    EXPECT_EQ(txn.get(kBlocks, Bytes{9})->size(), mebibyte.size());
}

TEST_F(Store, TheMapGrowsWithReadersInOtherThreads) {
    Database database = open(1 << 20);
    put(database, "a", "1");
    std::atomic<bool> stop = false;
    std::thread reader{[&] {
        while (!stop) EXPECT_EQ(text_at(ReadTransaction{database}, kCoins, "a"), "1");
    }};
    const Bytes block(100'000, 7);
    for (uint8_t i = 0; i < 100; ++i) {
        database.write([&](WriteTransaction& txn) { txn.put(kBlocks, Bytes{i}, block); });
    }
    stop = true;
    reader.join();
    EXPECT_EQ(ReadTransaction{database}.count(kBlocks), 100u);
}

TEST_F(Store, AFullMapOutsideWriteIsAnErrorThatLeavesNothing) {
    Database database = open(1 << 20);
    EXPECT_EQ(kind_thrown_by([&] {
                  WriteTransaction txn{database};
                  txn.put(kCoins, as_bytes("a"), as_bytes("1"));
                  txn.put(kBlocks, as_bytes("b"), Bytes(4 << 20, 1));
              }),
              ErrorKind::kMapFull);
    EXPECT_EQ(ReadTransaction{database}.count(kCoins), 0u);
}

TEST_F(Store, ASmallerMapThanTheFileStillOpens) {
    {
        Database database = open(32 << 20);
        database.write([](WriteTransaction& txn) { txn.put(kBlocks, Bytes{1}, Bytes(8 << 20, 1)); });
    }
    Database database = open(1 << 20);
    EXPECT_EQ(ReadTransaction{database}.get(kBlocks, Bytes{1})->size(), size_t{8 << 20});
    put(database, "a", "1");
}

TEST_F(Store, ASecondOpenerIsRefused) {
    Database database = open();
    EXPECT_EQ(kind_thrown_by([&] { open(); }), ErrorKind::kLocked);
    const pid_t child = fork();
    if (child == 0) {
        try {
            open();
        } catch (const Error& error) {
            _exit(error.kind() == ErrorKind::kLocked ? 0 : 2);
        }
        _exit(1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(Store, ADirectoryThatCannotBeIsAccess) {
    std::ofstream{directory + "/file"} << "x";
    EXPECT_EQ(kind_thrown_by([&] { Database(directory + "/file", kNames); }), ErrorKind::kAccess);
    EXPECT_EQ(kind_thrown_by([&] { Database(directory + "/file/below", kNames); }), ErrorKind::kAccess);
}

/// Forks a child that commits `a`, then writes without committing until it is killed.
TEST_F(Store, KillInTheMiddleLeavesTheLastCommit) {
    for (int round = 0; round < 5; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(pipe(pipe_ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            Database database{directory, kNames, {.map_bytes = 64 << 20}};
            database.write(
                [&](WriteTransaction& txn) { txn.put(kCoins, as_bytes("a"), Bytes{uint8_t(round)}); });
            WriteTransaction txn{database};
            txn.put(kCoins, as_bytes("a"), as_bytes("half"));
            (void)!write(pipe_ends[1], "!", 1);
            for (uint8_t i = 0;; ++i) txn.put(kBlocks, Bytes{i}, Bytes(10'000, i));
        }
        char byte = 0;
        ASSERT_EQ(read(pipe_ends[0], &byte, 1), 1);
        usleep(useconds_t(round) * 3000);
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        close(pipe_ends[0]);
        close(pipe_ends[1]);

        Database database{directory, kNames, {.map_bytes = 64 << 20}};
        const ReadTransaction txn{database};
        EXPECT_EQ((*txn.get(kCoins, as_bytes("a")))[0], round);
        EXPECT_EQ(txn.count(kBlocks), 0u);
    }
}

TEST_F(Store, AFlippedByteIsAnErrorNotData) {
    {
        Database database = open();
        put(database, "a", std::string(100, 'x') + "needle");
    }
    std::fstream file{directory + "/data.mdb", std::ios::in | std::ios::out | std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>{file}, {}};
    const size_t at = content.find("needle");
    ASSERT_NE(at, std::string::npos);
    file.seekp(std::streamoff(at));
    file.put('N');
    file.close();
    Database database = open();
    const ReadTransaction txn{database};
    EXPECT_EQ(kind_thrown_by([&] { (void)txn.get(kCoins, as_bytes("a")); }), ErrorKind::kCorrupt);
    EXPECT_EQ(kind_thrown_by([&] { walk(txn, ""); }), ErrorKind::kCorrupt);
}

TEST_F(Store, ATruncatedFileIsRefused) {
    {
        Database database = open();
        database.write([](WriteTransaction& txn) { txn.put(kBlocks, Bytes{1}, Bytes(100'000, 1)); });
    }
    std::filesystem::resize_file(directory + "/data.mdb", 50'000);
    EXPECT_EQ(kind_thrown_by([&] { open(); }), ErrorKind::kCorrupt);
    std::ofstream{directory + "/data.mdb"} << std::string(20'000, '?');
    EXPECT_EQ(kind_thrown_by([&] { open(); }), ErrorKind::kCorrupt);
}

TEST_F(Store, AFullDiskIsAnErrorAndTheLastCommitStays) {
    const pid_t child = fork();
    if (child == 0) {
        Database database{directory, kNames, {.map_bytes = 64 << 20}};
        put(database, "a", "1");
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{1 << 20, 1 << 20};
        setrlimit(RLIMIT_FSIZE, &limit);
        try {
            database.write([](WriteTransaction& txn) {
                txn.put(kCoins, as_bytes("a"), as_bytes("2"));
                txn.put(kBlocks, Bytes{1}, Bytes(4 << 20, 1));
            });
        } catch (const Error& error) {
            // LMDB calls a write that stopped in the middle EIO, and one that could not begin ENOSPC or
            // EFBIG.
            _exit(error.kind() == ErrorKind::kDiskFull || error.kind() == ErrorKind::kIo ? 0 : 2);
        }
        _exit(1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    Database database = open();
    EXPECT_EQ(text_at(ReadTransaction{database}, kCoins, "a"), "1");
}

TEST(Checksum, IsCrc32c) {
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe306'9283u);
    EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8a91'36aau);
    EXPECT_EQ(crc32c({}), 0u);
    EXPECT_EQ(crc32c(as_bytes("89"), crc32c(as_bytes("1234567"))), 0xe306'9283u);
}

}  // namespace
}  // namespace daidd::store
