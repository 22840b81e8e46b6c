// Joins of bytes along channels for one family. Included by families.h.
#include "vectors.h"
#include "int8_finish.h"

typedef uint8_t NAME(pairs) __attribute__((vector_size(2 * LANES)));
typedef uint8_t NAME(fours) __attribute__((vector_size(4 * LANES)));

/// The codes of an input, LANES of them or the first n, as those of the result.
INLINE NAME(bytes) NAME(joined)(const join_job *job, const join_input *input, const uint8_t *from, size_t n) {
#pragma STDC FP_CONTRACT OFF
    NAME(bytes) codes = {0};
    memcpy(&codes, from, n);
    if (input->stays) return codes;
    const NAME(floats) none = {0};
    NAME(floats) x = __builtin_convertvector(__builtin_convertvector(codes ^ input->flip, NAME(sums)) - input->zero, NAME(floats)) * input->scale;
    x = NAME(clamped)(x / job->k->out.scale, job->low - none, job->high - none);
    return __builtin_convertvector(NAME(nearest)(x) + job->zero, NAME(bytes));
}

#if LANES == 16
#define TURNS(b, t) b, b + t, b + 1, b + 1 + t, b + 2, b + 2 + t, b + 3, b + 3 + t
#define BOTH(t) TURNS(0, t), TURNS(4, t), TURNS(8, t), TURNS(12, t)
#elif LANES == 8
#define TURNS(b, t) b, b + t, b + 1, b + 1 + t, b + 2, b + 2 + t, b + 3, b + 3 + t
#define BOTH(t) TURNS(0, t), TURNS(4, t)
#else
#define TURNS(b, t) b, b + t, b + 1, b + 1 + t
#define BOTH(t) TURNS(0, t), TURNS(2, t)
#endif

INLINE NAME(pairs) NAME(woven)(NAME(bytes) a, NAME(bytes) b) { return __builtin_shufflevector(a, b, BOTH(LANES)); }

/// n channels, LANES or fewer, of each input from channel c on.
INLINE void NAME(join_piece)(const int INPUTS, const join_job *job, const uint8_t *const *in, uint8_t *out, size_t c, size_t n) {
    NAME(bytes) v[THIMBLE_JOIN];
    UNROLL for (int i = 0; i < INPUTS; i++) v[i] = NAME(joined)(job, &job->input[i], in[i] + c, n);
    out += c * INPUTS;
    if (INPUTS == 1) memcpy(out, &v[0], n);
    if (INPUTS == 2) {
        NAME(pairs) all = NAME(woven)(v[0], v[1]);
        memcpy(out, &all, 2 * n);
    }
    if (INPUTS == 3) {
        uint8_t each[3][LANES];
        memcpy(each, v, sizeof each);
        for (size_t l = 0; l < n; l++) {
            for (int i = 0; i < 3; i++) out[3 * l + i] = each[i][l];
        }
    }
    if (INPUTS == 4) {
        // Channels of the first and the third input take turns, those of the second and the fourth, then both.
        NAME(pairs) even = NAME(woven)(v[0], v[2]), odd = NAME(woven)(v[1], v[3]);
        uint8_t all[4 * LANES];
        NAME(bytes) low, high;
        UNROLL for (int half = 0; half < 2; half++) {
            memcpy(&low, (const uint8_t *)&even + half * LANES, LANES);
            memcpy(&high, (const uint8_t *)&odd + half * LANES, LANES);
            NAME(pairs) turns = NAME(woven)(low, high);
            memcpy(all + half * 2 * LANES, &turns, 2 * LANES);
        }
        memcpy(out, all, 4 * n);
    }
}

INLINE void NAME(join)(const int INPUTS, const join_job *job, const uint8_t *const *from, uint8_t *out, size_t pixels) {
    const thimble_q8_join *k = job->k;
    const size_t channels = k->channels;
    const uint8_t *in[THIMBLE_JOIN] = {0};
    UNROLL for (int i = 0; i < INPUTS; i++) in[i] = from[i];
    for (size_t p = 0; p < pixels; p++) {
        size_t c = 0;
        for (; c + LANES <= channels; c += LANES) NAME(join_piece)(INPUTS, job, in, out, c, LANES);
        // The last piece may overlap the one before it.
        if (c < channels && channels >= LANES) NAME(join_piece)(INPUTS, job, in, out, channels - LANES, LANES);
        else if (c < channels) NAME(join_piece)(INPUTS, job, in, out, c, channels - c);
        UNROLL for (int i = 0; i < INPUTS; i++) in[i] += k->in_pixel[i];
        out += k->out_pixel;
    }
}

static TARGET void NAME(join_1)(const join_job *job, const uint8_t *const *in, uint8_t *out, size_t pixels) { NAME(join)(1, job, in, out, pixels); }
static TARGET void NAME(join_2)(const join_job *job, const uint8_t *const *in, uint8_t *out, size_t pixels) { NAME(join)(2, job, in, out, pixels); }
static TARGET void NAME(join_3)(const join_job *job, const uint8_t *const *in, uint8_t *out, size_t pixels) { NAME(join)(3, job, in, out, pixels); }
static TARGET void NAME(join_4)(const join_job *job, const uint8_t *const *in, uint8_t *out, size_t pixels) { NAME(join)(4, job, in, out, pixels); }

static const join_line NAME(joins)[THIMBLE_JOIN] = {NAME(join_1), NAME(join_2), NAME(join_3), NAME(join_4)};

#undef TURNS
#undef BOTH
