#include <algorithm>

#include "crypto/merkle.h"
#include "inference/forward.h"
#include "work/sampling.h"
#include "worker/answer.h"
#include "worker/result.h"
#include "worker/verifier.h"

namespace daidd::worker {
namespace {

using namespace inference;

/// Positions whose logits are held at once: bounds the memory of a long answer.
constexpr size_t kChunk = 64;

struct Check {
    const LocalModel& model;
    const consensus::JobCommand& job;
    const std::vector<uint32_t>& answer;
    const Sampling sampling;
    ReceiptReport& report;

    /// Compares answer[i] with what the logits choose there; false once something differs.
    bool compare(size_t i, std::span<const int32_t> logits) const {
        // After the end there is nothing that the model would have chosen.
        if (i > 0 && is_ended(model, job, i, answer[i - 1])) {
            if (i < answer.size()) report.first_difference = i;
            return false;
        }
        const uint32_t chosen = sample(logits, sampling, uint32_t(job.prompt.size() + i), model.model.fx());
        if (i < answer.size() && answer[i] == chosen) return true;
        report.first_difference = i;
        report.expected_token = chosen;
        return false;
    }
};

/// Logits after the last prompt token and after every answer token, in chunks, until something differs.
Result<bool, std::string> compare_all(const Check& check, std::span<const uint32_t> tokens,
                                      unsigned threads) {
    const Model& model = check.model.model;
    const size_t prompt = check.job.prompt.size();
    const size_t vocabulary = model.dimensions().vocabulary;
    Sequence sequence{model, uint32_t(tokens.size())};
    size_t at = 0;
    while (at < tokens.size()) {
        const bool in_prompt = at + 1 < prompt;
        const size_t end =
            in_prompt ? std::min(prompt - 1, at + kChunk) : std::min(tokens.size(), at + kChunk);
        const auto logits = forward(model, best_backend(), sequence, tokens.subspan(at, end - at),
                                    {.logits = in_prompt ? Logits::kNone : Logits::kAll, .threads = threads});
        if (!logits) return Fail{std::string{to_string(logits.error())}};
        for (size_t i = at; !in_prompt && i < end; ++i) {
            const auto row = std::span{*logits}.subspan((i - at) * vocabulary, vocabulary);
            if (!check.compare(i + 1 - prompt, row)) return true;
        }
        at = end;
    }
    return true;
}

Result<ReceiptReport, std::string> verify_answer(const LocalModel& model, const consensus::JobCommand& job,
                                                 const std::vector<uint32_t>& answer, const Hash256& receipt,
                                                 unsigned threads) {
    ReceiptReport report;
    report.prompt_tokens = job.prompt.size();
    report.answer_tokens = answer.size();
    auto tokens = job.prompt;
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    const auto& d = model.model.dimensions();
    if (job.prompt.empty()) return Fail{std::string{"prompt: empty"}};
    if (answer.empty()) return Fail{std::string{"answer: empty"}};
    const auto unknown = std::ranges::find_if(tokens, [&](uint32_t token) { return token >= d.vocabulary; });
    if (unknown != tokens.end()) {
        return Fail{"token " + std::to_string(unknown - tokens.begin()) + ": not in the model's vocabulary"};
    }
    // The last token of an answer that fills the context is chosen, not run.
    auto run = std::span<const uint32_t>{tokens};
    if (run.size() == size_t{d.context} + 1) run = run.first(d.context);
    if (run.size() > d.context) return Fail{std::string{"prompt and answer: too long for the model"}};

    const Check check{model, job, answer, work::sampling_of(job.sampling), report};
    const auto compared = compare_all(check, run, threads);
    if (!compared) return Fail{compared.error()};
    report.op_roots =
        work::trace_op_roots(model.model, receipt, std::vector<uint32_t>(run.begin(), run.end()), threads);
    report.trace_root = crypto::merkle_root(report.op_roots);
    return report;
}

Result<ReceiptReport, std::string> verify_result(const LocalModel& model, const consensus::JobCommand& job,
                                                 const Bytes& result, unsigned threads) {
    auto expected = compute_result(model, job, threads);
    if (!expected) return Fail{expected.error()};
    ReceiptReport report;
    report.prompt_tokens = job.prompt.size();
    report.expected_result = *std::move(expected);
    report.result_difference = first_difference(job.kind, result, report.expected_result);
    return report;
}

}  // namespace

Result<ReceiptReport, std::string> verify_receipt(const LocalModel& model, const consensus::JobCommand& job,
                                                  const consensus::ReceiptCommand& receipt, const Hash256& id,
                                                  unsigned threads) {
    const bool answers = job.kind == uint8_t(consensus::JobKind::kInfer);
    if (answers && !receipt.result.empty()) return Fail{std::string{"result: not of this kind"}};
    if (!answers && !receipt.answer.empty()) return Fail{std::string{"answer: not of this kind"}};
    return answers ? verify_answer(model, job, receipt.answer, id, threads)
                   : verify_result(model, job, receipt.result, threads);
}

}  // namespace daidd::worker
