// The arithmetic of inference/fixed.h and inference/reference.cpp, where the bounds are stated.

typedef struct {
    i32 m, e;  // m · 2^−e
} Scale;

FUNCTION i32 sat(i64 v) {
    const i64 most = 2147483647;
    return v > most ? (i32)most : v < -most ? (i32)-most : (i32)v;
}

FUNCTION i32 bit_length(u64 v) { return 64 - LEADING_ZEROS(v); }

FUNCTION u32 magnitude(i32 x) { return x < 0 ? 0u - (u32)x : (u32)x; }

FUNCTION i64 rsh(i64 v, i32 s) {
    const i64 limit = (i64)1 << 62;
    i64 most;
    if (s > 62) return 0;
    if (s > 0) return (v + ((i64)1 << (s - 1))) >> s;
    if (v == 0) return 0;
    most = s < -62 ? 0 : limit >> -s;
    if (v > most) return limit;
    if (v < -most) return -limit;
    return v * ((i64)1 << -s);
}

FUNCTION u64 isqrt(u64 v) {
    u64 root = 0;
    for (u64 bit = (u64)1 << 62; bit != 0; bit >>= 2) {
        if (v >= root + bit) {
            v -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

FUNCTION Scale quant_scale(u32 amax, i32 q, u32 fx) {
    const u64 largest = amax > 1 ? amax : 1;
    const u64 t = ((largest << 24) + (u64)q - 1) / (u64)q;
    i32 b = bit_length(t) - 8;
    u64 ms = (t + ((u64)1 << b) - 1) >> b;
    Scale scale;
    if (ms == 256) {
        ms = 128;
        ++b;
    }
    scale.m = (i32)ms;
    scale.e = 24 + (i32)fx - b;
    return scale;
}

FUNCTION i32 quant_code(i32 x, Scale scale, u32 fx) {
    const i32 s = 24 + (i32)fx - scale.e + 14;
    const i64 reciprocal = ((i64)1 << 38) / scale.m;
    return (i32)(((i64)x * reciprocal + ((i64)1 << (s - 1))) >> s);
}

FUNCTION i32 linear_output(i64 sum, Scale factor, u32 mw, u32 ew, i32 bias, u32 fx) {
    return sat(rsh(sum * factor.m * (i64)mw, factor.e + (i32)ew - (i32)fx) + bias);
}

FUNCTION i64 exp2_negative(i64 d, GLOBAL const i32* table) {
    const i64 octaves = d >> 16;
    const u32 i = (u32)(d >> 8) & 255;
    const i64 f = d & 255;
    if (octaves >= 31) return 0;
    return rsh(table[i] - ((((i64)table[i] - table[i + 1]) * f + 128) >> 8), (i32)octaves);
}

FUNCTION i64 sigmoid(i32 x, u32 fx, GLOBAL const i32* table) {
    const i64 a = (i64)magnitude(x) << (16 - fx);
    i64 s = 65536;
    if (a < ((i64)16 << 16)) {
        const u32 i = (u32)(a >> 10);
        const i64 f = a & 1023;
        s = table[i] + ((((i64)table[i + 1] - table[i]) * f + 512) >> 10);
        s = (s + 4) >> 3;
    }
    return x < 0 ? 65536 - s : s;
}

/// Entry i of a whole turn, from the table of its first quarter.
FUNCTION i64 sine_entry(u32 i, GLOBAL const i32* quarter) {
    const u32 r = i % 2048;
    const i64 value = quarter[r <= 1024 ? r : 2048 - r];
    return i % 4096 < 2048 ? value : -value;
}

FUNCTION i64 sine(u64 phase, GLOBAL const i32* quarter) {
    const u32 i = (u32)(phase >> 52);
    const i64 f = (i64)((phase >> 36) & 0xffff);
    const i64 here = sine_entry(i, quarter);
    return here + (((sine_entry(i + 1, quarter) - here) * f + 32768) >> 16);
}

/// Orders by magnitude, then the lowest index first: the largest key is that of RowScale. Never 0.
FUNCTION u64 magnitude_key(i32 x, u32 index) { return ((u64)magnitude(x) << 32) | (0xffffffffu - index); }

/// The largest `value` of a group of ROW_THREADS; `scratch` has as many entries.
FUNCTION u64 group_max(LOCAL_POINTER u64* scratch, u64 value) {
    scratch[THREAD] = value;
    BARRIER();
    for (u32 reach = ROW_THREADS / 2; reach > 0; reach >>= 1) {
        if (THREAD < reach && scratch[THREAD + reach] > scratch[THREAD])
            scratch[THREAD] = scratch[THREAD + reach];
        BARRIER();
    }
    value = scratch[0];
    BARRIER();
    return value;
}

FUNCTION u64 group_sum(LOCAL_POINTER u64* scratch, u64 value) {
    scratch[THREAD] = value;
    BARRIER();
    for (u32 reach = ROW_THREADS / 2; reach > 0; reach >>= 1) {
        if (THREAD < reach) scratch[THREAD] += scratch[THREAD + reach];
        BARRIER();
    }
    value = scratch[0];
    BARRIER();
    return value;
}
