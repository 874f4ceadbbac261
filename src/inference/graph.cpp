#include <optional>

#include "inference/model.h"

namespace daidd::inference {

namespace {

enum class ValueKind : uint8_t { kRow, kCodes, kHeads, kLogits, kPooled };

ModelError bad(size_t op, std::string_view what) {
    return {ModelErrorReason::kBadGraph, "operation " + std::to_string(op) + ": " + std::string{what}};
}

/// Walks the operations in order; each sees only the values of those before it.
class Planner {
public:
    Planner(const Graph& graph, const ModelParts& parts)
        : graph_{graph}, parts_{parts}, linear_used_(parts.linears.size()), norm_used_(parts.norms.size()) {}

    Result<Plan, ModelError> run() {
        if (graph_.ops.empty() || graph_.ops.size() > kOpsMax) return Fail{bad(graph_.ops.size(), "count")};
        for (size_t i = 0; i < graph_.ops.size(); ++i) {
            if (auto error = add(i, graph_.ops[i])) return Fail{std::move(*error)};
        }
        if (graph_.ops.back().op() != OpKind::kHead && !graph_.is_encoder())
            return Fail{bad(graph_.ops.size(), "no head at the end")};
        if (sees_behind_ && !graph_.is_encoder()) return Fail{bad(0, "full attention before a head")};
        for (size_t i = 0; i < linear_used_.size(); ++i) {
            if (!linear_used_[i]) return Fail{bad(0, "unused linear " + std::to_string(i))};
        }
        for (size_t i = 0; i < norm_used_.size(); ++i) {
            if (!norm_used_[i]) return Fail{bad(0, "unused norm " + std::to_string(i))};
        }
        if (ropes_ != parts_.dimensions.layers) return Fail{bad(0, "layers")};
        if (!has_local_rope_ && !parts_.local_rope.empty()) return Fail{bad(0, "unused local rope")};
        if (!has_window_ && parts_.window != 0) return Fail{bad(0, "unused window")};
        return std::move(plan_);
    }

private:
    using Error = std::optional<ModelError>;

    bool is(uint16_t value, ValueKind kind) const { return value < kinds_.size() && kinds_[value] == kind; }

    void output(ValueKind kind, uint32_t width, uint16_t layer = kNoIndex) {
        kinds_.push_back(kind);
        plan_.width.push_back(width);
        plan_.layer.push_back(layer);
        if (plan_.tensor.size() < kinds_.size()) plan_.tensor.push_back(kNoIndex);
    }

    void trace(TensorKind kind, uint8_t part, uint32_t width, uint32_t rows) {
        const auto op = uint16_t(kinds_.size());
        if (plan_.tensor.size() == kinds_.size()) plan_.tensor.push_back(uint16_t(plan_.tensors.size()));
        const auto bytes = uint32_t(kind == TensorKind::kResidual ? 4 * width : width + kTailBytes);
        plan_.tensors.push_back({kind, op, part, width, rows, bytes});
    }

    Error add(size_t i, const Op& op) {
        if (!is_operation(op.kind)) {
            return ModelError{ModelErrorReason::kUnknownOperation,
                              "operation " + std::to_string(i) + " has kind " + std::to_string(op.kind)};
        }
        if ((i == 0) != (op.op() == OpKind::kEmbedding))
            return bad(i, "the embedding is the first and only one");
        if (i > 0 && (kinds_.back() == ValueKind::kLogits || kinds_.back() == ValueKind::kPooled))
            return bad(i, "after the head");
        if (auto error = check_unused(i, op)) return error;
        switch (op.op()) {
        case OpKind::kEmbedding:
            trace(TensorKind::kResidual, 0, parts_.dimensions.dim, 1);
            output(ValueKind::kRow, parts_.dimensions.dim);
            return std::nullopt;
        case OpKind::kNormQuant:
        case OpKind::kQuant: return add_quant(i, op);
        case OpKind::kLinear:
        case OpKind::kHead: return add_linear(i, op);
        case OpKind::kRopeQuant:
        case OpKind::kLocalRopeQuant: return add_rope(i, op);
        case OpKind::kAttention:
        case OpKind::kLocalAttention:
        case OpKind::kFullAttention: return add_attention(i, op);
        case OpKind::kPosition: return add_position(i, op);
        case OpKind::kLayerNorm: return add_layer_norm(i, op);
        case OpKind::kGelu:
        case OpKind::kMeanPool:
            if (!is(op.a, ValueKind::kRow)) return bad(i, "input");
            if (op.op() == OpKind::kMeanPool && plan_.width[op.a] > kDimMax) return bad(i, "width");
            output(op.op() == OpKind::kGelu ? ValueKind::kRow : ValueKind::kPooled, plan_.width[op.a]);
            return std::nullopt;
        case OpKind::kNorm:
        case OpKind::kHeadNorm: return add_norm(i, op);
        case OpKind::kAdd:
            if (!is(op.a, ValueKind::kRow) || !is(op.b, ValueKind::kRow)) return bad(i, "inputs");
            if (plan_.width[op.a] != plan_.width[op.b]) return bad(i, "widths");
            trace(TensorKind::kResidual, 0, plan_.width[op.a], 1);
            output(ValueKind::kRow, plan_.width[op.a]);
            return std::nullopt;
        case OpKind::kSwiglu:
        case OpKind::kGeglu:
            if (!is(op.a, ValueKind::kRow) || plan_.width[op.a] % 2 != 0) return bad(i, "input");
            output(ValueKind::kRow, plan_.width[op.a] / 2);
            return std::nullopt;
        }
        return bad(i, "kind");
    }

    /// Fields that a kind does not use are at their defaults: one graph has one encoding.
    Error check_unused(size_t i, const Op& op) const {
        const OpKind kind = op.op();
        const bool quant = kind == OpKind::kNormQuant || kind == OpKind::kQuant;
        const bool linear = kind == OpKind::kLinear || kind == OpKind::kHead || kind == OpKind::kPosition;
        if (kind == OpKind::kEmbedding && op.a != kNoIndex) return bad(i, "a");
        if (kind != OpKind::kAdd && op.b != kNoIndex) return bad(i, "b");
        if (!linear && op.linear != kNoIndex) return bad(i, "linear");
        const bool norm = kind == OpKind::kNormQuant || kind == OpKind::kNorm || kind == OpKind::kHeadNorm ||
                          kind == OpKind::kLayerNorm;
        if (!norm && op.norm != kNoIndex) return bad(i, "norm");
        if (quant ? op.planes != 1 && op.planes != 2 : op.planes != 0) return bad(i, "planes");
        return std::nullopt;
    }

    Error add_quant(size_t i, const Op& op) {
        if (!is(op.a, ValueKind::kRow)) return bad(i, "input");
        const uint32_t width = plan_.width[op.a];
        if (op.op() == OpKind::kNormQuant) {
            if (op.norm >= parts_.norms.size() || norm_used_[op.norm]) return bad(i, "norm");
            const Norm& norm = parts_.norms[op.norm];
            if (width > kDimMax || (!norm.gq.empty() && norm.gq.size() != width))
                return bad(i, "width of the norm");
            norm_used_[op.norm] = true;
        }
        for (uint8_t plane = 0; plane < op.planes; ++plane) trace(TensorKind::kCodes, plane, width, 1);
        output(ValueKind::kCodes, width);
        return std::nullopt;
    }

    Error add_linear(size_t i, const Op& op) {
        if (!is(op.a, ValueKind::kCodes)) return bad(i, "input");
        if (op.linear >= parts_.linears.size() || linear_used_[op.linear]) return bad(i, "linear");
        const Linear& linear = parts_.linears[op.linear];
        if (linear.k != plan_.width[op.a]) return bad(i, "width of the input");
        linear_used_[op.linear] = true;
        const bool head = op.op() == OpKind::kHead;
        if (head && linear.n != parts_.dimensions.vocabulary) return bad(i, "width of the logits");
        const uint16_t first = plan_.tensor[op.a];
        const bool two = graph_.ops[op.a].planes == 2;
        for (uint8_t plane = 0; plane < graph_.ops[op.a].planes; ++plane) {
            plan_.operands.push_back({uint16_t(first + plane), op.linear, uint8_t(two ? plane + 1 : 0)});
        }
        output(head ? ValueKind::kLogits : ValueKind::kRow, linear.n);
        return std::nullopt;
    }

    Error add_position(size_t i, const Op& op) {
        if (!is(op.a, ValueKind::kRow)) return bad(i, "input");
        if (op.linear >= parts_.linears.size() || linear_used_[op.linear]) return bad(i, "linear");
        const Linear& table = parts_.linears[op.linear];
        if (table.k != plan_.width[op.a]) return bad(i, "width of the input");
        if (table.n != parts_.dimensions.context || !table.bias.empty()) return bad(i, "positions");
        linear_used_[op.linear] = true;
        trace(TensorKind::kResidual, 0, table.k, 1);
        output(ValueKind::kRow, table.k);
        return std::nullopt;
    }

    /// What it reads must be in the trace: an element of its output depends on all of it.
    Error add_layer_norm(size_t i, const Op& op) {
        if (!is(op.a, ValueKind::kRow)) return bad(i, "input");
        const OpKind source = graph_.ops[op.a].op();
        if (source != OpKind::kEmbedding && source != OpKind::kPosition && source != OpKind::kAdd)
            return bad(i, "input");
        if (op.norm >= parts_.norms.size() || norm_used_[op.norm]) return bad(i, "norm");
        const uint32_t width = plan_.width[op.a];
        if (width > kDimMax || parts_.norms[op.norm].gq.size() != 2 * size_t{width})
            return bad(i, "width of the norm");
        norm_used_[op.norm] = true;
        output(ValueKind::kRow, width);
        return std::nullopt;
    }

    /// Norms whose output is a row: what they read is traced.
    Error add_norm(size_t i, const Op& op) {
        const Dimensions& d = parts_.dimensions;
        const bool of_heads = op.op() == OpKind::kHeadNorm;
        if (!is(op.a, ValueKind::kRow)) return bad(i, "input");
        const uint32_t width = plan_.width[op.a];
        if (of_heads && width != d.qkv_width()) return bad(i, "input");
        if (op.norm >= parts_.norms.size() || norm_used_[op.norm]) return bad(i, "norm");
        const size_t gains = of_heads ? 2 * size_t{d.head_dim} : width;
        if ((!of_heads && width > kDimMax) || parts_.norms[op.norm].gq.size() != gains)
            return bad(i, "width of the norm");
        norm_used_[op.norm] = true;
        trace(TensorKind::kResidual, 0, width, 1);
        output(ValueKind::kRow, width);
        return std::nullopt;
    }

    Error add_rope(size_t i, const Op& op) {
        const Dimensions& d = parts_.dimensions;
        if (!is(op.a, ValueKind::kRow) || plan_.width[op.a] != d.qkv_width()) return bad(i, "input");
        if (ropes_ == d.layers) return bad(i, "layers");
        if (op.op() == OpKind::kLocalRopeQuant) {
            if (parts_.local_rope.size() != d.head_dim / 2) return bad(i, "local rope");
            has_local_rope_ = true;
        }
        trace(TensorKind::kHeads, 0, d.head_dim, d.heads);
        trace(TensorKind::kHeads, 1, d.head_dim, d.kv_heads);
        trace(TensorKind::kHeads, 2, d.head_dim, d.kv_heads);
        output(ValueKind::kHeads, d.head_dim, uint16_t(ropes_++));
        return std::nullopt;
    }

    Error add_attention(size_t i, const Op& op) {
        const Dimensions& d = parts_.dimensions;
        if (!is(op.a, ValueKind::kHeads)) return bad(i, "input");
        if (op.op() == OpKind::kLocalAttention) {
            if (parts_.window == 0) return bad(i, "window");
            has_window_ = true;
        }
        if (op.op() == OpKind::kFullAttention) sees_behind_ = true;
        output(ValueKind::kRow, d.heads * d.head_dim, plan_.layer[op.a]);
        return std::nullopt;
    }

    const Graph& graph_;
    const ModelParts& parts_;
    std::vector<bool> linear_used_, norm_used_;
    std::vector<ValueKind> kinds_;
    uint32_t ropes_ = 0;
    bool has_local_rope_ = false, has_window_ = false, sees_behind_ = false;
    Plan plan_;
};

}  // namespace

Result<Plan, ModelError> make_plan(const Graph& graph, const ModelParts& parts) {
    return Planner{graph, parts}.run();
}

}  // namespace daidd::inference
