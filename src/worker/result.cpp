#include "worker/result.h"

#include <algorithm>

#include "training/loss_runner.h"

namespace daidd::worker {

using consensus::JobCommand;
using consensus::JobKind;

namespace {

/// Positions of a step: about as long as one of the batcher's, so that answers wait no longer for it.
constexpr uint32_t kStepTokens = 64;

template <class T>
std::optional<JobResult> parse(ByteView bytes) {
    auto result = decode<T>(bytes);
    if (!result) return std::nullopt;
    return *std::move(result);
}

std::string difference(const training::LossSum& claimed, const training::LossSum& expected) {
    return claimed.tokens != expected.tokens ? "tokens" : "loss";
}

/// The prompt is one window.
class Evaluating final : public Computation {
public:
    Evaluating(const LocalModel& model, const JobCommand& job, unsigned threads)
        : options_{.threads = threads, .chunk = kStepTokens},
          runner_{model.model, options_},
          sequence_{model.model, uint32_t(job.prompt.size())},
          rest_{job.prompt} {}

    std::optional<Result<Bytes, std::string>> step() override {
        const size_t count = std::min<size_t>(kStepTokens, rest_.size() - 1);
        if (const auto error = runner_.add(sequence_, rest_.first(count + 1), sum_)) {
            return Fail{std::string{to_string(*error)}};
        }
        rest_ = rest_.subspan(count);
        if (rest_.size() > 1) return std::nullopt;
        return encode(sum_);
    }

private:
    training::EvalOptions options_;
    training::LossRunner runner_;
    inference::Sequence sequence_;
    std::span<const uint32_t> rest_;  ///< from the last token that was predicted on
    training::LossSum sum_;
};

}  // namespace

std::optional<JobResult> parse_result(uint8_t kind, ByteView bytes) {
    if (kind == uint8_t(JobKind::kEval)) return parse<training::LossSum>(bytes);
    return std::nullopt;
}

std::optional<std::string> first_difference(uint8_t kind, ByteView claimed, ByteView expected) {
    if (std::ranges::equal(claimed, expected)) return std::nullopt;
    const auto ours = parse_result(kind, expected);
    const auto theirs = parse_result(kind, claimed);
    if (!ours || !theirs) return "encoding";
    return std::visit(
        [&](const auto& result) {
            return difference(std::get<std::decay_t<decltype(result)>>(*theirs), result);
        },
        *ours);
}

std::optional<std::string> misfit_of(const LocalModel& model, const JobCommand& job) {
    const auto& d = model.model.dimensions();
    if (job.prompt.size() < consensus::prompt_tokens_min(job.kind)) return "prompt: too short";
    const auto unknown =
        std::ranges::find_if(job.prompt, [&](uint32_t token) { return token >= d.vocabulary; });
    if (unknown != job.prompt.end()) {
        return "prompt: token " + std::to_string(*unknown) + " is not in the model's vocabulary";
    }
    if (job.prompt.size() > d.context) {
        return "prompt: " + std::to_string(job.prompt.size()) + " tokens, the model's context is " +
               std::to_string(d.context);
    }
    return std::nullopt;
}

Result<std::unique_ptr<Computation>, std::string> make_computation(const LocalModel& model,
                                                                   const JobCommand& job, unsigned threads) {
    if (auto misfit = misfit_of(model, job)) return Fail{*std::move(misfit)};
    if (job.kind != uint8_t(JobKind::kEval)) return Fail{"kind " + std::to_string(job.kind) + ": not here"};
    return std::unique_ptr<Computation>{std::make_unique<Evaluating>(model, job, threads)};
}

Result<Bytes, std::string> compute_result(const LocalModel& model, const JobCommand& job, unsigned threads) {
    const auto computation = make_computation(model, job, threads);
    if (!computation) return Fail{computation.error()};
    for (;;) {
        if (auto result = (*computation)->step()) return *std::move(result);
    }
}

}  // namespace daidd::worker
