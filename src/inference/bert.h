#pragma once

#include "inference/graph.h"

namespace daidd::inference {

/// The graph of a BERT-shaped encoder: learned positions, attention both ways, norms after what they follow,
/// the mean of all positions.
///
/// Every matrix is two linears whose outputs are added: weights rounded to int8, and what that rounding left,
/// rounded likewise. A layer norm, unlike an RMS norm, lets no rotation pass that would spread outliers, and
/// one int8 alone costs a cosine up to 0.0017 (doc/decisions/0021). Linears: 0 the positions; of layer l from
/// 8l + 1 on pairs of qkv, o, up and down. Norms: 0 of the embedding, of layer l 2l + 1 after attention,
/// 2l + 2 after the FFN. All operands take two planes.
Graph make_bert_graph(uint32_t layers);

}  // namespace daidd::inference
