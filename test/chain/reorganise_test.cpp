#include <gtest/gtest.h>

#include "chain/activity.h"
#include "chain/disk_chain.h"

namespace daidd::chain {
namespace {

/// What a chain holds that has seen nothing but these blocks.
Dump replay(const std::vector<work::SealedBlock>& branch, size_t count) {
    DiskChain chain;
    chain.submit(Branches::instance().base);
    chain.submit(branch, 0, count);
    EXPECT_EQ(chain->snapshot()->tip().hash, hash_of(branch.at(count - 1)));
    return chain.dump();
}

std::set<uint8_t> job_statuses(const Snapshot& snapshot) {
    std::set<uint8_t> statuses;
    for (const Hash256& job : snapshot.recent_jobs(1000)) {
        statuses.insert(ledger::find_job(snapshot, job).value().status);
    }
    return statuses;
}

/// The tip is this block, and the state is what its coinbase says.
void expect_tip(const Chain& chain, const work::SealedBlock& block) {
    const auto snapshot = chain.snapshot();
    ASSERT_EQ(snapshot->tip().hash, hash_of(block));
    const auto& coinbase = block.block.transactions[0];
    EXPECT_EQ(ledger::state_root(*snapshot), consensus::coinbase_commitment(coinbase).state_root);
}

TEST(Reorganise, TwentyBlocksLeaveNothingOfTheOtherBranch) {
    const Branches& branches = Branches::instance();
    DiskChain chain{base_directory()};
    chain.submit(branches.a, 0, kForkBlocks);
    const std::set<uint8_t> every_status{0, 1, 2, 3};
    ASSERT_EQ(job_statuses(*chain->snapshot()), every_status);
    EXPECT_EQ(difference(chain.dump(), replay(branches.a, kForkBlocks)), "");

    chain.submit(branches.b, 0, kForkBlocks);
    expect_tip(*chain, branches.a[kForkBlocks - 1]);
    EXPECT_EQ(submit(*chain, branches.b[kForkBlocks]), "connected");
    expect_tip(*chain, branches.b[kForkBlocks]);
    ASSERT_EQ(job_statuses(*chain->snapshot()), every_status);
    EXPECT_EQ(difference(chain.dump(), replay(branches.b, kForkBlocks + 1)), "");

    EXPECT_EQ(submit(*chain, branches.a[kForkBlocks]), "stored");
    expect_tip(*chain, branches.b[kForkBlocks]);
    EXPECT_EQ(submit(*chain, branches.a[kForkBlocks + 1]), "connected");
    expect_tip(*chain, branches.a[kForkBlocks + 1]);
    EXPECT_EQ(difference(chain.dump(), replay(branches.a, kForkBlocks + 2)), "");
}

}  // namespace
}  // namespace daidd::chain
