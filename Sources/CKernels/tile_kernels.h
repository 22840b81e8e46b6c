// The microkernel for one family of processors (tiles.h). Included by tiles.c through families.h.

#include "vectors.h"

/// Loads of the next step must not move up: they would take the registers of the sums.
#define STEP_ENDS __asm__ volatile("" ::: "memory")
/// The compiler forgets where a pointer came from, so that three rows share one and nothing more is kept for the rest.
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))

/// One step of all rows. Row i begins at base[i / 3] + (i % 3) * stride bytes.
INLINE void NAME(step)(
    const int rows, const int vectors, NAME(vector) sum[MOST_ROWS][MOST_VECTORS], const char *const base[], size_t stride, int at, const float *b) {
#pragma clang fp contract(fast)
    NAME(vector) right[MOST_VECTORS];
    UNROLL for (int j = 0; j < vectors; j++) right[j] = *(const NAME(vector) *)(b + (at * vectors + j) * LANES);
    UNROLL for (int i = 0; i < rows; i++) {
        NAME(vector) left = NAME(all)(*(const float *)(base[i / 3] + (size_t)(i % 3) * stride + at * 4));
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += left * right[j];
    }
    STEP_ENDS;
}

INLINE void NAME(sums)(
    const int rows, const int vectors, NAME(vector) sum[MOST_ROWS][MOST_VECTORS], const thimble_tile *tile, const float *a, const float *b) {
    const size_t stride = tile->a_step * 4, depth = tile->depth, width = (size_t)vectors * LANES;
    const int bases = (rows + 2) / 3;
    const char *base[(MOST_ROWS + 2) / 3], *ahead = tile->ahead;
    for (size_t t = 0; t < tile->taps; t++) {
        const float *from = tile->offsets ? a + tile->offsets[t] : a;
        UNROLL for (int q = 0; q < bases; q++) {
            base[q] = (const char *)(from + 3 * (size_t)q * tile->a_step);
            OPAQUE(base[q]);
        }
        size_t left = depth;
        for (; left >= 4; left -= 4) {
            if (ahead) {
                __builtin_prefetch(ahead, 0, 2);
                ahead += AHEAD;
            }
            UNROLL for (int at = 0; at < 4; at++) NAME(step)(rows, vectors, sum, base, stride, at, b);
            UNROLL for (int q = 0; q < bases; q++) base[q] += 16;
            b += 4 * width;
        }
        if (left & 2) {
            UNROLL for (int at = 0; at < 2; at++) NAME(step)(rows, vectors, sum, base, stride, at, b);
            UNROLL for (int q = 0; q < bases; q++) base[q] += 8;
            b += 2 * width;
        }
        if (left & 1) {
            NAME(step)(rows, vectors, sum, base, stride, 0, b);
            b += width;
        }
    }
}

/// One row has too few sums to keep the arithmetic busy; steps go by in turns to four sets of them.
INLINE void NAME(sums_of_row)(const int vectors, NAME(vector) total[MOST_VECTORS], const thimble_tile *tile, const float *a, const float *b) {
#pragma clang fp contract(fast)
    NAME(vector) sum[4][MOST_VECTORS];
    UNROLL for (int u = 0; u < 4; u++) {
        UNROLL for (int j = 0; j < vectors; j++) sum[u][j] = (NAME(vector)){0};
    }
    for (size_t t = 0; t < tile->taps; t++) {
        const float *from = tile->offsets ? a + tile->offsets[t] : a;
        size_t s = 0;
        for (; s + 4 <= tile->depth; s += 4) {
            UNROLL for (int u = 0; u < 4; u++) {
                NAME(vector) left = NAME(all)(from[s + u]);
                UNROLL for (int j = 0; j < vectors; j++) sum[u][j] += left * *(const NAME(vector) *)(b + (u * vectors + j) * LANES);
            }
            b += 4 * vectors * LANES;
        }
        for (; s < tile->depth; s++) {
            NAME(vector) left = NAME(all)(from[s]);
            UNROLL for (int j = 0; j < vectors; j++) sum[0][j] += left * *(const NAME(vector) *)(b + j * LANES);
            b += vectors * LANES;
        }
    }
    UNROLL for (int j = 0; j < vectors; j++) total[j] += (sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]);
}

/// The last vector of a tile has `tail` columns.
INLINE NAME(vector) NAME(tile_load)(const float *p, int j, int vectors, size_t tail) {
    return j + 1 == vectors ? NAME(load_part)(p + j * LANES, tail) : NAME(load)(p + j * LANES);
}

INLINE void NAME(finish)(
    const int rows, const int vectors, NAME(vector) sum[MOST_ROWS][MOST_VECTORS], const thimble_tile *tile, const float *residual, float *c,
    const bool whole, size_t tail) {
    if (residual) {
        UNROLL for (int i = 0; i < rows; i++) {
            const float *row = residual + (size_t)i * tile->residual_stride;
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += whole ? NAME(load)(row + j * LANES) : NAME(tile_load)(row, j, vectors, tail);
        }
    }
    if (tile->low > -__builtin_inff() || tile->high < __builtin_inff()) {
        NAME(vector) low = NAME(all)(tile->low), high = NAME(all)(tile->high);
        UNROLL for (int i = 0; i < rows; i++) {
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = NAME(clamp)(sum[i][j], low, high);
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        float *row = c + (size_t)i * tile->c_stride;
        UNROLL for (int j = 0; j < vectors; j++) {
            if (whole || j + 1 < vectors) NAME(store)(row + j * LANES, sum[i][j]);
            else NAME(store_part)(row + j * LANES, tail, sum[i][j]);
        }
    }
}

INLINE void NAME(tile)(
    const int rows, const int vectors, const thimble_tile *tile, const float *a, const float *b, const float *bias, const float *residual, float *c,
    size_t columns) {
    NAME(vector) sum[MOST_ROWS][MOST_VECTORS];
    const size_t tail = columns - (size_t)(vectors - 1) * LANES;
    const bool whole = tail == LANES;
    if (tile->add) {
        UNROLL for (int i = 0; i < rows; i++) {
            const float *row = c + (size_t)i * tile->c_stride;
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = whole ? NAME(load)(row + j * LANES) : NAME(tile_load)(row, j, vectors, tail);
        }
    } else {
        UNROLL for (int j = 0; j < vectors; j++) {
            NAME(vector) first = (NAME(vector)){0};
            if (bias) first = whole ? NAME(load)(bias + j * LANES) : NAME(tile_load)(bias, j, vectors, tail);
            UNROLL for (int i = 0; i < rows; i++) sum[i][j] = first;
        }
    }
    if (rows == 1) NAME(sums_of_row)(vectors, sum[0], tile, a, b);
    else NAME(sums)(rows, vectors, sum, tile, a, b);
    if (whole) NAME(finish)(rows, vectors, sum, tile, residual, c, true, tail);
    else NAME(finish)(rows, vectors, sum, tile, residual, c, false, tail);
}

// Aligned, because where a loop lies in its cache lines costs some percent.
#define TILE(rows, vectors) \
    static TARGET __attribute__((noinline, aligned(64))) void NAME(tile_##rows##_##vectors)( \
        const thimble_tile *tile, const float *a, const float *b, const float *bias, const float *residual, float *c, size_t columns) { \
        NAME(tile)(rows, vectors, tile, a, b, bias, residual, c, columns); \
    }

TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3)
#if REGISTERS == 32
TILE(13, 1) TILE(14, 1)
TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2) TILE(11, 2) TILE(12, 2)
TILE(5, 3) TILE(6, 3) TILE(7, 3) TILE(8, 3)
TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
#endif
#undef TILE

/// One vector of `rows` rows; `part` of its columns exist.
INLINE void NAME(channels)(
    const int rows, const bool whole, const thimble_tile *tile, const float *a, const float *b, size_t b_step, const float *bias, const float *residual,
    float *c, size_t part) {
#pragma clang fp contract(fast)
    NAME(vector) sum[8], first = {0};
    if (bias) first = whole ? NAME(load)(bias) : NAME(load_part)(bias, part);
    UNROLL for (int i = 0; i < rows; i++) sum[i] = first;
    for (size_t t = 0; t < tile->taps; t++, b += b_step) {
        const float *from = a + tile->offsets[t];
        NAME(vector) w = NAME(load)(b);
        UNROLL for (int i = 0; i < rows; i++, from += tile->a_step) sum[i] += (whole ? NAME(load)(from) : NAME(load_part)(from, part)) * w;
    }
    NAME(vector) low = NAME(all)(tile->low), high = NAME(all)(tile->high);
    UNROLL for (int i = 0; i < rows; i++) {
        if (residual) {
            const float *p = residual + (size_t)i * tile->residual_stride;
            sum[i] += whole ? NAME(load)(p) : NAME(load_part)(p, part);
        }
        NAME(vector) result = NAME(clamp)(sum[i], low, high);
        if (whole) NAME(store)(c + (size_t)i * tile->c_stride, result);
        else NAME(store_part)(c + (size_t)i * tile->c_stride, part, result);
    }
}

static TARGET void NAME(channelwise)(
    const thimble_tile *tile, const float *a, const float *b, const float *bias, const float *residual, float *c, size_t rows, size_t columns,
    size_t vectors) {
    const size_t step = vectors * LANES;
    for (size_t i = 0, here = 0; i < rows; i += here) {
        const size_t left = rows - i;
        here = left >= 8 ? 8 : left >= 4 ? 4 : 1;
        for (size_t j = 0; j < columns; j += LANES) {
            const float *from = a + i * tile->a_step + j / LANES * tile->a_vector, *bias_here = bias ? bias + j : NULL;
            const float *residual_here = residual ? residual + i * tile->residual_stride + j : NULL;
            float *to = c + i * tile->c_stride + j;
            size_t part = columns - j < LANES ? columns - j : LANES;
            if (part < LANES) {
                if (here == 8) NAME(channels)(8, false, tile, from, b + j, step, bias_here, residual_here, to, part);
                else if (here == 4) NAME(channels)(4, false, tile, from, b + j, step, bias_here, residual_here, to, part);
                else NAME(channels)(1, false, tile, from, b + j, step, bias_here, residual_here, to, part);
            } else {
                if (here == 8) NAME(channels)(8, true, tile, from, b + j, step, bias_here, residual_here, to, part);
                else if (here == 4) NAME(channels)(4, true, tile, from, b + j, step, bias_here, residual_here, to, part);
                else NAME(channels)(1, true, tile, from, b + j, step, bias_here, residual_here, to, part);
            }
        }
    }
}

static TARGET void NAME(spread)(const float *in, size_t n, size_t group, size_t member, float *out, size_t out_step) {
    // Whole groups fill a vector, so their size is a power of two.
    NAME(mask) from;
    UNROLL for (int i = 0; i < LANES; i++) from[i] = i;
    from = (from & -(int32_t)group) + (int32_t)member;
    for (size_t j = 0; j < n; j += LANES, out += out_step) {
        NAME(vector) v = n - j >= LANES ? NAME(load)(in + j) : NAME(load_part)(in + j, n - j);
#if LANES == 16
        v = (NAME(vector))_mm512_permutexvar_ps((__m512i)from, (__m512)v);
#elif LANES == 8
        v = (NAME(vector))_mm256_permutevar8x32_ps((__m256)v, (__m256i)from);
#else
        NAME(vector) old = v;
        for (int i = 0; i < LANES; i++) v[i] = old[from[i]];
#endif
        NAME(store)(out, v);
    }
}

/// Four floats from each fourth row.
INLINE NAME(vector) NAME(load_quads)(const loose_float *from, size_t step) {
    typedef float quad __attribute__((vector_size(16)));
    typedef float loose __attribute__((vector_size(16), aligned(1), may_alias));
    quad a = *(const loose *)from;
#if LANES == 4
    (void)step;
    return a;
#else
    typedef float pair __attribute__((vector_size(32)));
    pair ab = __builtin_shufflevector(a, (quad)*(const loose *)(from + 4 * step), 0, 1, 2, 3, 4, 5, 6, 7);
#if LANES == 8
    return ab;
#else
    quad c = *(const loose *)(from + 8 * step), d = *(const loose *)(from + 12 * step);
    pair cd = __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
#endif
}

// Within each four lanes: the first (second) two of a and b in turns, and the first (second) two of a, then of b.
#if LANES == 16
#define IN_TURNS(a, b, i) __builtin_shufflevector( \
    a, b, i, 16 + i, i + 1, 17 + i, i + 4, 20 + i, i + 5, 21 + i, i + 8, 24 + i, i + 9, 25 + i, i + 12, 28 + i, i + 13, 29 + i)
#define TWO_EACH(a, b, i) __builtin_shufflevector( \
    a, b, i, i + 1, 16 + i, 17 + i, i + 4, i + 5, 20 + i, 21 + i, i + 8, i + 9, 24 + i, 25 + i, i + 12, i + 13, 28 + i, 29 + i)
#elif LANES == 8
#define IN_TURNS(a, b, i) __builtin_shufflevector(a, b, i, 8 + i, i + 1, 9 + i, i + 4, 12 + i, i + 5, 13 + i)
#define TWO_EACH(a, b, i) __builtin_shufflevector(a, b, i, i + 1, 8 + i, 9 + i, i + 4, i + 5, 12 + i, 13 + i)
#else
#define IN_TURNS(a, b, i) __builtin_shufflevector(a, b, i, 4 + i, i + 1, 5 + i)
#define TWO_EACH(a, b, i) __builtin_shufflevector(a, b, i, i + 1, 4 + i, 5 + i)
#endif

static TARGET void NAME(turn)(
    const loose_float *from, size_t step, size_t columns, size_t count, float scale, const float *factors, float *to, size_t to_step) {
    size_t s = 0;
    if (columns == LANES) {
        const NAME(vector) by = factors ? NAME(load)(factors) : NAME(all)(scale);
        for (; s + 4 <= count; s += 4, to += 4 * to_step) {
            // Vector i has, in its four lanes q, four steps of column 4 * q + i.
            NAME(vector) a = NAME(load_quads)(from + s, step), b = NAME(load_quads)(from + step + s, step);
            NAME(vector) c = NAME(load_quads)(from + 2 * step + s, step), d = NAME(load_quads)(from + 3 * step + s, step);
            NAME(vector) ab = IN_TURNS(a, b, 0), cd = IN_TURNS(c, d, 0), ab2 = IN_TURNS(a, b, 2), cd2 = IN_TURNS(c, d, 2);
            NAME(store)(to, TWO_EACH(ab, cd, 0) * by);
            NAME(store)(to + to_step, TWO_EACH(ab, cd, 2) * by);
            NAME(store)(to + 2 * to_step, TWO_EACH(ab2, cd2, 0) * by);
            NAME(store)(to + 3 * to_step, TWO_EACH(ab2, cd2, 2) * by);
        }
    }
    for (; s < count; s++, to += to_step) {
        for (size_t j = 0; j < LANES; j++) to[j] = j < columns ? from[j * step + s] * (factors ? factors[j] : scale) : 0;
    }
}
#undef IN_TURNS
#undef TWO_EACH

static TARGET void NAME(pack)(
    const loose_float *b, size_t k, size_t columns, size_t vectors, size_t k_step, size_t n_step, float scale, const float *factors, float *out) {
    const size_t width = vectors * LANES, whole = n_step == 1 ? columns / LANES : 0;
    for (size_t s = 0; whole && s < k; s++) {
        for (size_t v = 0; v < whole; v++) {
            const NAME(vector) by = factors ? NAME(load)(factors + v * LANES) : NAME(all)(scale);
            NAME(store)(out + s * width + v * LANES, NAME(load_anywhere)(b + s * k_step + v * LANES) * by);
        }
    }
    for (size_t v = whole; v < vectors; v++) {
        const size_t first = v * LANES, here = columns - first < LANES ? columns - first : LANES;
        const loose_float *from = b + first * n_step;
        const float *by = factors ? factors + first : NULL;
        if (k_step == 1) {
            NAME(turn)(from, n_step, here, k, scale, by, out + first, width);
            continue;
        }
        for (size_t s = 0; s < k; s++) {
            for (size_t j = 0; j < LANES; j++) {
                out[s * width + first + j] = j < here ? from[s * k_step + j * n_step] * (by ? by[j] : scale) : 0;
            }
        }
    }
}

static const thimble_tiles NAME(tiles)[1] = {{
    .lanes = LANES,
#if REGISTERS == 32
    .vectors = 4,
    .rows = {0, 14, 12, 8, 6},
#else
    .vectors = 2,
    .rows = {0, 12, 6, 4, 0},
#endif
#define AT(rows, vectors) NAME(tile_##rows##_##vectors)
    .tiles = {
        {0},
        {0, AT(1, 1), AT(2, 1), AT(3, 1), AT(4, 1), AT(5, 1), AT(6, 1), AT(7, 1), AT(8, 1), AT(9, 1), AT(10, 1), AT(11, 1), AT(12, 1),
#if REGISTERS == 32
         AT(13, 1), AT(14, 1)
#endif
        },
        {0, AT(1, 2), AT(2, 2), AT(3, 2), AT(4, 2), AT(5, 2), AT(6, 2),
#if REGISTERS == 32
         AT(7, 2), AT(8, 2), AT(9, 2), AT(10, 2), AT(11, 2), AT(12, 2)
#endif
        },
        {0, AT(1, 3), AT(2, 3), AT(3, 3), AT(4, 3),
#if REGISTERS == 32
         AT(5, 3), AT(6, 3), AT(7, 3), AT(8, 3)
#endif
        },
#if REGISTERS == 32
        {0, AT(1, 4), AT(2, 4), AT(3, 4), AT(4, 4), AT(5, 4), AT(6, 4)},
#endif
    },
#undef AT
    .channelwise = NAME(channelwise),
    .spread = NAME(spread),
    .turn = NAME(turn),
    .pack = NAME(pack),
}};

#undef STEP_ENDS
#undef OPAQUE
