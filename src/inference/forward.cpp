#include "inference/forward.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "inference/kernels.h"
#include "inference/parallel.h"

namespace daidd::inference {

namespace {

static_assert(std::endian::native == std::endian::little, "trace rows are written as they lie in memory");

/// Row `r` of a matrix `width` wide.
std::span<int32_t> row_of(std::vector<int32_t>& rows, size_t r, size_t width) {
    return std::span{rows}.subspan(r * width, width);
}

/// Code rows of trace tensors, in the format of TraceSink::rows.
class CodeWriter {
public:
    CodeWriter(size_t rows, size_t width) : width_{width}, bytes_(rows * (width + kTailBytes)) {}

    void put(size_t row, std::span<const int8_t> codes, const RowScale& scale) {
        if (scale.amax == 0) return;  // an all-zero row is zero bytes
        uint8_t* out = bytes_.data() + row * (width_ + kTailBytes);
        std::memcpy(out, codes.data(), width_);
        const auto e = uint16_t(int16_t(scale.scale.e));
        const uint8_t tail[kTailBytes] = {uint8_t(scale.scale.m),    uint8_t(e),
                                          uint8_t(e >> 8),           uint8_t(scale.index),
                                          uint8_t(scale.index >> 8), uint8_t(scale.index >> 16),
                                          uint8_t(scale.index >> 24)};
        std::memcpy(out + width_, tail, kTailBytes);
    }
    ByteView bytes() const { return bytes_; }

private:
    size_t width_;
    Bytes bytes_;
};

/// The output of one operation; which member holds it follows from the operation's kind.
struct Value {
    std::vector<int32_t> rows;
    CodeRows codes;  // of kRopeQuant: the queries, one row a (position, head)
};

/// One forward(): walks the graph, each operation over all new positions.
class Pass {
public:
    Pass(const Model& model, Backend backend, Sequence& sequence, std::span<const uint32_t> tokens,
         const ForwardOptions& options)
        : model_{model},
          kernels_{kernels_of(backend)},
          packed_{backend == Backend::kScalar ? nullptr : model.packed()},
          sequence_{sequence},
          tokens_{tokens},
          options_{options},
          count_{uint32_t(tokens.size())},
          first_{sequence.length()},
          parallel_{options.threads},
          scratch_(parallel_.size()),
          values_(model.graph().ops.size()) {
        assert(backend == Backend::kScalar || packed_ != nullptr);
    }

    std::vector<int32_t> run() {
        find_last_uses();
        make_rotations();
        const auto& ops = model_.graph().ops;
        for (size_t i = 0; i < ops.size(); ++i) {
            step(i, ops[i]);
            for (const uint16_t input : {ops[i].a, ops[i].b}) {
                if (input != kNoIndex && last_use_[input] == i) release(values_[input]);
            }
        }
        sequence_.advance(count_);
        return std::move(values_.back().rows);
    }

private:
    void step(size_t i, const Op& op) {
        switch (op.op()) {
        case OpKind::kEmbedding: return embed(i);
        case OpKind::kNormQuant:
        case OpKind::kQuant: return quantise(i, op);
        case OpKind::kLinear: return linear(op, values_[op.a].codes, values_[i].rows);
        case OpKind::kHead: return head(i, op);
        case OpKind::kRopeQuant: return rope(i, op);
        case OpKind::kAttention: return attend(i, op);
        case OpKind::kAdd: return add(i, op);
        case OpKind::kSwiglu: return swiglu(i, op);
        }
    }

    void find_last_uses() {
        const auto& ops = model_.graph().ops;
        last_use_.assign(ops.size(), 0);
        for (size_t i = 0; i < ops.size(); ++i) {
            for (const uint16_t input : {ops[i].a, ops[i].b}) {
                if (input != kNoIndex) last_use_[input] = i;
            }
        }
    }

    /// Buffers go round: fresh megabytes for every operation would cost page faults.
    void release(Value& value) {
        if (value.rows.capacity() > 0) free_rows_.push_back(std::move(value.rows));
        value = {};
    }
    std::vector<int32_t>& take_rows(size_t i, size_t size) {
        auto& rows = values_[i].rows;
        if (!free_rows_.empty()) {
            rows = std::move(free_rows_.back());
            free_rows_.pop_back();
        }
        rows.resize(size);
        return rows;
    }

    template <class Work>
    void each_row(const Work& work) {
        parallel_.run(count_, [&](uint32_t begin, uint32_t end, unsigned part) {
            for (uint32_t r = begin; r < end; ++r) work(r, scratch_[part]);
        });
    }

    void trace(uint16_t tensor, ByteView rows) {
        options_.trace->rows(tensor, model_.plan().tensors[tensor], first_, rows);
    }
    void trace_rows(size_t i) {
        if (options_.trace == nullptr) return;
        const auto& rows = values_[i].rows;
        trace(model_.plan().tensor[i], {reinterpret_cast<const uint8_t*>(rows.data()), 4 * rows.size()});
    }

    void embed(size_t i) {
        const uint32_t dim = model_.dimensions().dim;
        const Embedding& table = model_.parts().embedding;
        auto& out = take_rows(i, size_t{count_} * dim);
        for (uint32_t r = 0; r < count_; ++r) {
            const uint32_t token = tokens_[r];
            const auto codes = table.codes.subspan(size_t{token} * dim, dim);
            for (uint32_t c = 0; c < dim; ++c) {
                out[size_t{r} * dim + c] =
                    embedding_element(codes[c], table.mw[token], table.ew[token], model_.fx());
            }
        }
        trace_rows(i);
    }

    /// The head's codes are needed only where logits are, but a trace has them for every position.
    bool only_last(size_t i) const {
        const auto& ops = model_.graph().ops;
        return options_.trace == nullptr && options_.logits != Logits::kAll && i + 2 == ops.size() &&
               ops.back().a == i;
    }

    void quantise(size_t i, const Op& op) {
        const uint32_t width = model_.plan().width[i];
        const int32_t q = q_of_planes(op.planes);
        auto& in = values_[op.a].rows;
        CodeRows& out = values_[i].codes;
        out.resize(count_, width, op.planes);
        const uint32_t from = only_last(i) ? count_ - 1 : 0;
        parallel_.run(count_ - from, [&](uint32_t begin, uint32_t end, unsigned part) {
            for (uint32_t r = from + begin; r < from + end; ++r)
                quantise_row(op, row_of(in, r, width), q, r, out, part);
        });
        if (options_.trace == nullptr) return;
        for (uint8_t p = 0; p < op.planes; ++p) {
            CodeWriter writer{count_, width};
            for (uint32_t r = 0; r < count_; ++r) writer.put(r, out.plane(r, p), out.scales[r]);
            trace(uint16_t(model_.plan().tensor[i] + p), writer.bytes());
        }
    }

    void quantise_row(const Op& op, std::span<const int32_t> x, int32_t q, uint32_t r, CodeRows& out,
                      unsigned part) {
        std::span<const int32_t> y = x;
        const Norm* norm = op.op() == OpKind::kNormQuant ? &model_.parts().norms[op.norm] : nullptr;
        if (norm != nullptr && !norm->gq.empty()) {
            auto& gained = scratch_[part].row;
            gained.resize(x.size());
            kernels_.gain_row(x, norm->gq, gained);
            y = gained;
        }
        const auto low = op.planes == 2 ? out.plane(r, 1) : std::span<int8_t>{};
        out.scales[r] = kernels_.quant_row(y, q, model_.fx(), out.plane(r, 0), low);
        out.factors[r] = out.scales[r].scale;
        if (norm != nullptr) {
            out.factors[r] =
                kernels_.norm_scale(x, out.scales[r].scale, model_.parts().epsilon, norm->ge, model_.fx());
        }
    }

    void linear(const Op& op, const CodeRows& codes, std::vector<int32_t>& out) {
        const Linear& weights = model_.linears()[op.linear];
        const PackedLinear* packed = packed_ == nullptr ? nullptr : &packed_->linears[op.linear];
        if (out.empty() && !free_rows_.empty()) {
            out = std::move(free_rows_.back());
            free_rows_.pop_back();
        }
        out.resize(size_t{codes.rows} * weights.n);
        const uint32_t blocks = (weights.n + kPackColumns - 1) / kPackColumns;
        parallel_.run(blocks, [&](uint32_t begin, uint32_t end, unsigned part) {
            kernels_.linear(weights, packed, codes, begin, end, model_.fx(), out.data(), scratch_[part]);
        });
    }

    void head(size_t i, const Op& op) {
        if (options_.logits == Logits::kNone) return;
        const CodeRows& codes = values_[op.a].codes;
        if (options_.logits == Logits::kAll) return linear(op, codes, values_[i].rows);
        CodeRows last;
        last.resize(1, codes.width, codes.planes);
        for (uint32_t p = 0; p < codes.planes; ++p) {
            std::ranges::copy(codes.plane(count_ - 1, p), last.plane(0, p).begin());
        }
        last.factors[0] = codes.factors[count_ - 1];
        linear(op, last, values_[i].rows);
    }

    void make_rotations() {
        const auto& rope = model_.parts().rope;
        for (uint32_t r = 0; r < count_; ++r) {
            for (const uint64_t f : rope) rotations_.push_back(rotation(first_ + r, f));
        }
    }

    /// Rotates queries and keys, quantises all three; keys and values go into the cache.
    void rope(size_t i, const Op& op) {
        const Dimensions& d = model_.dimensions();
        auto& in = values_[op.a].rows;
        CodeRows& queries = values_[i].codes;
        queries.resize(count_ * d.heads, d.head_dim, 1);
        std::vector<RowScale> scales(size_t{count_} * 2 * d.kv_heads);  // keys then values of a position
        const uint16_t layer = model_.plan().layer[i];
        each_row([&](uint32_t r, Scratch& scratch) {
            const auto x = row_of(in, r, d.qkv_width());
            scratch.row.resize(d.head_dim);
            const std::span<int32_t> head{scratch.row};
            for (uint32_t h = 0; h < d.heads + 2 * d.kv_heads; ++h) {
                std::ranges::copy(x.subspan(size_t{h} * d.head_dim, d.head_dim), head.begin());
                for (uint32_t j = 0; h < d.heads + d.kv_heads && j < d.head_dim / 2; ++j) {
                    rotate(head[2 * j], head[2 * j + 1], rotations_[size_t{r} * (d.head_dim / 2) + j]);
                }
                if (h < d.heads) {
                    const uint32_t row = r * d.heads + h;
                    queries.scales[row] =
                        kernels_.quant_row(head, kQHead, model_.fx(), queries.plane(row, 0), {});
                    continue;
                }
                const bool is_key = h < d.heads + d.kv_heads;
                auto& cache = is_key ? sequence_.keys : sequence_.values;
                const size_t at = sequence_.at(layer, (h - d.heads) % d.kv_heads) + first_ + r;
                const auto codes = std::span{cache.codes}.subspan(at * d.head_dim, d.head_dim);
                const RowScale scale = kernels_.quant_row(head, kQHead, model_.fx(), codes, {});
                cache.mantissa[at] = uint8_t(scale.scale.m);
                cache.exponent[at] = int16_t(scale.scale.e);
                scales[size_t{r} * 2 * d.kv_heads + (h - d.heads)] = scale;
            }
        });
        if (options_.trace != nullptr) trace_heads(i, queries, scales, layer);
    }

    void trace_heads(size_t i, const CodeRows& queries, const std::vector<RowScale>& scales, uint16_t layer) {
        const Dimensions& d = model_.dimensions();
        const uint16_t tensor = model_.plan().tensor[i];
        CodeWriter q{size_t{count_} * d.heads, d.head_dim};
        for (uint32_t row = 0; row < queries.rows; ++row)
            q.put(row, queries.plane(row, 0), queries.scales[row]);
        trace(tensor, q.bytes());
        for (uint32_t part = 0; part < 2; ++part) {
            const auto& cache = part == 0 ? sequence_.keys : sequence_.values;
            CodeWriter writer{size_t{count_} * d.kv_heads, d.head_dim};
            for (uint32_t r = 0; r < count_; ++r) {
                for (uint32_t h = 0; h < d.kv_heads; ++h) {
                    const size_t at = sequence_.at(layer, h) + first_ + r;
                    writer.put(size_t{r} * d.kv_heads + h,
                               std::span{cache.codes}.subspan(at * d.head_dim, d.head_dim),
                               scales[(size_t{r} * 2 + part) * d.kv_heads + h]);
                }
            }
            trace(uint16_t(tensor + 1 + part), writer.bytes());
        }
    }

    void attend(size_t i, const Op& op) {
        const Dimensions& d = model_.dimensions();
        const CodeRows& queries = values_[op.a].codes;
        auto& out = take_rows(i, size_t{count_} * d.heads * d.head_dim);
        const uint16_t layer = model_.plan().layer[i];
        // Head by head: the keys of one head stay in the cache for all its queries.
        parallel_.run(d.heads * count_, [&](uint32_t begin, uint32_t end, unsigned part) {
            for (uint32_t item = begin; item < end; ++item) {
                const uint32_t h = item / count_, r = item % count_, row = r * d.heads + h;
                const size_t at = sequence_.at(layer, h / (d.heads / d.kv_heads));
                const auto rows = [&](const Sequence::Cache& cache) {
                    return HeadRows{cache.codes.data() + at * d.head_dim, cache.mantissa.data() + at,
                                    cache.exponent.data() + at};
                };
                const HeadQuery query{queries.plane(row, 0).data(), queries.scales[row].scale};
                kernels_.attention_head(query, rows(sequence_.keys), rows(sequence_.values), first_ + r + 1,
                                        d.head_dim, model_.fx(), out.data() + size_t{row} * d.head_dim,
                                        scratch_[part]);
            }
        });
    }

    void add(size_t i, const Op& op) {
        const uint32_t width = model_.plan().width[i];
        auto& out = take_rows(i, size_t{count_} * width);
        each_row([&](uint32_t r, Scratch&) {
            kernels_.add_row(row_of(values_[op.a].rows, r, width), row_of(values_[op.b].rows, r, width),
                             row_of(out, r, width));
        });
        trace_rows(i);
    }

    void swiglu(size_t i, const Op& op) {
        const uint32_t width = model_.plan().width[i];
        auto& out = take_rows(i, size_t{count_} * width);
        each_row([&](uint32_t r, Scratch&) {
            kernels_.swiglu_row(row_of(values_[op.a].rows, r, 2 * size_t{width}), model_.fx(),
                                row_of(out, r, width));
        });
    }

    const Model& model_;
    const Kernels& kernels_;
    const PackedModel* packed_;
    Sequence& sequence_;
    std::span<const uint32_t> tokens_;
    const ForwardOptions& options_;
    const uint32_t count_;
    const uint32_t first_;  // position of the first new token
    Parallel parallel_;
    std::vector<Scratch> scratch_;
    std::vector<Value> values_;
    std::vector<size_t> last_use_;
    std::vector<SineCosine> rotations_;  // (position, pair)
    std::vector<std::vector<int32_t>> free_rows_;
};

}  // namespace

Result<std::vector<int32_t>, ForwardError> forward(const Model& model, Backend backend, Sequence& sequence,
                                                   std::span<const uint32_t> tokens,
                                                   const ForwardOptions& options) {
    if (tokens.empty()) return Fail{ForwardError::kNoTokens};
    if (tokens.size() > sequence.capacity() - sequence.length()) return Fail{ForwardError::kTooLong};
    for (const uint32_t token : tokens) {
        if (token >= model.dimensions().vocabulary) return Fail{ForwardError::kUnknownToken};
    }
    return Pass{model, backend, sequence, tokens, options}.run();
}

}  // namespace daidd::inference
