// BLAKE2s-256 (RFC 7693) of many rows, keyed or not, a thread a row.

TABLE u32 kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

TABLE u8 kSigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

#define MIX(a, b, c, d, x, y)   \
    a = a + b + x;              \
    d = ROTATE_LEFT(d ^ a, 16); \
    c = c + d;                  \
    b = ROTATE_LEFT(b ^ c, 20); \
    a = a + b + y;              \
    d = ROTATE_LEFT(d ^ a, 24); \
    c = c + d;                  \
    b = ROTATE_LEFT(b ^ c, 25)

FUNCTION void compress(u32* state, const u32* m, u64 bytes, u32 is_last) {
    u32 v[16];
    for (u32 i = 0; i < 8; ++i) {
        v[i] = state[i];
        v[i + 8] = kInitial[i];
    }
    v[12] ^= (u32)bytes;
    v[13] ^= (u32)(bytes >> 32);
    if (is_last) v[14] = ~v[14];
    for (u32 round = 0; round < 10; ++round) {
        MIX(v[0], v[4], v[8], v[12], m[kSigma[round][0]], m[kSigma[round][1]]);
        MIX(v[1], v[5], v[9], v[13], m[kSigma[round][2]], m[kSigma[round][3]]);
        MIX(v[2], v[6], v[10], v[14], m[kSigma[round][4]], m[kSigma[round][5]]);
        MIX(v[3], v[7], v[11], v[15], m[kSigma[round][6]], m[kSigma[round][7]]);
        MIX(v[0], v[5], v[10], v[15], m[kSigma[round][8]], m[kSigma[round][9]]);
        MIX(v[1], v[6], v[11], v[12], m[kSigma[round][10]], m[kSigma[round][11]]);
        MIX(v[2], v[7], v[8], v[13], m[kSigma[round][12]], m[kSigma[round][13]]);
        MIX(v[3], v[4], v[9], v[14], m[kSigma[round][14]], m[kSigma[round][15]]);
    }
    for (u32 i = 0; i < 8; ++i) state[i] ^= v[i] ^ v[i + 8];
}

/// digests[i] = the hash of row i, `size` > 0 bytes, after the key block where there is one.
KERNEL(ELEMENT_THREADS)
blake2s_rows(GLOBAL const u8* rows, GLOBAL const u32* key, GLOBAL u32* digests, u64 personal, u32 count,
             u32 size, u32 has_key) {
    const u32 at = GROUP_X * ELEMENT_THREADS + THREAD;
    GLOBAL const u8* row = rows + (u64)at * size;
    u32 state[8], m[16];
    u64 done = 0;
    if (at >= count) return;
    for (u32 i = 0; i < 8; ++i) state[i] = kInitial[i];
    state[0] ^= 0x01010020u | (has_key ? 32u << 8 : 0u);
    state[6] ^= (u32)personal;
    state[7] ^= (u32)(personal >> 32);
    if (has_key) {
        for (u32 i = 0; i < 16; ++i) m[i] = i < 8 ? key[i] : 0;
        done = 64;
        compress(state, m, done, 0);
    }
    for (u32 begin = 0; begin < size; begin += 64) {
        const u32 left = size - begin, take = left < 64 ? left : 64;
        for (u32 i = 0; i < 16; ++i) m[i] = 0;
        for (u32 i = 0; i < take; ++i) m[i / 4] |= (u32)row[begin + i] << (8 * (i % 4));
        done += take;
        compress(state, m, done, left <= 64);
    }
    for (u32 i = 0; i < 8; ++i) digests[(u64)at * 8 + i] = state[i];
}
