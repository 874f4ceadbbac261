// Rotation, and attention in four kernels: scores, weights, values, outputs. What inference::attention_head
// does for one head of one row is here done for all heads and rows, and split over positions where that is
// wide.
//
// A cache holds rows (layer, key head, position) of `stride` bytes and of one scale, e · 256 + m.
// `cache_head` is layer · kv_heads. Heads of a row: `heads` queries, then kv_heads keys, then as many values.

FUNCTION i32 pack_scale(Scale scale) { return scale.e * 256 + scale.m; }
FUNCTION Scale unpack_scale(i32 packed) {
    Scale scale;
    scale.m = packed & 255;
    scale.e = packed >> 8;
    return scale;
}

/// A group a head of a row, a thread a pair. Rotates queries and keys, quantises all; keys and values go into
/// the cache too. info as in quant_rows.
KERNEL(ROW_THREADS)
rope_heads(GLOBAL const i32* x, GLOBAL const u64* turns, GLOBAL const i32* quarter, GLOBAL i8* codes,
           GLOBAL i32* info, GLOBAL i8* keys, GLOBAL i32* key_scales, GLOBAL i8* values,
           GLOBAL i32* value_scales, u32 first, u32 heads, u32 kv_heads, u32 head_dim, u32 stride,
           u32 cache_head, u32 capacity, u32 fx) {
    LOCAL u64 scratch[ROW_THREADS];
    const u32 all = heads + 2 * kv_heads, item = GROUP_X, row = item / all, head = item % all, j = THREAD;
    const u32 is_pair = j < head_dim / 2, is_cached = head >= heads, is_key = head < heads + kv_heads;
    GLOBAL i8* out = codes + (u64)item * stride;
    const u64 cached = ((u64)cache_head + (head - heads) % kv_heads) * capacity + first + row;
    i32 a = 0, b = 0;
    u64 key = 0;
    Scale scale;
    if (is_pair) {
        a = x[(u64)item * head_dim + 2 * j];
        b = x[(u64)item * head_dim + 2 * j + 1];
        if (is_key) {
            const u64 phase = (first + row) * turns[j];
            const i64 s = sine(phase, quarter), c = sine(phase + ((u64)1 << 62), quarter);
            const i64 rounding = (i64)1 << 29, ra = a, rb = b;
            a = sat((ra * c - rb * s + rounding) >> 30);
            b = sat((ra * s + rb * c + rounding) >> 30);
        }
        key = magnitude_key(a, 2 * j);
        if (magnitude_key(b, 2 * j + 1) > key) key = magnitude_key(b, 2 * j + 1);
    }
    key = group_max(scratch, key);
    scale = quant_scale((u32)(key >> 32), 127, fx);
    for (u32 i = 2 * j; i < stride; i += 2 * ROW_THREADS) {
        const i8 left = (i8)(is_pair && i == 2 * j ? quant_code(a, scale, fx) : 0);
        const i8 right = (i8)(is_pair && i == 2 * j ? quant_code(b, scale, fx) : 0);
        out[i] = left;
        out[i + 1] = right;
        if (is_cached) {
            GLOBAL i8* cache = (is_key ? keys : values) + cached * stride;
            cache[i] = left;
            cache[i + 1] = right;
        }
    }
    if (THREAD == 0) {
        info[4 * (u64)item] = scale.m;
        info[4 * (u64)item + 1] = scale.e;
        info[4 * (u64)item + 2] = (i32)(0xffffffffu - (u32)key);
        info[4 * (u64)item + 3] = (i32)(key >> 32);
        if (is_cached) (is_key ? key_scales : value_scales)[cached] = pack_scale(scale);
    }
}

#define HEAD_WORDS_MAX 64  // 256 / 4

/// (query heads of all rows, positions / 128) groups, a thread a position. Row r of `rows` sees positions up
/// to first + r.
KERNEL(ROW_THREADS)
attention_scores(GLOBAL const i32* queries, GLOBAL const i32* info, GLOBAL const i32* keys,
                 GLOBAL const i32* key_scales, GLOBAL i64* scores, u32 first, u32 heads, u32 kv_heads,
                 u32 words, u32 cache_head, u32 capacity, u32 positions) {
    LOCAL i32 query[HEAD_WORDS_MAX];
    const u32 row = GROUP_X / heads, head = GROUP_X % heads, u = GROUP_Y * ROW_THREADS + THREAD;
    const u64 from = (u64)row * (heads + 2 * kv_heads) + head;
    if (THREAD < words) query[THREAD] = queries[from * words + THREAD];
    BARRIER();
    if (u <= first + row) {
        const u64 at = ((u64)cache_head + head / (heads / kv_heads)) * capacity + u;
        const Scale scale = unpack_scale(key_scales[at]);
        i32 dot = 0;
        for (u32 w = 0; w < words; ++w) dot = dot4(query[w], keys[at * words + w], dot);
        scores[(u64)GROUP_X * positions + u] =
            rsh((i64)dot * info[4 * from] * scale.m, info[4 * from + 1] + scale.e - 16);
    }
}

#define SIGN ((u64)1 << 63)  // orders signed numbers as unsigned ones

/// A group a query head of a row: scores to the weights' P, in place. states: the reciprocal of L, the last
/// shift, and the shift from P to weights.
KERNEL(ROW_THREADS)
attention_weights(GLOBAL i64* scores, GLOBAL const i32* value_scales, GLOBAL const i32* exp2_table,
                  GLOBAL i32* states, u32 first, u32 heads, u32 kv_heads, u32 cache_head, u32 capacity,
                  u32 positions, u32 fx) {
    LOCAL u64 scratch[ROW_THREADS];
    const u32 row = GROUP_X / heads, head = GROUP_X % heads, count = first + row + 1;
    GLOBAL i64* score = scores + (u64)GROUP_X * positions;
    GLOBAL const i32* scales = value_scales + ((u64)cache_head + head / (heads / kv_heads)) * capacity;
    u64 most = 0, least = 0, total = 0, weight_max = 0;
    i64 score_max;
    i32 e_min;
    for (u32 u = THREAD; u < count; u += ROW_THREADS) {
        const u64 s = (u64)score[u] ^ SIGN, e = (u64)(-(i64)unpack_scale(scales[u]).e) ^ SIGN;
        if (s > most) most = s;
        if (e > least) least = e;
    }
    score_max = (i64)(group_max(scratch, most) ^ SIGN);
    e_min = (i32)(-(i64)(group_max(scratch, least) ^ SIGN));
    for (u32 u = THREAD; u < count; u += ROW_THREADS) {
        const Scale scale = unpack_scale(scales[u]);
        const i64 p = exp2_negative(score_max - score[u], exp2_table);
        const i64 weight = rsh(p * scale.m, scale.e - e_min);
        total += (u64)p;
        if ((u64)weight > weight_max) weight_max = (u64)weight;
        score[u] = weight;
    }
    total = group_sum(scratch, total);
    weight_max = group_max(scratch, weight_max);
    if (THREAD == 0) {
        const i32 bits = bit_length(total), excess = bit_length(weight_max) - 14, b = excess > 0 ? excess : 0;
        const u64 normal = bits > 32 ? total >> (bits - 32) : total << (32 - bits);
        states[3 * (u64)GROUP_X] = (i32)(((u64)1 << 55) / normal);
        states[3 * (u64)GROUP_X + 1] = 23 + bits - b + e_min - (i32)fx;
        states[3 * (u64)GROUP_X + 2] = b;
    }
}

#define SPLIT 512  // positions of one int32 sum: 512 · 16383 · 127 < 2^31

/// (query heads of all rows, positions / 512) groups: sums of weight · value over one split.
KERNEL(VALUE_THREADS)
attention_values(GLOBAL const i64* weights, GLOBAL const i32* states, GLOBAL const i8* values,
                 GLOBAL i32* partial, u32 first, u32 heads, u32 kv_heads, u32 head_dim, u32 stride,
                 u32 cache_head, u32 capacity, u32 positions, u32 splits) {
    LOCAL i32 weight[SPLIT];
    const u32 row = GROUP_X / heads, head = GROUP_X % heads, begin = GROUP_Y * SPLIT, left = first + row + 1;
    const u32 end = left < begin + SPLIT ? left : begin + SPLIT;
    const u64 at = ((u64)cache_head + head / (heads / kv_heads)) * capacity;
    const i32 b = states[3 * (u64)GROUP_X + 2];
    for (u32 u = begin + THREAD; u < end; u += VALUE_THREADS) {
        const i64 w = rsh(weights[(u64)GROUP_X * positions + u], b);
        weight[u - begin] = w < 16383 ? (i32)w : 16383;
    }
    BARRIER();
    for (u32 i = THREAD; i < head_dim; i += VALUE_THREADS) {
        i32 sum = 0;
        for (u32 u = begin; u < end; ++u) sum += weight[u - begin] * values[(at + u) * stride + i];
        partial[((u64)GROUP_X * splits + GROUP_Y) * head_dim + i] = sum;
    }
}

KERNEL(ELEMENT_THREADS)
attention_outputs(GLOBAL const i32* partial, GLOBAL const i32* states, GLOBAL i32* y, u64 total, u32 head_dim,
                  u32 splits) {
    const u64 at = (u64)GROUP_X * ELEMENT_THREADS + THREAD;
    u64 item;
    i64 sum = 0;
    if (at >= total) return;
    item = at / head_dim;
    for (u32 s = 0; s < splits; ++s) sum += partial[(item * splits + s) * head_dim + at % head_dim];
    y[at] = sat(rsh(sum * states[3 * item], states[3 * item + 1]));
}
