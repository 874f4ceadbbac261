#include "inference/forward.h"

#include <cassert>

#include "inference/pass.h"

namespace daidd::inference {

namespace {

std::optional<ForwardError> check_item(const Model& model, const BatchItem& item) {
    if (item.tokens.empty()) return ForwardError::kNoTokens;
    if (item.tokens.size() > item.sequence->capacity() - item.sequence->length())
        return ForwardError::kTooLong;
    for (const uint32_t token : item.tokens) {
        if (token >= model.dimensions().vocabulary) return ForwardError::kUnknownToken;
    }
    return std::nullopt;
}

Result<BigVector<int32_t>, ForwardError> run(const Model& model, Backend backend,
                                             std::span<const BatchItem> items, const Watchers& watchers,
                                             unsigned threads) {
    if (items.empty()) return Fail{ForwardError::kNoTokens};
    size_t rows = 0;
    for (const BatchItem& item : items) {
        if (const auto error = check_item(model, item)) return Fail{*error};
        rows += item.tokens.size();
    }
    assert(rows <= kBatchRowsMax);
    for (const BatchItem& item : items) {
        if (item.sequence->reserve(uint32_t(item.tokens.size()))) continue;
        for (const BatchItem& other : items) other.sequence->truncate(other.sequence->length());
        return Fail{ForwardError::kOutOfPages};
    }
    return Pass{model, backend, items, watchers, threads}.run();
}

}  // namespace

std::string_view to_string(ForwardError error) {
    switch (error) {
    case ForwardError::kNoTokens: return "no_tokens";
    case ForwardError::kUnknownToken: return "unknown_token";
    case ForwardError::kTooLong: return "too_long";
    case ForwardError::kOutOfPages: return "out_of_pages";
    case ForwardError::kNotADecoder: return "not_a_decoder";
    case ForwardError::kNotAnEncoder: return "not_an_encoder";
    }
    return "unknown";
}

void TraceRecorder::rows(uint16_t tensor, const TensorInfo&, uint32_t, ByteView rows, Parallel&) {
    tensors[tensor].insert(tensors[tensor].end(), rows.begin(), rows.end());
}

Result<BigVector<int32_t>, ForwardError> forward(const Model& model, Backend backend, Sequence& sequence,
                                                 std::span<const uint32_t> tokens,
                                                 const ForwardOptions& options) {
    const BatchItem item{&sequence, tokens, options.logits};
    assert(options.tickets == nullptr || (options.trace != nullptr && options.logits != Logits::kLast));
    if (model.graph().is_encoder()) return Fail{ForwardError::kNotADecoder};
    return run(model, backend, {&item, 1}, {options.trace, options.tickets}, options.threads);
}

Result<BigVector<int32_t>, ForwardError> forward_batch(const Model& model, Backend backend,
                                                       std::span<const BatchItem> items, unsigned threads) {
    if (model.graph().is_encoder()) return Fail{ForwardError::kNotADecoder};
    return run(model, backend, items, {}, threads);
}

Result<std::vector<int32_t>, ForwardError> encode_text(const Model& model, Backend backend,
                                                       std::span<const uint32_t> tokens, unsigned threads,
                                                       TraceSink* trace) {
    if (!model.graph().is_encoder()) return Fail{ForwardError::kNotAnEncoder};
    if (tokens.empty()) return Fail{ForwardError::kNoTokens};
    if (tokens.size() > model.dimensions().context) return Fail{ForwardError::kTooLong};
    Sequence sequence{model, uint32_t(tokens.size())};
    const BatchItem item{&sequence, tokens, Logits::kNone};
    const auto direction = run(model, backend, {&item, 1}, {.trace = trace}, threads);
    if (!direction) return Fail{direction.error()};
    return std::vector(direction->begin(), direction->end());
}

}  // namespace daidd::inference
