#include "inference/bert.h"

#include <cassert>

namespace daidd::inference {

Graph make_bert_graph(uint32_t layers) {
    Graph graph;
    const auto add = [&graph](Op op) {
        assert(graph.ops.size() < kOpsMax);
        graph.ops.push_back(op);
        return uint16_t(graph.ops.size() - 1);
    };
    const auto of = [&add](OpKind kind, uint16_t a) { return add({.kind = uint8_t(kind), .a = a}); };
    const auto sum = [&add](uint16_t a, uint16_t b) {
        return add({.kind = uint8_t(OpKind::kAdd), .a = a, .b = b});
    };
    uint16_t next_linear = 1;
    const auto linear = [&](uint16_t a) {
        const uint16_t codes = add({.kind = uint8_t(OpKind::kQuant), .a = a, .planes = 2});
        const uint16_t rounded = add({.kind = uint8_t(OpKind::kLinear), .a = codes, .linear = next_linear++});
        const uint16_t rest = add({.kind = uint8_t(OpKind::kLinear), .a = codes, .linear = next_linear++});
        return sum(rounded, rest);
    };
    const auto norm = [&add](uint16_t a, uint32_t index) {
        return add({.kind = uint8_t(OpKind::kLayerNorm), .a = a, .norm = uint16_t(index)});
    };
    uint16_t x = add({.kind = uint8_t(OpKind::kEmbedding)});
    x = norm(add({.kind = uint8_t(OpKind::kPosition), .a = x, .linear = 0}), 0);
    for (uint32_t l = 0; l < layers; ++l) {
        const uint16_t heads = of(OpKind::kRopeQuant, linear(x));
        x = norm(sum(x, linear(of(OpKind::kFullAttention, heads))), 2 * l + 1);
        x = norm(sum(x, linear(of(OpKind::kGelu, linear(x)))), 2 * l + 2);
    }
    of(OpKind::kMeanPool, x);
    return graph;
}

}  // namespace daidd::inference
