#pragma once

#include "worker/gate.h"
#include "worker/ports.h"

namespace daidd::worker {

/// The answer to a job: what inference::generate gives for its prompt, one gated step a token. It ends with
/// the first end token (which is part of it), at answer_tokens_max, or when the model's context is full.
/// Nothing if `stopping` said so; the reason if the model cannot run the prompt.
Result<std::optional<std::vector<uint32_t>>, std::string> make_answer(const LocalModel& model,
                                                                      const consensus::JobCommand& job,
                                                                      Gate& gate,
                                                                      const std::function<bool()>& stopping);

/// Whether an answer of this length, whose last token is `last`, has ended by the rule above.
bool is_ended(const LocalModel& model, const consensus::JobCommand& job, size_t answer_tokens, uint32_t last);

/// Prompt tokens read in one step.
inline constexpr size_t kPromptChunk = 64;

}  // namespace daidd::worker
