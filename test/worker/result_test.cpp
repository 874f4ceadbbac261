#include "worker/result.h"

#include <gtest/gtest.h>

#include <functional>

#include "training/embed.h"
#include "training/vector_index.h"
#include "worker/answer.h"
#include "worker/running.h"

namespace daidd::worker {
namespace {

using consensus::JobCommand;
using consensus::JobKind;

std::vector<uint32_t> tokens_of(std::string_view text) { return {text.begin(), text.end()}; }

/// Longer than two steps of a computation, and ends within one.
std::vector<uint32_t> long_prompt() {
    std::vector<uint32_t> prompt;
    for (uint32_t i = 0; i < 150; ++i) prompt.push_back((i * 37 + i / 7) % 256);
    return prompt;
}

JobCommand job_of(JobKind kind, std::vector<uint32_t> prompt) {
    JobCommand job;
    job.kind = uint8_t(kind);
    job.prompt = std::move(prompt);
    return job;
}

/// A document of a token and one of so many.
std::vector<uint32_t> index_of(size_t tokens) {
    std::vector<uint32_t> prompt{260, 65, 260};
    prompt.resize(3 + tokens, 65);
    return prompt;
}

class Computes : public testing::Test {
protected:
    const LocalModel& model() const { return chain_.models[0]; }
    uint32_t context() const { return model().model.dimensions().context; }

    ReceiptReport verify(const JobCommand& job, Bytes result) const {
        consensus::ReceiptCommand receipt;
        receipt.result = std::move(result);
        const auto report = verify_receipt(model(), job, receipt, kZeroHash, 1);
        EXPECT_TRUE(report) << (report ? "" : report.error());
        return report ? *report : ReceiptReport{};
    }

private:
    PrivateChain chain_;
};

TEST_F(Computes, AnEvaluationOfThePromptAsOneWindow) {
    for (const auto& prompt : {tokens_of("ab"), tokens_of("Why?"), long_prompt()}) {
        const auto result = compute_result(model(), job_of(JobKind::kEval, prompt), 1);
        ASSERT_TRUE(result);
        const auto sum = training::evaluate(model().model, prompt, uint32_t(prompt.size()), 1);
        ASSERT_TRUE(sum);
        EXPECT_EQ(*result, encode(*sum));
        EXPECT_EQ(sum->tokens, prompt.size() - 1);
        EXPECT_GT(sum->loss, 0u);
        const auto [least, most] = consensus::result_size(uint8_t(JobKind::kEval));
        EXPECT_EQ(result->size(), least);
        EXPECT_EQ(result->size(), most);
    }
}

TEST_F(Computes, AChunkAStepAndTheSameWithAnyThreads) {
    const JobCommand job = job_of(JobKind::kEval, long_prompt());
    const auto whole = compute_result(model(), job, 1);
    ASSERT_TRUE(whole);
    auto computation = make_computation(model(), job, 3);
    ASSERT_TRUE(computation);
    int steps = 1;
    std::optional<Result<Bytes, std::string>> result;
    while (!(result = (*computation)->step())) ++steps;
    EXPECT_EQ(steps, 3) << "149 predictions, 64 a step";
    ASSERT_TRUE(*result);
    EXPECT_EQ(**result, *whole);
}

TEST_F(Computes, AnEmbeddingOfThePrompt) {
    for (const auto& prompt : {tokens_of("a"), tokens_of("Why?"), long_prompt()}) {
        const auto result = compute_result(model(), job_of(JobKind::kEmbed, prompt), 1);
        ASSERT_TRUE(result);
        EXPECT_EQ(*result, encode(*training::embed(model().model, prompt)));
        const auto [least, most] = consensus::result_size(uint8_t(JobKind::kEmbed));
        EXPECT_GE(result->size(), least);
        EXPECT_LE(result->size(), most);
    }
}

TEST_F(Computes, AnIndexOfTheDocumentsNamedByTheirTokens) {
    const std::vector<std::vector<uint32_t>> documents = {tokens_of("Why do birds sing?"), long_prompt(),
                                                          tokens_of("Why do birds sing?"), tokens_of("a")};
    std::vector<uint32_t> prompt;
    std::vector<training::IndexRow> rows;
    for (const auto& document : documents) {
        prompt.push_back(260);
        prompt.insert(prompt.end(), document.begin(), document.end());
        rows.push_back(
            {rows.size(), consensus::tokens_root(document), *training::embed(model().model, document)});
    }
    const auto width = uint32_t(rows[0].vector.codes.size());
    const auto index = training::VectorIndex::build(model().root, width, rows);
    ASSERT_TRUE(index);
    const auto result = compute_result(model(), job_of(JobKind::kIndex, prompt), 1);
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, encode(IndexResult{4, index->root()}));
    EXPECT_EQ(result->size(), consensus::result_size(uint8_t(JobKind::kIndex)).most);
}

TEST(DocumentsOf, AreTheRunsBetweenTheTokensThatAreTheFirstOne) {
    using Documents = std::vector<std::vector<uint32_t>>;
    const std::pair<std::vector<uint32_t>, Documents> kCases[] = {
        {{}, {}},
        {{9}, {}},
        {{9, 9, 9}, {}},
        {{9, 1}, {{1}}},
        {{9, 1, 2, 9, 3}, {{1, 2}, {3}}},
        {{9, 9, 1, 9, 9, 2, 3, 9}, {{1}, {2, 3}}},
        {{0, 9, 1}, {{9, 1}}},
    };
    for (const auto& [prompt, expected] : kCases) {
        Documents found;
        for (const auto& document : documents_of(prompt))
            found.emplace_back(document.begin(), document.end());
        EXPECT_EQ(found, expected);
    }
}

TEST_F(Computes, NothingOfWhatTheModelCannotRun) {
    const std::pair<JobCommand, std::string_view> kCases[] = {
        {job_of(JobKind::kEval, {}), "prompt: too short"},
        {job_of(JobKind::kEval, {65}), "prompt: too short"},
        {job_of(JobKind::kEval, {65, 9'999}), "prompt: token 9999 is not in the model's vocabulary"},
        {job_of(JobKind::kEval, std::vector<uint32_t>(context() + 1, 65)),
         "prompt: 4097 tokens, the model's context is 4096"},
        {job_of(JobKind::kEmbed, std::vector<uint32_t>(context() + 1, 65)),
         "prompt: 4097 tokens, the model's context is 4096"},
        {job_of(JobKind::kEmbed, {}), "prompt: too short"},
        {job_of(JobKind::kIndex, {260}), "prompt: too short"},
        {job_of(JobKind::kIndex, {260, 260}), "prompt: no document"},
        {job_of(JobKind::kIndex, index_of(context() + 1)),
         "document 1: 4097 tokens, the model's context is 4096"},
    };
    for (const auto& [job, reason] : kCases) {
        EXPECT_EQ(misfit_of(model(), job), reason);
        const auto result = compute_result(model(), job, 1);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error(), reason);
    }
    for (const JobKind kind : {JobKind::kInfer, JobKind::kEval, JobKind::kEmbed}) {
        EXPECT_EQ(misfit_of(model(), job_of(kind, std::vector<uint32_t>(context(), 65))), std::nullopt);
    }
    EXPECT_EQ(misfit_of(model(), job_of(JobKind::kIndex, index_of(context()))), std::nullopt)
        << "a prompt longer than the context, of documents that are not";
    EXPECT_FALSE(compute_result(model(), job_of(JobKind::kTrain, {65, 66}), 1));
    EXPECT_FALSE(compute_result(model(), job_of(JobKind::kInfer, {65, 66}), 1));
}

TEST_F(Computes, WhatAReceiptIsComparedWithPartByPart) {
    const JobCommand job = job_of(JobKind::kEval, tokens_of("Why do birds sing?"));
    const Bytes honest = *compute_result(model(), job, 1);
    EXPECT_TRUE(verify(job, honest).identical());
    for (size_t i = 0; i < honest.size(); ++i) {
        Bytes spoiled = honest;
        spoiled[i] ^= 1;
        const auto report = verify(job, spoiled);
        EXPECT_FALSE(report.identical());
        EXPECT_EQ(report.result_difference, i < 8 ? "loss" : "tokens") << "byte " << i;
        EXPECT_EQ(report.expected_result, honest);
    }
    EXPECT_EQ(verify(job, {}).result_difference, "encoding");
    Bytes longer = honest;
    longer.push_back(0);
    EXPECT_EQ(verify(job, longer).result_difference, "encoding");
}

TEST_F(Computes, TheFirstCodeThatDiffers) {
    const JobCommand job = job_of(JobKind::kEmbed, tokens_of("Why do birds sing?"));
    const Bytes honest = *compute_result(model(), job, 1);
    const auto vector = *decode<training::Vector>(honest);
    const auto difference = [&](const std::function<void(training::Vector&)>& spoil) {
        training::Vector spoiled = vector;
        spoil(spoiled);
        return verify(job, encode(spoiled)).result_difference;
    };
    EXPECT_TRUE(verify(job, honest).identical());
    EXPECT_EQ(difference([](auto& v) { v.codes[0] ^= 1; }), "codes[0]");
    EXPECT_EQ(difference([](auto& v) { v.codes[63] ^= 1, v.mantissa ^= 1; }), "codes[63]");
    EXPECT_EQ(difference([](auto& v) { v.mantissa ^= 1; }), "mantissa");
    EXPECT_EQ(difference([](auto& v) { v.exponent ^= 1; }), "exponent");
    EXPECT_EQ(difference([](auto& v) { v.codes.pop_back(); }), "width");
    EXPECT_EQ(difference([](auto& v) { v.codes[5] = -128; }), "encoding");
    EXPECT_EQ(difference([](auto& v) { v.mantissa = 127; }), "encoding");
    EXPECT_EQ(difference([](auto& v) { v.exponent = training::kVectorExponentMax + 1; }), "encoding");
    EXPECT_EQ(difference([](auto& v) { std::ranges::fill(v.codes, int8_t{0}); }), "encoding");
    EXPECT_EQ(verify(job, Bytes(honest.begin(), honest.end() - 1)).result_difference, "encoding");
}

TEST_F(Computes, WhetherRowsOrRootOfAnIndexDiffer) {
    const JobCommand job = job_of(JobKind::kIndex, {260, 65, 66, 260, 67});
    const Bytes honest = *compute_result(model(), job, 1);
    EXPECT_TRUE(verify(job, honest).identical());
    for (size_t i = 0; i < honest.size(); ++i) {
        Bytes spoiled = honest;
        spoiled[i] ^= 0x80;
        EXPECT_EQ(verify(job, spoiled).result_difference, i < 4 ? "rows" : "root") << "byte " << i;
    }
}

TEST_F(Computes, NoReportOfAReceiptWithWhatItsKindDoesNotHave) {
    consensus::ReceiptCommand both;
    both.answer = {65};
    both.result = Bytes(16);
    JobCommand question = job_of(JobKind::kInfer, {65});
    question.answer_tokens_max = 1;
    const auto evaluation = verify_receipt(model(), job_of(JobKind::kEval, {65, 66}), both, kZeroHash, 1);
    ASSERT_FALSE(evaluation);
    EXPECT_EQ(evaluation.error(), "answer: not of this kind");
    const auto answer = verify_receipt(model(), question, both, kZeroHash, 1);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error(), "result: not of this kind");
}

TEST_F(Computes, BesideAnswersWhichGetTheirTurns) {
    Gate gate{1};
    Answering answering{model()};
    JobCommand question = job_of(JobKind::kInfer, {65});
    question.answer_tokens_max = 2;
    const Hash256 asked{1}, evaluated{2}, refused{3};
    EXPECT_EQ(answering.add(evaluated, job_of(JobKind::kEval, long_prompt())), std::nullopt);
    EXPECT_EQ(answering.add(asked, question), std::nullopt);
    EXPECT_EQ(answering.add(refused, job_of(JobKind::kEval, {65})), "prompt: too short");
    EXPECT_TRUE(answering.contains(evaluated));
    EXPECT_FALSE(answering.contains(refused));
    std::vector<Answering::Answer> ended;
    for (int step = 0; step < 3; ++step) {
        EXPECT_FALSE(answering.empty());
        for (auto& answer : answering.step(gate)) ended.push_back(std::move(answer));
    }
    EXPECT_TRUE(answering.empty());
    ASSERT_EQ(ended.size(), 2u);
    EXPECT_EQ(ended[0].job, asked) << "two tokens, while the other takes three steps";
    EXPECT_EQ(ended[1].job, evaluated);
    EXPECT_EQ(ended[1].result, *compute_result(model(), job_of(JobKind::kEval, long_prompt()), 1));
    EXPECT_EQ(ended[1].failure, "");
}

TEST_F(Computes, AsManyAsMayWaitAndNotOneMore) {
    Answering answering{model()};
    for (uint32_t i = 0; i < kResultsWaitingMax; ++i) {
        ASSERT_EQ(answering.add({uint8_t(i), uint8_t(i >> 8)}, job_of(JobKind::kEval, {65, 66})),
                  std::nullopt);
    }
    EXPECT_EQ(answering.add({0, 0, 1}, job_of(JobKind::kEval, {65, 66})), "result: too many wait");
}

TEST(Worker, AnswersAnEvaluationForThePriceOfItsPromptAndNobodysUnitDiffers) {
    Running node;
    const auto& params = node.chain.params;
    node.generate(params.maturity + 5);
    const auto prompt = long_prompt();
    const Hash256 receipt = node.receipt_of(node.chain.send_job(JobKind::kEval, prompt));
    ASSERT_NE(receipt, kZeroHash);
    const auto snapshot = node.chain.chain->snapshot();
    const auto record = ledger::find_receipt(*snapshot, receipt);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->cost, params.prefill_price * consensus::Amount(prompt.size()));
    EXPECT_EQ(record->tokens_root, consensus::tokens_root(prompt)) << "the prompt alone enters units";
    EXPECT_TRUE(record->receipt.answer.empty());
    const auto job = ledger::find_job(*snapshot, record->receipt.job)->job;
    EXPECT_EQ(record->receipt.result, *compute_result(node.chain.models[0], job, 1));

    // About two in five units of the next C blocks run it.
    node.expect_receipt_in_unit(node.mine_a_window());
}

}  // namespace
}  // namespace daidd::worker
