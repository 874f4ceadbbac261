#pragma once

#include <optional>
#include <span>
#include <string>

#include "inference/forward.h"

namespace daidd::work {

/// Runs the passes of units in the place of inference::forward(): on an accelerator. For several threads at
/// once; they take turns.
class PassRunner {
public:
    virtual ~PassRunner() = default;
    /// What it runs on, as a user knows it.
    virtual const std::string& name() const = 0;
    /// What inference::forward() does with `tokens` on an empty sequence: the same rows go to options.trace,
    /// the same folds to options.tickets. Requires tokens that it can run and Logits::kNone. The reason if it
    /// failed, which names what it runs on; what trace and tickets got is then worth nothing.
    virtual std::optional<std::string> run(std::span<const uint32_t> tokens,
                                           const inference::ForwardOptions& options) = 0;
};

}  // namespace daidd::work
