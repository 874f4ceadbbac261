// Operations on rows of int32: embedding, gain, quant, norm, add, swiglu, argmax.

/// `scales`: mw | ew << 16 of every token.
KERNEL(ELEMENT_THREADS)
embedding_rows(GLOBAL const u32* tokens, GLOBAL const i16* codes, GLOBAL const u32* scales, GLOBAL i32* y,
               u64 total, u32 dim, u32 fx) {
    const u64 at = (u64)GROUP_X * ELEMENT_THREADS + THREAD;
    u32 token, scale;
    if (at >= total) return;
    token = tokens[at / dim];
    scale = scales[token];
    y[at] =
        sat(rsh((i64)codes[(u64)token * dim + at % dim] * (scale & 0xffff), (i32)(scale >> 16) - (i32)fx));
}

KERNEL(ELEMENT_THREADS)
gain_rows(GLOBAL const i32* x, GLOBAL const i32* gq, GLOBAL i32* y, u64 total, u32 width) {
    const u64 at = (u64)GROUP_X * ELEMENT_THREADS + THREAD;
    if (at < total) y[at] = sat(rsh((i64)x[at] * gq[at % width], 15));
}

KERNEL(ELEMENT_THREADS)
add_rows(GLOBAL const i32* a, GLOBAL const i32* b, GLOBAL i32* y, u64 total) {
    const u64 at = (u64)GROUP_X * ELEMENT_THREADS + THREAD;
    if (at < total) y[at] = sat((i64)a[at] + b[at]);
}

/// Rows of x are gate ‖ up, each `width` long.
KERNEL(ELEMENT_THREADS)
swiglu_rows(GLOBAL const i32* x, GLOBAL const i32* table, GLOBAL i32* y, u64 total, u32 width, u32 fx) {
    const u64 at = (u64)GROUP_X * ELEMENT_THREADS + THREAD;
    u64 gate_at;
    i64 si;
    if (at >= total) return;
    gate_at = at / width * 2 * width + at % width;
    si = rsh((i64)x[gate_at] * sigmoid(x[gate_at], fx, table), 16);
    y[at] = sat(rsh(si * x[gate_at + width], (i32)fx));
}

/// A group a row: row `from` + GROUP_X of x to row GROUP_X of the outputs. A row of codes takes `stride`
/// bytes, zero behind `width`; the plane of low parts follows `rows` rows of high ones. info: m, e, index,
/// amax; factors: m, e.
KERNEL(ROW_THREADS)
quant_rows(GLOBAL const i32* x, GLOBAL i8* codes, GLOBAL i32* info, GLOBAL Scale* factors, u32 from, u32 rows,
           u32 width, u32 stride, u32 planes, i32 q, u32 fx) {
    LOCAL u64 scratch[ROW_THREADS];
    const u32 row = GROUP_X;
    GLOBAL const i32* in = x + (u64)(from + row) * width;
    GLOBAL i8* high = codes + (u64)row * stride;
    GLOBAL i8* low = high + (u64)rows * stride;
    u64 key = 0;
    Scale scale;
    for (u32 i = THREAD; i < width; i += ROW_THREADS) {
        const u64 other = magnitude_key(in[i], i);
        if (other > key) key = other;
    }
    key = group_max(scratch, key);
    scale = quant_scale((u32)(key >> 32), q, fx);
    for (u32 i = THREAD; i < stride; i += ROW_THREADS) {
        const i32 code = i < width ? quant_code(in[i], scale, fx) : 0;
        const i32 top = (code + 64) >> 7;
        high[i] = (i8)(planes == 2 ? top : code);
        if (planes == 2) low[i] = (i8)(code - 128 * top);
    }
    if (THREAD == 0) {
        info[4 * row] = scale.m;
        info[4 * row + 1] = scale.e;
        info[4 * row + 2] = (i32)(0xffffffffu - (u32)key);
        info[4 * row + 3] = (i32)(key >> 32);
        factors[row] = scale;
    }
}

/// A group a row: the factor of quant_rows' codes, divided by the root mean square of row `from` + GROUP_X of
/// x.
KERNEL(ROW_THREADS)
norm_scales(GLOBAL const i32* x, GLOBAL const i32* info, GLOBAL Scale* factors, u64 epsilon, u32 from,
            u32 width, i32 ge, u32 fx) {
    LOCAL u64 scratch[ROW_THREADS];
    const u32 row = GROUP_X;
    GLOBAL const i32* in = x + (u64)(from + row) * width;
    u64 amax = 0, squares = 0;
    i32 sh;
    for (u32 i = THREAD; i < width; i += ROW_THREADS) {
        if (magnitude(in[i]) > amax) amax = magnitude(in[i]);
    }
    amax = group_max(scratch, amax);
    sh = bit_length(amax) - 24;
    if (sh < 0) sh = 0;
    for (u32 i = THREAD; i < width; i += ROW_THREADS) {
        const i64 shifted = in[i] >> sh;
        squares += (u64)(shifted * shifted);
    }
    squares = group_sum(scratch, squares);
    if (THREAD == 0) {
        const u64 ratio = squares / width + (epsilon >> (2 * sh));
        const u64 mean = ratio > 1 ? ratio : 1;
        const i32 j = (62 - bit_length(mean)) >> 1;
        const u64 root = isqrt(mean << (2 * j));
        Scale factor;
        factor.m = (i32)((((u64)info[4 * row] << 36) + (root >> 1)) / root);
        factor.e = 36 + (info[4 * row + 1] - (i32)fx) + sh - j + ge;
        factors[row] = factor;
    }
}

/// A group a row: where the largest of `width` logits is, the lowest index on ties.
KERNEL(ROW_THREADS)
argmax_rows(GLOBAL const i32* logits, GLOBAL u32* chosen, u32 width) {
    LOCAL u64 scratch[ROW_THREADS];
    GLOBAL const i32* in = logits + (u64)GROUP_X * width;
    u64 key = 0;
    for (u32 i = THREAD; i < width; i += ROW_THREADS) {
        const u64 other = ((u64)((u32)in[i] ^ 0x80000000u) << 32) | (0xffffffffu - i);
        if (other > key) key = other;
    }
    key = group_max(scratch, key);
    if (THREAD == 0) chosen[GROUP_X] = 0xffffffffu - (u32)key;
}
