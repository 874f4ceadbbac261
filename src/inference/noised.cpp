#include "inference/noised.h"

#include <algorithm>
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

std::vector<Slice> slices(uint32_t k) {
    assert(k > 0 && k <= kDepthMax);
    std::vector<Slice> result;
    for (uint32_t start = 0; start < k; start += kSliceColumns)
        result.push_back({.start = start, .columns = std::min(kSliceColumns, k - start)});
    return result;
}

bool gives_tickets(const Slice& slice) { return slice.columns % step_for(slice.columns) == 0; }

void add_noise(const int8_t* codes, size_t stride, const Slice& slice, std::span<const uint8_t> noise,
               uint8_t* noised) {
    const size_t r = noise.size() / kTile, columns = slice.columns;
    assert(r > 0 && columns % r == 0);
    for (size_t u = 0; u < kTile; ++u, noised += columns) {
        const int8_t* clean = codes + u * stride + slice.start;
        // The noise starts again every r columns: doubled until it fills the row, it is added in one go.
        std::copy_n(noise.begin() + ptrdiff_t(u * r), r, noised);
        for (size_t filled = r; filled < columns; filled *= 2) {
            std::copy_n(noised, std::min(filled, columns - filled), noised + filled);
        }
        for (size_t t = 0; t < columns; ++t) noised[t] = uint8_t(noised[t] + clean[t]);
    }
}

namespace {

void fold_group(const uint8_t* rows, const int8_t* weights, size_t stride, uint32_t k, uint32_t r,
                uint32_t* words) {
    std::array<int32_t, kTile * kTile> sums{};
    for (uint32_t step = 0; step < k / r; ++step) {
        uint32_t word = 0;
        for (uint32_t u = 0; u < kTile; ++u) {
            uint32_t folded = 0;
            for (uint32_t v = 0; v < kTile; ++v) {
                int32_t& sum = sums[u * kTile + v];
                for (uint32_t t = step * r; t < (step + 1) * r; ++t) {
                    sum += rows[size_t{u} * k + t] * weights[v * stride + t];
                }
                folded ^= uint32_t(sum);
            }
            word ^= std::rotl(folded, int(u));
        }
        words[step] = word;
    }
}

}  // namespace

void fold_scalar(const uint8_t* rows, uint32_t groups, const int8_t* weights, size_t stride, uint32_t k,
                 uint32_t r, uint32_t* words) {
    for (uint32_t g = 0; g < groups; ++g) {
        fold_group(rows + size_t{g} * kTile * k, weights, stride, k, r, words + size_t{g} * (k / r));
    }
}

NoisedRows::NoisedRows(Backend backend, std::span<const uint8_t> rows, uint32_t k)
    : backend_{backend},
      k_{k},
      groups_{uint32_t(rows.size() / (size_t{kTile} * k))},
      rows_(rows.begin(), rows.end()) {
    static_assert(int64_t{255} * 128 * kSliceColumns <= INT32_MAX);
    assert(k > 0 && k <= kSliceColumns && k % 8 == 0 && is_supported(backend));
    assert(rows.size() == size_t{groups_} * kTile * k);
#if defined(__x86_64__)
    if (backend >= Backend::kAvx512) pack_noised_avx512(rows.data(), groups_, k, rows_.data());
#endif
}

void NoisedRows::fold(std::span<const int8_t> weights, size_t stride, uint32_t r,
                      std::span<uint32_t> words) const {
    assert(r > 0 && r <= kStepMax && r % 8 == 0 && k_ % r == 0 && words.size() == size_t{groups_} * (k_ / r));
    assert(stride >= k_ && weights.size() >= (kTile - 1) * stride + k_);
    auto* kernel = fold_scalar;
#if defined(__x86_64__)
    if (backend_ >= Backend::kAvx2) kernel = fold_avx2;
    if (backend_ >= Backend::kAvx512) kernel = fold_avx512;
#endif
    kernel(rows_.data(), groups_, weights.data(), stride, k_, r, words.data());
}

void noised_tile(Backend backend, std::span<const uint8_t> noised, std::span<const int8_t> weights,
                 size_t stride, uint32_t k, uint32_t r, std::span<uint32_t> words) {
    assert(noised.size() == size_t{kTile} * k);
    NoisedRows{backend, noised, k}.fold(weights, stride, r, words);
}

}  // namespace daidd::inference
