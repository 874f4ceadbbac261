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

Answering::Answering(const LocalModel& model) : batcher_{model.model, model.root, BatcherOptions{}} {}

std::optional<std::string> Answering::add(const Hash256& job, const consensus::JobCommand& command) {
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
    return std::ranges::find(answers_, job, &Answer::job) != answers_.end();
}

std::vector<Answering::Answer> Answering::step(Gate& gate) {
    if (!empty()) gate.serve([this] { batcher_.step(); });
    std::vector<Answer> ended;
    for (auto at = answers_.begin(); at != answers_.end();) {
        const auto answer = at++;
        if (!answer->ended) continue;
        ended.push_back(std::move(*answer));
        answers_.erase(answer);
    }
    return ended;
}

}  // namespace daidd::worker
