#include "inference/generate.h"

#include <algorithm>
#include <cassert>

namespace daidd::inference {

std::string_view to_string(StopReason reason) {
    switch (reason) {
    case StopReason::kEndToken: return "end_token";
    case StopReason::kTokensMax: return "tokens_max";
    case StopReason::kCapacity: return "capacity";
    case StopReason::kCallback: return "callback";
    case StopReason::kSampler: return "sampler";
    }
    return "unknown";
}

namespace {

/// Chunks bound the memory of a long prompt; they never change a bit.
constexpr size_t kChunkTokens = 256;

Result<BigVector<int32_t>, ForwardError> read_prompt(const Model& model, Sequence& sequence,
                                                     std::span<const uint32_t> prompt,
                                                     const GenerateOptions& options) {
    if (prompt.size() > sequence.capacity() - sequence.length()) return Fail{ForwardError::kTooLong};
    while (prompt.size() > kChunkTokens) {
        const auto done = forward(model, options.backend, sequence, prompt.first(kChunkTokens),
                                  {.logits = Logits::kNone, .threads = options.threads});
        if (!done) return Fail{done.error()};
        prompt = prompt.subspan(kChunkTokens);
    }
    return forward(model, options.backend, sequence, prompt, {.threads = options.threads});
}

uint32_t choose(std::span<const int32_t> logits, const GenerateOptions& options, uint32_t position,
                uint32_t fx) {
    if (options.sampler == nullptr) return sample(logits, options.sampling, position, fx);
    assert(options.sampler->position() == position);
    return options.sampler->next(logits);
}

}  // namespace

Result<Generated, ForwardError> generate(const Model& model, Sequence& sequence,
                                         std::span<const uint32_t> prompt, const GenerateOptions& options,
                                         const OnToken& on_token) {
    auto logits = read_prompt(model, sequence, prompt, options);
    if (!logits) return Fail{logits.error()};
    const auto& ends = model.parts().end_tokens;
    const auto is_stopped = [&] { return options.sampler != nullptr && options.sampler->stop(); };
    Generated out;
    if (is_stopped()) out.reason = StopReason::kSampler;
    while (out.tokens.size() < options.tokens_max && !is_stopped()) {
        const uint32_t token = choose(*logits, options, sequence.length(), model.fx());
        out.tokens.push_back(token);
        if (options.top_logprobs)
            out.logprobs.push_back(find_logprobs(*logits, token, *options.top_logprobs, model.fx()));
        out.reason = StopReason::kEndToken;
        if (on_token && !on_token(token)) out.reason = StopReason::kCallback;
        if (out.reason == StopReason::kCallback || std::ranges::find(ends, token) != ends.end()) return out;
        out.reason = StopReason::kSampler;
        if (is_stopped()) return out;
        out.reason = out.tokens.size() == options.tokens_max ? StopReason::kTokensMax : StopReason::kCapacity;
        if (out.tokens.size() == options.tokens_max || sequence.length() == sequence.capacity()) return out;
        const uint32_t next[] = {token};
        logits = forward(model, options.backend, sequence, next, {.threads = options.threads});
        if (!logits) return Fail{logits.error()};
    }
    return out;
}

}  // namespace daidd::inference
