#include "inference/noised.h"

#include <array>
#include <bit>
#include <cassert>

#include "inference/manifest.h"
#include "inference/noised_kernels.h"

namespace daidd::inference {

uint32_t step_for(uint32_t k) {
    if (k < 128) return 8;
    if (k < 512) return 16;
    if (k < 1024) return 32;
    if (k < 4096) return 64;
    return 128;
}

void noised_tile_scalar(const int8_t* noised, const int8_t* weights, size_t stride, uint32_t k, uint32_t r,
                        uint32_t* words) {
    std::array<int32_t, kTile * kTile> sums{};
    for (uint32_t step = 0; step < k / r; ++step) {
        uint32_t word = 0;
        for (uint32_t u = 0; u < kTile; ++u) {
            uint32_t folded = 0;
            for (uint32_t v = 0; v < kTile; ++v) {
                int32_t& sum = sums[u * kTile + v];
                for (uint32_t t = step * r; t < (step + 1) * r; ++t) {
                    sum += noised[size_t{u} * k + t] * weights[v * stride + t];
                }
                folded ^= uint32_t(sum);
            }
            word ^= std::rotl(folded, int(u));
        }
        words[step] = word;
    }
}

void noised_tiles(Backend backend, std::span<const int8_t> noised, uint32_t groups,
                  std::span<const int8_t> weights, size_t stride, uint32_t k, uint32_t r,
                  std::span<uint32_t> words) {
    static_assert(int64_t{128} * 128 * kSliceColumns <= INT32_MAX);
    assert(k > 0 && k <= kSliceColumns && r > 0 && r <= kStepMax && r % 8 == 0 && k % r == 0);
    assert(words.size() == size_t{groups} * (k / r) && noised.size() == size_t{groups} * kTile * k);
    assert(stride >= k && weights.size() >= (kTile - 1) * stride + k && is_supported(backend));
#if defined(__x86_64__)
    if (backend != Backend::kScalar) {
        return noised_tiles_avx2(noised.data(), groups, weights.data(), stride, k, r, words.data());
    }
#endif
    for (uint32_t g = 0; g < groups; ++g) {
        noised_tile_scalar(noised.data() + size_t{g} * kTile * k, weights.data(), stride, k, r,
                           &words[g * (k / r)]);
    }
}

void noised_tile(Backend backend, std::span<const int8_t> noised, std::span<const int8_t> weights,
                 size_t stride, uint32_t k, uint32_t r, std::span<uint32_t> words) {
    noised_tiles(backend, noised, 1, weights, stride, k, r, words);
}

}  // namespace daidd::inference
