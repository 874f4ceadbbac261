// The noised product with its fold (inference/noised.h), tile by tile.

#define STEP_WORDS_MAX 32  // 128 / 4

/// (tiles of 16 weight rows, groups of 16 noised rows) groups, a thread an element T[u][v]. Rows of weights
/// take `pitch` words and begin at word `weights_at`. words: (tile, group, step).
KERNEL(TILE_THREADS)
noised_tiles(GLOBAL const i32* rows, GLOBAL const i32* weights, GLOBAL u32* words, u64 weights_at, u32 groups,
             u32 tiles, u32 pitch, u32 k_words, u32 step_words) {
    LOCAL i32 row_tile[16][STEP_WORDS_MAX + 1];
    LOCAL i32 weight_tile[16][STEP_WORDS_MAX + 1];
    LOCAL u32 folded[TILE_THREADS];
    const u32 u = THREAD / 16, v = THREAD % 16, steps = k_words / step_words;
    GLOBAL const i32* row = rows + ((u64)GROUP_Y * 16 + u) * k_words;
    GLOBAL const i32* weight = weights + weights_at + ((u64)GROUP_X * 16 + u) * pitch;
    GLOBAL u32* out = words + ((u64)GROUP_X * groups + GROUP_Y) * steps;
    i32 sum = 0;
    for (u32 step = 0; step < steps; ++step) {
        for (u32 w = v; w < step_words; w += 16) {
            row_tile[u][w] = row[step * step_words + w];
            weight_tile[u][w] = weight[step * step_words + w];
        }
        BARRIER();
        for (u32 w = 0; w < step_words; ++w) sum = dot4_unsigned(row_tile[u][w], weight_tile[v][w], sum);
        folded[THREAD] = (u32)sum;
        BARRIER();
        for (u32 reach = 8; reach > 0; reach >>= 1) {
            if (v < reach) folded[THREAD] ^= folded[THREAD + reach];
            BARRIER();
        }
        if (v == 0) folded[THREAD] = ROTATE_LEFT(folded[THREAD], u);
        BARRIER();
        for (u32 reach = 8; reach > 0; reach >>= 1) {
            if (v == 0 && u < reach) folded[THREAD] ^= folded[THREAD + 16 * reach];
            BARRIER();
        }
        if (THREAD == 0) out[step] = folded[0];
    }
}
