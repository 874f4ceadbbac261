#include "import/family.h"

#include <algorithm>
#include <iterator>

namespace daidd::import {

namespace {

constexpr Family kFamilies[] = {
    {.architecture = "llama", .has_neighbour_pairs = true, .may_have_window = true},
    {.architecture = "mistral", .has_neighbour_pairs = true, .may_have_window = true},
    {.architecture = "qwen2", .has_qkv_biases = true},
    {.architecture = "qwen3", .has_head_norms = true},
    // The gains in the file are those that are multiplied with: 1 + w of the published weights.
    {.architecture = "gemma3",
     .has_head_norms = true,
     .has_post_norms = true,
     .has_geglu = true,
     .scales_embedding = true,
     .may_have_window = true,
     .global_every = 6,
     .local_rope_base = 10'000},
};

}  // namespace

const Family* find_family(std::string_view architecture) {
    const auto* found = std::ranges::find(kFamilies, architecture, &Family::architecture);
    return found == std::end(kFamilies) ? nullptr : found;
}

}  // namespace daidd::import
