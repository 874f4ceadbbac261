#include "device/device_model.h"

#include <algorithm>

#include "device/device_tickets.h"

namespace daidd::device {

using namespace inference;

namespace {

/// From this many rows of codes on a library's product is worth its sums' way through memory.
constexpr uint32_t kLibraryRowsMin = 16;
/// What the scores of one chunk may take.
constexpr size_t kScoreBytesMax = size_t{256} << 20;

bool has_kernels(OpKind kind) { return kind <= OpKind::kHead; }

uint64_t mebibytes(uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

}  // namespace

/// One chunk of a forward(): walks the graph, each operation over all its rows.
class DeviceModel::Pass {
public:
    Pass(DeviceModel& owner, const DeviceCache& cache, std::span<const uint32_t> tokens, uint32_t first,
         Logits logits, DeviceTrace* trace)
        : owner_{owner},
          operations_{owner.operations_},
          model_{owner.model_},
          cache_{cache},
          tokens_{tokens},
          logits_{logits},
          trace_{trace},
          count_{uint32_t(tokens.size())},
          first_{first},
          values_(model_.graph().ops.size()) {}

    BufferPtr run() {
        const auto& ops = model_.graph().ops;
        std::vector<size_t> last_use(ops.size());
        for (size_t i = 0; i < ops.size(); ++i) {
            for (const uint16_t input : {ops[i].a, ops[i].b}) {
                if (input != kNoIndex) last_use[input] = i;
            }
        }
        for (size_t i = 0; i < ops.size(); ++i) {
            step(i, ops[i]);
            for (const uint16_t input : {ops[i].a, ops[i].b}) {
                if (input != kNoIndex && last_use[input] == i) values_[input] = {};
            }
        }
        return values_.back().rows;
    }

private:
    struct Value {
        BufferPtr rows;
        DeviceCodes codes;  // of kRopeQuant: all heads, a row each
    };

    void step(size_t i, const Op& op) {
        switch (op.op()) {
        case OpKind::kEmbedding: return embed(i);
        case OpKind::kNormQuant:
        case OpKind::kQuant: return quantise(i, op);
        case OpKind::kLinear: return linear(i, op, 0);
        case OpKind::kHead: return head(i, op);
        case OpKind::kRopeQuant: return rope(i, op);
        case OpKind::kAttention: return attend(i, op);
        case OpKind::kAdd: return add(i, op);
        case OpKind::kSwiglu: return swiglu(i, op);
        default: assert(false && "upload() has refused it");
        }
    }

    BufferPtr take(size_t bytes) { return owner_.pool_.take(bytes); }
    const BufferPtr& take_rows(size_t i, uint64_t elements) { return values_[i].rows = take(4 * elements); }

    DeviceCodes take_codes(uint32_t rows, uint32_t width, uint32_t planes) {
        return {rows,
                width,
                planes,
                take(size_t{planes} * rows * row_stride(width)),
                take(size_t{16} * rows),
                take(size_t{8} * rows)};
    }

    void trace_rows(size_t i) {
        if (trace_ != nullptr) trace_->residual(model_.plan().tensor[i], values_[i].rows, count_);
    }

    void embed(size_t i) {
        const uint32_t dim = model_.dimensions().dim;
        const BufferPtr tokens = take(tokens_.size_bytes());
        operations_.device().write(tokens,
                                   {reinterpret_cast<const uint8_t*>(tokens_.data()), tokens_.size_bytes()});
        operations_.embedding(tokens, owner_.embedding_codes_, owner_.embedding_scales_, count_, dim,
                              model_.fx(), take_rows(i, uint64_t{count_} * dim));
        trace_rows(i);
    }

    /// The head's codes are needed only where logits are, but a trace has them for every position.
    bool only_last(size_t i) const {
        const auto& ops = model_.graph().ops;
        return trace_ == nullptr && logits_ != Logits::kAll && i + 2 == ops.size() && ops.back().a == i;
    }

    void quantise(size_t i, const Op& op) {
        const uint32_t width = model_.plan().width[i], from = only_last(i) ? count_ - 1 : 0;
        const BufferPtr& x = values_[op.a].rows;
        const DeviceCodes& out = values_[i].codes = take_codes(count_ - from, width, op.planes);
        const bool has_norm = op.op() == OpKind::kNormQuant;
        BufferPtr gained = x;
        if (has_norm && owner_.gains_[op.norm] != nullptr) {
            gained = take(size_t{4} * count_ * width);
            operations_.gain(x, owner_.gains_[op.norm], count_, width, gained);
        }
        operations_.quantise(gained, from, q_of_planes(op.planes), model_.fx(), out);
        if (has_norm) {
            operations_.norm_scale(x, from, model_.parts().epsilon, model_.parts().norms[op.norm].ge,
                                   model_.fx(), out);
        }
        if (trace_ != nullptr) trace_->codes(model_.plan().tensor[i], out);
    }

    /// Of the rows of codes from `from` on.
    void linear(size_t i, const Op& op, uint32_t from) {
        const DeviceLinear& weights = owner_.linears_[op.linear];
        const DeviceCodes& codes = values_[op.a].codes;
        const uint32_t rows = codes.rows - from;
        const BufferPtr& y = take_rows(i, uint64_t{rows} * weights.n);
        if (from == 0 && codes.planes * rows >= kLibraryRowsMin && multiply(weights, codes, y)) return;
        const Kernel kernel = rows >= kTiledRowsMin ? Kernel::kLinearTiles : Kernel::kLinearColumns;
        operations_.linear(kernel, weights, codes, from, rows, model_.fx(), y);
    }

    /// By the device's library, if it has one.
    bool multiply(const DeviceLinear& weights, const DeviceCodes& codes, const BufferPtr& y) {
        const uint32_t pitch = (weights.n + kColumnAlign - 1) / kColumnAlign * kColumnAlign;
        const Product product{
            weights.weights,           codes.codes, take(size_t{4} * codes.planes * codes.rows * pitch),
            codes.planes * codes.rows, pitch,       row_stride(weights.k)};
        if (!operations_.device().multiply(product)) return false;
        operations_.linear_outputs(weights, codes, product.sums, pitch, model_.fx(), y);
        return true;
    }

    void head(size_t i, const Op& op) {
        if (logits_ == Logits::kNone) return;
        linear(i, op, logits_ == Logits::kAll ? 0 : values_[op.a].codes.rows - 1);
    }

    AttentionShape shape_of(size_t i) const {
        const Dimensions& d = model_.dimensions();
        return {count_, first_, model_.plan().layer[i], d.heads, d.kv_heads, d.head_dim, cache_.capacity};
    }

    void rope(size_t i, const Op& op) {
        const AttentionShape shape = shape_of(i);
        const DeviceCodes& out = values_[i].codes = take_codes(count_ * shape.all_heads(), shape.head_dim, 1);
        operations_.rope(values_[op.a].rows, owner_.turns_, shape, model_.fx(), out, cache_);
        if (trace_ != nullptr) trace_->heads(model_.plan().tensor[i], out, shape);
    }

    void attend(size_t i, const Op& op) {
        const AttentionShape shape = shape_of(i);
        const AttentionScratch scratch{take(AttentionScratch::score_bytes(shape)),
                                       take(AttentionScratch::state_bytes(shape)),
                                       take(AttentionScratch::partial_bytes(shape))};
        operations_.scores(values_[op.a].codes, cache_, shape, scratch);
        operations_.weights(cache_, shape, model_.fx(), scratch);
        operations_.values(cache_, shape, scratch);
        operations_.outputs(shape, scratch, take_rows(i, uint64_t{count_} * shape.heads * shape.head_dim));
    }

    void add(size_t i, const Op& op) {
        const uint64_t count = uint64_t{count_} * model_.plan().width[i];
        operations_.add(values_[op.a].rows, values_[op.b].rows, count, take_rows(i, count));
        trace_rows(i);
    }

    void swiglu(size_t i, const Op& op) {
        const uint32_t width = model_.plan().width[i];
        operations_.swiglu(values_[op.a].rows, count_, width, model_.fx(),
                           take_rows(i, uint64_t{count_} * width));
    }

    DeviceModel& owner_;
    const Operations& operations_;
    const Model& model_;
    const DeviceCache& cache_;
    std::span<const uint32_t> tokens_;
    const Logits logits_;
    DeviceTrace* trace_;
    const uint32_t count_, first_;
    std::vector<Value> values_;
};

DeviceModel::DeviceModel(Operations operations, Model model)
    : operations_{std::move(operations)}, model_{std::move(model)}, pool_{operations_.shared_device()} {
    const ModelParts& parts = model_.parts();
    for (const Linear& linear : parts.linears) linears_.push_back(operations_.upload(linear));
    for (const Norm& norm : parts.norms) {
        gains_.push_back(norm.gq.empty() ? nullptr : operations_.upload(norm.gq));
    }
    std::vector<uint32_t> scales(parts.embedding.mw.size());
    for (size_t t = 0; t < scales.size(); ++t) {
        scales[t] = parts.embedding.mw[t] | uint32_t{parts.embedding.ew[t]} << 16;
    }
    embedding_codes_ = operations_.upload(parts.embedding.codes);
    embedding_scales_ = operations_.upload(std::span<const uint32_t>{scales});
    turns_ = operations_.upload(std::span<const uint64_t>{parts.rope});
}

Result<DeviceModel, std::string> DeviceModel::upload(std::shared_ptr<Device> device, const Model& model) {
    for (const Op& op : model.graph().ops) {
        if (!has_kernels(op.op())) {
            return Fail{"operation " + std::to_string(op.kind) +
                        " of the model's graph has no kernel for devices"};
        }
    }
    const uint64_t needed = number_bytes(model), memory = device->info().memory_bytes;
    if (needed > memory) {
        return Fail{"the model's numbers take " + std::to_string(mebibytes(needed)) +
                    " MiB of memory, it has " + std::to_string(memory >> 20) + " MiB"};
    }
    return DeviceModel{Operations{std::move(device)}, model};
}

uint64_t DeviceModel::number_bytes(const Model& model) {
    const ModelParts& parts = model.parts();
    uint64_t bytes = parts.embedding.codes.size_bytes() + sizeof(uint32_t) * parts.embedding.mw.size() +
                     sizeof(uint64_t) * parts.rope.size();
    for (const Linear& linear : parts.linears) bytes += Operations::bytes_of(linear);
    for (const Norm& norm : parts.norms) bytes += norm.gq.size_bytes();
    return bytes;
}

DeviceSequence DeviceModel::make_sequence(uint32_t capacity) const {
    const Dimensions& d = model_.dimensions();
    assert(capacity > 0 && capacity <= d.context);
    const size_t rows = size_t{d.layers} * d.kv_heads * capacity;
    Device& device = operations_.device();
    return DeviceSequence{{capacity, device.allocate(rows * row_stride(d.head_dim)),
                           device.allocate(4 * rows), device.allocate(rows * row_stride(d.head_dim)),
                           device.allocate(4 * rows)}};
}

std::optional<ForwardError> DeviceModel::check(const DeviceSequence& sequence,
                                               std::span<const uint32_t> tokens) const {
    if (tokens.empty()) return ForwardError::kNoTokens;
    if (tokens.size() > sequence.capacity() - sequence.length()) return ForwardError::kTooLong;
    const uint32_t vocabulary = model_.dimensions().vocabulary;
    const bool are_known = std::ranges::all_of(tokens, [&](uint32_t token) { return token < vocabulary; });
    return are_known ? std::nullopt : std::optional{ForwardError::kUnknownToken};
}

BufferPtr DeviceModel::run(DeviceSequence& sequence, std::span<const uint32_t> tokens,
                           const ForwardOptions& options, uint32_t rows_max, BigVector<int32_t>* logits) {
    const Dimensions& d = model_.dimensions();
    const size_t score_row_bytes = size_t{8} * d.heads * (sequence.length() + tokens.size());
    const auto chunk = size_t(std::clamp<uint64_t>(kScoreBytesMax / score_row_bytes, 1, rows_max));
    DeviceTrace trace{operations_, model_.plan()};
    BufferPtr output;
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
        const size_t count = std::min(chunk, tokens.size() - begin);
        const bool is_last = begin + count == tokens.size();
        const Logits wanted = options.logits == Logits::kLast && !is_last ? Logits::kNone : options.logits;
        Pass pass{*this,
                  sequence.cache_,
                  tokens.subspan(begin, count),
                  uint32_t(sequence.length() + begin),
                  wanted,
                  options.trace == nullptr ? nullptr : &trace};
        output = pass.run();
        if (logits == nullptr || wanted == Logits::kNone) continue;
        const size_t rows = wanted == Logits::kAll ? count : 1;
        const auto part = operations_.download<int32_t>(output, rows * d.vocabulary);
        logits->insert(logits->end(), part.begin(), part.end());
    }
    Parallel parallel{options.trace == nullptr ? 1 : options.threads};
    if (options.trace != nullptr) trace.deliver(*options.trace, sequence.length(), parallel);
    if (options.tickets != nullptr) {
        DeviceTickets{operations_, pool_, model_, linears_}.draw(trace, *options.tickets, parallel);
    }
    sequence.length_ += uint32_t(tokens.size());
    return output;
}

Result<BigVector<int32_t>, ForwardError> DeviceModel::forward(DeviceSequence& sequence,
                                                              std::span<const uint32_t> tokens,
                                                              const ForwardOptions& options,
                                                              uint32_t rows_max) {
    assert(rows_max > 0);
    assert(options.tickets == nullptr || (options.trace != nullptr && options.logits != Logits::kLast));
    if (const auto error = check(sequence, tokens)) return Fail{*error};
    BigVector<int32_t> logits;
    run(sequence, tokens, options, rows_max, &logits);
    return logits;
}

Result<uint32_t, ForwardError> DeviceModel::greedy(DeviceSequence& sequence,
                                                   std::span<const uint32_t> tokens) {
    if (const auto error = check(sequence, tokens)) return Fail{*error};
    const BufferPtr logits = run(sequence, tokens, {}, kRowsMax, nullptr);
    const BufferPtr chosen = pool_.take(sizeof(uint32_t));
    operations_.argmax(logits, 1, model_.dimensions().vocabulary, chosen);
    return operations_.download<uint32_t>(chosen, 1)[0];
}

}  // namespace daidd::device
