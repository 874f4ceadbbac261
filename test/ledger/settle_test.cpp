#include "crypto/vectors.h"
#include "ledger/fixture.h"

namespace daidd::ledger::test {
namespace {

constexpr uint8_t kWorker = 3;
constexpr uint8_t kRefund = 2;  ///< of consensus::test::job()
constexpr uint32_t kDeadline = 60;

class Settle : public LedgerTest {
protected:
    Settle() { job.deadline = kDeadline; }

    std::vector<TxOut> settle_at(uint32_t height) {
        context.height = height;
        return settle(context, params, state);
    }
    Amount cost(size_t answer_tokens) const {
        return cost_of(job.prompt.size(), answer_tokens, params).total;
    }
    JobStatus status_of(const Hash256& id) const { return JobStatus{find_job(state, id).value().status}; }
    /// What the treasury gets of one block below the first halving.
    Amount subsidy_share() const { return consensus::treasury_share(params.subsidy, params); }

    consensus::JobCommand job = consensus::test::job();
};

TEST_F(Settle, PaysWorkerBondTreasuryAndTheRestOfTheEscrow) {
    const Hash256 id = open(job, kHeight);
    const Hash256 receipt = answer(id, kHeight + 2, {5, 6}, kWorker, params.receipt_bond + 11);
    const uint32_t due = kHeight + 2 + params.challenge_window;

    EXPECT_TRUE(settle_at(due - 1).empty());
    EXPECT_EQ(status_of(id), JobStatus::kAnswered);
    const TreasuryRecord before = treasury(state);

    const std::vector<TxOut> expected{
        pay(cost(2) - cost(2) / 10 + params.receipt_bond + 11, kWorker),
        pay(kEscrow - cost(2), kRefund),
    };
    EXPECT_EQ(settle_at(due), expected);
    EXPECT_EQ(status_of(id), JobStatus::kSettled);
    EXPECT_EQ(find_receipt(state, receipt).value().settled, 1);
    const TreasuryRecord after = treasury(state);
    EXPECT_EQ(after.balance - before.balance, cost(2) / 10 + subsidy_share());
    EXPECT_EQ(after.from_fees - before.from_fees, cost(2) / 10);
    EXPECT_EQ(after.from_subsidy - before.from_subsidy, subsidy_share());

    EXPECT_TRUE(settle_at(due + 1).empty());
    EXPECT_TRUE(settle_at(kDeadline + 1).empty()) << "answered jobs are not refunded";
    EXPECT_EQ(status_of(id), JobStatus::kSettled);
}

TEST_F(Settle, PaysNoRefundOfAnEscrowThatIsUsedUp) {
    job.answer_tokens_max = 4;
    const Hash256 id = open(job, kHeight, cost(4));
    answer(id, kHeight + 2, {1, 2, 3, 4}, kWorker, params.receipt_bond);
    const std::vector<TxOut> expected{pay(cost(4) - cost(4) / 10 + params.receipt_bond, kWorker)};
    EXPECT_EQ(settle_at(kHeight + 2 + params.challenge_window), expected);
}

TEST_F(Settle, RefundsAnUnansweredJobInTheBlockAfterItsDeadline) {
    const Hash256 id = open(job, kHeight);
    EXPECT_TRUE(settle_at(kDeadline).empty());
    EXPECT_EQ(status_of(id), JobStatus::kOpen);
    EXPECT_TRUE(state.get(Table::kOpenJob, open_job_key(kHeight, id)));

    EXPECT_EQ(settle_at(kDeadline + 1), std::vector<TxOut>{pay(kEscrow, kRefund)});
    EXPECT_EQ(status_of(id), JobStatus::kRefunded);
    EXPECT_FALSE(state.get(Table::kOpenJob, open_job_key(kHeight, id)));
    EXPECT_EQ(list_size(state, Table::kSchedule, kDeadline + 1), 0u);
    EXPECT_EQ(treasury(state).from_fees, 0);

    EXPECT_TRUE(settle_at(kDeadline + 2).empty());
}

TEST_F(Settle, RefundsNoJobAnsweredAtItsDeadline) {
    const Hash256 id = open(job, kHeight);
    answer(id, kDeadline, {5}, kWorker, params.receipt_bond);
    EXPECT_TRUE(settle_at(kDeadline + 1).empty());
    EXPECT_EQ(status_of(id), JobStatus::kAnswered);
    EXPECT_EQ(settle_at(kDeadline + params.challenge_window).size(), 2u);
}

TEST_F(Settle, PaysInTheOrderOfTheRecordIds) {
    // Refunds go by the job's id, payments by the receipt's; both fall due together.
    const uint32_t due = kDeadline + 1;
    std::map<Hash256, std::vector<TxOut>> by_record;
    for (uint8_t i = 0; i < 12; ++i) {
        job.refund = key(uint8_t(100 + i));
        const Hash256 id = open(job, kHeight - 10, kEscrow + i);
        if (i % 2 == 0) {
            by_record[id] = {pay(kEscrow + i, uint8_t(100 + i))};
            continue;
        }
        const uint8_t worker = uint8_t(50 + i);
        const Hash256 receipt =
            answer(id, due - params.challenge_window, {i}, worker, params.receipt_bond + i);
        by_record[receipt] = {pay(cost(1) - cost(1) / 10 + params.receipt_bond + i, worker),
                              pay(kEscrow + i - cost(1), uint8_t(100 + i))};
    }
    std::vector<TxOut> expected;
    for (const auto& [id, outputs] : by_record)
        expected.insert(expected.end(), outputs.begin(), outputs.end());
    EXPECT_EQ(settle_at(due), expected);
}

TEST_F(Settle, FillsTheTreasuryByItsShareOfEverySubsidy) {
    params.halving_blocks = 60;
    for (uint32_t height = 1; height <= 4; ++height) settle_at(height);
    EXPECT_EQ(treasury(state).balance, 4 * 12 * kCoin);
    settle_at(59);
    EXPECT_EQ(treasury(state).balance, 5 * 12 * kCoin);
    settle_at(60);
    EXPECT_EQ(treasury(state).balance, (5 * 12 + 6) * kCoin);
    EXPECT_EQ(treasury(state).from_subsidy, treasury(state).balance);
    EXPECT_EQ(treasury(state).from_fees, 0);
}

TEST_F(Settle, HasTheRootOfTheVectorsAfterTwoEmptyBlocks) {
    for (uint32_t height = 1; height <= 2; ++height) EXPECT_TRUE(settle_at(height).empty());
    const auto cases = crypto::read_list("state_tree.json", "records");
    const auto found =
        std::ranges::find(cases, "two_empty_blocks", [](const auto& test) { return test.at("name"); });
    ASSERT_NE(found, cases.end());
    EXPECT_EQ(to_hex(state_root(state)), found->at("root"));
}

TEST_F(Settle, RefundsAsManyJobsAsMayEndAtOneHeight) {
    // The list of a deadline counts every job that names it, so a full one refunds kRefundsPerBlockMax.
    for (uint32_t i = 0; i < kRefundsPerBlockMax; ++i) open(job, kHeight);
    EXPECT_EQ(token_of(apply_job(job, next_outpoint(), kEscrow, context, params, state)),
              "bad-job-deadline-full");
    EXPECT_EQ(settle_at(kDeadline + 1).size(), size_t{kRefundsPerBlockMax});
    size_t open_jobs = 0;
    state.for_each(Table::kOpenJob, [&](const Bytes&, const Bytes&) { ++open_jobs; });
    EXPECT_EQ(open_jobs, 0u);
}

class Pool : public LedgerTest {
protected:
    /// The receipts that pool_at gives, by the first byte of their ids.
    std::vector<unsigned> ids_at(uint32_t height) const {
        std::vector<unsigned> ids;
        for (const auto& item : pool_at(height, params, state)) ids.push_back(item.receipt[0]);
        return ids;
    }
    void commit(uint32_t height, uint8_t id) {
        list_append(state, Table::kPool, height, encode(work::PoolItem{{}, 1, Hash256{id}}));
    }
};

TEST_F(Pool, HoldsTheReceiptsOfTheWindowBelowTheParent) {
    const uint32_t window = params.challenge_window;
    commit(kHeight, 1);
    EXPECT_EQ(ids_at(kHeight), std::vector<unsigned>{}) << "a draw does not see its own block";
    EXPECT_EQ(ids_at(kHeight + 1), std::vector<unsigned>{1});
    EXPECT_EQ(ids_at(kHeight + window), std::vector<unsigned>{1});
    EXPECT_EQ(ids_at(kHeight + window + 1), std::vector<unsigned>{});
}

TEST_F(Pool, IsInChainOrder) {
    commit(kHeight + 1, 5);
    commit(kHeight, 9);
    commit(kHeight, 3);
    commit(kHeight + 3, 4);
    EXPECT_EQ(ids_at(kHeight + 4), (std::vector<unsigned>{9, 3, 5, 4}));
}

TEST_F(Pool, OfTheFirstBlocksStartsAtTheFirst) {
    commit(0, 1);
    commit(1, 2);
    EXPECT_EQ(ids_at(0), std::vector<unsigned>{});
    EXPECT_EQ(ids_at(1), std::vector<unsigned>{1});
    EXPECT_EQ(ids_at(2), (std::vector<unsigned>{1, 2}));
    EXPECT_EQ(ids_at(params.challenge_window), (std::vector<unsigned>{1, 2}));
    EXPECT_EQ(ids_at(params.challenge_window + 1), std::vector<unsigned>{2});
}

TEST_F(Pool, KeepsAReceiptForTheBlockThatSettlesIt) {
    auto job = consensus::test::job();
    const Hash256 receipt = answer(open(job, kHeight), kHeight + 2, {5}, kWorker, params.receipt_bond);
    context.height = kHeight + 2 + params.challenge_window;
    EXPECT_FALSE(settle(context, params, state).empty());
    const auto pool = pool_at(context.height, params, state);
    ASSERT_EQ(pool.size(), 1u);
    EXPECT_EQ(pool[0].receipt, receipt);
}

TEST(Lookup, KeysSortByHeightAndIndex) {
    EXPECT_EQ(height_key(0x01020304), (Bytes{1, 2, 3, 4}));
    EXPECT_LT(height_key(0xff), height_key(0x100));
    EXPECT_LT(coin_key({{1}, 0xff}), coin_key({{1}, 0x100}));
    EXPECT_LT(coin_key({{1}, 0xffff'ffff}), coin_key({{2}, 0}));
    EXPECT_LT(open_job_key(0xff, {9}), open_job_key(0x100, {1}));
}

TEST(Lookup, ListsGrowByOneAndLeaveNothingWhenErased) {
    MapState state;
    EXPECT_EQ(list_size(state, Table::kPool, 7), 0u);
    for (uint8_t i = 0; i < 3; ++i) list_append(state, Table::kPool, 7, Bytes{i});
    list_append(state, Table::kPool, 8, Bytes{9});
    MapState other;
    list_append(other, Table::kPool, 8, Bytes{9});

    ASSERT_EQ(list_size(state, Table::kPool, 7), 3u);
    for (uint8_t i = 0; i < 3; ++i) EXPECT_EQ(list_item(state, Table::kPool, 7, i), Bytes{i});
    EXPECT_EQ(list_size(state, Table::kSchedule, 7), 0u) << "another table";
    list_erase(state, Table::kPool, 7);
    EXPECT_EQ(state, other);
    list_erase(state, Table::kPool, 7);
    EXPECT_EQ(state, other);
}

}  // namespace
}  // namespace daidd::ledger::test
