#include "worker/worker.h"

#include <gtest/gtest.h>

#include <thread>

#include "inference/generate.h"
#include "work/sampling.h"
#include "worker/answer.h"
#include "worker/running.h"

namespace daidd::worker {
namespace {

std::vector<uint32_t> answer_alone(const LocalModel& model, const consensus::JobCommand& job) {
    inference::Sequence sequence{model.model, uint32_t(job.prompt.size()) + job.answer_tokens_max};
    return inference::generate(
               model.model, sequence, job.prompt,
               {.tokens_max = job.answer_tokens_max, .sampling = work::sampling_of(job.sampling)})
        ->tokens;
}

TEST(Miner, BlocksConnectAndPay) {
    Running node;
    EXPECT_EQ(node.generate(5).size(), 5u);
    EXPECT_EQ(node.height(), 5u);
    EXPECT_GE(node.worker->miner().info().units, 6u);
    const auto treasury = ledger::treasury(*node.chain.chain->snapshot());
    EXPECT_EQ(treasury.balance, 5 * 12 * consensus::kCoin);
}

TEST(Miner, RefusesAKeyThatIsNotOurs) {
    Running node;
    const auto hashes = node.worker->miner().generate(1, crypto::SecretKey::random().public_key());
    ASSERT_FALSE(hashes);
    EXPECT_NE(hashes.error().find("must be of a loaded wallet"), std::string::npos);
}

TEST(Miner, RefusesWithoutAModel) {
    PrivateChain chain;
    chain.models.clear();
    const auto worker = chain.make_worker(chain.options());
    worker->start();
    ASSERT_FALSE(worker->miner().generate(1, chain.output_key));
}

TEST(Worker, AnswersAJobThatIsThenDrawnAndSealed) {
    Running node;
    node.generate(node.chain.params.maturity + 5);
    const Hash256 job = node.chain.send_job("Why?", 24);
    const Hash256 receipt = node.receipt_of(job);
    ASSERT_NE(receipt, kZeroHash);
    const auto snapshot = node.chain.chain->snapshot();
    const auto record = ledger::find_receipt(*snapshot, receipt);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->treasury_share + record->worker_share, record->cost);

    const bool ran = node.mine_a_window();
    const auto settled = ledger::find_receipt(*node.chain.chain->snapshot(), receipt);
    ASSERT_TRUE(settled);
    EXPECT_EQ(settled->settled, 1);
    EXPECT_EQ(ledger::treasury(*node.chain.chain->snapshot()).from_fees, record->treasury_share);
    node.expect_receipt_in_unit(ran);
}

TEST(Worker, AnswersJobsSideBySideAsEachAlone) {
    Running node;
    node.generate(node.chain.params.maturity + 5);
    std::vector<Hash256> jobs;
    for (const char* prompt : {"Why?", "How many roads must a man walk down?", "Why?", "And?"}) {
        jobs.push_back(node.chain.send_job(prompt, uint32_t(8 + 16 * jobs.size())));
    }
    for (const Hash256& job : jobs) {
        ASSERT_NE(node.receipt_of(job), kZeroHash);
        const auto record = ledger::find_job(*node.chain.chain->snapshot(), job);
        const auto receipt = ledger::find_receipt(*node.chain.chain->snapshot(), record->receipt);
        EXPECT_EQ(receipt->receipt.answer, answer_alone(node.chain.models[0], record->job));
    }
    EXPECT_EQ(node.worker->server().info().answered, jobs.size());
}

TEST(Answering, SaysWhatItCanNotAnswerAndGoesOn) {
    PrivateChain chain;
    Gate gate{1};
    Answering answering{chain.models[0]};
    consensus::JobCommand job, unknown;
    job.prompt = {65};
    job.answer_tokens_max = unknown.answer_tokens_max = 3;
    unknown.prompt = {9'999};
    Hash256 first{}, second{};
    second[0] = 1;
    EXPECT_FALSE(answering.add(first, job));
    EXPECT_EQ(answering.add(second, unknown), "prompt: unknown_token");
    EXPECT_TRUE(answering.contains(first));
    EXPECT_FALSE(answering.contains(second));
    EXPECT_EQ(answering.oldest(), first);
    std::vector<Answering::Answer> ended;
    while (ended.empty()) ended = answering.step(gate);
    EXPECT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].job, first);
    EXPECT_TRUE(answering.empty());
    EXPECT_TRUE(answering.step(gate).empty());
}

TEST(Verifier, FindsASpoiledUnit) {
    Running node;
    const auto hash = node.generate(1).at(0);
    const auto snapshot = node.chain.chain->snapshot();
    auto block = *snapshot->read_block(hash);
    const auto beacon = snapshot->header_at(0)->beacon;
    block.witness.op_roots[3][0] ^= 1;
    const auto verdict = node.worker->verifier().verify(block, beacon, 1);
    ASSERT_TRUE(verdict);
    EXPECT_FALSE(verdict->identical());
    EXPECT_EQ(verdict->units[0].first_difference, 3u);
    EXPECT_FALSE(verdict->units[1].first_difference);
}

TEST(VerifyReceipt, FindsTheFirstWrongToken) {
    PrivateChain chain;
    consensus::JobCommand job;
    job.prompt = {65, 66, 67};
    job.answer_tokens_max = 40;
    for (const uint32_t temperature : {0u, 1u << 16}) {
        job.sampling.temperature = temperature;
        const auto answer = answer_alone(chain.models[0], job);
        const auto verify = [&](const std::vector<uint32_t>& tokens) {
            consensus::ReceiptCommand receipt;
            receipt.answer = tokens;
            return verify_receipt(chain.models[0], job, receipt, kZeroHash, 1);
        };
        const auto honest = verify(answer);
        ASSERT_TRUE(honest);
        EXPECT_TRUE(honest->identical());
        for (size_t i = 0; i < answer.size(); i += 7) {
            auto spoiled = answer;
            spoiled[i] ^= 1;
            const auto report = verify(spoiled);
            ASSERT_TRUE(report);
            EXPECT_EQ(report->first_difference, i);
            EXPECT_EQ(report->expected_token, answer[i]);
            EXPECT_NE(report->trace_root, honest->trace_root);
        }
        auto shorter = answer;
        shorter.pop_back();
        EXPECT_EQ(verify(shorter)->first_difference, shorter.size());
        auto longer = answer;
        longer.push_back(65);
        EXPECT_EQ(verify(longer)->first_difference, answer.size());
        EXPECT_FALSE(verify(longer)->expected_token);
        EXPECT_FALSE(verify({9'999}));
        EXPECT_FALSE(verify({}));
    }
}

TEST(Gate, MiningWaitsForServingButNotForever) {
    Gate gate{1};
    std::atomic<bool> mined{false};
    std::atomic<int> served_before{0};
    std::thread miner;
    gate.serve([&] {
        miner = std::thread{[&] { gate.mine([&] { mined = true; }); }};
        std::this_thread::sleep_for(std::chrono::milliseconds{30});
        EXPECT_FALSE(mined);
    });
    for (unsigned i = 0; i < 4 * Gate::kServedBurst && !mined; ++i) gate.serve([&] { ++served_before; });
    miner.join();
    EXPECT_TRUE(mined);
    EXPECT_LE(served_before, int(Gate::kServedBurst));
}

}  // namespace
}  // namespace daidd::worker
