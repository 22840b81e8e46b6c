// Pooling for one family of processors. Included by families.h.
// No include guard: it is meant to be included several times.
#include "vector_math.h"

typedef uint8_t NAME(unsigned8) __attribute__((vector_size(4 * LANES), aligned(1), may_alias));
typedef int8_t NAME(signed8) __attribute__((vector_size(4 * LANES), aligned(1), may_alias));

// What was before, joined by v.
INLINE NAME(vector) NAME(larger)(NAME(vector) before, NAME(vector) v) { return NAME(maximum)(v, before); }
INLINE NAME(unsigned8) NAME(larger_u8)(NAME(unsigned8) before, NAME(unsigned8) v) {
    NAME(unsigned8) m = (NAME(unsigned8))(v > before);
    return (m & v) | (~m & before);
}
INLINE NAME(signed8) NAME(larger_s8)(NAME(signed8) before, NAME(signed8) v) {
    NAME(signed8) m = (NAME(signed8))(v > before);
    return (m & v) | (~m & before);
}
INLINE NAME(vector) NAME(sum)(NAME(vector) before, NAME(vector) v) { return before + v; }
INLINE NAME(vector) NAME(sum_of_sizes)(NAME(vector) before, NAME(vector) v) { return before + NAME(magnitude)(v); }
INLINE NAME(vector) NAME(sum_of_squares)(NAME(vector) before, NAME(vector) v) { return NAME(fma)(v, v, before); }

// Windows of n channels, which are a vector at least. `count` vectors at a time; the last overlaps the one before it. Windows of
// 2 x 2 and 3 x 3 cells, which most are, have code of their own, where `high` and `across` are constants.
// A maximum begins with the first cell of the window; a sum is kept per row, so that many rows do not add up errors.
#define DEFINE_WINDOW(NAMED, TYPE, VECTOR, WIDTH, STEP, IS_SUM, FINISH)                                                                              \
    INLINE void NAME(NAMED##_part)(                                                                                                                  \
        const window *w, const TYPE *in, TYPE *out, float factor, const int count, const size_t high, const size_t across) {                         \
        VECTOR all[4], row[4];                                                                                                                       \
        UNROLL for (int v = 0; v < count; v++) all[v] = IS_SUM ? (VECTOR){ 0 } : *(const VECTOR *)(in + v * (WIDTH));                                \
        for (size_t y = 0; y < high; y++) {                                                                                                          \
            const TYPE *p = in + y * w->row;                                                                                                         \
            UNROLL for (int v = 0; v < count; v++) row[v] = IS_SUM ? (VECTOR){ 0 } : all[v];                                                         \
            for (size_t x = 0; x < across; x++, p += w->pixel) {                                                                                     \
                UNROLL for (int v = 0; v < count; v++) row[v] = STEP(row[v], *(const VECTOR *)(p + v * (WIDTH)));                                    \
            }                                                                                                                                        \
            UNROLL for (int v = 0; v < count; v++) all[v] = IS_SUM ? all[v] + row[v] : row[v];                                                       \
        }                                                                                                                                            \
        (void)factor;                                                                                                                                \
        UNROLL for (int v = 0; v < count; v++) *(VECTOR *)(out + v * (WIDTH)) = FINISH(all[v]);                                                      \
    }                                                                                                                                                \
    INLINE void NAME(NAMED##_windows)(const window *w, const TYPE *in, TYPE *out, size_t n, float factor, const size_t high, const size_t across) {  \
        for (size_t i = 0; i < w->outputs; i++, in += w->in_step, out += w->out_step) {                                                              \
            size_t c = 0;                                                                                                                            \
            for (; c + 4 * (WIDTH) <= n; c += 4 * (WIDTH)) NAME(NAMED##_part)(w, in + c, out + c, factor, 4, high, across);                          \
            for (; c + (WIDTH) <= n; c += WIDTH) NAME(NAMED##_part)(w, in + c, out + c, factor, 1, high, across);                                    \
            if (c < n) NAME(NAMED##_part)(w, in + n - (WIDTH), out + n - (WIDTH), factor, 1, high, across);                                          \
        }                                                                                                                                            \
    }                                                                                                                                                \
    static TARGET void NAME(NAMED)(const window *w, const void *in, void *out, size_t n, float factor) {                                             \
        if (w->rows == 3 && w->columns == 3) NAME(NAMED##_windows)(w, in, out, n, factor, 3, 3);                                                     \
        else if (w->rows == 2 && w->columns == 2) NAME(NAMED##_windows)(w, in, out, n, factor, 2, 2);                                                \
        else NAME(NAMED##_windows)(w, in, out, n, factor, w->rows, w->columns);                                                                      \
    }

#define AS_IT_IS(v) (v)
#define TIMES_FACTOR(v) ((v) * factor)
DEFINE_WINDOW(max, float, NAME(loose), LANES, NAME(larger), 0, AS_IT_IS)
DEFINE_WINDOW(average, float, NAME(loose), LANES, NAME(sum), 1, TIMES_FACTOR)
DEFINE_WINDOW(l1, float, NAME(loose), LANES, NAME(sum_of_sizes), 1, AS_IT_IS)
DEFINE_WINDOW(l2, float, NAME(loose), LANES, NAME(sum_of_squares), 1, NAME(sqrt))
DEFINE_WINDOW(max_u8, uint8_t, NAME(unsigned8), 4 * LANES, NAME(larger_u8), 0, AS_IT_IS)
DEFINE_WINDOW(max_s8, int8_t, NAME(signed8), 4 * LANES, NAME(larger_s8), 0, AS_IT_IS)

static const windows NAME(windows) = {
    NAME(max), NAME(average), NAME(l1), NAME(l2), NAME(max_u8), NAME(max_s8),
};

#undef AS_IT_IS
#undef TIMES_FACTOR
#undef DEFINE_WINDOW
