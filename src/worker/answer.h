#pragma once

#include <list>

#include "inference/batcher.h"
#include "worker/gate.h"
#include "worker/ports.h"
#include "worker/result.h"

namespace daidd::worker {

/// Whether an answer of this length, whose last token is `last`, has ended: with an end token (which is part
/// of it), at answer_tokens_max, or when the model's context is full.
bool is_ended(const LocalModel& model, const consensus::JobCommand& job, size_t answer_tokens, uint32_t last);

/// Results that wait for their turn.
inline constexpr size_t kResultsWaitingMax = 1024;

/// Answers the jobs of one model side by side: those of kind infer a token at a time, and of the others the
/// oldest, a chunk at a time. Each answer is what inference::generate gives for its prompt alone, so nobody
/// can tell from a receipt what else was answered then.
class Answering {
public:
    struct Answer {
        Hash256 job;
        std::vector<uint32_t> tokens = {};
        Bytes result = {};
        std::string failure = {};  ///< why there is neither
        bool ended = false;
    };

    explicit Answering(const LocalModel& model);
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

    /// The reason if the model cannot run it, or not now.
    std::optional<std::string> add(const Hash256& job, const consensus::JobCommand& command);
    bool contains(const Hash256& job) const;
    /// One step of each sort, which holds a place of the gate: at most a token for each answer that has
    /// begun, and a chunk of a result. What ended in them.
    std::vector<Answer> step(Gate& gate);

    bool empty() const { return answers_.empty() && results_.empty(); }
    /// Requires that it is not empty.
    const Hash256& oldest() const { return answers_.empty() ? results_.front().job : answers_.front().job; }

private:
    struct Waiting {
        Hash256 job;
        consensus::JobCommand command;
        std::unique_ptr<Computation> computation = nullptr;  ///< once it has begun
    };
    std::optional<std::string> add_answer(const Hash256& job, const consensus::JobCommand& command);
    std::optional<Answer> compute(Gate& gate);

    const LocalModel& model_;
    inference::Batcher batcher_;
    std::list<Answer> answers_;   ///< in the order they came; the batcher's callbacks write to them
    std::list<Waiting> results_;  ///< in the order they came; computations refer to their commands
};

}  // namespace daidd::worker
