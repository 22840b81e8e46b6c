// The instructions of elementwise programs for one family of processors, and its loads and stores. Included by
// elementwise.c through families.h.

#include "vector_math.h"

// One loop per operator: rows of whole vectors, then what is left of each, computed by the same code. An operand's step is LANES, or 0
// for one number that fills a vector of its own. The result may lie where an operand lies.
#define OPERATOR(OPERANDS, name, expression)                                                                                            \
    INLINE NAME(vector) NAME(of_##name)(const NAME(vector) *v, NAME(vector) p, NAME(vector) q) {                                        \
        const NAME(vector) a = v[0], b = v[OPERANDS > 1 ? 1 : 0], c = v[OPERANDS > 2 ? 2 : 0];                                          \
        (void)a, (void)b, (void)c, (void)p, (void)q;                                                                                    \
        return expression;                                                                                                              \
    }                                                                                                                                   \
    static TARGET void NAME(do_##name)(const step *s) {                                                                                 \
        const size_t by[3] = {s->operands[0].step * LANES, s->operands[1].step * LANES, s->operands[2].step * LANES};                   \
        const NAME(vector) p = NAME(all)(s->p), q = NAME(all)(s->q);                                                                    \
        for (size_t row = 0; row < s->rows; row++) {                                                                                    \
            const float *at[OPERANDS];                                                                                                  \
            for (int i = 0; i < OPERANDS; i++) at[i] = s->operands[i].at + row * s->operands[i].row;                                    \
            float *out = s->out.at + row * s->out.row;                                                                                  \
            size_t n = s->count;                                                                                                        \
            NAME(vector) v[OPERANDS];                                                                                                   \
            for (; n >= LANES; n -= LANES, out += LANES) {                                                                              \
                for (int i = 0; i < OPERANDS; i++) v[i] = NAME(load)(at[i]), at[i] += by[i];                                            \
                NAME(store)(out, NAME(of_##name)(v, p, q));                                                                             \
            }                                                                                                                           \
            if (n == 0) continue;                                                                                                       \
            for (int i = 0; i < OPERANDS; i++) v[i] = NAME(load_part)(at[i], n);                                                        \
            NAME(store_part)(out, n, NAME(of_##name)(v, p, q));                                                                         \
        }                                                                                                                               \
    }

OPERATOR(1, NEG, -a)
OPERATOR(1, ABS, NAME(magnitude)(a))
OPERATOR(1, SQUARE, a * a)
OPERATOR(1, SQRT, NAME(sqrt)(a))
OPERATOR(1, RECIPROCAL, 1 / a)
OPERATOR(1, EXP, NAME(exp)(a))
OPERATOR(1, LOG, NAME(log)(a))
OPERATOR(1, SIN, NAME(sin_after)(a, 0))
OPERATOR(1, COS, NAME(sin_after)(a, 1))
OPERATOR(1, TANH, NAME(tanh)(a))
OPERATOR(1, ERF, NAME(erf)(a))
OPERATOR(1, SIGMOID, NAME(sigmoid)(a))
OPERATOR(1, SOFTPLUS, NAME(softplus)(a))
OPERATOR(1, SOFTSIGN, a / (NAME(magnitude)(a) + 1))
OPERATOR(1, RELU, NAME(at_least)(a, NAME(all)(0)))
OPERATOR(1, HARD_SWISH, a * NAME(within)(NAME(then)(a, NAME(all)(1.0f / 6), 0.5f), 0, 1))
OPERATOR(1, MISH, NAME(mish)(a))
OPERATOR(1, GELU, NAME(gelu)(a))
OPERATOR(1, GELU_TANH, NAME(gelu_tanh)(a))
OPERATOR(1, FLOOR, NAME(floor)(a))
OPERATOR(1, CEIL, NAME(ceil)(a))
OPERATOR(1, ROUND, NAME(round)(a))
OPERATOR(1, TRUNC, NAME(trunc)(a))
OPERATOR(1, SIGN, NAME(select)((a == 0) | (a != a), a, NAME(with_sign)(NAME(all)(1), NAME(sign_bit)(a))))
OPERATOR(1, NOT, NAME(truth)(a == 0))
OPERATOR(1, IS_NAN, NAME(truth)(a != a))
OPERATOR(1, AFFINE, NAME(fma)(a, p, q))
OPERATOR(1, SWISH, NAME(swish)(a, p))
OPERATOR(1, ELU, NAME(select)(a < 0, p * NAME(exp_minus_one)(a), a))
OPERATOR(1, SELU, q * NAME(select)(a < 0, p * NAME(exp_minus_one)(a), a))
OPERATOR(1, CELU, NAME(select)(a < 0, p * NAME(exp_minus_one)(a / p), a))
OPERATOR(1, LEAKY_RELU, NAME(select)(a < 0, a * p, a))
OPERATOR(1, HARD_SIGMOID, NAME(within)(NAME(fma)(a, p, q), 0, 1))
OPERATOR(1, CLIP, NAME(at_most)(NAME(at_least)(a, p), q))
OPERATOR(1, THRESHOLDED_RELU, NAME(select)(a > p, a, NAME(all)(0)))
OPERATOR(2, ADD, a + b)
OPERATOR(2, SUB, a - b)
OPERATOR(2, MUL, a * b)
OPERATOR(2, DIV, a / b)
OPERATOR(2, POW, NAME(pow)(a, b))
OPERATOR(2, MIN, NAME(minimum)(a, b))
OPERATOR(2, MAX, NAME(maximum)(a, b))
OPERATOR(2, PRELU, NAME(select)(a < 0, a * b, a))
OPERATOR(2, FMOD, NAME(fmod)(a, b))
OPERATOR(2, EQUAL, NAME(truth)(a == b))
OPERATOR(2, LESS, NAME(truth)(a < b))
OPERATOR(2, LESS_OR_EQUAL, NAME(truth)(a <= b))
OPERATOR(2, GREATER, NAME(truth)(a > b))
OPERATOR(2, GREATER_OR_EQUAL, NAME(truth)(a >= b))
OPERATOR(2, AND, NAME(truth)((a != 0) & (b != 0)))
OPERATOR(2, OR, NAME(truth)((a != 0) | (b != 0)))
OPERATOR(2, XOR, NAME(truth)((a != 0) ^ (b != 0)))
OPERATOR(3, WHERE, NAME(select)(a != 0, b, c))
OPERATOR(3, MULTIPLY_ADD, NAME(fma)(a, b, c))

static void (*const NAME(operators)[THIMBLE_OP_COUNT])(const step *) = {
#define ENTRY(name, operands, cost) [THIMBLE_OP_##name] = NAME(do_##name),
    FOR_EACH_OPERATOR(ENTRY)
#undef ENTRY
};

// --- loads and stores of a run of elements `by` apart; those next to each other are converted by vectors

static TARGET void NAME(load_half)(const uint16_t *from, size_t n, float *to) {
#if LANES == 16
    for (; n >= 16; n -= 16, from += 16, to += 16) _mm512_storeu_ps(to, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from)));
#elif LANES == 8
    for (; n >= 8; n -= 8, from += 8, to += 8) _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)));
#endif
    thimble_half_to_float((const uint8_t *)from, n, to);
}

static TARGET void NAME(store_half)(const float *from, size_t n, uint16_t *to) {
#if LANES == 16
    for (; n >= 16; n -= 16, from += 16, to += 16) _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(_mm512_loadu_ps(from), 0));
#elif LANES == 8
    for (; n >= 8; n -= 8, from += 8, to += 8) _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(_mm256_loadu_ps(from), 0));
#endif
    thimble_float_to_half(from, n, (uint8_t *)to);
}

#define LOAD_AS(type, value)                                                                                                            \
    {                                                                                                                                   \
        const type *x = from;                                                                                                           \
        if (by == 1) {                                                                                                                  \
            for (size_t i = 0; i < n; i++) to[i] = value(x[i]);                                                                         \
        } else {                                                                                                                        \
            for (size_t i = 0; i < n; i++) to[i] = value(x[(ptrdiff_t)i * by]);                                                         \
        }                                                                                                                               \
        return;                                                                                                                         \
    }
#define STORE_AS(type, value)                                                                                                           \
    {                                                                                                                                   \
        type *y = to;                                                                                                                   \
        if (by == 1) {                                                                                                                  \
            for (size_t i = 0; i < n; i++) y[i] = (type)value(from[i]);                                                                 \
        } else {                                                                                                                        \
            for (size_t i = 0; i < n; i++) y[(ptrdiff_t)i * by] = (type)value(from[i]);                                                 \
        }                                                                                                                               \
        return;                                                                                                                         \
    }

static TARGET void NAME(load_run)(thimble_type type, const void *from, ptrdiff_t by, size_t n, float *to) {
    if (by == 0 && n > 1) {
        NAME(load_run)(type, from, 1, 1, to);
        float x = to[0];
        for (size_t i = 1; i < n; i++) to[i] = x;
        return;
    }
    switch (type) {
    case THIMBLE_TYPE_F32: LOAD_AS(float, )
    case THIMBLE_TYPE_F16:
        if (by == 1) {
            NAME(load_half)(from, n, to);
        } else {
            for (size_t i = 0; i < n; i++) thimble_half_to_float((const uint8_t *)from + 2 * (ptrdiff_t)i * by, 1, to + i);
        }
        return;
    case THIMBLE_TYPE_BF16: LOAD_AS(uint16_t, of_bfloat)
    case THIMBLE_TYPE_I32: LOAD_AS(int32_t, (float))
    case THIMBLE_TYPE_I64: LOAD_AS(int64_t, (float))
    case THIMBLE_TYPE_I8: LOAD_AS(int8_t, (float))
    case THIMBLE_TYPE_U8: LOAD_AS(uint8_t, (float))
    case THIMBLE_TYPE_BOOL: LOAD_AS(uint8_t, 0 != )
    }
}

static TARGET void NAME(store_run)(thimble_type type, const float *from, size_t n, void *to, ptrdiff_t by) {
    switch (type) {
    case THIMBLE_TYPE_F32: STORE_AS(float, )
    case THIMBLE_TYPE_F16:
        if (by == 1) {
            NAME(store_half)(from, n, to);
        } else {
            for (size_t i = 0; i < n; i++) thimble_float_to_half(from + i, 1, (uint8_t *)to + 2 * (ptrdiff_t)i * by);
        }
        return;
    case THIMBLE_TYPE_BF16: STORE_AS(uint16_t, to_bfloat)
    case THIMBLE_TYPE_I32: STORE_AS(int32_t, to_int32)
    case THIMBLE_TYPE_I64: STORE_AS(int64_t, to_int64)
    case THIMBLE_TYPE_I8: STORE_AS(int8_t, to_int8)
    case THIMBLE_TYPE_U8: STORE_AS(uint8_t, to_uint8)
    case THIMBLE_TYPE_BOOL: STORE_AS(uint8_t, 0 != )
    }
}

static const family_functions NAME(family) = {NAME(operators), NAME(load_run), NAME(store_run)};
static const family_functions *const NAME(functions) = &NAME(family);

#undef OPERATOR
#undef LOAD_AS
#undef STORE_AS
