#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "inference/random.h"
#include "inference/toy.h"

namespace daidd::inference {

inline Model build(const ToyShape& shape) {
    auto model = Model::build(make_toy(shape));
    EXPECT_TRUE(model) << (model ? "" : model.error().text());
    return *model;
}

/// Nothing in it is a multiple of anything; everything optional is there.
inline ToyShape odd_toy() {
    ToyShape shape = regtest_toy();
    shape.dimensions = {.vocabulary = 275,
                        .layers = 3,
                        .dim = 52,
                        .ffn = 91,
                        .heads = 6,
                        .kv_heads = 3,
                        .head_dim = 10,
                        .context = 300};
    shape.fx = 16;
    shape.bias = shape.gains = true;
    shape.planes = 2;
    shape.seed[0] = 7;
    return shape;
}

/// Everything that Gemma 3 differs in, on the regtest toy: in three layers the last sees everything, the
/// others a few positions.
inline ToyShape gemma_toy() {
    ToyShape shape = regtest_toy();
    shape.dimensions.layers = 3;
    shape.seed[0] = 3;
    shape.variant = {.head_norms = true,
                     .post_norms = true,
                     .geglu = true,
                     .local_rope = true,
                     .window = 7,
                     .global_every = 3};
    return shape;
}

/// The same with matrices of two linears, as imported ones have.
inline ToyShape paired_toy() {
    ToyShape shape = gemma_toy();
    shape.variant.pairs = {.qkv = true, .o = true, .gate_up = true, .down = true};
    return shape;
}

/// Every layer sees `window` positions and nothing else is different.
inline ToyShape windowed_toy(uint32_t window) {
    ToyShape shape = regtest_toy();
    shape.variant.window = window;
    return shape;
}

inline std::vector<uint32_t> random_tokens(const Model& model, size_t count) {
    Random random{count};
    std::vector<uint32_t> tokens(count);
    for (uint32_t& token : tokens) token = uint32_t(random.next() % model.dimensions().vocabulary);
    return tokens;
}

}  // namespace daidd::inference
