#include "inference/batcher.h"

#include <algorithm>
#include <cassert>

namespace daidd::inference {

std::string_view to_string(BatchError error) {
    switch (error) {
    case BatchError::kNoTokens: return "no_tokens";
    case BatchError::kUnknownToken: return "unknown_token";
    case BatchError::kTooLong: return "too_long";
    case BatchError::kTooFewPages: return "too_few_pages";
    case BatchError::kSampling: return "sampling";
    case BatchError::kQueueFull: return "queue_full";
    }
    return "unknown";
}

namespace {

uint32_t capacity_of(const BatchRequest& request, uint32_t context) {
    return uint32_t(std::min<uint64_t>(uint64_t{request.prompt.size()} + request.tokens_max, context));
}

}  // namespace

Batcher::Batcher(const Model& model, const Hash256& model_root, const BatcherOptions& options)
    : model_{model}, options_{options}, pool_{model, options.page_bytes_max}, prefixes_{model_root} {
    assert(options.sequences_max > 0 && options.sequences_max <= options.rows_max);
    assert(options.rows_max <= kBatchRowsMax);
}

std::optional<BatchError> Batcher::check(const BatchRequest& request) const {
    const Dimensions& d = model_.dimensions();
    if (request.prompt.empty() || request.tokens_max == 0) return BatchError::kNoTokens;
    for (const uint32_t token : request.prompt) {
        if (token >= d.vocabulary) return BatchError::kUnknownToken;
    }
    if (request.prompt.size() > d.context) return BatchError::kTooLong;
    if (pages_for(capacity_of(request, d.context)) > pool_.pages_max()) return BatchError::kTooFewPages;
    if (check_sampling(request.sampling)) return BatchError::kSampling;
    if (waiting_.size() >= options_.waiting_max) return BatchError::kQueueFull;
    return std::nullopt;
}

Result<Batcher::Id, BatchError> Batcher::add(BatchRequest request) {
    if (const auto error = check(request)) return Fail{*error};
    Task task;
    task.capacity = capacity_of(request, model_.dimensions().context);
    task.text = request.prompt;
    task.request = std::move(request);
    waiting_.emplace(next_id_, std::move(task));
    return next_id_++;
}

bool Batcher::cancel(Id id) { return running_.erase(id) + waiting_.erase(id) > 0; }

bool Batcher::step() {
    admit();
    if (running_.empty()) return false;
    plan_rows();
    reserve_pages();
    take_tokens(run());
    return true;
}

/// The oldest that wait, while there are pages for their texts and one more for each that runs: else the next
/// page that one of those needs would send the newcomer back.
void Batcher::admit() {
    while (!waiting_.empty() && running_.size() < options_.sequences_max) {
        Task& task = waiting_.begin()->second;
        std::vector<Page> known;
        // At least the last token is computed: its logits are wanted.
        if (options_.keep_prefixes) {
            known = prefixes_.find(std::span{task.text}.first(task.text.size() - 1), task.cursor);
        }
        const size_t needed = pages_for(task.text.size()) - known.size();
        if (needed + running_.size() > pool_.pages_free() + prefixes_.pages_unused()) return;
        task.sequence.emplace(model_, pool_, task.capacity);
        task.sequence->adopt(known);
        tokens_reused_ += known.size() * kPagePositions;
        running_.insert(waiting_.extract(waiting_.begin()));
    }
}

/// Rows for those that decode, then for prompts, the oldest first.
void Batcher::plan_rows() {
    uint32_t left = options_.rows_max;
    for (auto& [id, task] : running_) {
        task.rows = task.rest() == 1 ? 1 : 0;
        left -= task.rows;
    }
    for (auto& [id, task] : running_) {
        if (task.rows > 0) continue;
        task.rows = std::min(task.rest(), left);
        left -= task.rows;
    }
}

/// By age, so nobody who has pages for this step is stopped.
void Batcher::reserve_pages() {
    for (auto at = running_.begin(); at != running_.end();) {
        const Id id = at->first;
        while (running_.contains(id) && !at->second.sequence->reserve(at->second.rows)) {
            if (prefixes_.give_back()) continue;
            assert(running_.size() > 1);  // the oldest alone fits: add() has seen to it
            preempt_youngest();
        }
        at = running_.upper_bound(id);
    }
}

void Batcher::preempt_youngest() {
    auto node = running_.extract(std::prev(running_.end()));
    node.mapped().sequence.reset();
    waiting_.insert(std::move(node));
    ++preemptions_;
}

/// The logits of every task whose text ends in this step.
BigVector<int32_t> Batcher::run() {
    std::vector<BatchItem> items;
    for (auto& [id, task] : running_) {
        if (task.rows == 0) continue;
        const auto tokens = std::span{task.text}.subspan(task.sequence->length(), task.rows);
        items.push_back({&*task.sequence, tokens, task.rows == task.rest() ? Logits::kLast : Logits::kNone});
    }
    auto logits = forward_batch(model_, options_.backend, items, options_.threads);
    assert(logits);
    return *std::move(logits);
}

void Batcher::take_tokens(std::span<const int32_t> logits) {
    const uint32_t vocabulary = model_.dimensions().vocabulary;
    for (auto at = running_.begin(); at != running_.end();) {
        Task& task = at->second;
        if (options_.keep_prefixes) prefixes_.share(task.text, *task.sequence, task.cursor);
        std::optional<StopReason> end;
        if (task.rest() == 0) {
            end = take_token(task, choose(task, logits.first(vocabulary)));
            logits = logits.subspan(vocabulary);
        }
        if (!end) {
            ++at;
            continue;
        }
        const auto on_end = std::move(task.request.on_end);
        at = running_.erase(at);
        if (on_end) on_end(*end);
    }
}

uint32_t Batcher::choose(const Task& task, std::span<const int32_t> logits) const {
    const BatchRequest& request = task.request;
    if (!request.choose) return sample(logits, request.sampling, task.sequence->length(), model_.fx());
    const uint32_t token = request.choose(logits);
    assert(token < logits.size());
    return token;
}

/// As generate() goes on, or why it does not.
std::optional<StopReason> Batcher::take_token(Task& task, uint32_t token) const {
    task.text.push_back(token);
    if (task.request.on_token && !task.request.on_token(token)) return StopReason::kCallback;
    const auto& ends = model_.parts().end_tokens;
    if (std::ranges::find(ends, token) != ends.end()) return StopReason::kEndToken;
    if (task.answer_tokens() == task.request.tokens_max) return StopReason::kTokensMax;
    if (task.sequence->length() == task.capacity) return StopReason::kCapacity;
    return std::nullopt;
}

}  // namespace daidd::inference
