#pragma once

#include <functional>

#include "inference/forward.h"
#include "inference/logprob.h"
#include "inference/sampler.h"

namespace daidd::inference {

struct GenerateOptions {
    uint32_t tokens_max = 256;
    Sampling sampling;
    /// Chooses instead of `sampling` if it is there. Its position must be that of the answer's first token.
    Sampler* sampler = nullptr;
    /// How many of the likeliest tokens to list at each position; without a value no logprobs are found.
    std::optional<uint32_t> top_logprobs = {};
    Backend backend = best_backend();  ///< never changes a token
    unsigned threads = 1;              ///< never changes a token
};

enum class StopReason {
    kEndToken,  ///< the last token is one of the model's end tokens
    kTokensMax,
    kCapacity,  ///< the sequence is full
    kCallback,
    kSampler,  ///< the sampler's stop() says why
};
std::string_view to_string(StopReason reason);

struct Generated {
    std::vector<uint32_t> tokens;    ///< with the end token, if that is what stopped it
    std::vector<Logprobs> logprobs;  ///< one a token, if asked for
    StopReason reason = StopReason::kTokensMax;
};

/// Called for every new token, at once; false stops.
using OnToken = std::function<bool(uint32_t token)>;

/// Continues `sequence` (which may hold earlier positions) with the prompt, then with tokens of the model's
/// own. Afterwards the sequence holds all but the last of them. Requires check_sampling to accept and
/// top_logprobs <= kTopLogprobsMax.
Result<Generated, ForwardError> generate(const Model& model, Sequence& sequence,
                                         std::span<const uint32_t> prompt, const GenerateOptions& options,
                                         const OnToken& on_token = {});

}  // namespace daidd::inference
