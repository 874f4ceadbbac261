#pragma once

#include <cstdint>
#include <string_view>

namespace daidd::import {

/// What sets one family of Llama-shaped models apart from another. Sources: the models' papers and their
/// reference implementations.
struct Family {
    /// What a GGUF file names it, and the first part of its metadata's keys.
    std::string_view architecture;
    /// Rotary pairs are stored as neighbours; else half a head apart.
    bool has_neighbour_pairs = false;
    bool has_qkv_biases = false;
    /// RMS norms of the heads of q and k, before they are rotated.
    bool has_head_norms = false;
    /// Norms of what attention and FFN add to the residual stream. Through them it cannot be rotated.
    bool has_post_norms = false;
    /// GELU in place of SiLU, with the hyperbolic tangent.
    bool has_geglu = false;
    /// Embeddings are multiplied with √dim.
    bool scales_embedding = false;
    /// Its file may say that attention sees a window.
    bool may_have_window = false;
    /// Each such layer sees everything, the others a window; 0: what the file says holds for all layers.
    uint32_t global_every = 0;
    /// Rotary base of the windowed layers; 0: that of the others.
    uint32_t local_rope_base = 0;
};

/// Null if there is no importer for it.
const Family* find_family(std::string_view architecture);

}  // namespace daidd::import
