#include "chain/disk_chain.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace daidd::chain {

Dump dump_of(store::Database& database) {
    Dump dump;
    const store::ReadTransaction transaction{database};
    for (const store::Table table : {kMeta, kUndo, kTxIndex, kState}) {
        transaction.for_each(table, {}, [&](ByteView key, ByteView value) {
            dump[{table, Bytes(key.begin(), key.end())}] = Bytes(value.begin(), value.end());
            return true;
        });
    }
    return dump;
}

std::string difference(const Dump& a, const Dump& b) {
    const auto text = [](const Dump& dump, Dump::const_iterator at) {
        if (at == dump.end()) return std::string{"nothing"};
        return Chain::tables().at(at->first.first) + " " + to_hex(at->first.second) + " = " +
               to_hex(at->second);
    };
    const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (left == a.end() && right == b.end()) return {};
    return text(a, left) + " against " + text(b, right);
}

Directory::Directory() : path_{testing::TempDir() + "daidd_chain_XXXXXX"} {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
}

Directory::~Directory() { std::filesystem::remove_all(path_); }

std::unique_ptr<store::Database> open_database(const std::string& directory) {
    const store::Options options{.map_bytes = 64 << 20, .durable = false};
    return std::make_unique<store::Database>(directory, Chain::tables(), options);
}

void copy_database(const std::string& from, const std::string& to) {
    using Options = std::filesystem::copy_options;
    std::filesystem::copy(from, to, Options::recursive | Options::overwrite_existing);
}

DiskChain::DiskChain() { open(); }

DiskChain::DiskChain(const Directory& directory) {
    copy_database(directory.path(), directory_.path());
    open();
}

void DiskChain::close() {
    chain_.reset();
    database_.reset();
}

void DiskChain::open() {
    database_ = open_database(directory_.path());
    auto opened = Chain::open(*database_, consensus::regtest_params());
    ASSERT_TRUE(opened) << opened.error();
    chain_ = *std::move(opened);
}

void DiskChain::submit(const std::vector<work::SealedBlock>& blocks, size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
        const auto result = chain_->submit(blocks.at(i), kNowS);
        ASSERT_NE(result.status, SubmitStatus::kRejected)
            << "block " << i << ": " << result.rejection->token << " " << result.rejection->detail;
    }
}

Hash256 hash_of(const work::SealedBlock& block) { return consensus::block_hash(block.block.header); }

std::string verdict(const SubmitResult& result) {
    switch (result.status) {
    case SubmitStatus::kConnected: return "connected";
    case SubmitStatus::kStored: return "stored";
    case SubmitStatus::kDuplicate: return "duplicate";
    case SubmitStatus::kRejected: return result.rejection ? result.rejection->token : "no rejection";
    }
    return "no status";
}

}  // namespace daidd::chain
