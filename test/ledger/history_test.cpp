#include "ledger/plain_tree.h"
#include "ledger/random_chain.h"

namespace daidd::ledger::test {
namespace {

constexpr uint32_t kBlocks = 120;
constexpr uint64_t kReorgDepthMax = 8;

Hash256 to_id(const Bytes& bytes) {
    Hash256 id{};
    std::copy_n(bytes.begin(), id.size(), id.begin());
    return id;
}

/// Everything that is anybody's: coins, what jobs and receipts hold, the treasury.
Amount money_in(const MapState& state) {
    Amount sum = treasury(state).balance;
    state.for_each(Table::kCoin,
                   [&](const Bytes&, const Bytes& value) { sum += decode<Coin>(value)->output.value; });
    state.for_each(Table::kJob, [&](const Bytes&, const Bytes& value) {
        const auto job = decode<JobRecord>(value);
        const auto status = JobStatus{job->status};
        if (status == JobStatus::kOpen || status == JobStatus::kAnswered) sum += job->escrow;
    });
    state.for_each(Table::kReceipt, [&](const Bytes&, const Bytes& value) {
        const auto receipt = decode<ReceiptRecord>(value);
        if (receipt->settled == 0) sum += receipt->bond;
    });
    return sum;
}

Amount subsidies_until(uint32_t height, const Params& params) {
    Amount sum = 0;
    for (uint32_t at = 1; at <= height; ++at) sum += consensus::block_subsidy(at, params);
    return sum;
}

Hash256 root_of_records(const MapState& state) {
    Leaves leaves;
    for (const Table table : {Table::kJob, Table::kReceipt, Table::kTreasury}) {
        state.for_each(table, [&](const Bytes& id, const Bytes& value) {
            const Hash256 key = tree_key(table, to_id(id));
            leaves[key] = tree_leaf(key, value);
        });
    }
    return plain_root(leaves);
}

/// The keys of the open jobs, as the records have them and as Table::kOpenJob has them.
void expect_open_jobs_listed(const MapState& state) {
    std::vector<Bytes> by_record, listed;
    state.for_each(Table::kJob, [&](const Bytes& id, const Bytes& value) {
        const auto job = decode<JobRecord>(value);
        if (job->status == uint8_t(JobStatus::kOpen))
            by_record.push_back(open_job_key(job->height, to_id(id)));
    });
    state.for_each(Table::kOpenJob, [&](const Bytes& key, const Bytes&) { listed.push_back(key); });
    std::sort(by_record.begin(), by_record.end());
    EXPECT_EQ(by_record, listed);
}

std::map<JobStatus, unsigned> fates(const MapState& state) {
    std::map<JobStatus, unsigned> counts;
    state.for_each(Table::kJob, [&](const Bytes&, const Bytes& value) {
        ++counts[JobStatus{decode<JobRecord>(value)->status}];
    });
    return counts;
}

class History : public testing::TestWithParam<unsigned> {};

TEST_P(History, ConservesMoneyAndIsUndoneExactly) {
    RandomChain chain{GetParam()};
    std::vector<MapState> past{chain.state()};  // by height
    while (chain.height() < kBlocks) {
        ASSERT_NO_FATAL_FAILURE(chain.connect_one()) << "height " << chain.height() + 1;
        past.push_back(chain.state());
        SCOPED_TRACE("height " + std::to_string(chain.height()));
        ASSERT_EQ(money_in(chain.state()) + chain.burned(), subsidies_until(chain.height(), chain.params()));
        ASSERT_EQ(state_root(chain.state()), root_of_records(chain.state()));
        expect_open_jobs_listed(chain.state());
        const TreasuryRecord all = treasury(chain.state());
        ASSERT_EQ(all.balance, all.from_subsidy + all.from_fees) << "nothing spends it yet";

        if (chain.random(6) != 0) continue;
        for (uint64_t depth = 1 + chain.random(kReorgDepthMax); depth > 0 && chain.height() > 0; --depth) {
            chain.disconnect_one();
            past.pop_back();
            ASSERT_TRUE(chain.state() == past.back()) << "undone to height " << chain.height();
        }
    }
    auto jobs = fates(chain.state());
    EXPECT_GT(jobs[JobStatus::kSettled], 2u);
    EXPECT_GT(jobs[JobStatus::kRefunded], 2u);
    EXPECT_GT(chain.burned(), 0);
    while (chain.height() > 0) chain.disconnect_one();
    EXPECT_TRUE(chain.state() == MapState{});
}

INSTANTIATE_TEST_SUITE_P(Seeds, History, testing::Range(1u, 6u));

}  // namespace
}  // namespace daidd::ledger::test
