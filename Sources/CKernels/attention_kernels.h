// Softmax for one family of processors. Included by families.h.
// No include guard: it is meant to be included several times.
#include "vector_math.h"

/// s[j] becomes exp(s[j] - the largest) for j < n, whose sum is the result; s[n] up to the next whole vector becomes 0.
/// Every NaN, and a largest of either infinity, makes the sum a NaN.
static TARGET float NAME(exponentials)(float *s, size_t n) {
    size_t padded = (n + LANES - 1) / LANES * LANES;
    for (size_t j = n; j < padded; j++) s[j] = -__builtin_inff();
    NAME(vector) top[4];
    for (int i = 0; i < 4; i++) top[i] = NAME(all)(-__builtin_inff());
    size_t j = 0;
    for (; j + 4 * LANES <= padded; j += 4 * LANES) {
        for (int i = 0; i < 4; i++) top[i] = NAME(at_least)(top[i], NAME(load)(s + j + i * LANES));
    }
    for (; j < padded; j += LANES) top[0] = NAME(at_least)(top[0], NAME(load)(s + j));
    for (int i = 1; i < 4; i++) top[0] = NAME(at_least)(top[0], top[i]);
    float largest = top[0][0];
    for (int i = 1; i < LANES; i++) largest = top[0][i] > largest ? top[0][i] : largest;

    NAME(vector) sum[2] = { { 0 }, { 0 } };
    for (j = 0; j < padded; j += LANES) {
        NAME(vector) e = NAME(exp_short)(NAME(load)(s + j) - largest);
        sum[j / LANES % 2] += e;
        NAME(store)(s + j, e);
    }
    sum[0] += sum[1];
    float total = 0;
    for (int i = 0; i < LANES; i++) total += sum[0][i];
    return total;
}

static TARGET void NAME(scale_row)(float *out, size_t n, float factor) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) NAME(store)(out + i, NAME(load)(out + i) * factor);
    for (; i < n; i++) out[i] *= factor;
}
