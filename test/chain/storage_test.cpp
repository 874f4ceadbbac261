#include "chain/storage.h"

#include <gtest/gtest.h>

#include "chain/activity.h"

namespace daidd::chain {
namespace {

std::string open_error(store::Database& database, const consensus::Params& params) {
    const auto chain = Chain::open(database, params);
    return chain ? "opened" : chain.error();
}

/// What store::Error of kind kCorrupt says; the test fails on any other end.
std::string corrupt_text(const std::function<void()>& body) {
    try {
        body();
    } catch (const store::Error& error) {
        EXPECT_EQ(error.kind(), store::ErrorKind::kCorrupt);
        return error.what();
    }
    return "nothing was thrown";
}

class Storage : public testing::Test {
protected:
    /// Closes the chain and writes what is wrong.
    void spoil(const std::function<void(store::WriteTransaction&)>& body) {
        chain.close();
        open_database(directory())->write(body);
    }
    std::string error_after(const std::function<void(store::WriteTransaction&)>& body) {
        spoil(body);
        return open_error(*open_database(directory()), consensus::regtest_params());
    }
    const std::string& directory() const { return chain.directory().path(); }

    DiskChain chain{base_directory()};
};

TEST_F(Storage, ReopeningChangesNothing) {
    const auto& branches = Branches::instance();
    chain.submit(branches.a, 0, 5);
    chain.submit(branches.b, 0, 3);
    const Dump before = chain.dump();
    const auto infos = [&] {
        std::vector<std::tuple<Hash256, uint32_t, Hash256, uint32_t, bool>> list;
        const auto snapshot = chain->snapshot();
        for (const auto& blocks : {branches.base, branches.a, branches.b}) {
            for (const auto& block : blocks) {
                const auto info = snapshot->find_header(hash_of(block)).value_or(HeaderInfo{});
                list.emplace_back(info.hash, info.height, info.beacon, info.median_time_past,
                                  info.have_block);
            }
        }
        return list;
    };
    const auto known = infos();
    for (int restarts = 0; restarts < 2; ++restarts) {
        chain.reopen();
        EXPECT_EQ(difference(chain.dump(), before), "");
        EXPECT_EQ(infos(), known);
    }
    EXPECT_EQ(submit(*chain, branches.a[5]), "connected");
    EXPECT_EQ(submit(*chain, branches.b[3]), "stored");
}

TEST(NewDatabase, HoldsTheGenesisBlock) {
    DiskChain chain;
    const auto genesis = consensus::genesis_block(chain->params());
    const Hash256 hash = consensus::block_hash(genesis.header);
    for (int restarts = 0; restarts < 2; ++restarts) {
        auto snapshot = chain->snapshot();
        EXPECT_EQ(snapshot->tip().hash, hash);
        EXPECT_EQ(snapshot->tip().height, 0u);
        EXPECT_EQ(snapshot->tip().beacon, work::genesis_beacon(hash));
        EXPECT_EQ(encode(snapshot->read_block(hash).value().block), encode(genesis));
        EXPECT_EQ(snapshot->tips().size(), 1u);
        EXPECT_EQ(ledger::state_root(*snapshot), kZeroHash);
        snapshot.reset();
        chain.reopen();
    }
}

TEST_F(Storage, AnotherChainsDatabaseIsRefusedWithItsName) {
    auto params = consensus::regtest_params();
    params.genesis_message = "another chain";
    const auto hex = [](const consensus::Params& of) {
        return to_hex_reversed(consensus::block_hash(consensus::genesis_block(of).header));
    };
    EXPECT_EQ(open_error(chain.database(), params),
              "the database belongs to another chain: its genesis block is " +
                  hex(consensus::regtest_params()) + ", this spec's is " + hex(params));
    EXPECT_EQ(open_error(chain.database(), consensus::regtest_params()), "opened");
}

TEST_F(Storage, AnUnreadableGenesisHashIsRefused) {
    const auto error = error_after([](auto& txn) { txn.put(kMeta, as_bytes("genesis"), Bytes(31, 0)); });
    EXPECT_NE(error.find("its genesis block is unreadable"), std::string::npos);
}

TEST_F(Storage, AnotherVersionIsRefused) {
    const std::string text = "the chain's database has another version than this program's";
    const auto with_version = [&](const Bytes& version) {
        return error_after([&](auto& txn) { txn.put(kMeta, as_bytes("version"), version); });
    };
    EXPECT_EQ(with_version({kStoreVersion + 1, 0, 0, 0}), text);
    EXPECT_EQ(with_version({kStoreVersion}), text);
    EXPECT_EQ(with_version({}), text);
    EXPECT_EQ(with_version({kStoreVersion, 0, 0, 0}), "opened");
}

struct Corruption {
    const char* name;
    void (*spoil)(store::WriteTransaction&);
    const char* what;  ///< of "chain: stored … does not decode"
};
void PrintTo(const Corruption& corruption, std::ostream* out) { *out << corruption.name; }

Hash256 base_hash(size_t index) { return hash_of(Branches::instance().base.at(index)); }

void put_record(store::WriteTransaction& txn, const std::function<void(IndexRecord&)>& change) {
    auto record = *decode<IndexRecord>(*txn.get(kIndex, base_hash(7)));
    change(record);
    txn.put(kIndex, base_hash(7), encode(record));
}

const Corruption kCorruptions[] = {
    {"no_tip", [](auto& txn) { txn.erase(kMeta, as_bytes("tip")); }, "tip"},
    {"short_tip", [](auto& txn) { txn.put(kMeta, as_bytes("tip"), Bytes(31, 1)); }, "tip"},
    {"unknown_tip", [](auto& txn) { txn.put(kMeta, as_bytes("tip"), Bytes(32, 1)); }, "tip"},
    {"short_index_key", [](auto& txn) { txn.put(kIndex, Bytes(31, 1), encode(IndexRecord{})); }, "index key"},
    {"empty_record", [](auto& txn) { txn.put(kIndex, base_hash(7), Bytes{}); }, "index record"},
    {"long_record",
     [](auto& txn) {
         auto bytes = encode(IndexRecord{});
         bytes.push_back(0);
         txn.put(kIndex, base_hash(7), bytes);
     },
     "index record"},
    {"no_parent", [](auto& txn) { txn.erase(kIndex, base_hash(7)); }, "index record"},
    {"other_parent", [](auto& txn) { put_record(txn, [](auto& record) { record.header.previous[0] ^= 1; }); },
     "index record"},
    {"other_height", [](auto& txn) { put_record(txn, [](auto& record) { --record.height; }); },
     "index record"},
    {"other_header", [](auto& txn) { put_record(txn, [](auto& record) { record.header.bits = 0; }); },
     "index record"},
};

class CorruptIndex : public Storage, public testing::WithParamInterface<Corruption> {};

TEST_P(CorruptIndex, ThrowsWhenTheChainIsOpened) {
    EXPECT_EQ(corrupt_text([&] { error_after(GetParam().spoil); }),
              "chain: stored " + std::string{GetParam().what} + " does not decode");
}
INSTANTIATE_TEST_SUITE_P(Storage, CorruptIndex, testing::ValuesIn(kCorruptions),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_F(Storage, ABodyThatDoesNotDecodeThrowsWhenItIsRead) {
    const Hash256 hash = base_hash(kBaseBlocks - 1);
    const auto expected = "chain: stored block " + to_hex_reversed(hash) + " does not decode";
    spoil([&](auto& txn) { txn.put(kBodies, hash, Bytes{1, 2, 3}); });
    chain.open();
    EXPECT_EQ(corrupt_text([&] { chain->snapshot()->read_block(hash); }), expected);
    EXPECT_EQ(corrupt_text([&] { chain->invalidate(hash); }), expected);
}

TEST_F(Storage, AMissingBodyThrowsWhenItIsNeeded) {
    const Hash256 tip = base_hash(kBaseBlocks - 1);
    ASSERT_TRUE(chain->invalidate(tip));
    spoil([&](auto& txn) { txn.erase(kBodies, tip); });
    chain.open();
    EXPECT_EQ(corrupt_text([&] { chain->reconsider(tip); }),
              "chain: stored block " + to_hex_reversed(tip) + " does not decode");
}

TEST_F(Storage, ASealedHeaderThatDoesNotDecodeThrowsWhenItIsRead) {
    spoil([](auto& txn) { txn.put(kSealed, base_hash(7), Bytes{1, 2, 3}); });
    chain.open();
    EXPECT_EQ(corrupt_text([&] { chain->snapshot()->read_sealed_header(base_hash(7)); }),
              "chain: stored sealed header does not decode");
}

TEST_F(Storage, AMissingUndoThrowsWhenItIsNeeded) {
    const Hash256 tip = base_hash(kBaseBlocks - 1);
    spoil([&](auto& txn) { txn.erase(kUndo, tip); });
    chain.open();
    EXPECT_EQ(corrupt_text([&] { chain->invalidate(tip); }),
              "chain: stored undo of " + to_hex_reversed(tip) + " does not decode");
}

TEST_F(Storage, AnUndoThatDoesNotDecodeThrowsWhenItIsNeeded) {
    const Hash256 tip = base_hash(kBaseBlocks - 1);
    spoil([&](auto& txn) { txn.put(kUndo, tip, Bytes{0xff}); });
    chain.open();
    EXPECT_EQ(corrupt_text([&] { chain->invalidate(tip); }),
              "chain: stored undo of " + to_hex_reversed(tip) + " does not decode");
}

}  // namespace
}  // namespace daidd::chain
