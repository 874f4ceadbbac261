#include "worker/answer.h"

#include <algorithm>

#include "work/sampling.h"

namespace daidd::worker {

using namespace inference;

bool is_ended(const LocalModel& model, const consensus::JobCommand& job, size_t answer_tokens,
              uint32_t last) {
    const auto& ends = model.model.parts().end_tokens;
    return answer_tokens >= job.answer_tokens_max || std::ranges::find(ends, last) != ends.end() ||
           job.prompt.size() + answer_tokens > model.model.dimensions().context;
}

Answering::Answering(const LocalModel& model)
    : model_{model}, batcher_{model.model, model.root, BatcherOptions{}} {}

std::optional<std::string> Answering::add(const Hash256& job, const consensus::JobCommand& command) {
    if (command.kind == uint8_t(consensus::JobKind::kInfer)) return add_answer(job, command);
    if (auto misfit = misfit_of(model_, command)) return misfit;
    if (results_.size() >= kResultsWaitingMax) return "result: too many wait";
    results_.push_back({.job = job, .command = command});
    return std::nullopt;
}

std::optional<std::string> Answering::add_answer(const Hash256& job, const consensus::JobCommand& command) {
    Answer& answer = answers_.emplace_back(Answer{.job = job});
    const auto added = batcher_.add({.prompt = command.prompt,
                                     .tokens_max = command.answer_tokens_max,
                                     .sampling = work::sampling_of(command.sampling),
                                     .on_token =
                                         [&answer](uint32_t token) {
                                             answer.tokens.push_back(token);
                                             return true;
                                         },
                                     .on_end = [&answer](StopReason) { answer.ended = true; }});
    if (added) return std::nullopt;
    answers_.pop_back();
    return "prompt: " + std::string{to_string(added.error())};
}

bool Answering::contains(const Hash256& job) const {
    return std::ranges::find(answers_, job, &Answer::job) != answers_.end() ||
           std::ranges::find(results_, job, &Waiting::job) != results_.end();
}

std::optional<Answering::Answer> Answering::compute(Gate& gate) {
    Waiting& first = results_.front();
    std::optional<Result<Bytes, std::string>> done;
    gate.serve([&] {
        if (first.computation == nullptr) {
            auto begun = make_computation(model_, first.command, 1);
            if (!begun) return void(done = Fail{begun.error()});
            first.computation = *std::move(begun);
        }
        done = first.computation->step();
    });
    if (!done) return std::nullopt;
    Answer answer{.job = first.job, .ended = true};
    if (*done) {
        answer.result = *std::move(*done);
    } else {
        answer.failure = done->error();
    }
    results_.pop_front();
    return answer;
}

std::vector<Answering::Answer> Answering::step(Gate& gate) {
    std::vector<Answer> ended;
    if (!answers_.empty()) gate.serve([this] { batcher_.step(); });
    if (!results_.empty()) {
        if (auto answer = compute(gate)) ended.push_back(*std::move(answer));
    }
    for (auto at = answers_.begin(); at != answers_.end();) {
        const auto answer = at++;
        if (!answer->ended) continue;
        ended.push_back(std::move(*answer));
        answers_.erase(answer);
    }
    return ended;
}

}  // namespace daidd::worker
