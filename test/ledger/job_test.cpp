#include <functional>

#include "ledger/fixture.h"
#include "ledger/state_tree.h"

namespace daidd::ledger::test {
namespace {

/// The job of the fixtures, paid to the last unit, at a height between two and all its limits.
class Job : public LedgerTest {
public:
    Job() {
        job.deadline = kHeight + 10;
        escrow = cost();
    }
    Amount cost() const { return cost_of(job.prompt.size(), job.answer_tokens_max, params).total; }
    std::optional<Broken> apply_it() { return apply_job(job, output, escrow, context, params, state); }
    /// Lets so many other jobs end with this one.
    void fill_deadline(uint32_t jobs) {
        while (list_size(state, Table::kSchedule, job.deadline + 1) < jobs)
            list_append(state, Table::kSchedule, job.deadline + 1, Bytes(32, 0));
    }

    using LedgerTest::kHeight;
    using LedgerTest::params;
    using LedgerTest::state;
    consensus::JobCommand job = consensus::test::job();
    OutPoint output{{0x0b}, 3};
    Amount escrow = 0;
};

struct Case {
    std::string_view name;
    std::function<void(Job&)> change;
    std::string_view token;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

void set_answer(Job& j, uint32_t tokens) {
    j.job.answer_tokens_max = tokens;
    j.escrow = j.cost();
}
void set_prompt(Job& j, size_t tokens) {
    j.job.prompt.assign(tokens, 7);
    j.escrow = j.cost();
}
void set_kind(Job& j, uint8_t kind) {
    j.job.kind = kind;
    set_answer(j, 0);
}
void set_model_start(Job& j, uint32_t height) { j.params.models[0].first_height = height; }

const Case kCases[] = {
    {"valid", [](Job&) {}, "valid"},
    {"unknown_model", [](Job& j) { j.job.model = {2}; }, "bad-job-model"},
    {"model_of_the_next_block", [](Job& j) { set_model_start(j, Job::kHeight + 1); }, "bad-job-model"},
    {"model_of_this_block", [](Job& j) { set_model_start(j, Job::kHeight); }, "valid"},
    {"adapter", [](Job& j) { j.job.adapter[31] = 1; }, "bad-job-adapter"},
    {"training", [](Job& j) { set_kind(j, 3); }, "bad-job-kind"},
    {"kind_of_no_name", [](Job& j) { set_kind(j, 5); }, "bad-job-kind"},
    {"evaluation", [](Job& j) { set_kind(j, 1); }, "valid"},
    {"embedding", [](Job& j) { set_kind(j, 2); }, "valid"},
    {"index", [](Job& j) { set_kind(j, 4); }, "valid"},
    {"evaluation_with_an_answer",
     [](Job& j) {
         j.job.kind = 1;
         set_answer(j, 1);
     },
     "bad-job-answer-max"},
    {"embedding_with_a_seed",
     [](Job& j) {
         set_kind(j, 2);
         j.job.sampling.seed = 1;
     },
     "bad-job-sampling"},
    {"evaluation_of_one_token",
     [](Job& j) {
         set_kind(j, 1);
         set_prompt(j, 1);
     },
     "bad-job-prompt"},
    {"shortest_evaluation",
     [](Job& j) {
         set_kind(j, 1);
         set_prompt(j, 2);
     },
     "valid"},
    {"index_of_a_separator",
     [](Job& j) {
         set_kind(j, 4);
         set_prompt(j, 1);
     },
     "bad-job-prompt"},
    {"shortest_embedding",
     [](Job& j) {
         set_kind(j, 2);
         set_prompt(j, 1);
     },
     "valid"},
    {"evaluation_a_unit_short",
     [](Job& j) {
         set_kind(j, 1);
         j.escrow -= 1;
     },
     "bad-job-escrow"},
    {"no_answer", [](Job& j) { set_answer(j, 0); }, "bad-job-answer-max"},
    {"shortest_answer", [](Job& j) { set_answer(j, 1); }, "valid"},
    {"longest_answer", [](Job& j) { set_answer(j, j.params.job_answer_tokens_max); }, "valid"},
    {"longer_answer", [](Job& j) { set_answer(j, j.params.job_answer_tokens_max + 1); },
     "bad-job-answer-max"},
    {"hottest", [](Job& j) { j.job.sampling.temperature = consensus::kTemperatureMax; }, "valid"},
    {"hotter", [](Job& j) { j.job.sampling.temperature = consensus::kTemperatureMax + 1; },
     "bad-job-sampling"},
    {"largest_min_p", [](Job& j) { j.job.sampling.min_p = consensus::kMinPMax; }, "valid"},
    {"larger_min_p", [](Job& j) { j.job.sampling.min_p = consensus::kMinPMax + 1; }, "bad-job-sampling"},
    {"named_worker", [](Job& j) { j.job.worker = key(9); }, "valid"},
    {"worker_off_the_curve", [](Job& j) { j.job.worker = consensus::test::kOffCurve; }, "bad-job-worker"},
    {"refund_off_the_curve", [](Job& j) { j.job.refund = consensus::test::kOffCurve; }, "bad-job-refund"},
    {"refund_to_nobody", [](Job& j) { j.job.refund = {}; }, "bad-job-refund"},
    {"ends_in_its_own_block", [](Job& j) { j.job.deadline = Job::kHeight; }, "bad-job-deadline"},
    {"ends_in_the_next_block", [](Job& j) { j.job.deadline = Job::kHeight + 1; }, "valid"},
    {"latest_deadline", [](Job& j) { j.job.deadline = Job::kHeight + j.params.job_deadline_blocks_max; },
     "valid"},
    {"later_deadline", [](Job& j) { j.job.deadline = Job::kHeight + j.params.job_deadline_blocks_max + 1; },
     "bad-job-deadline"},
    {"never_ends", [](Job& j) { j.job.deadline = 0xffff'ffff; }, "bad-job-deadline"},
    {"no_prompt", [](Job& j) { set_prompt(j, 0); }, "bad-job-prompt"},
    {"shortest_prompt", [](Job& j) { set_prompt(j, 1); }, "valid"},
    {"longest_prompt", [](Job& j) { set_prompt(j, j.params.job_prompt_tokens_max); }, "valid"},
    {"longer_prompt", [](Job& j) { set_prompt(j, j.params.job_prompt_tokens_max + 1); }, "bad-job-prompt"},
    {"last_token", [](Job& j) { j.job.prompt[2] = 255; }, "valid"},
    {"token_of_no_word", [](Job& j) { j.job.prompt[2] = 256; }, "bad-job-token"},
    {"escrow_a_unit_short", [](Job& j) { j.escrow -= 1; }, "bad-job-escrow"},
    {"escrow_above_the_cost", [](Job& j) { j.escrow += 1; }, "valid"},
    {"last_place_at_a_deadline", [](Job& j) { j.fill_deadline(kRefundsPerBlockMax - 1); }, "valid"},
    {"deadline_full", [](Job& j) { j.fill_deadline(kRefundsPerBlockMax); }, "bad-job-deadline-full"},
};

class OpensJob : public Job, public testing::WithParamInterface<Case> {};
TEST_P(OpensJob, AndWritesNothingWhenARuleIsBroken) {
    GetParam().change(*this);
    const MapState before = state;
    EXPECT_EQ(token_of(apply_it()), GetParam().token);
    EXPECT_EQ(state == before, GetParam().token != "valid");
}
INSTANTIATE_TEST_SUITE_P(Cases, OpensJob, testing::ValuesIn(kCases), name_of<Case>);

TEST_F(Job, IsRecordedOpenAndListedByHeightAndDeadline) {
    escrow += 17;
    ASSERT_EQ(token_of(apply_it()), "valid");
    const Hash256 id = consensus::job_id(output);
    const Bytes listed(id.begin(), id.end());

    const auto record = find_job(state, id);
    ASSERT_TRUE(record);
    EXPECT_EQ(encode(record->job), encode(job));
    EXPECT_EQ(record->escrow, escrow);
    EXPECT_EQ(record->height, kHeight);
    EXPECT_EQ(record->status, uint8_t(JobStatus::kOpen));
    EXPECT_EQ(record->receipt, kZeroHash);
    EXPECT_TRUE(state.get(Table::kOpenJob, open_job_key(kHeight, id)));
    ASSERT_EQ(list_size(state, Table::kJobOrder, kHeight), 1u);
    EXPECT_EQ(list_item(state, Table::kJobOrder, kHeight, 0), listed);
    ASSERT_EQ(list_size(state, Table::kSchedule, job.deadline + 1), 1u);
    EXPECT_EQ(list_item(state, Table::kSchedule, job.deadline + 1, 0), listed);
    const Hash256 leaf_key = tree_key(Table::kJob, id);
    EXPECT_EQ(state_root(state), tree_leaf(leaf_key, encode(*record))) << "the only record";
}

TEST_F(Job, WithTheSameWordsIsAnotherJobAtAnotherOutput) {
    ASSERT_EQ(token_of(apply_it()), "valid");
    const OutPoint first = output;
    output.index += 1;
    ASSERT_EQ(token_of(apply_it()), "valid");
    EXPECT_TRUE(find_job(state, consensus::job_id(first)));
    EXPECT_TRUE(find_job(state, consensus::job_id(output)));
    EXPECT_EQ(list_size(state, Table::kJobOrder, kHeight), 2u);
}

struct CostCase {
    size_t prompt, answer;
    Cost cost;
};

TEST(CostOf, IsThePriceOfTheTokensAndItsTreasuryPartRoundedDown) {
    Params params = consensus::test::chain();
    params.prefill_price = 3;
    params.decode_price = 7;
    params.fee_treasury_percent = 10;
    const CostCase cases[] = {
        {0, 0, {0, 0, 0}},   {1, 0, {3, 3, 0}},   {0, 1, {7, 7, 0}},         {1, 1, {10, 9, 1}},
        {4, 1, {19, 18, 1}}, {2, 2, {20, 18, 2}}, {100, 99, {993, 894, 99}},
    };
    for (const auto& test : cases) {
        SCOPED_TRACE(test.cost.total);
        const Cost cost = cost_of(test.prompt, test.answer, params);
        EXPECT_EQ(cost.total, test.cost.total);
        EXPECT_EQ(cost.worker, test.cost.worker);
        EXPECT_EQ(cost.treasury, test.cost.treasury);
    }
}

TEST(CostOf, NeverWrapsAndIsThenMoreThanAllMoney) {
    Params params = consensus::test::chain();
    const size_t tokens = 1000;
    params.prefill_price = consensus::kMoneyMax / Amount{tokens};
    params.decode_price = 0;
    EXPECT_EQ(cost_of(tokens, tokens, params).total, params.prefill_price * Amount{tokens});
    params.prefill_price += 1;
    EXPECT_GT(cost_of(tokens, tokens, params).total, consensus::kMoneyMax);
    params.prefill_price = INT64_MAX;
    params.decode_price = INT64_MAX;
    const Cost cost = cost_of(tokens, tokens, params);
    EXPECT_GT(cost.total, consensus::kMoneyMax);
    EXPECT_EQ(cost.worker + cost.treasury, cost.total);
    EXPECT_EQ(cost_of(0, 0, params).total, 0);
}

}  // namespace
}  // namespace daidd::ledger::test
