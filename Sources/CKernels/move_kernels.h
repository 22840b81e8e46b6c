// The vector code of move.c for one family of processors, whose vectors have LANES16 lanes of 16 bytes. Included by families.h.
// No include guard: it is meant to be included several times.
#include "vectors.h"

#define LANES16 (LANES / 4)
#define BYTES (4 * LANES)
#define KERNEL static TARGET __attribute__((noinline))

typedef uint64_t NAME(wide) __attribute__((vector_size(BYTES), aligned(1), may_alias));

/// 16-byte pieces of LANES16 places, side by side.
INLINE NAME(wide) NAME(collect)(const uint8_t *in, ptrdiff_t step) {
#if LANES16 == 1
    return *(const lane *)(in + 0 * step);
#else
    lane a = *(const lane *)in, b = *(const lane *)(in + step);
#if LANES16 == 2
    return __builtin_shufflevector(a, b, 0, 1, 2, 3);
#else
    lane c = *(const lane *)(in + 2 * step), d = *(const lane *)(in + 3 * step);
    return __builtin_shufflevector(__builtin_shufflevector(a, b, 0, 1, 2, 3), __builtin_shufflevector(c, d, 0, 1, 2, 3), 0, 1, 2, 3, 4, 5, 6, 7);
#endif
#endif
}

// A tile has N rows (what 16 bytes hold) by N * LANES16 columns of the output. Lane l of vector i first holds 16 bytes of line
// l * N + i of the input; log2(N) rounds that interleave the first half of the vectors with the second turn each lane over.
#define DEFINE_TILE(TYPE, N)                                                                                                    \
    typedef TYPE NAME(cells_##N) __attribute__((vector_size(BYTES), aligned(1), may_alias));                                    \
    INLINE void NAME(tile_##N)(const uint8_t *in, ptrdiff_t in_step, uint8_t *out, ptrdiff_t out_step) {                        \
        NAME(cells_##N) v[N], t[N];                                                                                             \
        UNROLL for (int i = 0; i < N; i++) v[i] = (NAME(cells_##N))NAME(collect)(in + i * in_step, N * in_step);                \
        UNROLL for (int round = 1; round < N; round *= 2) {                                                                     \
            UNROLL for (int i = 0; i < N / 2; i++) {                                                                            \
                t[2 * i] = __builtin_shufflevector(v[i], v[i + N / 2], IN_LANES(LOW_##N, N));                                   \
                t[2 * i + 1] = __builtin_shufflevector(v[i], v[i + N / 2], IN_LANES(HIGH_##N, N));                              \
            }                                                                                                                   \
            UNROLL for (int i = 0; i < N; i++) v[i] = t[i];                                                                     \
        }                                                                                                                       \
        UNROLL for (int i = 0; i < N; i++) *(NAME(cells_##N) *)(out + i * out_step) = v[i];                                     \
    }                                                                                                                           \
    /* `count` cells of the line (side by side in `in`) from each of the `m` cells across (side by side in `out`). */            \
    KERNEL void NAME(grid_##N)(const uint8_t *in, ptrdiff_t in_step, uint8_t *out, ptrdiff_t out_step, size_t count, size_t m) { \
        enum { COLUMNS = N * LANES16, CELL = 16 / N, ROWS = 4 * N };                                                            \
        for (size_t block = 0; block < count; block += ROWS) {                                                                  \
            size_t end = count - block < ROWS ? count : block + ROWS;                                                           \
            for (size_t column = 0; column < m; column += COLUMNS) {                                                            \
                /* Edges are moved with cells that have been moved already. */                                                  \
                size_t c = column + COLUMNS <= m ? column : m - COLUMNS;                                                        \
                for (size_t row = block; row < end; row += N) {                                                                 \
                    size_t r = row + N <= count ? row : count - N;                                                              \
                    NAME(tile_##N)(in + (ptrdiff_t)c * in_step + r * CELL, in_step, out + (ptrdiff_t)r * out_step + c * CELL, out_step); \
                }                                                                                                               \
            }                                                                                                                   \
        }                                                                                                                       \
    }

#if LANES16 == 1
#define IN_LANES(Z, N) Z(0, N)
#elif LANES16 == 2
#define IN_LANES(Z, N) Z(0, 2 * N), Z(N, 2 * N)
#else
#define IN_LANES(Z, N) Z(0, 4 * N), Z(N, 4 * N), Z(2 * N, 4 * N), Z(3 * N, 4 * N)
#endif
#define LOW_2(b, t) b, b + t
#define HIGH_2(b, t) b + 1, b + t + 1
#define LOW_4(b, t) LOW_2(b, t), LOW_2(b + 1, t)
#define HIGH_4(b, t) LOW_4(b + 2, t)
#define LOW_8(b, t) LOW_4(b, t), LOW_4(b + 2, t)
#define HIGH_8(b, t) LOW_8(b + 4, t)
#define LOW_16(b, t) LOW_8(b, t), LOW_8(b + 4, t)
#define HIGH_16(b, t) LOW_16(b + 8, t)

DEFINE_TILE(uint8_t, 16)
DEFINE_TILE(uint16_t, 8)
DEFINE_TILE(uint32_t, 4)
DEFINE_TILE(uint64_t, 2)

// Lines that interleave, and lines of every second cell or in reverse. Vectors of one lane for cells of 1 and 2 bytes, whole ones
// for larger cells. Every vector that is loaded or stored lies within the line.
#define DEFINE_LINES(TYPE, N)                                                                                            \
    typedef TYPE NAME(line_##TYPE) __attribute__((vector_size(N * sizeof(TYPE)), aligned(1), may_alias));                \
    INLINE NAME(line_##TYPE) NAME(load_##TYPE)(const uint8_t *p) { return *(const NAME(line_##TYPE) *)p; }               \
    INLINE void NAME(store_##TYPE)(uint8_t *p, NAME(line_##TYPE) v) { *(NAME(line_##TYPE) *)p = v; }                     \
    /* Cell i of each of two lines, then cell i + 1 of each. Returns how many cells of a line were done. */               \
    KERNEL size_t NAME(weave2_##TYPE)(const uint8_t *in, ptrdiff_t across, uint8_t *out, size_t n) {                     \
        size_t i = 0;                                                                                                    \
        for (; i + N <= n; i += N) {                                                                                     \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(in + i * sizeof(TYPE)), b = NAME(load_##TYPE)(in + across + i * sizeof(TYPE)); \
            NAME(store_##TYPE)(out + 2 * i * sizeof(TYPE), __builtin_shufflevector(a, b, FIRST_##N(0, N)));              \
            NAME(store_##TYPE)(out + (2 * i + N) * sizeof(TYPE), __builtin_shufflevector(a, b, FIRST_##N(N / 2, N)));    \
        }                                                                                                                \
        return i;                                                                                                        \
    }                                                                                                                    \
    /* Cell i of the result's vector m is cell (m * N + i) / 3 of line (m * N + i) % 3. */                                   \
    KERNEL size_t NAME(weave3_##TYPE)(const uint8_t *in, ptrdiff_t across, uint8_t *out, size_t n) {                         \
        size_t i = 0;                                                                                                        \
        for (; i + N <= n; i += N) {                                                                                         \
            const uint8_t *p = in + i * sizeof(TYPE);                                                                        \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(p), b = NAME(load_##TYPE)(p + across), c = NAME(load_##TYPE)(p + 2 * across);\
            uint8_t *to = out + 3 * i * sizeof(TYPE);                                                                        \
            NAME(store_##TYPE)(to, WOVEN(0, N));                                                                             \
            NAME(store_##TYPE)(to + N * sizeof(TYPE), WOVEN(1, N));                                                          \
            NAME(store_##TYPE)(to + 2 * N * sizeof(TYPE), WOVEN(2, N));                                                      \
        }                                                                                                                    \
        return i;                                                                                                            \
    }                                                                                                                        \
    KERNEL size_t NAME(weave4_##TYPE)(const uint8_t *in, ptrdiff_t across, uint8_t *out, size_t n) {                     \
        size_t i = 0;                                                                                                    \
        for (; i + N <= n; i += N) {                                                                                     \
            const uint8_t *p = in + i * sizeof(TYPE);                                                                    \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(p), b = NAME(load_##TYPE)(p + across);                               \
            NAME(line_##TYPE) c = NAME(load_##TYPE)(p + 2 * across), d = NAME(load_##TYPE)(p + 3 * across);              \
            NAME(line_##TYPE) ac[2] = { __builtin_shufflevector(a, c, FIRST_##N(0, N)), __builtin_shufflevector(a, c, FIRST_##N(N / 2, N)) }; \
            NAME(line_##TYPE) bd[2] = { __builtin_shufflevector(b, d, FIRST_##N(0, N)), __builtin_shufflevector(b, d, FIRST_##N(N / 2, N)) }; \
            UNROLL for (int k = 0; k < 2; k++) {                                                                         \
                uint8_t *to = out + (4 * i + 2 * k * N) * sizeof(TYPE);                                                  \
                NAME(store_##TYPE)(to, __builtin_shufflevector(ac[k], bd[k], FIRST_##N(0, N)));                          \
                NAME(store_##TYPE)(to + N * sizeof(TYPE), __builtin_shufflevector(ac[k], bd[k], FIRST_##N(N / 2, N)));   \
            }                                                                                                            \
        }                                                                                                                \
        return i;                                                                                                        \
    }                                                                                                                    \
    /* The way back: cells 0, 2, 4, … to one line, 1, 3, 5, … to the other. */                                            \
    KERNEL size_t NAME(part2_##TYPE)(const uint8_t *in, uint8_t *out, ptrdiff_t across, size_t n) {                      \
        size_t i = 0;                                                                                                    \
        for (; i + N <= n; i += N) {                                                                                     \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(in + 2 * i * sizeof(TYPE)), b = NAME(load_##TYPE)(in + (2 * i + N) * sizeof(TYPE)); \
            NAME(store_##TYPE)(out + i * sizeof(TYPE), __builtin_shufflevector(a, b, EVEN_##N(0)));                      \
            NAME(store_##TYPE)(out + across + i * sizeof(TYPE), __builtin_shufflevector(a, b, EVEN_##N(1)));             \
        }                                                                                                                \
        return i;                                                                                                        \
    }                                                                                                                    \
    KERNEL size_t NAME(part3_##TYPE)(const uint8_t *in, uint8_t *out, ptrdiff_t across, size_t n) {                          \
        size_t i = 0;                                                                                                        \
        for (; i + N <= n; i += N) {                                                                                         \
            const uint8_t *p = in + 3 * i * sizeof(TYPE);                                                                    \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(p), b = NAME(load_##TYPE)(p + N * sizeof(TYPE));                         \
            NAME(line_##TYPE) c = NAME(load_##TYPE)(p + 2 * N * sizeof(TYPE));                                               \
            uint8_t *to = out + i * sizeof(TYPE);                                                                            \
            NAME(store_##TYPE)(to, PARTED(0, N));                                                                            \
            NAME(store_##TYPE)(to + across, PARTED(1, N));                                                                   \
            NAME(store_##TYPE)(to + 2 * across, PARTED(2, N));                                                               \
        }                                                                                                                    \
        return i;                                                                                                            \
    }                                                                                                                        \
    KERNEL size_t NAME(part4_##TYPE)(const uint8_t *in, uint8_t *out, ptrdiff_t across, size_t n) {                      \
        size_t i = 0;                                                                                                    \
        for (; i + N <= n; i += N) {                                                                                     \
            NAME(line_##TYPE) v[4], even[2], odd[2];                                                                     \
            UNROLL for (int k = 0; k < 4; k++) v[k] = NAME(load_##TYPE)(in + (4 * i + k * N) * sizeof(TYPE));            \
            UNROLL for (int k = 0; k < 2; k++) {                                                                         \
                even[k] = __builtin_shufflevector(v[2 * k], v[2 * k + 1], EVEN_##N(0));                                  \
                odd[k] = __builtin_shufflevector(v[2 * k], v[2 * k + 1], EVEN_##N(1));                                   \
            }                                                                                                            \
            uint8_t *to = out + i * sizeof(TYPE);                                                                        \
            NAME(store_##TYPE)(to, __builtin_shufflevector(even[0], even[1], EVEN_##N(0)));                              \
            NAME(store_##TYPE)(to + across, __builtin_shufflevector(odd[0], odd[1], EVEN_##N(0)));                       \
            NAME(store_##TYPE)(to + 2 * across, __builtin_shufflevector(even[0], even[1], EVEN_##N(1)));                 \
            NAME(store_##TYPE)(to + 3 * across, __builtin_shufflevector(odd[0], odd[1], EVEN_##N(1)));                   \
        }                                                                                                                \
        return i;                                                                                                        \
    }                                                                                                                    \
    /* Every second cell; the one behind the last of a vector is read too, so there must be another to come. */           \
    KERNEL size_t NAME(second_##TYPE)(const uint8_t *in, uint8_t *out, size_t n) {                                       \
        size_t i = 0;                                                                                                    \
        for (; i + N < n; i += N) {                                                                                      \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(in + 2 * i * sizeof(TYPE)), b = NAME(load_##TYPE)(in + (2 * i + N) * sizeof(TYPE)); \
            NAME(store_##TYPE)(out + i * sizeof(TYPE), __builtin_shufflevector(a, b, EVEN_##N(0)));                      \
        }                                                                                                                \
        return i;                                                                                                        \
    }                                                                                                                    \
    KERNEL size_t NAME(reverse_##TYPE)(const uint8_t *in, uint8_t *out, size_t n) {                                      \
        size_t i = 0;                                                                                                    \
        for (; i + N <= n; i += N) {                                                                                     \
            NAME(line_##TYPE) a = NAME(load_##TYPE)(in - (i + N - 1) * sizeof(TYPE));                                    \
            NAME(store_##TYPE)(out + i * sizeof(TYPE), __builtin_shufflevector(a, a, BACK_##N(N - 1)));                  \
        }                                                                                                                \
        return i;                                                                                                        \
    }

// Places i and i + t alternately from b on; every second place from b on; places down from b.
#define FIRST_2(b, t) b, b + t
#define FIRST_4(b, t) FIRST_2(b, t), FIRST_2(b + 1, t)
#define FIRST_8(b, t) FIRST_4(b, t), FIRST_4(b + 2, t)
#define FIRST_16(b, t) FIRST_8(b, t), FIRST_8(b + 4, t)
#define EVEN_2(b) b, b + 2
#define EVEN_4(b) EVEN_2(b), EVEN_2(b + 4)
#define EVEN_8(b) EVEN_4(b), EVEN_4(b + 8)
#define EVEN_16(b) EVEN_8(b), EVEN_8(b + 16)
#define BACK_2(b) b, b - 1
#define BACK_4(b) BACK_2(b), BACK_2(b - 2)
#define BACK_8(b) BACK_4(b), BACK_4(b - 4)
#define BACK_16(b) BACK_8(b), BACK_8(b - 8)


// Three lines: the first shuffle takes what comes from the first two vectors, the second what comes from the third.
#define EACH_2(F, m, n) F(m, n, 0), F(m, n, 1)
#define EACH_4(F, m, n) EACH_2(F, m, n), F(m, n, 2), F(m, n, 3)
#define EACH_8(F, m, n) EACH_4(F, m, n), F(m, n, 4), F(m, n, 5), F(m, n, 6), F(m, n, 7)
#define EACH_16(F, m, n) \
    EACH_8(F, m, n), F(m, n, 8), F(m, n, 9), F(m, n, 10), F(m, n, 11), F(m, n, 12), F(m, n, 13), F(m, n, 14), F(m, n, 15)
#define WOVEN_TWO(m, n, l) ((m * n + l) % 3 == 1 ? n : 0) + (m * n + l) / 3
#define WOVEN_THIRD(m, n, l) (m * n + l) % 3 == 2 ? n + (m * n + l) / 3 : l
#define WOVEN(m, N) __builtin_shufflevector(__builtin_shufflevector(a, b, EACH_##N(WOVEN_TWO, m, N)), c, EACH_##N(WOVEN_THIRD, m, N))
#define PARTED_TWO(m, n, l) 3 * l + m < 2 * n ? 3 * l + m : 0
#define PARTED_THIRD(m, n, l) 3 * l + m < 2 * n ? l : 3 * l + m - n
#define PARTED(m, N) __builtin_shufflevector(__builtin_shufflevector(a, b, EACH_##N(PARTED_TWO, m, N)), c, EACH_##N(PARTED_THIRD, m, N))

DEFINE_LINES(uint8_t, 16)
DEFINE_LINES(uint16_t, 8)
#if LANES16 == 1
DEFINE_LINES(uint32_t, 4)
DEFINE_LINES(uint64_t, 2)
#elif LANES16 == 2
DEFINE_LINES(uint32_t, 8)
DEFINE_LINES(uint64_t, 4)
#else
DEFINE_LINES(uint32_t, 16)
DEFINE_LINES(uint64_t, 8)
#endif

#define OF(f) { NAME(f##_uint8_t), NAME(f##_uint16_t), NAME(f##_uint32_t), NAME(f##_uint64_t) }
static const vector_moves NAME(table) = {
    .lanes = LANES16,
    .grid = { NAME(grid_16), NAME(grid_8), NAME(grid_4), NAME(grid_2) },
    .weave = { OF(weave2), OF(weave3), OF(weave4) }, .part = { OF(part2), OF(part3), OF(part4) },
    .second = OF(second), .reverse = OF(reverse),
};

static const vector_moves *const NAME(moves) = &NAME(table);

#undef OF
#undef DEFINE_TILE
#undef DEFINE_LINES
#undef IN_LANES
#undef LOW_2
#undef LOW_4
#undef LOW_8
#undef LOW_16
#undef HIGH_2
#undef HIGH_4
#undef HIGH_8
#undef HIGH_16
#undef EACH_2
#undef EACH_4
#undef EACH_8
#undef EACH_16
#undef WOVEN_TWO
#undef WOVEN_THIRD
#undef WOVEN
#undef PARTED_TWO
#undef PARTED_THIRD
#undef PARTED
#undef FIRST_2
#undef FIRST_4
#undef FIRST_8
#undef FIRST_16
#undef EVEN_2
#undef EVEN_4
#undef EVEN_8
#undef EVEN_16
#undef BACK_2
#undef BACK_4
#undef BACK_8
#undef BACK_16
#undef BYTES
#undef KERNEL
#undef LANES16
