#include <gtest/gtest.h>

#include "chain/activity.h"
#include "chain/disk_chain.h"

namespace daidd::chain {
namespace {

TEST(WorkTemplate, NamesUpToFiveBeaconsWithTheirPools) {
    DiskChain chain;
    Sealer sealer{1};
    for (uint32_t height = 0; height <= work::kBeaconsMax; ++height) {
        const auto snapshot = chain->snapshot();
        const auto work = chain->work_template();
        EXPECT_EQ(work.context.parent_hash, snapshot->tip().hash);
        EXPECT_EQ(work.context.height, height + 1);
        EXPECT_EQ(work.bits, chain->params().genesis_bits);
        EXPECT_EQ(work.context.target, *consensus::target_from_bits(work.bits));
        EXPECT_EQ(work.time_min, snapshot->tip().median_time_past + 1);
        ASSERT_EQ(work.context.beacons.size(), std::min<size_t>(height + 1, work::kBeaconsMax));
        ASSERT_EQ(work.pools.size(), work.context.beacons.size());
        for (uint32_t age = 0; age < work.context.beacons.size(); ++age) {
            EXPECT_EQ(work.context.beacons[age], snapshot->header_at(height - age)->beacon);
        }
        sealer.extend(*chain, 1);
    }
}

TEST(WorkTemplate, APoolHoldsReceiptsOfBlocksBelowItsBeacon) {
    DiskChain chain{base_directory()};
    chain.submit(Branches::instance().a, 0, 4);
    const auto snapshot = chain->snapshot();
    const auto work = chain->work_template();
    const auto receipts = snapshot->recent_receipts(10);
    ASSERT_EQ(receipts.size(), 2u) << "of the third and the fourth busy block";
    EXPECT_EQ(work.pools[0].size(), 1u);
    EXPECT_EQ(work.pools[0].back().receipt, receipts[1]);
    EXPECT_TRUE(work.pools[1].empty());
}

class MakeBlock : public testing::Test {
protected:
    MakeBlock() {
        work = chain->work_template();
        work.context.miner = sealer.key().public_key();
    }
    Result<consensus::Block, Rejection> make(const std::vector<consensus::Transaction>& transactions) {
        return chain->make_block(work.context, {}, transactions, 0);
    }
    std::string token(const std::vector<consensus::Transaction>& transactions) {
        const auto block = make(transactions);
        return block ? "made" : block.error().token;
    }

    DiskChain chain{base_directory()};
    Sealer sealer{1};
    Payer payer{key_of(1)};
    WorkTemplate work;
};

TEST_F(MakeBlock, RefusesWhenTheTipHasMoved) {
    EXPECT_EQ(token({}), "made");
    sealer.extend(*chain, 1);
    const auto block = make({});
    ASSERT_FALSE(block);
    EXPECT_EQ(block.error().token, "stale-tip");
    EXPECT_FALSE(block.error().peer_fault);
}

TEST_F(MakeBlock, RefusesTransactionsThatDoNotApplyInOrder) {
    const auto snapshot = chain->snapshot();
    const auto first = payer.plain(*snapshot, consensus::kCoin);
    consensus::Transaction second;
    second.inputs.emplace_back().previous = {consensus::txid(first), 1};
    const auto change = first.outputs[1];
    second.outputs = {{change.value - 5000, change.script}};
    const auto signature = payer.key().sign(consensus::signature_hash(second, 0, {change}));
    second.inputs[0].witness = {Bytes(signature.begin(), signature.end())};

    EXPECT_EQ(token({second, first}), "bad-txns-inputs-missingorspent");
    EXPECT_EQ(token({first, first}), "bad-txns-inputs-missingorspent");
    const auto block = make({first, second});
    ASSERT_TRUE(block);
    // 28 of the subsidy's 40 are the sealer's, with both fees.
    EXPECT_EQ(block->transactions[0].outputs[0].value, 28 * consensus::kCoin + 10'000 + 5'000);
    EXPECT_EQ(block->header.time, work.time_min) << "now is before that";
    EXPECT_EQ(consensus::check_block(*block, chain->params()), std::nullopt);
}

TEST_F(MakeBlock, FillsTheWeightLimitAndNotMore) {
    const auto snapshot = chain->snapshot();
    const auto with = [&](size_t bytes) {
        Payer fresh{key_of(1)};
        const auto big = fresh.pay(*snapshot, {0, consensus::op_return_script(Bytes(bytes, 1))});
        return *make({big, fresh.plain(*snapshot, consensus::kCoin)});
    };
    // The most that is taken: a byte more and neither it nor what follows it goes in.
    size_t fits = 900'000, exceeds = 1'000'000;
    while (exceeds - fits > 1) {
        const size_t bytes = (fits + exceeds) / 2;
        (with(bytes).transactions.size() > 1 ? fits : exceeds) = bytes;
    }
    EXPECT_EQ(with(exceeds).transactions.size(), 1u);
    const auto block = with(fits);
    ASSERT_EQ(block.transactions.size(), 2u) << "the payment behind it has no room left";
    EXPECT_LE(consensus::weight(block), chain->params().block_weight_max);
    EXPECT_GT(consensus::weight(block), chain->params().block_weight_max - 100);
    EXPECT_EQ(consensus::check_block(block, chain->params()), std::nullopt);
}

TEST_F(MakeBlock, PaysWhatFallsDue) {
    const auto snapshot = chain->snapshot();
    const uint32_t deadline = snapshot->tip().height + 2;
    const auto job = payer.job(*snapshot, {1, 2, 3}, deadline);
    EXPECT_EQ(submit(*chain, sealer.seal(*chain, {job})), "connected");
    sealer.extend(*chain, deadline - chain->snapshot()->tip().height);
    const auto block = sealer.seal(*chain).block;
    ASSERT_EQ(block.transactions[0].outputs.size(), 4u);
    EXPECT_EQ(block.transactions[0].outputs[3].value, job.outputs[0].value);
    EXPECT_EQ(block.transactions[0].outputs[3].script, consensus::taproot_script(payer.key().public_key()));
}

}  // namespace
}  // namespace daidd::chain
