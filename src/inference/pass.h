#pragma once

#include "inference/forward.h"
#include "inference/kernels.h"
#include "inference/mined.h"
#include "inference/parallel.h"

namespace daidd::inference {

/// Who looks on; both may be null, and are for one item only.
struct Watchers {
    TraceSink* trace = nullptr;
    TicketDrawer* tickets = nullptr;
};

/// One pass: walks the graph, each operation over all rows of all items. Linears, norms and sums see rows
/// alone; only pass_attention.cpp knows which sequence and position a row belongs to. Of this folder alone.
class Pass {
public:
    /// Requires valid tokens and reserved positions.
    Pass(const Model& model, Backend backend, std::span<const BatchItem> items, const Watchers& watchers,
         unsigned threads);

    /// Logits of the rows that were asked for, in order.
    BigVector<int32_t> run();

private:
    /// The output of one operation; which member holds it follows from the operation's kind.
    struct Value {
        BigVector<int32_t> rows;
        CodeRows codes;  // of kRopeQuant: the queries, one row a (position, head)
    };
    struct Row {
        uint32_t token, position, item;
    };
    /// Rows [begin, begin + count) belong to it.
    struct Item {
        Sequence& sequence;
        uint32_t begin, count;
    };

    void step(size_t i, const Op& op);
    void find_last_uses();
    void release(Value& value);
    BigVector<int32_t>& take_rows(size_t i, size_t size);
    CodeRows& take_codes(size_t i, uint32_t rows, uint32_t width, uint32_t planes);
    void trace(uint16_t tensor, ByteView rows);
    void trace_rows(size_t i) { trace_rows(i, values_[i]); }
    void trace_rows(size_t i, const Value& value);

    void embed(size_t i);
    bool feeds_head_alone(size_t i) const;
    void quantise(size_t i, const Op& op);
    void quantise_row(const Op& op, std::span<const int32_t> x, int32_t q, uint32_t r, CodeRows& out,
                      unsigned part);
    void linear(const Op& op, const CodeRows& codes, BigVector<int32_t>& out);
    void mine(const Op& op, const CodeRows& codes, int32_t* out);
    void head(size_t i, const Op& op);
    void add(size_t i, const Op& op);
    void gate(size_t i, const Op& op, const GateTable& table);
    void norm(size_t i, const Op& op);
    void norm_heads(size_t i, const Op& op);
    void add_positions(size_t i, const Op& op);
    void layer_norm(size_t i, const Op& op);
    void gelu(size_t i, const Op& op);
    void pool(size_t i, const Op& op);

    using Rotations = std::vector<SineCosine>;  // (row, pair)
    Rotations make_rotations(const std::vector<uint64_t>& rope) const;
    void rope(size_t i, const Op& op, const Rotations& rotations);
    void rope_row(uint32_t r, uint16_t layer, std::span<const int32_t> x, const Rotations& rotations,
                  CodeRows& queries, std::span<RowScale> scales, Scratch& scratch);
    void trace_heads(size_t i, const CodeRows& queries, const std::vector<RowScale>& scales, uint16_t layer);
    void attend(size_t i, const Op& op);

    /// Calls work(r, scratch) for every row.
    template <class Work>
    void each_row(const Work& work) {
        parallel_.run(count(), [&](uint32_t begin, uint32_t end, unsigned part) {
            for (uint32_t r = begin; r < end; ++r) work(r, scratch_[part]);
        });
    }
    uint32_t count() const { return uint32_t(rows_.size()); }

    const Model& model_;
    const Backend backend_;
    const Kernels& kernels_;
    const PackedModel* packed_;
    TraceSink* trace_;
    TicketDrawer* tickets_;
    std::vector<Item> items_;
    std::vector<Row> rows_;
    std::vector<uint32_t> wanted_;  // rows whose logits are asked for
    Parallel parallel_;
    std::vector<Scratch> scratch_;
    std::vector<Value> values_;
    std::vector<size_t> last_use_;
    Rotations rotations_, local_rotations_;
    std::vector<BigVector<int32_t>> free_rows_;
    std::vector<CodeRows> free_codes_;
    Bytes trace_bytes_;  // of the CodeWriter at work
};

/// Code rows of one trace tensor, in the format of TraceSink::rows.
class CodeWriter {
public:
    /// `memory` grows where it is too small; the rows lie in it. Every row has to be put.
    CodeWriter(Bytes& memory, size_t rows, size_t width);

    /// Different rows from several threads at once, if need be.
    void put(size_t row, std::span<const int8_t> codes, const RowScale& scale);
    ByteView bytes() const { return bytes_; }

private:
    size_t width_;
    std::span<uint8_t> bytes_;
};

/// Row `r` of a matrix `width` wide.
inline std::span<int32_t> row_of(BigVector<int32_t>& rows, size_t r, size_t width) {
    return std::span{rows}.subspan(r * width, width);
}

}  // namespace daidd::inference
