#include "inference/llama.h"

#include <cassert>

namespace daidd::inference {

Graph make_llama_graph(uint32_t layers, const LlamaPlanes& planes) {
    Graph graph;
    const auto add = [&graph](Op op) {
        assert(graph.ops.size() < kOpsMax);
        graph.ops.push_back(op);
        return uint16_t(graph.ops.size() - 1);
    };
    const auto norm_quant = [&add](uint16_t a, uint32_t norm, uint8_t count) {
        return add({.kind = uint8_t(OpKind::kNormQuant), .a = a, .norm = uint16_t(norm), .planes = count});
    };
    const auto quant = [&add](uint16_t a, uint8_t count) {
        return add({.kind = uint8_t(OpKind::kQuant), .a = a, .planes = count});
    };
    const auto linear = [&add](uint16_t a, uint32_t index) {
        return add({.kind = uint8_t(OpKind::kLinear), .a = a, .linear = uint16_t(index)});
    };
    uint16_t x = add({.kind = uint8_t(OpKind::kEmbedding)});
    for (uint32_t l = 0; l < layers; ++l) {
        const uint16_t qkv = linear(norm_quant(x, 2 * l, planes.qkv), 4 * l);
        const uint16_t heads = add({.kind = uint8_t(OpKind::kRopeQuant), .a = qkv});
        const uint16_t attended = add({.kind = uint8_t(OpKind::kAttention), .a = heads});
        const uint16_t o = linear(quant(attended, planes.o), 4 * l + 1);
        x = add({.kind = uint8_t(OpKind::kAdd), .a = x, .b = o});
        const uint16_t gate_up = linear(norm_quant(x, 2 * l + 1, planes.gate_up), 4 * l + 2);
        const uint16_t activated = add({.kind = uint8_t(OpKind::kSwiglu), .a = gate_up});
        const uint16_t down = linear(quant(activated, planes.down), 4 * l + 3);
        x = add({.kind = uint8_t(OpKind::kAdd), .a = x, .b = down});
    }
    const uint16_t codes = norm_quant(x, 2 * layers, planes.head);
    add({.kind = uint8_t(OpKind::kHead), .a = codes, .linear = uint16_t(4 * layers)});
    return graph;
}

}  // namespace daidd::inference
