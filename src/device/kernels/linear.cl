// y = codes · weightsᵀ, exact int32 sums of int8 products, then the int64 epilogue of
// inference::linear_output. Rows of codes and weights take `words` · 4 bytes, zero behind the depth. scales:
// mw | ew << 16 of every column. Codes have `code_rows` rows a plane, of which `rows` from `from` on are
// multiplied.

FUNCTION i32 finish_output(i32 high, i32 low, u32 planes, Scale factor, u32 scale, i32 bias, u32 fx) {
    const i64 sum = planes == 2 ? (i64)128 * high + low : (i64)high;
    return linear_output(sum, factor, scale & 0xffff, scale >> 16, bias, fx);
}

#define TILE_ROWS 32
#define TILE_COLUMNS 64
#define TILE_WORDS 8
#define TILE_PITCH (TILE_WORDS + 1)  // odd, so that a column of words lies in different banks

/// A group makes 32 rows by 64 columns, a thread 2 by 4 of them: (columns / 64, rows / 32) groups.
KERNEL(TILE_THREADS)
linear_tiles(GLOBAL const i32* codes, GLOBAL const i32* weights, GLOBAL const Scale* factors,
             GLOBAL const u32* scales, GLOBAL const i32* bias, GLOBAL i32* y, u32 from, u32 rows,
             u32 code_rows, u32 n, u32 words, u32 planes, u32 has_bias, u32 fx) {
    LOCAL i32 code_tile[2][TILE_ROWS][TILE_PITCH];
    LOCAL i32 weight_tile[TILE_COLUMNS][TILE_PITCH];
    const u32 row_begin = GROUP_Y * TILE_ROWS, column_begin = GROUP_X * TILE_COLUMNS;
    const u32 tx = THREAD % 16, ty = THREAD / 16;
    i32 high[8], low[8];  // an array a plane, each indexed by constants: so they stay in registers
    for (u32 i = 0; i < 8; ++i) high[i] = low[i] = 0;
    for (u32 begin = 0; begin < words; begin += TILE_WORDS) {
        const u32 word = begin + THREAD % TILE_WORDS;
        for (u32 c = THREAD / TILE_WORDS; c < TILE_COLUMNS; c += TILE_THREADS / TILE_WORDS) {
            const u32 column = column_begin + c;
            weight_tile[c][THREAD % TILE_WORDS] =
                column < n && word < words ? weights[(u64)column * words + word] : 0;
        }
        for (u32 p = 0; p < planes; ++p) {
            const u32 r = THREAD / TILE_WORDS, row = row_begin + r;
            code_tile[p][r][THREAD % TILE_WORDS] =
                row < rows && word < words ? codes[((u64)p * code_rows + from + row) * words + word] : 0;
        }
        BARRIER();
        for (u32 w = 0; w < TILE_WORDS; ++w) {
            for (u32 i = 0; i < 8; ++i) {
                high[i] =
                    dot4(code_tile[0][ty + 16 * (i / 4)][w], weight_tile[tx + 16 * (i % 4)][w], high[i]);
            }
            if (planes < 2) continue;
            for (u32 i = 0; i < 8; ++i) {
                low[i] = dot4(code_tile[1][ty + 16 * (i / 4)][w], weight_tile[tx + 16 * (i % 4)][w], low[i]);
            }
        }
        BARRIER();
    }
    for (u32 i = 0; i < 8; ++i) {
        const u32 row = row_begin + ty + 16 * (i / 4), column = column_begin + tx + 16 * (i % 4);
        if (row >= rows || column >= n) continue;
        y[(u64)row * n + column] = finish_output(high[i], low[i], planes, factors[from + row], scales[column],
                                                 has_bias ? bias[column] : 0, fx);
    }
}

#define LANES 32

/// For few rows: 32 threads share the depth of one output. (columns / 8, rows) groups.
KERNEL(TILE_THREADS)
linear_columns(GLOBAL const i32* codes, GLOBAL const i32* weights, GLOBAL const Scale* factors,
               GLOBAL const u32* scales, GLOBAL const i32* bias, GLOBAL i32* y, u32 from, u32 rows,
               u32 code_rows, u32 n, u32 words, u32 planes, u32 has_bias, u32 fx) {
    LOCAL i32 partial[2][TILE_THREADS];
    const u32 row = GROUP_Y, column = GROUP_X * (TILE_THREADS / LANES) + THREAD / LANES,
              lane = THREAD % LANES;
    GLOBAL const i32* high = codes + (u64)(from + row) * words;
    GLOBAL const i32* low = high + (u64)code_rows * words;
    i32 top = 0, bottom = 0;
    if (column < n && row < rows) {
        for (u32 w = lane; w < words; w += LANES) {
            const i32 weight = weights[(u64)column * words + w];
            top = dot4(high[w], weight, top);
            if (planes == 2) bottom = dot4(low[w], weight, bottom);
        }
    }
    partial[0][THREAD] = top;
    partial[1][THREAD] = bottom;
    BARRIER();
    for (u32 reach = LANES / 2; reach > 0; reach >>= 1) {
        if (lane < reach) {
            partial[0][THREAD] += partial[0][THREAD + reach];
            partial[1][THREAD] += partial[1][THREAD + reach];
        }
        BARRIER();
    }
    if (lane == 0 && column < n && row < rows) {
        y[(u64)row * n + column] =
            finish_output(partial[0][THREAD], partial[1][THREAD], planes, factors[from + row], scales[column],
                          has_bias ? bias[column] : 0, fx);
    }
}

/// From the sums that a library's product left: `planes` · `rows` rows of `pitch`, high planes first.
KERNEL(ELEMENT_THREADS)
linear_outputs(GLOBAL const i32* sums, GLOBAL const Scale* factors, GLOBAL const u32* scales,
               GLOBAL const i32* bias, GLOBAL i32* y, u64 total, u32 rows, u32 n, u32 pitch, u32 planes,
               u32 has_bias, u32 fx) {
    const u64 at = (u64)GROUP_X * ELEMENT_THREADS + THREAD;
    u64 row;
    u32 column;
    if (at >= total) return;
    row = at / n;
    column = (u32)(at % n);
    y[at] = finish_output(sums[row * pitch + column], planes == 2 ? sums[(rows + row) * pitch + column] : 0,
                          planes, factors[row], scales[column], has_bias ? bias[column] : 0, fx);
}
