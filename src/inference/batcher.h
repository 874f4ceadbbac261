#pragma once

#include <map>

#include "inference/generate.h"
#include "inference/prefix_cache.h"

namespace daidd::inference {

struct BatcherOptions {
    size_t page_bytes_max = size_t{1} << 30;  ///< keys and values of all sequences and the prefix cache
    uint32_t sequences_max = 16;              ///< that run at once
    /// Rows of a step: one for each sequence that decodes, the rest for prompts. So a running answer waits
    /// for the next token no longer than these rows take. Requires sequences_max <= rows_max <=
    /// kBatchRowsMax.
    uint32_t rows_max = 64;
    uint32_t waiting_max = 1024;  ///< requests that are not running
    bool keep_prefixes = true;    ///< of answered texts, as long as there is room; never changes a token
    Backend backend = best_backend();
    unsigned threads = 1;
};

struct BatchRequest {
    std::vector<uint32_t> prompt;
    uint32_t tokens_max = 256;
    Sampling sampling = {};
    /// Chooses instead of `sampling` if it is there: called once for each token of the answer, in order, with
    /// `vocabulary` logits. A Sampler's place, and that of logprobs.
    std::function<uint32_t(std::span<const int32_t> logits)> choose = {};
    OnToken on_token = {};                        ///< false ends the request; may be empty
    std::function<void(StopReason)> on_end = {};  ///< once, unless it is cancelled; may be empty
};

enum class BatchError {
    kNoTokens,      ///< an empty prompt, or tokens_max 0
    kUnknownToken,  ///< in the prompt
    kTooLong,       ///< the prompt is longer than the model's context
    kTooFewPages,   ///< the whole budget could not hold it
    kSampling,      ///< check_sampling refuses
    kQueueFull,
};
std::string_view to_string(BatchError error);

/// Continuous batching: answers many requests at once, a step at a time, on the caller's thread. Each gets
/// what generate() gives it on a sequence of min(prompt + tokens_max, context) positions, whatever the
/// others, the options and the moments of its steps are.
///
/// Requests are admitted in the order of their arrival, when there are pages for their text. When pages run
/// out, prefixes that nobody uses go first, then the youngest request's pages: it waits again, in its old
/// place, and recomputes. The oldest one is never stopped, so every request ends.
class Batcher {
public:
    using Id = uint64_t;

    /// `model_root` tells texts of this model from others'; any constant will do for one model.
    Batcher(const Model& model, const Hash256& model_root, const BatcherOptions& options);

    /// Ids count up from 0.
    Result<Id, BatchError> add(BatchRequest request);
    /// Forgets a request without calling on_end. False if it is not there, or not any more.
    bool cancel(Id id);
    /// One pass over the next rows; then calls choose, on_token and on_end, in the order of ids. They must
    /// not call the batcher. False if there was nothing to do.
    bool step();

    size_t running() const { return running_.size(); }
    size_t waiting() const { return waiting_.size(); }
    /// Since the beginning.
    uint64_t preemptions() const { return preemptions_; }
    uint64_t tokens_reused() const { return tokens_reused_; }  ///< positions that came from the prefix cache

private:
    struct Task {
        BatchRequest request;
        uint32_t capacity = 0;
        std::vector<uint32_t> text;        ///< prompt and answer so far
        std::optional<Sequence> sequence;  ///< while it runs; a beginning of the text
        PrefixCache::Cursor cursor;
        uint32_t rows = 0;  ///< of this step

        uint32_t rest() const { return uint32_t(text.size()) - sequence->length(); }
        uint32_t answer_tokens() const { return uint32_t(text.size() - request.prompt.size()); }
    };
    using Tasks = std::map<Id, Task>;

    std::optional<BatchError> check(const BatchRequest& request) const;
    void admit();
    void plan_rows();
    void reserve_pages();
    void preempt_youngest();
    BigVector<int32_t> run();
    void take_tokens(std::span<const int32_t> logits);
    uint32_t choose(const Task& task, std::span<const int32_t> logits) const;
    std::optional<StopReason> take_token(Task& task, uint32_t token) const;

    const Model model_;
    const BatcherOptions options_;
    PagePool pool_;
    PrefixCache prefixes_;
    Id next_id_ = 0;
    Tasks waiting_, running_;
    uint64_t preemptions_ = 0, tokens_reused_ = 0;
};

}  // namespace daidd::inference
