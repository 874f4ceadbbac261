#pragma once

#include <list>

#include "inference/batcher.h"
#include "worker/gate.h"
#include "worker/ports.h"

namespace daidd::worker {

/// Whether an answer of this length, whose last token is `last`, has ended: with an end token (which is part
/// of it), at answer_tokens_max, or when the model's context is full.
bool is_ended(const LocalModel& model, const consensus::JobCommand& job, size_t answer_tokens, uint32_t last);

/// Answers the jobs of one model side by side. Each answer is what inference::generate gives for its prompt
/// alone, so nobody can tell from a receipt what else was answered then.
class Answering {
public:
    struct Answer {
        Hash256 job;
        std::vector<uint32_t> tokens = {};
        bool ended = false;
    };

    explicit Answering(const LocalModel& model);
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

    /// The reason if the model cannot run it, or not now.
    std::optional<std::string> add(const Hash256& job, const consensus::JobCommand& command);
    bool contains(const Hash256& job) const;
    /// One step that holds a place of the gate: at most a token for each job that has begun. What ended in
    /// it.
    std::vector<Answer> step(Gate& gate);

    bool empty() const { return answers_.empty(); }
    /// Requires that it is not empty.
    const Hash256& oldest() const { return answers_.front().job; }

private:
    inference::Batcher batcher_;
    std::list<Answer> answers_;  ///< in the order they came; the batcher's callbacks write to them
};

}  // namespace daidd::worker
