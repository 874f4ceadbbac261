#pragma once

#include "inference/parallel.h"
#include "inference/sequence.h"
#include "util/big_vector.h"

namespace daidd::inference {

/// Receives the rows of every trace tensor (protocol §3). Within one forward() the tensors come in order,
/// each once, with the rows of all new positions together.
class TraceSink {
public:
    virtual ~TraceSink() = default;
    /// `rows` holds, for each of the positions from `first_position` on, info.rows rows of info.row_bytes:
    /// residual: int32 little-endian. codes and heads: int8 codes ‖ scale mantissa u8 ‖ exponent i16 ‖ index
    /// u32 of the largest |x| before quantisation (lowest on ties); an all-zero row is zero bytes. So the
    /// clean operand of a mined product is the first info.width bytes of each row.
    /// The view is valid during the call only. `parallel` is idle meanwhile.
    virtual void rows(uint16_t tensor, const TensorInfo& info, uint32_t first_position, ByteView rows,
                      Parallel& parallel) = 0;
};

/// Keeps everything: tensors[t] is all rows of tensor t, position after position.
class TraceRecorder final : public TraceSink {
public:
    explicit TraceRecorder(const Model& model) : tensors(model.plan().tensors.size()) {}
    void rows(uint16_t tensor, const TensorInfo& info, uint32_t first_position, ByteView rows,
              Parallel& parallel) override;

    std::vector<Bytes> tensors;
};

class TicketDrawer;  // mined.h

enum class Logits : uint8_t { kNone, kLast, kAll };

struct ForwardOptions {
    Logits logits = Logits::kLast;
    TraceSink* trace = nullptr;
    /// Draws tickets from every mined product, the head's whatever `logits` says. Requires a trace, whole
    /// groups of 16 positions and not Logits::kLast.
    TicketDrawer* tickets = nullptr;
    unsigned threads = 1;  ///< never changes a bit
};

enum class ForwardError {
    kNoTokens,
    kUnknownToken,
    kTooLong,       ///< more than the rest of the sequence's capacity
    kOutOfPages,    ///< the sequence's pool has too few pages left
    kNotADecoder,   ///< of forward(): the model has no logits
    kNotAnEncoder,  ///< of encode_text(): it has nothing else
};
std::string_view to_string(ForwardError error);

/// Runs the tokens at positions length(), length() + 1, … of `sequence` and appends them to it. The result
/// is int32 logits with fx() fraction bits, one row of `vocabulary` for each position asked for. Token by
/// token, in chunks, all at once or in a batch, with any backend and any number of threads: the same logits
/// and trace. With a trace the head's codes are computed for every position, whatever `logits` says.
/// An error leaves the sequence as it was. Requires is_supported(backend) and a model built for it.
Result<BigVector<int32_t>, ForwardError> forward(const Model& model, Backend backend, Sequence& sequence,
                                                 std::span<const uint32_t> tokens,
                                                 const ForwardOptions& options = {});

/// What a batch does for one sequence.
struct BatchItem {
    Sequence* sequence;
    std::span<const uint32_t> tokens;
    Logits logits = Logits::kLast;
};

/// One pass over all items, which reads the weights once: what forward() gives for each, one item's logits
/// after the other's. No item changes another's. The first error of any item is the batch's, and then every
/// sequence is as it was. Requires sequences that differ and at most kBatchRowsMax tokens in all.
Result<BigVector<int32_t>, ForwardError> forward_batch(const Model& model, Backend backend,
                                                       std::span<const BatchItem> items,
                                                       unsigned threads = 1);

/// Runs a whole text through an encoder (Graph::is_encoder). The result is its embedding: a row of length 1
/// with kUnitBits fraction bits (unit_row.h), of zeros where there is no direction. The same with any
/// backend and any number of threads. A trace has the rows of all positions.
Result<std::vector<int32_t>, ForwardError> encode_text(const Model& model, Backend backend,
                                                       std::span<const uint32_t> tokens, unsigned threads = 1,
                                                       TraceSink* trace = nullptr);

/// Rows of one pass: heads · rows stays within 32 bits.
inline constexpr size_t kBatchRowsMax = size_t{1} << 23;
static_assert(kBatchRowsMax * kHeadsMax <= UINT32_MAX && kBatchRowsMax >= kContextMax);

}  // namespace daidd::inference
