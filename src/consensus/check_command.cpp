#include "consensus/check_command.h"

#include <algorithm>

namespace daidd::consensus {

namespace {

Broken out_of(std::string_view token, std::string_view what, size_t value, size_t max, size_t min = 1) {
    return {token, std::string(what) + ": " + std::to_string(value) + ", allowed " + std::to_string(min) +
                       " to " + std::to_string(max)};
}

template <class Command>
Result<Command, Broken> decode_payload(ByteView payload) {
    auto command = decode<Command>(payload);
    if (command) return *std::move(command);
    return Fail{Broken{"bad-command-payload", std::string(to_string(command.error()))}};
}

std::optional<Broken> check_job(const JobCommand& job, const Params& params) {
    const BaseModel* model = params.find_model(job.model);
    if (model == nullptr) return Broken{"bad-job-model", "no such base model"};
    if (job.adapter != kZeroHash) return Broken{"bad-job-adapter", "adapters are not open yet"};
    if (const auto broken = check_kind(job, params)) return broken;
    if (job.worker != kZeroHash && !crypto::is_valid(job.worker))
        return Broken{"bad-job-worker", "the worker's key is not on the curve"};
    if (!crypto::is_valid(job.refund)) return Broken{"bad-job-refund", "the refund key is not on the curve"};
    const size_t least = prompt_tokens_min(job.kind);
    if (job.prompt.size() < least || job.prompt.size() > params.job_prompt_tokens_max)
        return out_of("bad-job-prompt", "prompt tokens", job.prompt.size(), params.job_prompt_tokens_max,
                      least);
    const auto unknown = std::find_if(job.prompt.begin(), job.prompt.end(),
                                      [&](uint32_t token) { return token >= model->manifest.vocabulary; });
    if (unknown != job.prompt.end())
        return Broken{"bad-job-token", "prompt token " + std::to_string(*unknown)};
    return std::nullopt;
}

std::optional<Broken> check_receipt(const ReceiptCommand& receipt, const Params& params) {
    if (!crypto::is_valid(receipt.worker))
        return Broken{"bad-receipt-worker", "the worker's key is not on the curve"};
    // Of which kind the job is only the state knows.
    if (receipt.answer.size() > params.job_answer_tokens_max ||
        (receipt.answer.empty() && receipt.result.empty()))
        return out_of("bad-receipt-answer", "answer tokens", receipt.answer.size(),
                      params.job_answer_tokens_max);
    if (!receipt.answer.empty() && !receipt.result.empty())
        return Broken{"bad-receipt-result", "an answer and a result"};
    return std::nullopt;
}

}  // namespace

std::optional<Broken> check_kind(const JobCommand& job, const Params& params) {
    if (!is_open(job.kind))
        return Broken{"bad-job-kind", "kind " + std::to_string(job.kind) + " is not open yet"};
    if (job.kind != uint8_t(JobKind::kInfer)) {
        if (job.answer_tokens_max != 0)
            return Broken{"bad-job-answer-max", std::to_string(job.answer_tokens_max) +
                                                    " answer tokens, this kind has a result instead"};
        if (job.sampling != Sampling{}) return Broken{"bad-job-sampling", "of a kind that chooses no tokens"};
        return std::nullopt;
    }
    if (job.answer_tokens_max == 0 || job.answer_tokens_max > params.job_answer_tokens_max)
        return out_of("bad-job-answer-max", "answer tokens", job.answer_tokens_max,
                      params.job_answer_tokens_max);
    if (job.sampling.temperature > kTemperatureMax) return Broken{"bad-job-sampling", "temperature above 8"};
    if (job.sampling.min_p > kMinPMax) return Broken{"bad-job-sampling", "min_p above 1"};
    return std::nullopt;
}

std::optional<Broken> check_command(const CommandPush& push, const Params& params) {
    if (push.payload.size() > kCommandBytesMax)
        return Broken{"bad-command-payload", std::to_string(push.payload.size()) + " bytes"};
    if (push.type == uint8_t(CommandType::kJob)) {
        const auto job = decode_payload<JobCommand>(push.payload);
        if (!job) return job.error();
        return check_job(*job, params);
    }
    if (push.type == uint8_t(CommandType::kReceipt)) {
        const auto receipt = decode_payload<ReceiptCommand>(push.payload);
        if (!receipt) return receipt.error();
        return check_receipt(*receipt, params);
    }
    return Broken{"bad-command-type", "type " + std::to_string(push.type) + " is not open yet"};
}

}  // namespace daidd::consensus
