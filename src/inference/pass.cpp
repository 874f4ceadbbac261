#include "inference/pass.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace daidd::inference {

static_assert(std::endian::native == std::endian::little, "trace rows are written as they lie in memory");

CodeWriter::CodeWriter(Bytes& memory, size_t rows, size_t width) : width_{width} {
    const size_t size = rows * (width + kTailBytes);
    if (memory.size() < size) memory.resize(size);
    bytes_ = std::span{memory}.first(size);
}

void CodeWriter::put(size_t row, std::span<const int8_t> codes, const RowScale& scale) {
    uint8_t* out = bytes_.data() + row * (width_ + kTailBytes);
    if (scale.amax == 0) {  // an all-zero row is zero bytes
        std::memset(out, 0, width_ + kTailBytes);
        return;
    }
    std::memcpy(out, codes.data(), width_);
    const auto e = uint16_t(int16_t(scale.scale.e));
    const uint8_t tail[kTailBytes] = {uint8_t(scale.scale.m),    uint8_t(e),
                                      uint8_t(e >> 8),           uint8_t(scale.index),
                                      uint8_t(scale.index >> 8), uint8_t(scale.index >> 16),
                                      uint8_t(scale.index >> 24)};
    std::memcpy(out + width_, tail, kTailBytes);
}

Pass::Pass(const Model& model, Backend backend, std::span<const BatchItem> items, const Watchers& watchers,
           unsigned threads)
    : model_{model},
      backend_{backend},
      kernels_{kernels_of(backend)},
      packed_{backend == Backend::kScalar ? nullptr : model.packed()},
      trace_{watchers.trace},
      tickets_{watchers.tickets},
      parallel_{threads},
      scratch_(parallel_.size()),
      values_(model.graph().ops.size()) {
    assert(backend == Backend::kScalar || packed_ != nullptr);
    assert((trace_ == nullptr && tickets_ == nullptr) || items.size() == 1);
    for (const BatchItem& item : items) {
        const uint32_t first = item.sequence->length(), begin = count();
        items_.push_back({*item.sequence, begin, uint32_t(item.tokens.size())});
        for (uint32_t t = 0; t < item.tokens.size(); ++t) {
            rows_.push_back({item.tokens[t], first + t, uint32_t(items_.size() - 1)});
            if (item.logits == Logits::kAll) wanted_.push_back(begin + t);
        }
        if (item.logits == Logits::kLast) wanted_.push_back(count() - 1);
    }
}

BigVector<int32_t> Pass::run() {
    find_last_uses();
    rotations_ = make_rotations(model_.parts().rope);
    local_rotations_ = make_rotations(model_.parts().local_rope);
    const auto& ops = model_.graph().ops;
    for (size_t i = 0; i < ops.size(); ++i) {
        step(i, ops[i]);
        for (const uint16_t input : {ops[i].a, ops[i].b}) {
            if (input != kNoIndex && last_use_[input] == i) release(values_[input]);
        }
    }
    for (Item& item : items_) item.sequence.advance(item.count);
    return std::move(values_.back().rows);
}

void Pass::step(size_t i, const Op& op) {
    switch (op.op()) {
    case OpKind::kEmbedding: return embed(i);
    case OpKind::kNormQuant:
    case OpKind::kQuant: return quantise(i, op);
    case OpKind::kLinear:
        return linear(op, values_[op.a].codes, take_rows(i, size_t{count()} * model_.plan().width[i]));
    case OpKind::kHead: return head(i, op);
    case OpKind::kRopeQuant: return rope(i, op, rotations_);
    case OpKind::kLocalRopeQuant: return rope(i, op, local_rotations_);
    case OpKind::kAttention:
    case OpKind::kLocalAttention:
    case OpKind::kFullAttention: return attend(i, op);
    case OpKind::kAdd: return add(i, op);
    case OpKind::kSwiglu: return gate(i, op, kSigmoid);
    case OpKind::kGeglu: return gate(i, op, kGeluTanh);
    case OpKind::kNorm: return norm(i, op);
    case OpKind::kHeadNorm: return norm_heads(i, op);
    case OpKind::kPosition: return add_positions(i, op);
    case OpKind::kLayerNorm: return layer_norm(i, op);
    case OpKind::kGelu: return gelu(i, op);
    case OpKind::kMeanPool: return pool(i, op);
    }
}

void Pass::find_last_uses() {
    const auto& ops = model_.graph().ops;
    last_use_.assign(ops.size(), 0);
    for (size_t i = 0; i < ops.size(); ++i) {
        for (const uint16_t input : {ops[i].a, ops[i].b}) {
            if (input != kNoIndex) last_use_[input] = i;
        }
    }
}

// Buffers go round and never shrink: fresh or newly zeroed megabytes for every operation would cost as much
// as a third of it.
void Pass::release(Value& value) {
    if (value.rows.capacity() > 0) free_rows_.push_back(std::move(value.rows));
    if (value.codes.rows > 0) free_codes_.push_back(std::move(value.codes));
    value = {};
}

CodeRows& Pass::take_codes(size_t i, uint32_t rows, uint32_t width, uint32_t planes) {
    CodeRows& codes = values_[i].codes;
    if (!free_codes_.empty()) {
        codes = std::move(free_codes_.back());
        free_codes_.pop_back();
    }
    codes.resize(rows, width, planes);
    return codes;
}

BigVector<int32_t>& Pass::take_rows(size_t i, size_t size) {
    auto& rows = values_[i].rows;
    if (!free_rows_.empty()) {
        rows = std::move(free_rows_.back());
        free_rows_.pop_back();
    }
    if (rows.size() < size) rows.resize(size);
    return rows;
}

void Pass::trace(uint16_t tensor, ByteView rows) {
    trace_->rows(tensor, model_.plan().tensors[tensor], rows_.front().position, rows, parallel_);
}

void Pass::trace_rows(size_t i, const Value& value) {
    if (trace_ == nullptr) return;
    const auto& rows = value.rows;
    trace(model_.plan().tensor[i],
          {reinterpret_cast<const uint8_t*>(rows.data()), 4 * size_t{count()} * model_.plan().width[i]});
}

void Pass::embed(size_t i) {
    const uint32_t dim = model_.dimensions().dim;
    const Embedding& table = model_.parts().embedding;
    auto& out = take_rows(i, size_t{count()} * dim);
    for (uint32_t r = 0; r < count(); ++r) {
        const uint32_t token = rows_[r].token;
        const auto codes = table.codes.subspan(size_t{token} * dim, dim);
        for (uint32_t c = 0; c < dim; ++c) {
            out[size_t{r} * dim + c] =
                embedding_element(codes[c], table.mw[token], table.ew[token], model_.fx());
        }
    }
    trace_rows(i);
}

bool Pass::feeds_head_alone(size_t i) const {
    const auto& ops = model_.graph().ops;
    return i + 2 == ops.size() && ops.back().a == i;
}

void Pass::quantise(size_t i, const Op& op) {
    const uint32_t width = model_.plan().width[i];
    const int32_t q = q_of_planes(op.planes);
    auto& in = values_[op.a].rows;
    CodeRows& out = take_codes(i, count(), width, op.planes);
    // The head's codes are needed only where logits are, but a trace has them for every position.
    const bool some = trace_ == nullptr && feeds_head_alone(i);
    parallel_.run(some ? uint32_t(wanted_.size()) : count(),
                  [&](uint32_t begin, uint32_t end, unsigned part) {
                      for (uint32_t j = begin; j < end; ++j) {
                          const uint32_t r = some ? wanted_[j] : j;
                          quantise_row(op, row_of(in, r, width), q, r, out, part);
                      }
                  });
    if (trace_ == nullptr) return;
    for (uint8_t p = 0; p < op.planes; ++p) {
        CodeWriter writer{trace_bytes_, count(), width};
        each_row([&](uint32_t r, Scratch&) { writer.put(r, out.plane(r, p), out.scales[r]); });
        trace(uint16_t(model_.plan().tensor[i] + p), writer.bytes());
    }
}

void Pass::quantise_row(const Op& op, std::span<const int32_t> x, int32_t q, uint32_t r, CodeRows& out,
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

void Pass::linear(const Op& op, const CodeRows& codes, BigVector<int32_t>& out) {
    const Linear& weights = model_.linears()[op.linear];
    const PackedLinear* packed = packed_ == nullptr ? nullptr : &packed_->linears[op.linear];
    if (tickets_ != nullptr) return mine(op, codes, out.data());
    const uint32_t blocks = (weights.n + kPackColumns - 1) / kPackColumns;
    parallel_.run(blocks, [&](uint32_t begin, uint32_t end, unsigned part) {
        kernels_.linear(weights, packed, codes, begin, end, model_.fx(), out.data(), scratch_[part]);
    });
}

void Pass::mine(const Op& op, const CodeRows& codes, int32_t* out) {
    const auto& operands = model_.plan().operands;
    const auto first = std::ranges::find(operands, op.linear, &Operand::linear);
    mined_linear({.linear = model_.linears()[op.linear],
                  .packed = packed_ == nullptr ? nullptr : &packed_->linears[op.linear],
                  .first_operand = uint16_t(first - operands.begin()),
                  .fx = model_.fx()},
                 backend_, codes, *tickets_, parallel_, scratch_, out);
}

void Pass::head(size_t i, const Op& op) {
    const CodeRows& codes = values_[op.a].codes;
    if (wanted_.empty()) {
        if (tickets_ != nullptr) mine(op, codes, nullptr);
        return;
    }
    auto& logits = values_[i].rows;  // as long as they are: the caller gets them
    logits.resize(wanted_.size() * model_.plan().width[i]);
    if (wanted_.size() == count()) return linear(op, codes, logits);
    CodeRows some;
    some.resize(uint32_t(wanted_.size()), codes.width, codes.planes);
    for (uint32_t j = 0; j < some.rows; ++j) {
        for (uint32_t p = 0; p < codes.planes; ++p) {
            std::ranges::copy(codes.plane(wanted_[j], p), some.plane(j, p).begin());
        }
        some.factors[j] = codes.factors[wanted_[j]];
    }
    linear(op, some, logits);
}

void Pass::add(size_t i, const Op& op) {
    const uint32_t width = model_.plan().width[i];
    auto& out = take_rows(i, size_t{count()} * width);
    each_row([&](uint32_t r, Scratch&) {
        kernels_.add_row(row_of(values_[op.a].rows, r, width), row_of(values_[op.b].rows, r, width),
                         row_of(out, r, width));
    });
    trace_rows(i);
}

void Pass::gate(size_t i, const Op& op, const GateTable& table) {
    const uint32_t width = model_.plan().width[i];
    auto& out = take_rows(i, size_t{count()} * width);
    each_row([&](uint32_t r, Scratch&) {
        kernels_.gated_row(table, row_of(values_[op.a].rows, r, 2 * size_t{width}), model_.fx(),
                           row_of(out, r, width));
    });
}

// Norms that yield rows trace what they read.
void Pass::norm(size_t i, const Op& op) {
    trace_rows(i, values_[op.a]);
    const uint32_t width = model_.plan().width[i];
    const Norm& norm = model_.parts().norms[op.norm];
    auto& out = take_rows(i, size_t{count()} * width);
    each_row([&](uint32_t r, Scratch&) {
        kernels_.norm_row(row_of(values_[op.a].rows, r, width), norm.gq, norm.ge, model_.parts().epsilon,
                          model_.fx(), row_of(out, r, width));
    });
}

void Pass::norm_heads(size_t i, const Op& op) {
    trace_rows(i, values_[op.a]);
    const Dimensions& d = model_.dimensions();
    const Norm& norm = model_.parts().norms[op.norm];
    const auto q_gains = norm.gq.first(d.head_dim), k_gains = norm.gq.last(d.head_dim);
    auto& out = take_rows(i, size_t{count()} * d.qkv_width());
    each_row([&](uint32_t r, Scratch&) {
        const auto x = row_of(values_[op.a].rows, r, d.qkv_width()), y = row_of(out, r, d.qkv_width());
        for (uint32_t h = 0; h < d.heads + d.kv_heads; ++h) {
            const size_t at = size_t{h} * d.head_dim;
            kernels_.norm_row(x.subspan(at, d.head_dim), h < d.heads ? q_gains : k_gains, norm.ge,
                              model_.parts().epsilon, model_.fx(), y.subspan(at, d.head_dim));
        }
        const size_t values = size_t{d.kv_heads} * d.head_dim;
        std::ranges::copy(x.last(values), y.last(values).begin());
    });
}

}  // namespace daidd::inference
