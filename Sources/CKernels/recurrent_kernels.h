// The gates of recurrent operators for one family of processors. Included by families.h.
// No include guard: it is meant to be included several times.
#include "vector_math.h"

// `n` elements from `i` on: a vector, or the part of one.
INLINE NAME(vector) NAME(get)(const float *p, size_t n) { return n == LANES ? NAME(load)(p) : NAME(load_part)(p, n); }
INLINE void NAME(put)(float *p, NAME(vector) v, size_t n) {
    if (n == LANES) NAME(store)(p, v);
    else NAME(store_part)(p, n, v);
}
INLINE NAME(vector) NAME(clipped)(NAME(vector) v, float clip) { return NAME(within)(v, -clip, clip); }

/// Calls BODY with i and n for whole vectors, then for what is left.
#define FOR_VECTORS(BODY)                            \
    size_t i = 0;                                    \
    for (; i + LANES <= hidden; i += LANES) {        \
        enum { n = LANES };                          \
        BODY                                         \
    }                                                \
    if (i < hidden) {                                \
        const size_t n = hidden - i;                 \
        BODY                                         \
    }

/// gates: input, output, forget, cell of `hidden` each; peepholes: input, output, forget.
static TARGET void NAME(lstm)(const gate_work *work) {
    size_t hidden = work->hidden;
    const float *g = work->gates, *p = work->peepholes;
    float clip = work->clip;
    FOR_VECTORS(
        NAME(vector) c = NAME(get)(work->c + i, n);
        NAME(vector) in = NAME(get)(g + i, n); NAME(vector) forget = NAME(get)(g + 2 * hidden + i, n);
        NAME(vector) out = NAME(get)(g + hidden + i, n);
        if (p) {
            in += NAME(get)(p + i, n) * c;
            forget += NAME(get)(p + 2 * hidden + i, n) * c;
        }
        in = NAME(sigmoid)(NAME(clipped)(in, clip));
        forget = work->input_forget ? 1 - in : NAME(sigmoid)(NAME(clipped)(forget, clip));
        c = forget * c + in * NAME(tanh)(NAME(clipped)(NAME(get)(g + 3 * hidden + i, n), clip));
        if (p) out += NAME(get)(p + hidden + i, n) * c;
        NAME(put)(work->c + i, c, n);
        NAME(put)(work->h + i, NAME(sigmoid)(NAME(clipped)(out, clip)) * NAME(tanh)(c), n);)
}

/// gates: update, reset, third. Leaves the update gate there. For the product with the third gate's weights that is to come, `reset`
/// becomes reset gate · h; where that product is in `reset` already (linear_before_reset), the third gate is complete afterwards.
static TARGET void NAME(gru_gates)(const gate_work *work) {
    size_t hidden = work->hidden;
    float *g = work->gates, clip = work->clip;
    FOR_VECTORS(
        NAME(vector) r = NAME(sigmoid)(NAME(clipped)(NAME(get)(g + hidden + i, n), clip));
        NAME(put)(g + i, NAME(sigmoid)(NAME(clipped)(NAME(get)(g + i, n), clip)), n);
        if (work->linear_before_reset) NAME(put)(g + 2 * hidden + i, NAME(get)(g + 2 * hidden + i, n) + r * NAME(get)(work->reset + i, n), n);
        else NAME(put)(work->reset + i, r * NAME(get)(work->h + i, n), n);)
}

/// After it: h becomes (1 - update) · tanh(third gate) + update · h.
static TARGET void NAME(gru)(const gate_work *work) {
    size_t hidden = work->hidden;
    const float *g = work->gates;
    FOR_VECTORS(
        NAME(vector) z = NAME(get)(g + i, n); NAME(vector) t = NAME(tanh)(NAME(clipped)(NAME(get)(g + 2 * hidden + i, n), work->clip));
        NAME(put)(work->h + i, (1 - z) * t + z * NAME(get)(work->h + i, n), n);)
}

static TARGET void NAME(rnn)(const gate_work *work) {
    size_t hidden = work->hidden;
    FOR_VECTORS(NAME(put)(work->h + i, NAME(tanh)(NAME(clipped)(NAME(get)(work->gates + i, n), work->clip)), n);)
}

#undef FOR_VECTORS
