#pragma once

#include "inference/model.h"

namespace daidd::inference {

/// The keys and values of the positions seen so far: all that a model remembers of a text.
class Sequence {
public:
    /// Requires capacity <= model.dimensions().context. Memory for `capacity` positions is taken at once.
    Sequence(const Model& model, uint32_t capacity);

    uint32_t length() const { return length_; }
    uint32_t capacity() const { return capacity_; }
    /// Forgets all positions from `length` on. Requires length <= length().
    void truncate(uint32_t length);

    Sequence(Sequence&&) = default;
    Sequence& operator=(Sequence&&) = default;
    Sequence copy() const { return Sequence{*this}; }

    struct Cache {
        std::vector<int8_t> codes;      ///< (layer, head, position, head_dim)
        std::vector<uint8_t> mantissa;  ///< (layer, head, position)
        std::vector<int16_t> exponent;
    };
    Cache keys, values;

    /// Where (layer, head, position 0) begins in mantissa and exponent; in codes times head_dim.
    size_t at(uint32_t layer, uint32_t head) const { return (size_t{layer} * kv_heads_ + head) * capacity_; }
    /// The forward pass has written the next `count` positions.
    void advance(uint32_t count);

private:
    Sequence(const Sequence&) = default;

    uint32_t length_ = 0;
    uint32_t capacity_ = 0;
    uint32_t kv_heads_ = 0;
};

/// Receives the rows of every trace tensor (protocol §3). Within one forward() the tensors come in order,
/// each once, with the rows of all new positions together.
class TraceSink {
public:
    virtual ~TraceSink() = default;
    /// `rows` holds, for each of the positions from `first_position` on, info.rows rows of info.row_bytes:
    /// residual: int32 little-endian. codes and heads: int8 codes ‖ scale mantissa u8 ‖ exponent i16 ‖ index
    /// u32 of the largest |x| before quantisation (lowest on ties); an all-zero row is zero bytes. So the
    /// clean operand of a mined product is the first info.width bytes of each row.
    /// The view is valid during the call only.
    virtual void rows(uint16_t tensor, const TensorInfo& info, uint32_t first_position, ByteView rows) = 0;
};

/// Keeps everything: tensors[t] is all rows of tensor t, position after position.
class TraceRecorder final : public TraceSink {
public:
    explicit TraceRecorder(const Model& model) : tensors(model.plan().tensors.size()) {}
    void rows(uint16_t tensor, const TensorInfo& info, uint32_t first_position, ByteView rows) override;

    std::vector<Bytes> tensors;
};

enum class Logits : uint8_t { kNone, kLast, kAll };

struct ForwardOptions {
    Logits logits = Logits::kLast;
    TraceSink* trace = nullptr;
    unsigned threads = 1;  ///< never changes a bit
};

enum class ForwardError { kNoTokens, kUnknownToken, kTooLong };
std::string_view to_string(ForwardError error);

/// Runs the tokens at positions length(), length() + 1, … of `sequence` and appends them to it. The result
/// is int32 logits with fx() fraction bits, one row of `vocabulary` for each position asked for. Token by
/// token, in chunks or all at once, with any backend and any number of threads: the same logits and trace.
/// With a trace the head's codes are computed for every position, whatever `logits` says.
/// Requires is_supported(backend) and a model built for it.
Result<std::vector<int32_t>, ForwardError> forward(const Model& model, Backend backend, Sequence& sequence,
                                                   std::span<const uint32_t> tokens,
                                                   const ForwardOptions& options = {});

}  // namespace daidd::inference
