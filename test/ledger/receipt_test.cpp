#include <functional>

#include "crypto/hash.h"
#include "ledger/fixture.h"
#include "ledger/state_tree.h"

namespace daidd::ledger::test {
namespace {

constexpr uint8_t kWorker = 3;
constexpr uint32_t kJobHeight = 40;

/// A job and a good answer to it, somewhere between the first height and the deadline.
class Receipt : public LedgerTest {
public:
    Receipt() {
        auto command = consensus::test::job();
        command.deadline = kHeight + 10;
        receipt.job = open(command, kJobHeight);
        receipt.worker = key(kWorker);
        receipt.answer = {5, 255};
        bond = params.receipt_bond;
    }
    JobRecord job() const { return find_job(state, receipt.job).value(); }
    void change_job(const std::function<void(JobRecord&)>& change) {
        JobRecord record = job();
        change(record);
        put_record(state, Table::kJob, receipt.job, encode(record));
    }
    void sign_it() {
        if (find_job(state, receipt.job)) sign(receipt, kWorker, job());
    }
    std::optional<Broken> apply_it(bool verify_signatures = true) {
        return apply_receipt(receipt, output, bond, context, params, state, verify_signatures);
    }

    using LedgerTest::context;
    using LedgerTest::kHeight;
    using LedgerTest::params;
    using LedgerTest::state;
    consensus::ReceiptCommand receipt;
    OutPoint output{{0x0c}, 2};
    Amount bond = 0;
};

struct Case {
    std::string_view name;
    std::function<void(Receipt&)> change;
    std::string_view token;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

auto with_status(JobStatus status) {
    return [=](Receipt& r) { r.change_job([=](JobRecord& job) { job.status = uint8_t(status); }); };
}

/// The job is of that kind, and this is its result.
auto with_result(consensus::JobKind kind, size_t bytes) {
    return [=](Receipt& r) {
        r.change_job([=](JobRecord& job) {
            job.job.kind = uint8_t(kind);
            job.job.answer_tokens_max = 0;
        });
        r.receipt.answer.clear();
        r.receipt.result.assign(bytes, 0xff);
    };
}
using enum consensus::JobKind;

/// Each changes one thing, and the receipt is signed afterwards.
const Case kRules[] = {
    {"valid", [](Receipt&) {}, "valid"},
    {"unknown_job", [](Receipt& r) { r.receipt.job[0] ^= 1; }, "bad-receipt-job"},
    {"answered", with_status(JobStatus::kAnswered), "bad-receipt-closed"},
    {"settled", with_status(JobStatus::kSettled), "bad-receipt-closed"},
    {"refunded", with_status(JobStatus::kRefunded), "bad-receipt-closed"},
    {"in_the_jobs_own_block", [](Receipt& r) { r.context.height = kJobHeight; }, "bad-receipt-early"},
    {"in_the_block_that_assigns", [](Receipt& r) { r.context.height = kJobHeight + 1; }, "bad-receipt-early"},
    {"in_the_first_block", [](Receipt& r) { r.context.height = kJobHeight + 2; }, "valid"},
    {"at_the_deadline", [](Receipt& r) { r.context.height = Receipt::kHeight + 10; }, "valid"},
    {"past_the_deadline", [](Receipt& r) { r.context.height = Receipt::kHeight + 11; }, "bad-receipt-late"},
    {"by_the_named_worker",
     [](Receipt& r) { r.change_job([](JobRecord& job) { job.job.worker = key(kWorker); }); }, "valid"},
    {"by_another_than_the_named",
     [](Receipt& r) { r.change_job([](JobRecord& job) { job.job.worker = key(kWorker + 1); }); },
     "bad-receipt-worker"},
    {"empty", [](Receipt& r) { r.receipt.answer.clear(); }, "bad-receipt-answer"},
    {"shortest", [](Receipt& r) { r.receipt.answer = {9}; }, "valid"},
    {"longest", [](Receipt& r) { r.receipt.answer.assign(8, 9); }, "valid"},
    {"longer", [](Receipt& r) { r.receipt.answer.assign(9, 9); }, "bad-receipt-answer"},
    {"token_of_no_word", [](Receipt& r) { r.receipt.answer[1] = 256; }, "bad-receipt-token"},
    {"answer_and_result", [](Receipt& r) { r.receipt.result = {1}; }, "bad-receipt-result"},
    {"evaluation", with_result(kEval, 16), "valid"},
    {"evaluation_a_byte_short", with_result(kEval, 15), "bad-receipt-result"},
    {"evaluation_a_byte_long", with_result(kEval, 17), "bad-receipt-result"},
    {"no_evaluation", with_result(kEval, 0), "bad-receipt-result"},
    {"evaluation_with_an_answer",
     [](Receipt& r) {
         with_result(kEval, 16)(r);
         r.receipt.answer = {9};
     },
     "bad-receipt-answer"},
    {"shortest_embedding", with_result(kEmbed, 4), "valid"},
    {"shorter_embedding", with_result(kEmbed, 3), "bad-receipt-result"},
    {"longest_embedding", with_result(kEmbed, consensus::kResultBytesMax), "valid"},
    {"longer_embedding", with_result(kEmbed, consensus::kResultBytesMax + 1), "bad-receipt-result"},
    {"index", with_result(kIndex, 36), "valid"},
    {"index_a_byte_short", with_result(kIndex, 35), "bad-receipt-result"},
    {"index_a_byte_long", with_result(kIndex, 37), "bad-receipt-result"},
    {"bond_a_unit_short", [](Receipt& r) { r.bond -= 1; }, "bad-receipt-bond"},
    {"bond_above", [](Receipt& r) { r.bond += 1; }, "valid"},
};

class AppliesReceipt : public Receipt, public testing::WithParamInterface<Case> {};
TEST_P(AppliesReceipt, AndWritesNothingWhenARuleIsBroken) {
    GetParam().change(*this);
    sign_it();
    const MapState before = state;
    EXPECT_EQ(token_of(apply_it()), GetParam().token);
    EXPECT_EQ(state == before, GetParam().token != "valid");
}
INSTANTIATE_TEST_SUITE_P(Rules, AppliesReceipt, testing::ValuesIn(kRules), name_of<Case>);

/// Each changes what was signed, or the signature.
const Case kSpoiledSignatures[] = {
    {"a_bit", [](Receipt& r) { r.receipt.signature[63] ^= 1; }, {}},
    {"zeros", [](Receipt& r) { r.receipt.signature = {}; }, {}},
    {"other_answer", [](Receipt& r) { r.receipt.answer[0] ^= 1; }, {}},
    {"shorter_answer", [](Receipt& r) { r.receipt.answer.pop_back(); }, {}},
    {"other_worker", [](Receipt& r) { r.receipt.worker = key(kWorker + 1); }, {}},
    {"other_prompt", [](Receipt& r) { r.change_job([](JobRecord& job) { job.job.prompt[0] ^= 1; }); }, {}},
    {"of_another_job_with_the_same_prompt",
     [](Receipt& r) {
         const JobRecord record = r.job();
         r.receipt.job[0] ^= 1;
         put_record(r.state, Table::kJob, r.receipt.job, encode(record));
     },
     {}},
};

class ChecksReceipt : public Receipt, public testing::WithParamInterface<Case> {};
TEST_P(ChecksReceipt, SignatureAndWritesNothingWhenItIsWrong) {
    sign_it();
    GetParam().change(*this);
    const MapState before = state;
    EXPECT_EQ(token_of(apply_it()), "bad-receipt-signature");
    EXPECT_EQ(state, before);
    EXPECT_EQ(token_of(apply_it(false)), "valid") << "only the signature is wrong";
}
INSTANTIATE_TEST_SUITE_P(Spoiled, ChecksReceipt, testing::ValuesIn(kSpoiledSignatures), name_of<Case>);

TEST_F(Receipt, IsRecordedWithWhatItCostsAndClosesTheJob) {
    bond += 5;
    sign_it();
    ASSERT_EQ(token_of(apply_it()), "valid");

    const Hash256 id = consensus::receipt_id(output);
    const auto record = find_receipt(state, id);
    ASSERT_TRUE(record);
    // 3 tokens read, 2 written.
    const Amount cost = 3 * params.prefill_price + 2 * params.decode_price;
    EXPECT_EQ(encode(record->receipt), encode(receipt));
    EXPECT_EQ(record->bond, bond);
    EXPECT_EQ(record->height, kHeight);
    EXPECT_EQ(record->settled, 0);
    EXPECT_EQ(record->cost, cost);
    EXPECT_EQ(record->worker_share, cost - cost / 10);
    EXPECT_EQ(record->treasury_share, cost / 10);
    EXPECT_EQ(record->tokens_root, consensus::tokens_root({1, 2, 255, 5, 255}));

    EXPECT_EQ(job().status, uint8_t(JobStatus::kAnswered));
    EXPECT_EQ(job().receipt, id);
    EXPECT_EQ(job().escrow, kEscrow);
    EXPECT_FALSE(state.get(Table::kOpenJob, open_job_key(kJobHeight, receipt.job)));
    const auto pool = pool_at(kHeight + 1, params, state);
    ASSERT_EQ(pool.size(), 1u);
    EXPECT_EQ(pool[0].receipt, id);
    EXPECT_EQ(pool[0].slots, uint64_t(cost / 10));
    EXPECT_EQ(pool[0].tokens_root, record->tokens_root);
}

TEST_F(Receipt, OfAResultCostsThePromptAndBindsEveryByte) {
    with_result(kEmbed, 200)(*this);
    sign_it();
    for (const size_t byte : {size_t{0}, size_t{199}}) {
        receipt.result[byte] ^= 1;
        EXPECT_EQ(token_of(apply_it()), "bad-receipt-signature") << byte;
        receipt.result[byte] ^= 1;
    }
    ASSERT_EQ(token_of(apply_it()), "valid");
    const auto record = find_receipt(state, consensus::receipt_id(output));
    ASSERT_TRUE(record);
    EXPECT_EQ(record->cost, 3 * params.prefill_price);
    EXPECT_EQ(record->receipt.result, receipt.result);
    EXPECT_EQ(record->tokens_root, consensus::tokens_root({1, 2, 255})) << "the prompt alone enters units";
}

TEST_F(Receipt, FirstValidOneWins) {
    sign_it();
    receipt.signature[0] ^= 1;
    EXPECT_EQ(token_of(apply_it()), "bad-receipt-signature") << "an invalid one does not close the job";
    sign_it();
    EXPECT_EQ(token_of(apply_it()), "valid");
    const MapState before = state;
    output.index += 1;
    receipt.answer = {7};
    sign(receipt, kWorker + 1, job());
    EXPECT_EQ(token_of(apply_it()), "bad-receipt-closed");
    EXPECT_EQ(state, before);
}

/// Zero bits at the top of a little-endian 256-bit number.
unsigned high_zeros(const Hash256& number) {
    unsigned zeros = 0;
    while (zeros < 256 && ((number[31 - zeros / 8] >> (7 - zeros % 8)) & 1) == 0) ++zeros;
    return zeros;
}

class Assignment : public Receipt {
protected:
    static constexpr uint32_t kBits = 4;
    static constexpr uint32_t kFirst = kJobHeight + kAssignBlocks;

    Assignment() { params.assign_bits = kBits; }

    /// The first height at which the worker may answer, by the rule: kBits zero bits at first, then one less
    /// a block.
    uint32_t opens_at(uint8_t worker) const {
        const unsigned zeros =
            high_zeros(crypto::hash("assign", {context.beacon_at(kJobHeight + 1), receipt.job, key(worker)}));
        return kFirst + (zeros >= kBits ? 0 : kBits - zeros);
    }
    bool is_open(uint8_t worker, uint32_t height) const {
        return is_assigned(receipt.job, job(), key(worker), height, context.beacon_at(kJobHeight + 1),
                           params);
    }
};

TEST_F(Assignment, RelaxesByOneBitABlockUntilEverybodyMayAnswer) {
    std::array<unsigned, kBits + 1> opened{};
    for (unsigned number = 1; number <= 200; ++number) {
        const auto worker = uint8_t(number);
        const uint32_t opens = opens_at(worker);
        ++opened.at(opens - kFirst);
        for (uint32_t height = kJobHeight; height <= kFirst + kBits + 1; ++height) {
            ASSERT_EQ(is_open(worker, height), height >= opens)
                << "worker " << number << ", height " << height;
        }
    }
    for (const unsigned workers : opened) EXPECT_GT(workers, 0u) << "a step that no worker tried";
}

TEST_F(Assignment, RefusesAReceiptUntilItsWorkersTurn) {
    unsigned worker = kWorker;
    while (opens_at(uint8_t(worker)) != kFirst + 2) ++worker;
    sign(receipt, uint8_t(worker), job());
    context.height = kFirst + 1;
    EXPECT_EQ(token_of(apply_it()), "bad-receipt-worker");
    context.height = kFirst + 2;
    EXPECT_EQ(token_of(apply_it()), "valid");
}

TEST_F(Assignment, AsksForTheBeaconOfTheBlockAfterTheJobs) {
    std::vector<uint32_t> asked;
    context.beacon_at = [&](uint32_t height) {
        asked.push_back(height);
        return Hash256{};
    };
    sign_it();
    EXPECT_EQ(token_of(apply_it()), "valid");
    ASSERT_FALSE(asked.empty());
    for (const uint32_t height : asked) EXPECT_EQ(height, kJobHeight + 1);
}

TEST_F(Assignment, OfANamedWorkerNeverOpensToOthers) {
    change_job([](JobRecord& job) { job.job.worker = key(kWorker); });
    EXPECT_FALSE(is_open(kWorker, kFirst - 1));
    for (const uint32_t height : {kFirst, kFirst + kBits, kFirst + 1000}) {
        EXPECT_TRUE(is_open(kWorker, height));
        EXPECT_FALSE(is_open(kWorker + 1, height));
    }
}

TEST_F(Assignment, OfMoreBitsThanADrawHasStillOpensOnceTheyArePast) {
    params.assign_bits = 300;
    EXPECT_FALSE(is_open(kWorker, kFirst));
    EXPECT_FALSE(is_open(kWorker, kFirst + 200));
    EXPECT_TRUE(is_open(kWorker, kFirst + 300));
}

}  // namespace
}  // namespace daidd::ledger::test
