#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inference/sampler.h"

namespace daidd::tools {

/// How `run` chooses tokens, as text from the command line.
struct SamplerArguments {
    uint64_t seed = 0;
    std::string temperature = "0";  ///< decimal, like the others; 0: greedy
    std::string top_p = "1", min_p = "0";
    std::string repeat_penalty = "1", presence_penalty = "0", frequency_penalty = "0";
    uint32_t top_k = 0;
    uint32_t repeat_last = 64;
    std::vector<std::string> logit_bias;  ///< TOKEN:BIAS
    std::vector<std::string> stop;        ///< the answer ends before the first of these
    std::string grammar, json_schema;     ///< files; at most one
};

/// The error is a sentence that begins with the name of the flag.
Result<inference::SamplerOptions, std::string> make_sampler_options(const SamplerArguments& arguments,
                                                                    uint32_t vocabulary);

/// What the answer must be a text of, if a file says so. The error is such a sentence, or names the file.
Result<std::optional<inference::Grammar>, std::string> load_grammar(const SamplerArguments& arguments);

}  // namespace daidd::tools
