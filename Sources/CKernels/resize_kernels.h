// Weighted sums for resizing, for one family of processors. Included by families.h.
// No include guard: it is meant to be included several times.
#include "vectors.h"

/// out[c] = Σ weights[t] · in[t][c] for n values, LANES at least; the last vector overlaps the one before it.
INLINE void NAME(sum_of)(const float *const *in, const float *weights, const size_t taps, float *out, size_t n) {
#pragma clang fp contract(fast)
    for (size_t c = 0; c < n; c += LANES) {
        size_t at = c + LANES <= n ? c : n - LANES;
        NAME(vector) sum = NAME(load)(in[0] + at) * weights[0];
        for (size_t t = 1; t < taps; t++) sum += NAME(load)(in[t] + at) * weights[t];
        NAME(store)(out + at, sum);
    }
}

static TARGET void NAME(weighted)(const float *const *in, const float *weights, size_t taps, float *out, size_t n) {
    if (taps == 2) NAME(sum_of)(in, weights, 2, out, n);
    else if (taps == 4) NAME(sum_of)(in, weights, 4, out, n);
    else NAME(sum_of)(in, weights, taps, out, n);
}
