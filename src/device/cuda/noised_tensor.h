#pragma once

#include "device/warp_fold.h"

namespace daidd::device {

/// The lanes of a GPU's warp: a Lane is the thread's own value.
struct GpuWarp {
#if __CUDA_ARCH__ >= 800
    static constexpr bool kHasMma16 = true;
#else
    static constexpr bool kHasMma16 = false;
#endif

    template <class T>
    using Lane = T;
    template <class T>
    static DAIDD_DEVICE T& at(T& value, uint32_t) {
        return value;
    }
    template <class Work>
    DAIDD_DEVICE void each(const Work& work) {
        work(threadIdx.x % 32);
    }
    DAIDD_DEVICE void xor_lanes(uint32_t& value, uint32_t mask) {
        value ^= __shfl_xor_sync(0xffffffff, value, int(mask));
    }
    DAIDD_DEVICE void mma8(int32_t (&c)[2], uint32_t a, uint32_t b) {
        asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
                     : "+r"(c[0]), "+r"(c[1])
                     : "r"(a), "r"(b));
    }
    DAIDD_DEVICE void mma16(int32_t (&top)[2], int32_t (&bottom)[2], const uint32_t (&a)[4],
                            const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%0, %1, %2, %3};"
            : "+r"(top[0]), "+r"(top[1]), "+r"(bottom[0]), "+r"(bottom[1])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
    }
};

/// (tiles of 16 weight rows / 4, groups of 16 noised rows) groups of four warps, a warp a tile; parameters as
/// noised_tiles.
static __global__ void __launch_bounds__(128)
    noised_tensor(const uint32_t* rows, const uint32_t* weights, uint32_t* words,
                  unsigned long long weights_at, uint32_t groups, uint32_t tiles, uint32_t pitch,
                  uint32_t k_words, uint32_t step_words) {
    const uint32_t tile = blockIdx.x * 4 + threadIdx.x / 32, group = blockIdx.y;
    if (tile >= tiles) return;  // whole warps: mma wants all of its lanes
    const FoldJob job{rows + uint64_t{group} * 16 * k_words,
                      weights + weights_at + uint64_t{tile} * 16 * pitch,
                      words + (uint64_t{tile} * groups + group) * (k_words / step_words),
                      pitch,
                      k_words,
                      step_words};
    WarpFold<GpuWarp>{{}}.run(job);
}

}  // namespace daidd::device
