#pragma once

#include "inference/graph.h"

namespace daidd::inference {

/// Planes of each operand.
struct LlamaPlanes {
    uint8_t qkv = 1, o = 1, gate_up = 1, down = 2, head = 2;
};

/// The graph of a Llama-shaped model. Linears: of layer l 4l qkv, 4l + 1 o, 4l + 2 gate ‖ up, 4l + 3 down;
/// last the head. Norms: 2l before qkv, 2l + 1 before gate ‖ up, last the one before the head.
Graph make_llama_graph(uint32_t layers, const LlamaPlanes& planes);

}  // namespace daidd::inference
