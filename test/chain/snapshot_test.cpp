#include "chain/snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "chain/activity.h"
#include "chain/disk_chain.h"

namespace daidd::chain {
namespace {

/// What the blocks say themselves: jobs and receipts in chain order, the block of each transaction, coins.
struct Walked {
    std::vector<Hash256> jobs;
    std::vector<Hash256> receipts;
    std::vector<Hash256> open;
    std::map<Hash256, Hash256> blocks;
    std::map<consensus::OutPoint, std::pair<consensus::TxOut, uint32_t>> coins;
};

void walk_command(const consensus::Transaction& tx, const Snapshot& snapshot, Walked& walked) {
    const auto command = consensus::parse_command(tx.outputs[0].script);
    if (!command) return;
    if (command->type == uint8_t(consensus::CommandType::kReceipt)) {
        walked.receipts.push_back(receipt_of(tx));
    } else {
        walked.jobs.push_back(job_of(tx));
        const auto record = ledger::find_job(snapshot, job_of(tx)).value();
        if (record.status == uint8_t(ledger::JobStatus::kOpen)) walked.open.push_back(job_of(tx));
    }
}

Walked walk(const Snapshot& snapshot) {
    Walked walked;
    for (uint32_t height = 0; height <= snapshot.tip().height; ++height) {
        const auto block = snapshot.read_block(snapshot.header_at(height).value().hash).value();
        for (const auto& tx : block.block.transactions) {
            // The genesis block connects nothing: its coinbase pays nobody.
            if (height > 0) walked.blocks[consensus::txid(tx)] = hash_of(block);
            for (const auto& input : tx.inputs) walked.coins.erase(input.previous);
            for (uint32_t i = 0; i < tx.outputs.size(); ++i) {
                if (consensus::is_op_return(tx.outputs[i].script)) continue;
                walked.coins[{consensus::txid(tx), i}] = {tx.outputs[i], height};
            }
            if (!tx.is_coinbase()) walk_command(tx, snapshot, walked);
        }
    }
    return walked;
}

class BusyChain : public testing::Test {
protected:
    BusyChain() { chain.submit(Branches::instance().a, 0, kForkBlocks); }
    DiskChain chain{base_directory()};
};

template <class T>
std::vector<T> newest(std::vector<T> list, size_t count) {
    std::ranges::reverse(list);
    list.resize(std::min(count, list.size()));
    return list;
}

TEST_F(BusyChain, ListsJobsAndReceiptsNewestFirst) {
    const auto snapshot = chain->snapshot();
    const Walked walked = walk(*snapshot);
    ASSERT_GT(walked.jobs.size(), kForkBlocks);
    ASSERT_GE(walked.receipts.size(), kForkBlocks - 2);
    for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, walked.jobs.size(), size_t{1000}}) {
        EXPECT_EQ(snapshot->recent_jobs(count), newest(walked.jobs, count)) << count;
        EXPECT_EQ(snapshot->recent_receipts(count), newest(walked.receipts, count)) << count;
    }
}

TEST_F(BusyChain, ListsOpenJobsOldestFirst) {
    const auto snapshot = chain->snapshot();
    auto open = snapshot->open_jobs();
    auto expected = walk(*snapshot).open;
    ASSERT_GE(open.size(), 2u);
    ASSERT_LT(open.size(), walk(*snapshot).jobs.size());
    EXPECT_TRUE(std::ranges::is_sorted(
        open, {}, [&](const Hash256& job) { return ledger::find_job(*snapshot, job).value().height; }));
    // Jobs of one block come in the order of their ids.
    std::ranges::sort(open);
    std::ranges::sort(expected);
    EXPECT_EQ(open, expected);
}

TEST_F(BusyChain, FindsTheBlockOfEveryTransaction) {
    const auto snapshot = chain->snapshot();
    const Walked walked = walk(*snapshot);
    ASSERT_GT(walked.blocks.size(), kBaseBlocks + 3 * kForkBlocks);
    for (const auto& [txid, block] : walked.blocks) {
        EXPECT_EQ(snapshot->find_transaction_block(txid), block) << to_hex_reversed(txid);
    }
    EXPECT_EQ(snapshot->find_transaction_block(kZeroHash), std::nullopt);
}

TEST_F(BusyChain, VisitsEveryCoinInTheOrderOfOutpoints) {
    const auto snapshot = chain->snapshot();
    std::map<consensus::OutPoint, std::pair<consensus::TxOut, uint32_t>> coins;
    std::vector<consensus::OutPoint> order;
    snapshot->for_each_coin([&](const consensus::OutPoint& outpoint, const ledger::Coin& coin) {
        coins[outpoint] = {coin.output, coin.height};
        order.push_back(outpoint);
        return true;
    });
    EXPECT_EQ(coins, walk(*snapshot).coins);
    for (const auto& [outpoint, coin] : coins) {
        EXPECT_EQ(ledger::find_coin(*snapshot, outpoint).value().output, coin.first);
    }
    EXPECT_TRUE(std::ranges::is_sorted(order));

    size_t visited = 0;
    snapshot->for_each_coin([&](const consensus::OutPoint&, const ledger::Coin&) { return ++visited < 3; });
    EXPECT_EQ(visited, 3u);
}

TEST_F(BusyChain, ReadsBlocksAndTheirSealedHeaders) {
    const auto snapshot = chain->snapshot();
    const auto& branches = Branches::instance();
    for (const auto* block : {&branches.base.front(), &branches.a[5]}) {
        const Hash256 hash = hash_of(*block);
        EXPECT_EQ(encode(snapshot->read_block(hash).value()), encode(*block));
        EXPECT_EQ(encode(snapshot->read_sealed_header(hash).value()), encode(work::sealed_header(*block)));
        EXPECT_TRUE(snapshot->in_best_chain(hash));
    }
    EXPECT_FALSE(snapshot->read_sealed_header(snapshot->header_at(0)->hash)) << "it has no seal";
    EXPECT_FALSE(snapshot->read_block(kZeroHash));
    EXPECT_FALSE(snapshot->in_best_chain(kZeroHash));
    EXPECT_FALSE(snapshot->header_at(snapshot->tip().height + 1));
}

/// Everything that a snapshot says of the best chain.
struct Said {
    Hash256 tip{};
    Hash256 state_root{};
    std::vector<Hash256> hashes, jobs, receipts, open;
    std::vector<Bytes> coins;
    std::optional<Hash256> block_of_last;

    bool operator==(const Said&) const = default;
};

Said said_by(const Snapshot& snapshot, const Hash256& last_txid) {
    Said said;
    said.tip = snapshot.tip().hash;
    said.state_root = ledger::state_root(snapshot);
    for (uint32_t height = 0; const auto info = snapshot.header_at(height); ++height) {
        said.hashes.push_back(info->hash);
    }
    said.jobs = snapshot.recent_jobs(1000);
    said.receipts = snapshot.recent_receipts(1000);
    said.open = snapshot.open_jobs();
    snapshot.for_each_coin([&](const consensus::OutPoint& outpoint, const ledger::Coin& coin) {
        said.coins.push_back(encode(outpoint));
        said.coins.push_back(encode(coin));
        return true;
    });
    said.block_of_last = snapshot.find_transaction_block(last_txid);
    return said;
}

TEST_F(BusyChain, ASnapshotStaysWhileTheChainMovesOn) {
    const auto& branches = Branches::instance();
    const auto& last = branches.a[kForkBlocks - 1];
    const Hash256 txid = consensus::txid(last.block.transactions[0]);
    const auto before = chain->snapshot();
    const Said then = said_by(*before, txid);
    ASSERT_EQ(then.block_of_last, hash_of(last));

    chain.submit(branches.b);
    ASSERT_EQ(chain->snapshot()->tip().hash, hash_of(branches.b.back()));
    EXPECT_EQ(said_by(*before, txid), then);
    EXPECT_TRUE(before->in_best_chain(hash_of(last)));
    EXPECT_FALSE(before->in_best_chain(hash_of(branches.b.front())));
    EXPECT_FALSE(before->read_block(hash_of(branches.b.front()))) << "it came later";

    const auto after = chain->snapshot();
    EXPECT_NE(said_by(*after, txid), then);
    EXPECT_EQ(after->find_transaction_block(txid), std::nullopt);
    EXPECT_FALSE(after->in_best_chain(hash_of(last)));
    EXPECT_TRUE(after->read_block(hash_of(last))) << "a branch that lost is kept";
}

TEST_F(BusyChain, OtherThreadsOnlySeeWholeBlocks) {
    const auto& b = Branches::instance().b;
    std::atomic<bool> done{false};
    std::atomic<size_t> looks{0};
    std::thread reader{[&] {
        // At least once after the last block.
        for (bool last = false; !last; ++looks) {
            last = done;
            const auto snapshot = chain->snapshot();
            const HeaderInfo tip = snapshot->tip();
            const auto block = snapshot->read_block(tip.hash).value();
            const auto& coinbase = block.block.transactions[0];
            EXPECT_EQ(ledger::state_root(*snapshot), consensus::coinbase_commitment(coinbase).state_root);
            EXPECT_EQ(snapshot->find_transaction_block(consensus::txid(coinbase)), tip.hash);
            EXPECT_EQ(snapshot->header_at(tip.height).value().hash, tip.hash);
            EXPECT_EQ(snapshot->header_at(tip.height - 1).value().hash, tip.header.previous);
        }
    }};
    chain.submit(b);
    EXPECT_TRUE(chain->invalidate(hash_of(b[0])));
    EXPECT_TRUE(chain->reconsider(hash_of(b[0])));
    done = true;
    reader.join();
    EXPECT_GT(looks, 0u);
}

}  // namespace
}  // namespace daidd::chain
