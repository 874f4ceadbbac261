#include "worker/answer.h"

#include <algorithm>

#include "inference/forward.h"
#include "work/sampling.h"

namespace daidd::worker {

using namespace inference;

bool is_ended(const LocalModel& model, const consensus::JobCommand& job, size_t answer_tokens,
              uint32_t last) {
    const auto& ends = model.model.parts().end_tokens;
    return answer_tokens >= job.answer_tokens_max || std::ranges::find(ends, last) != ends.end() ||
           job.prompt.size() + answer_tokens > model.model.dimensions().context;
}

Result<std::optional<std::vector<uint32_t>>, std::string> make_answer(const LocalModel& model,
                                                                      const consensus::JobCommand& job,
                                                                      Gate& gate,
                                                                      const std::function<bool()>& stopping) {
    const size_t context = model.model.dimensions().context;
    if (job.prompt.empty() || job.prompt.size() > context)
        return Fail{std::string{"prompt: too long for the model"}};
    Sequence sequence{model.model, uint32_t(std::min(job.prompt.size() + job.answer_tokens_max, context))};
    const Sampling sampling = work::sampling_of(job.sampling);
    const Backend backend = best_backend();
    std::vector<int32_t> logits;
    std::string error;
    const auto step = [&](std::span<const uint32_t> tokens) {
        gate.serve([&] {
            auto result = forward(model.model, backend, sequence, tokens);
            if (result) {
                logits = *std::move(result);
            } else {
                error = to_string(result.error());
            }
        });
        return error.empty();
    };
    for (auto rest = std::span{job.prompt}; !rest.empty();
         rest = rest.subspan(std::min(rest.size(), kPromptChunk))) {
        if (stopping()) return std::optional<std::vector<uint32_t>>{};
        if (!step(rest.first(std::min(rest.size(), kPromptChunk)))) return Fail{"prompt: " + error};
    }
    std::vector<uint32_t> answer;
    while (true) {
        if (stopping()) return std::optional<std::vector<uint32_t>>{};
        const uint32_t token = sample(logits, sampling, sequence.length(), model.model.fx());
        answer.push_back(token);
        if (is_ended(model, job, answer.size(), token)) return std::optional{std::move(answer)};
        if (!step(std::span{&token, 1})) return Fail{"answer: " + error};
    }
}

}  // namespace daidd::worker
