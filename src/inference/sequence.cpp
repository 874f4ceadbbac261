#include <cassert>

#include "inference/forward.h"

namespace daidd::inference {

Sequence::Sequence(const Model& model, uint32_t capacity)
    : capacity_{capacity}, kv_heads_{model.dimensions().kv_heads} {
    const Dimensions& d = model.dimensions();
    assert(capacity > 0 && capacity <= d.context);
    const size_t rows = size_t{d.layers} * d.kv_heads * capacity;
    for (Cache* cache : {&keys, &values}) {
        cache->codes.resize(rows * d.head_dim);
        cache->mantissa.resize(rows);
        cache->exponent.resize(rows);
    }
}

void Sequence::truncate(uint32_t length) {
    assert(length <= length_);
    length_ = length;
}

void Sequence::advance(uint32_t count) {
    assert(count <= capacity_ - length_);
    length_ += count;
}

void TraceRecorder::rows(uint16_t tensor, const TensorInfo&, uint32_t, ByteView rows) {
    tensors[tensor].insert(tensors[tensor].end(), rows.begin(), rows.end());
}

std::string_view to_string(ForwardError error) {
    switch (error) {
    case ForwardError::kNoTokens: return "no_tokens";
    case ForwardError::kUnknownToken: return "unknown_token";
    case ForwardError::kTooLong: return "too_long";
    }
    return "unknown";
}

}  // namespace daidd::inference
