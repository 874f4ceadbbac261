#include "inference/llama.h"

#include <cassert>

namespace daidd::inference {

namespace {

/// Adds operations; norms are taken in order.
class Builder {
public:
    uint16_t add(Op op) {
        assert(graph.ops.size() < kOpsMax);
        graph.ops.push_back(op);
        return uint16_t(graph.ops.size() - 1);
    }
    uint16_t add(OpKind kind, uint16_t a, uint16_t b = kNoIndex) {
        return add({.kind = uint8_t(kind), .a = a, .b = b});
    }
    uint16_t norm_quant(uint16_t a, uint8_t planes) {
        return add({.kind = uint8_t(OpKind::kNormQuant), .a = a, .norm = norms_++, .planes = planes});
    }
    uint16_t quant(uint16_t a, uint8_t planes) {
        return add({.kind = uint8_t(OpKind::kQuant), .a = a, .planes = planes});
    }
    uint16_t linear(OpKind kind, uint16_t a) {
        return add({.kind = uint8_t(kind), .a = a, .linear = linears_++});
    }
    uint16_t matrix(uint16_t a, bool is_pair) {
        const uint16_t rounded = linear(OpKind::kLinear, a);
        return is_pair ? add(OpKind::kAdd, rounded, linear(OpKind::kLinear, a)) : rounded;
    }
    uint16_t norm(OpKind kind, uint16_t a) { return add({.kind = uint8_t(kind), .a = a, .norm = norms_++}); }

    Graph graph;

private:
    uint16_t norms_ = 0, linears_ = 0;
};

}  // namespace

Graph make_llama_graph(uint32_t layers, const LlamaPlanes& planes, const LlamaVariant& variant) {
    Builder to;
    const LlamaPairs& pairs = variant.pairs;
    uint16_t x = to.add(OpKind::kEmbedding, kNoIndex);
    for (uint32_t l = 0; l < layers; ++l) {
        const bool local = variant.is_local(l);
        uint16_t qkv = to.matrix(to.norm_quant(x, planes.qkv), pairs.qkv);
        if (variant.head_norms) qkv = to.norm(OpKind::kHeadNorm, qkv);
        const bool local_rope = local && variant.local_rope;
        const uint16_t heads = to.add(local_rope ? OpKind::kLocalRopeQuant : OpKind::kRopeQuant, qkv);
        const uint16_t attended = to.add(local ? OpKind::kLocalAttention : OpKind::kAttention, heads);
        uint16_t o = to.matrix(to.quant(attended, planes.o), pairs.o);
        if (variant.post_norms) o = to.norm(OpKind::kNorm, o);
        x = to.add(OpKind::kAdd, x, o);
        const uint16_t gate_up = to.matrix(to.norm_quant(x, planes.gate_up), pairs.gate_up);
        const uint16_t activated = to.add(variant.geglu ? OpKind::kGeglu : OpKind::kSwiglu, gate_up);
        uint16_t down = to.matrix(to.quant(activated, planes.down), pairs.down);
        if (variant.post_norms) down = to.norm(OpKind::kNorm, down);
        x = to.add(OpKind::kAdd, x, down);
    }
    to.linear(OpKind::kHead, to.norm_quant(x, planes.head));
    return std::move(to.graph);
}

}  // namespace daidd::inference
