#pragma once

#include "inference/graph.h"

namespace daidd::inference {

/// Planes of each operand.
struct LlamaPlanes {
    uint8_t qkv = 1, o = 1, gate_up = 1, down = 2, head = 2;
};

/// Which matrices of a layer are pairs: two linears over the same codes whose outputs are added.
struct LlamaPairs {
    bool qkv = false, o = false, gate_up = false, down = false;
};

/// In what the families of the Llama shape differ from Llama itself.
struct LlamaVariant {
    bool head_norms = false;  ///< of q and k, before they are rotated: Qwen 3, Gemma 3
    bool post_norms = false;  ///< of what attention and FFN add to the residual stream: Gemma 3
    bool geglu = false;       ///< instead of SwiGLU: Gemma 3
    bool local_rope = false;  ///< windowed layers have rotary constants of their own: Gemma 3
    uint32_t window = 0;      ///< positions that a windowed layer sees; 0: there is none
    uint32_t global_every =
        0;  ///< each such layer sees everything, the others are windowed; 0: all are windowed
    LlamaPairs pairs{};

    bool is_local(uint32_t layer) const {
        return window > 0 && (global_every == 0 || (layer + 1) % global_every != 0);
    }
};

/// The graph of a Llama-shaped model. Linears: of each layer qkv, o, gate ‖ up, down, a pair's second one
/// right behind its first; last the head. Norms in the order of the graph: of each layer the one before qkv,
/// that of the heads, that after attention, the one before gate ‖ up, that after the FFN, those that there
/// are; last the head's.
Graph make_llama_graph(uint32_t layers, const LlamaPlanes& planes, const LlamaVariant& variant = {});

}  // namespace daidd::inference
