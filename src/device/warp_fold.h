#pragma once

#include <cstdint>

// The noised product on tensor cores, for one warp: written once for a GPU's warp and for one that a test
// simulates, so that the order of fragments is checked without a GPU.

#if defined(__CUDACC__)
#define DAIDD_DEVICE __device__ __forceinline__
#else
#define DAIDD_DEVICE inline
#endif

namespace daidd::device {

/// The rows and tile that a warp folds. Rows of A take k_words words, rows of W take pitch.
struct FoldJob {
    const uint32_t* rows;
    const uint32_t* weights;
    uint32_t* words;  ///< k_words / step_words of them
    uint32_t pitch, k_words, step_words;
};

/// mma.m8n8k16 (sm_75) and mma.m16n8k32 (sm_80 on) of uint8 by int8 with int32 sums, as the PTX ISA lays
/// fragments out: lane = 4 · g + t holds
///   A  m8n8k16: row g, bytes 4t … 4t + 3.   m16n8k32: words (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4)
///   B  column g likewise:  word t            words t, t + 4
///   C  row g, columns 2t and 2t + 1          the same, then row g + 8
/// Words are four bytes along the depth. Warp gives:
///   Lane<T>                    a T for every lane
///   each(f)                    f(lane) for every lane
///   mma8(c, a, b)              c[2] += a · b, a 8 × 16
///   mma16(c, a, b)             c[4] += a[4] · b[2], a 16 × 32
///   xor_lanes(v, mask)         v ^= v of lane ^ mask
/// and kHasMma16. A word behind the step's end counts as 0, so that any step length fits a fragment's depth.
template <class Warp>
class WarpFold {
public:
    DAIDD_DEVICE explicit WarpFold(Warp warp) : warp_{warp} {}

    /// T = 0; for each step: T += A · Wᵀ over the step's words; word = XOR over u of ROTL32(XOR over v of
    /// T[u][v], u).
    DAIDD_DEVICE void run(const FoldJob& job) {
        // T by (half of u, half of v, column 2t or 2t + 1).
        typename Warp::template Lane<int32_t> sums[2][2][2];
        warp_.each([&](uint32_t lane) {
            for (uint32_t i = 0; i < 8; ++i) Warp::at(sums[i / 4][i / 2 % 2][i % 2], lane) = 0;
        });
        for (uint32_t begin = 0, step = 0; begin < job.k_words; begin += job.step_words, ++step) {
            const uint32_t end = begin + job.step_words;
            for (uint32_t word = begin; word < end; word += Warp::kHasMma16 ? 8 : 4) {
                if constexpr (Warp::kHasMma16) {
                    multiply16(job, word, end, sums);
                } else {
                    multiply8(job, word, end, sums);
                }
            }
            fold(job, step, sums);
        }
    }

private:
    template <class T>
    using Lane = typename Warp::template Lane<T>;

    /// Word `word` of row `row`, 0 from `end` on.
    static DAIDD_DEVICE uint32_t load(const uint32_t* rows, uint32_t row, uint32_t pitch, uint32_t word,
                                      uint32_t end) {
        return word < end ? rows[uint64_t{row} * pitch + word] : 0;
    }

    DAIDD_DEVICE void multiply8(const FoldJob& job, uint32_t word, uint32_t end,
                                Lane<int32_t> (&sums)[2][2][2]) {
        Lane<uint32_t> a[2], b[2];
        warp_.each([&](uint32_t lane) {
            const uint32_t g = lane / 4, t = lane % 4;
            for (uint32_t half = 0; half < 2; ++half) {
                Warp::at(a[half], lane) = load(job.rows, g + 8 * half, job.k_words, word + t, end);
                Warp::at(b[half], lane) = load(job.weights, g + 8 * half, job.pitch, word + t, end);
            }
        });
        for (uint32_t i = 0; i < 4; ++i) warp_.mma8(sums[i / 2][i % 2], a[i / 2], b[i % 2]);
    }

    DAIDD_DEVICE void multiply16(const FoldJob& job, uint32_t word, uint32_t end,
                                 Lane<int32_t> (&sums)[2][2][2]) {
        Lane<uint32_t> a[4], b[2][2];
        warp_.each([&](uint32_t lane) {
            const uint32_t g = lane / 4, t = lane % 4;
            for (uint32_t i = 0; i < 4; ++i) {
                Warp::at(a[i], lane) =
                    load(job.rows, g + 8 * (i % 2), job.k_words, word + t + 4 * (i / 2), end);
                Warp::at(b[i / 2][i % 2], lane) =
                    load(job.weights, g + 8 * (i / 2), job.pitch, word + t + 4 * (i % 2), end);
            }
        });
        for (uint32_t v = 0; v < 2; ++v) warp_.mma16(sums[0][v], sums[1][v], a, b[v]);
    }

    DAIDD_DEVICE void fold(const FoldJob& job, uint32_t step, Lane<int32_t> (&sums)[2][2][2]) {
        Lane<uint32_t> rows[2], word;
        warp_.each([&](uint32_t lane) {
            for (uint32_t u = 0; u < 2; ++u) {
                Warp::at(rows[u], lane) =
                    uint32_t(Warp::at(sums[u][0][0], lane)) ^ uint32_t(Warp::at(sums[u][0][1], lane)) ^
                    uint32_t(Warp::at(sums[u][1][0], lane)) ^ uint32_t(Warp::at(sums[u][1][1], lane));
            }
        });
        for (uint32_t u = 0; u < 2; ++u) {
            warp_.xor_lanes(rows[u], 1);
            warp_.xor_lanes(rows[u], 2);
        }
        warp_.each([&](uint32_t lane) {
            const uint32_t g = lane / 4, low = Warp::at(rows[0], lane), high = Warp::at(rows[1], lane);
            // ROTL by 0 … 15; a shift by 32 is undefined.
            Warp::at(word, lane) =
                (g == 0 ? low : low << g | low >> (32 - g)) ^ (high << (g + 8) | high >> (24 - g));
        });
        for (uint32_t mask = 4; mask < 32; mask *= 2) warp_.xor_lanes(word, mask);
        warp_.each([&](uint32_t lane) {
            if (lane == 0) job.words[step] = Warp::at(word, lane);
        });
    }

    Warp warp_;
};

}  // namespace daidd::device
