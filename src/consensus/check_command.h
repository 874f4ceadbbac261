#pragma once

#include "consensus/check.h"
#include "consensus/command.h"

namespace daidd::consensus {

/// What is wrong with a command of an ordinary transaction before any state is known: its type, the bytes
/// of its payload, and the fields that the spec alone bounds. The token names the field.
[[nodiscard]] std::optional<Broken> check_command(const CommandPush& push, const Params& params);

/// The part of it that depends on the job's kind: the kind, answer_tokens_max, sampling.
[[nodiscard]] std::optional<Broken> check_kind(const JobCommand& job, const Params& params);

}  // namespace daidd::consensus
