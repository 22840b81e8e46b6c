// Kernels of rows for one family of processors. Included by rows.c through families.h. A row has its elements one after the other; a
// strip is up to 4 vectors of neighbouring columns, whose elements along the axis are `stride` apart.

#include "vector_math.h"

typedef double NAME(loose_doubles) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

// --- across the lanes of a vector: each step halves how many differ

#if LANES == 16
#define SWAP(v, by)                                                                                                                     \
    __builtin_shufflevector(v, v, 0 ^ by, 1 ^ by, 2 ^ by, 3 ^ by, 4 ^ by, 5 ^ by, 6 ^ by, 7 ^ by, 8 ^ by, 9 ^ by, 10 ^ by, 11 ^ by,     \
        12 ^ by, 13 ^ by, 14 ^ by, 15 ^ by)
#elif LANES == 8
#define SWAP(v, by) __builtin_shufflevector(v, v, 0 ^ by, 1 ^ by, 2 ^ by, 3 ^ by, 4 ^ by, 5 ^ by, 6 ^ by, 7 ^ by)
#else
#define SWAP(v, by) __builtin_shufflevector(v, v, 0 ^ by, 1 ^ by, 2 ^ by, 3 ^ by)
#endif
#if LANES == 16
#define ACROSS(v, merge) v = merge(v, SWAP(v, 8)); v = merge(v, SWAP(v, 4)); v = merge(v, SWAP(v, 2)); v = merge(v, SWAP(v, 1))
#elif LANES == 8
#define ACROSS(v, merge) v = merge(v, SWAP(v, 4)); v = merge(v, SWAP(v, 2)); v = merge(v, SWAP(v, 1))
#else
#define ACROSS(v, merge) v = merge(v, SWAP(v, 2)); v = merge(v, SWAP(v, 1))
#endif

INLINE NAME(vector) NAME(plus)(NAME(vector) a, NAME(vector) b) { return a + b; }
INLINE NAME(vector) NAME(times)(NAME(vector) a, NAME(vector) b) { return a * b; }

/// The folds, as a constant that the caller's loop is compiled for.
INLINE NAME(vector) NAME(merge)(int fold, NAME(vector) a, NAME(vector) b) {
    if (fold == FOLD_LARGEST) return NAME(at_least)(a, b);
    return fold == FOLD_MAX ? NAME(maximum)(a, b) : fold == FOLD_MIN ? NAME(minimum)(a, b) : a * b;
}
INLINE float NAME(neutral)(int fold) { return fold == FOLD_MAX || fold == FOLD_LARGEST ? -__builtin_inff() : fold == FOLD_MIN ? __builtin_inff() : 1; }

/// What is added up for an element.
INLINE NAME(vector) NAME(term)(int term, NAME(vector) v, NAME(vector) shift) {
    switch (term) {
    case TERM_MAGNITUDE: return NAME(magnitude)(v);
    case TERM_SQUARE: return (v - shift) * (v - shift);
    case TERM_EXP: return NAME(exp_short)(v - shift);
    default: return v;
    }
}

// --- rows

/// The sum of the terms: of 64 vectors at a time in binary32, of those in binary64.
INLINE double NAME(row_total)(int term, const float *x, size_t n, float shift) {
    double total = 0;
    NAME(vector) from = NAME(all)(shift);
    while (n > 0) {
        size_t here = n < 64 * LANES ? n : 64 * LANES, i = 0;
        NAME(vector) sum[4] = {0};
        for (; i + 4 * LANES <= here; i += 4 * LANES) {
            UNROLL for (int j = 0; j < 4; j++) sum[j] += NAME(term)(term, NAME(load)(x + i + j * LANES), from);
        }
        for (; i + LANES <= here; i += LANES) sum[0] += NAME(term)(term, NAME(load)(x + i), from);
        if (i < here) {
            NAME(vector) last = NAME(term)(term, NAME(load_part)(x + i, here - i), from);
            sum[1] += NAME(select)(NAME(first_lanes)(here - i), last, NAME(all)(0));
        }
        NAME(vector) all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        ACROSS(all, NAME(plus));
        total += all[0];
        x += here;
        n -= here;
    }
    return total;
}

INLINE float NAME(row_fold)(int fold, const float *x, size_t n) {
    NAME(vector) empty = NAME(all)(NAME(neutral)(fold)), found[4] = {empty, empty, empty, empty};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        UNROLL for (int j = 0; j < 4; j++) found[j] = NAME(merge)(fold, found[j], NAME(load)(x + i + j * LANES));
    }
    for (; i + LANES <= n; i += LANES) found[0] = NAME(merge)(fold, found[0], NAME(load)(x + i));
    if (i < n) found[1] = NAME(merge)(fold, found[1], NAME(select)(NAME(first_lanes)(n - i), NAME(load_part)(x + i, n - i), empty));
    NAME(vector) all = NAME(merge)(fold, NAME(merge)(fold, found[0], found[1]), NAME(merge)(fold, found[2], found[3]));
    if (fold == FOLD_MAX) { ACROSS(all, NAME(maximum)); }
    if (fold == FOLD_LARGEST) { ACROSS(all, NAME(at_least)); }
    if (fold == FOLD_MIN) { ACROSS(all, NAME(minimum)); }
    if (fold == FOLD_PRODUCT) { ACROSS(all, NAME(times)); }
    return all[0];
}

static TARGET double NAME(row_sum)(const float *x, size_t n) { return NAME(row_total)(TERM_PLAIN, x, n, 0); }
static TARGET double NAME(row_magnitudes)(const float *x, size_t n) { return NAME(row_total)(TERM_MAGNITUDE, x, n, 0); }
static TARGET double NAME(row_squares)(const float *x, size_t n, float shift) { return NAME(row_total)(TERM_SQUARE, x, n, shift); }
static TARGET double NAME(row_exps)(const float *x, size_t n, float shift) { return NAME(row_total)(TERM_EXP, x, n, shift); }
static TARGET float NAME(row_max)(const float *x, size_t n) { return NAME(row_fold)(FOLD_MAX, x, n); }

/// The largest but for NaN, which goes through the sum of exponentials anyway.
static TARGET float NAME(row_largest)(const float *x, size_t n) { return NAME(row_fold)(FOLD_LARGEST, x, n); }

static TARGET float NAME(reduced_row)(thimble_rows_op op, const float *x, size_t n) {
    switch (op) {
    case THIMBLE_ROWS_MEAN: return (float)(NAME(row_sum)(x, n) / (double)n);
    case THIMBLE_ROWS_PRODUCT: return NAME(row_fold)(FOLD_PRODUCT, x, n);
    case THIMBLE_ROWS_MAX: return NAME(row_max)(x, n);
    case THIMBLE_ROWS_MIN: return NAME(row_fold)(FOLD_MIN, x, n);
    case THIMBLE_ROWS_L1: return (float)NAME(row_magnitudes)(x, n);
    case THIMBLE_ROWS_L2: return (float)__builtin_sqrt(NAME(row_squares)(x, n, 0));
    case THIMBLE_ROWS_SUM_SQUARE: return (float)NAME(row_squares)(x, n, 0);
    case THIMBLE_ROWS_LOG_SUM: return (float)__builtin_log(NAME(row_sum)(x, n));
    case THIMBLE_ROWS_LOG_SUM_EXP: {
        float most = NAME(row_max)(x, n);
        // An infinite term decides alone; without it, infinity would be taken from infinity.
        if (__builtin_isinf(most)) return most;
        return most + (float)__builtin_log(NAME(row_exps)(x, n, most));
    }
    default: return (float)NAME(row_sum)(x, n);
    }
}

/// y = (x - shift) * factor, or x * factor where shift is 0.
INLINE void NAME(scale_row)(const float *x, float *y, size_t n, float shift, float factor) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) NAME(store)(y + i, (NAME(load)(x + i) - shift) * factor);
    if (i < n) NAME(store_part)(y + i, n - i, (NAME(load_part)(x + i, n - i) - shift) * factor);
}

/// y = e^(x - most); the sum.
static TARGET double NAME(exp_row)(const float *x, float *y, size_t n, float most) {
    double total = 0;
    while (n > 0) {
        size_t here = n < 64 * LANES ? n : 64 * LANES, i = 0;
        NAME(vector) sum[2] = {0};
        for (; i + 2 * LANES <= here; i += 2 * LANES) {
            UNROLL for (int j = 0; j < 2; j++) {
                NAME(vector) e = NAME(exp_short)(NAME(load)(x + i + j * LANES) - most);
                NAME(store)(y + i + j * LANES, e);
                sum[j] += e;
            }
        }
        for (; i < here; i += LANES) {
            size_t part = here - i < LANES ? here - i : LANES;
            NAME(vector) e = NAME(exp_short)(NAME(load_part)(x + i, part) - most);
            NAME(store_part)(y + i, part, e);
            sum[0] += NAME(select)(NAME(first_lanes)(part), e, NAME(all)(0));
        }
        sum[0] += sum[1];
        ACROSS(sum[0], NAME(plus));
        total += sum[0][0];
        x += here;
        y += here;
        n -= here;
    }
    return total;
}

static TARGET void NAME(softmax_row)(const float *x, float *y, size_t n) {
    float most = NAME(row_largest)(x, n);
    double sum = NAME(exp_row)(x, y, n, most);
    NAME(scale_row)(y, y, n, 0, (float)(1 / sum));
}

static TARGET void NAME(log_softmax_row)(const float *x, float *y, size_t n) {
    float most = NAME(row_largest)(x, n), log = (float)__builtin_log(NAME(row_exps)(x, n, most));
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) NAME(store)(y + i, (NAME(load)(x + i) - most) - log);
    if (i < n) NAME(store_part)(y + i, n - i, (NAME(load_part)(x + i, n - i) - most) - log);
}

static TARGET void NAME(normalized_row)(bool squares, const float *x, float *y, size_t n) {
    float norm = (float)(squares ? __builtin_sqrt(NAME(row_squares)(x, n, 0)) : NAME(row_magnitudes)(x, n));
    size_t i = 0;
    if (norm == 0) norm = 1;  // then all elements are 0
    for (; i + LANES <= n; i += LANES) NAME(store)(y + i, NAME(load)(x + i) / norm);
    if (i < n) NAME(store_part)(y + i, n - i, NAME(load_part)(x + i, n - i) / norm);
}

static TARGET void NAME(cumulated_row)(const thimble_rows *k, const float *x, float *y) {
    double total = 0;
    for (size_t s = 0; s < k->axis; s++) {
        size_t at = k->reverse ? k->axis - 1 - s : s;
        double next = total + x[at];
        y[at] = (float)(k->exclusive ? total : next);
        total = next;
    }
}

/// Whether v is to be taken instead of the best so far, which comes before it.
INLINE NAME(integers) NAME(is_better)(bool last, NAME(vector) v, NAME(vector) best) {
    return last ? (v >= best) | (v != v) : (v > best) | ((v != v) & (best == best));
}

static TARGET int64_t NAME(best_of_row)(const thimble_rows *k, const float *x) {
    float sign = k->op == THIMBLE_ROWS_ARG_MIN ? -1 : 1;
    size_t n = k->axis, lanes = n < LANES ? n : LANES;
    NAME(vector) best = NAME(load_part)(x, lanes) * sign;
    NAME(integers) index, at;
    for (int i = 0; i < LANES; i++) index[i] = i;
    at = index;
    for (size_t i = LANES; i < n; i += LANES) {
        size_t part = n - i < LANES ? n - i : LANES;
        NAME(vector) v = NAME(load_part)(x + i, part) * sign;
        NAME(integers) better = NAME(is_better)(k->last, v, best) & NAME(first_lanes)(part);
        best = NAME(select)(better, v, best);
        at = (better & (index + (int32_t)i)) | (~better & at);
    }
    size_t lane = 0;
    for (size_t i = 1; i < lanes; i++) {
        bool equal = best[i] == best[lane] || (best[i] != best[i] && best[lane] != best[lane]);
        bool before = k->last ? at[i] > at[lane] : at[i] < at[lane];
        if (equal ? before : best[i] > best[lane] || (best[i] != best[i] && best[lane] == best[lane])) lane = i;
    }
    return at[lane];
}

static TARGET void NAME(run_row)(const thimble_rows *k, const float *x, void *y, size_t row) {
    const float *from = x + row * k->axis;
    float *to = (float *)y + row * k->axis;
    switch (k->op) {
    case THIMBLE_ROWS_SOFTMAX: NAME(softmax_row)(from, to, k->axis); return;
    case THIMBLE_ROWS_LOG_SOFTMAX: NAME(log_softmax_row)(from, to, k->axis); return;
    case THIMBLE_ROWS_L1_NORMALIZE: case THIMBLE_ROWS_L2_NORMALIZE: NAME(normalized_row)(k->op == THIMBLE_ROWS_L2_NORMALIZE, from, to, k->axis); return;
    case THIMBLE_ROWS_CUMULATED_SUM: NAME(cumulated_row)(k, from, to); return;
    case THIMBLE_ROWS_ARG_MAX: case THIMBLE_ROWS_ARG_MIN: ((int64_t *)y)[row] = NAME(best_of_row)(k, from); return;
    default: ((float *)y)[row] = NAME(reduced_row)((thimble_rows_op)k->op, from, k->axis);
    }
}

// --- strips: `vectors` is a constant; the last vector has `part` lanes

INLINE void NAME(load_strip)(const float *p, NAME(vector) *v, int vectors, size_t part) {
    UNROLL for (int j = 0; j < vectors; j++) v[j] = j + 1 == vectors && part < LANES ? NAME(load_part)(p + j * LANES, part) : NAME(load)(p + j * LANES);
}

INLINE void NAME(store_strip)(float *p, const NAME(vector) *v, int vectors, size_t part) {
    UNROLL for (int j = 0; j < vectors; j++) {
        if (j + 1 == vectors && part < LANES) {
            NAME(store_part)(p + j * LANES, part, v[j]);
        } else {
            NAME(store)(p + j * LANES, v[j]);
        }
    }
}

INLINE void NAME(strip_fold)(int fold, const float *x, size_t axis, size_t stride, NAME(vector) *found, int vectors, size_t part) {
    NAME(vector) v[4];
    UNROLL for (int j = 0; j < vectors; j++) found[j] = NAME(all)(NAME(neutral)(fold));
    for (size_t s = 0; s < axis; s++) {
        NAME(load_strip)(x + s * stride, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) found[j] = NAME(merge)(fold, found[j], v[j]);
    }
}

/// As row_total, column by column: of 1024 rows in binary32, in their order, which is how other runtimes add rows.
INLINE void NAME(strip_total)(
    int term, const float *x, size_t axis, size_t stride, const NAME(vector) *shift, NAME(doubles) *total, int vectors, size_t part) {
    NAME(vector) v[4];
    UNROLL for (int j = 0; j < vectors; j++) total[j] = (NAME(doubles)){0};
    for (size_t start = 0; start < axis; start += 1024) {
        size_t end = axis - start < 1024 ? axis : start + 1024;
        NAME(vector) sum[4] = {0};
        for (size_t s = start; s < end; s++) {
            NAME(load_strip)(x + s * stride, v, vectors, part);
            UNROLL for (int j = 0; j < vectors; j++) sum[j] += NAME(term)(term, v[j], shift[j]);
        }
        UNROLL for (int j = 0; j < vectors; j++) total[j] += __builtin_convertvector(sum[j], NAME(doubles));
    }
}

INLINE void NAME(reduce_strip)(const thimble_rows *k, const float *x, float *y, int vectors, size_t part) {
    NAME(doubles) total[4] = {0};
    NAME(vector) found[4] = {0}, shift[4] = {0};
    size_t n = k->axis, stride = k->inner;
    switch (k->op) {
    case THIMBLE_ROWS_PRODUCT: NAME(strip_fold)(FOLD_PRODUCT, x, n, stride, found, vectors, part); break;
    case THIMBLE_ROWS_MAX: NAME(strip_fold)(FOLD_MAX, x, n, stride, found, vectors, part); break;
    case THIMBLE_ROWS_MIN: NAME(strip_fold)(FOLD_MIN, x, n, stride, found, vectors, part); break;
    case THIMBLE_ROWS_L1: NAME(strip_total)(TERM_MAGNITUDE, x, n, stride, shift, total, vectors, part); break;
    case THIMBLE_ROWS_L2: case THIMBLE_ROWS_SUM_SQUARE: NAME(strip_total)(TERM_SQUARE, x, n, stride, shift, total, vectors, part); break;
    case THIMBLE_ROWS_LOG_SUM_EXP:
        NAME(strip_fold)(FOLD_MAX, x, n, stride, found, vectors, part);
        NAME(strip_total)(TERM_EXP, x, n, stride, found, total, vectors, part);
        break;
    default: NAME(strip_total)(TERM_PLAIN, x, n, stride, shift, total, vectors, part);
    }
    UNROLL for (int j = 0; j < vectors; j++) {
        if (k->op == THIMBLE_ROWS_PRODUCT || k->op == THIMBLE_ROWS_MAX || k->op == THIMBLE_ROWS_MIN) continue;
        NAME(vector) most = found[j];
        if (k->op == THIMBLE_ROWS_MEAN) total[j] /= (double)n;
        found[j] = __builtin_convertvector(total[j], NAME(vector));
        if (k->op == THIMBLE_ROWS_L2) found[j] = NAME(sqrt)(found[j]);
        if (k->op == THIMBLE_ROWS_LOG_SUM) found[j] = NAME(log)(found[j]);
        if (k->op == THIMBLE_ROWS_LOG_SUM_EXP) {
            found[j] = NAME(select)(NAME(magnitude)(most) == __builtin_inff(), most, most + NAME(log)(found[j]));
        }
    }
    NAME(store_strip)(y, found, vectors, part);
}

INLINE void NAME(softmax_strip)(const thimble_rows *k, const float *x, float *y, int vectors, size_t part) {
    NAME(vector) most[4], v[4], factor[4];
    NAME(doubles) total[4];
    size_t stride = k->inner;
    bool log = k->op == THIMBLE_ROWS_LOG_SOFTMAX;
    NAME(strip_fold)(FOLD_LARGEST, x, k->axis, stride, most, vectors, part);
    NAME(strip_total)(TERM_EXP, x, k->axis, stride, most, total, vectors, part);
    UNROLL for (int j = 0; j < vectors; j++) {
        NAME(vector) sum = __builtin_convertvector(total[j], NAME(vector));
        factor[j] = log ? NAME(log)(sum) : 1 / sum;
    }
    for (size_t s = 0; s < k->axis; s++) {
        NAME(load_strip)(x + s * stride, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) v[j] = log ? (v[j] - most[j]) - factor[j] : NAME(exp_short)(v[j] - most[j]) * factor[j];
        NAME(store_strip)(y + s * stride, v, vectors, part);
    }
}

INLINE void NAME(normalize_strip)(const thimble_rows *k, const float *x, float *y, int vectors, size_t part) {
    NAME(vector) v[4], norm[4], shift[4] = {0};
    NAME(doubles) total[4];
    bool squares = k->op == THIMBLE_ROWS_L2_NORMALIZE;
    if (squares) {
        NAME(strip_total)(TERM_SQUARE, x, k->axis, k->inner, shift, total, vectors, part);
    } else {
        NAME(strip_total)(TERM_MAGNITUDE, x, k->axis, k->inner, shift, total, vectors, part);
    }
    UNROLL for (int j = 0; j < vectors; j++) {
        norm[j] = __builtin_convertvector(total[j], NAME(vector));
        if (squares) norm[j] = NAME(sqrt)(norm[j]);
        norm[j] = NAME(select)(norm[j] == 0, NAME(all)(1), norm[j]);
    }
    for (size_t s = 0; s < k->axis; s++) {
        NAME(load_strip)(x + s * k->inner, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) v[j] /= norm[j];
        NAME(store_strip)(y + s * k->inner, v, vectors, part);
    }
}

INLINE void NAME(cumulate_strip)(const thimble_rows *k, const float *x, float *y, int vectors, size_t part) {
    NAME(vector) v[4];
    NAME(doubles) total[4] = {0};
    for (size_t s = 0; s < k->axis; s++) {
        size_t at = (k->reverse ? k->axis - 1 - s : s) * k->inner;
        NAME(load_strip)(x + at, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) {
            NAME(doubles) next = total[j] + __builtin_convertvector(v[j], NAME(doubles));
            v[j] = k->exclusive ? __builtin_convertvector(total[j], NAME(vector)) : __builtin_convertvector(next, NAME(vector));
            total[j] = next;
        }
        NAME(store_strip)(y + at, v, vectors, part);
    }
}

INLINE void NAME(best_of_strip)(const thimble_rows *k, const float *x, int64_t *y, int vectors, size_t part) {
    NAME(vector) v[4], best[4];
    NAME(integers) at[4] = {0};
    float sign = k->op == THIMBLE_ROWS_ARG_MIN ? -1 : 1;
    for (size_t s = 0; s < k->axis; s++) {
        NAME(load_strip)(x + s * k->inner, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) {
            v[j] *= sign;
            if (s == 0) { best[j] = v[j]; continue; }
            NAME(integers) better = NAME(is_better)(k->last, v[j], best[j]);
            best[j] = NAME(select)(better, v[j], best[j]);
            at[j] = (better & (int32_t)s) | (~better & at[j]);
        }
    }
    for (int j = 0; j < vectors; j++) {
        size_t lanes = j + 1 == vectors ? part : LANES;
        for (size_t i = 0; i < lanes; i++) y[j * LANES + i] = at[j][i];
    }
}

INLINE void NAME(run_strip)(const thimble_rows *k, const float *x, void *y, size_t outer, size_t column, int vectors, size_t part) {
    const float *from = x + outer * k->axis * k->inner + column;
    float *same = (float *)y + outer * k->axis * k->inner + column;
    size_t reduced = outer * k->inner + column;
    switch (k->op) {
    case THIMBLE_ROWS_SOFTMAX: case THIMBLE_ROWS_LOG_SOFTMAX: NAME(softmax_strip)(k, from, same, vectors, part); return;
    case THIMBLE_ROWS_L1_NORMALIZE: case THIMBLE_ROWS_L2_NORMALIZE: NAME(normalize_strip)(k, from, same, vectors, part); return;
    case THIMBLE_ROWS_CUMULATED_SUM: NAME(cumulate_strip)(k, from, same, vectors, part); return;
    case THIMBLE_ROWS_ARG_MAX: case THIMBLE_ROWS_ARG_MIN: NAME(best_of_strip)(k, from, (int64_t *)y + reduced, vectors, part); return;
    default: NAME(reduce_strip)(k, from, (float *)y + reduced, vectors, part);
    }
}

/// Columns from `column` on, at most 4 vectors.
static TARGET void NAME(run_columns)(const thimble_rows *k, const float *x, void *y, size_t outer, size_t column) {
    size_t columns = k->inner - column;
    if (columns >= 4 * LANES) {
        NAME(run_strip)(k, x, y, outer, column, 4, LANES);
        return;
    }
    for (size_t i = 0; i < columns; i += LANES) NAME(run_strip)(k, x, y, outer, column + i, 1, columns - i < LANES ? columns - i : LANES);
}

// --- layer normalization

/// Mean and squares of a chunk, twice over it while it is near. What binary32 makes of the mean is that of the differences to it away from the mean.
static TARGET moments NAME(chunk_moments)(const float *x, size_t n) {
    float mean = (float)(NAME(row_sum)(x, n) / (double)n);
    double rest = 0, squares = 0, count = (double)n;
    while (n > 0) {
        size_t here = n < 64 * LANES ? n : 64 * LANES, i = 0;
        NAME(vector) sum[2] = {0}, square[2] = {0};
        for (; i + 2 * LANES <= here; i += 2 * LANES) {
            UNROLL for (int j = 0; j < 2; j++) {
                NAME(vector) v = NAME(load)(x + i + j * LANES) - mean;
                sum[j] += v;
                square[j] = NAME(fma)(v, v, square[j]);
            }
        }
        for (; i < here; i += LANES) {
            size_t part = here - i < LANES ? here - i : LANES;
            NAME(vector) v = NAME(select)(NAME(first_lanes)(part), NAME(load_part)(x + i, part) - mean, NAME(all)(0));
            sum[0] += v;
            square[0] = NAME(fma)(v, v, square[0]);
        }
        NAME(vector) total = sum[0] + sum[1], spread = square[0] + square[1];
        ACROSS(total, NAME(plus));
        ACROSS(spread, NAME(plus));
        rest += total[0];
        squares += spread[0];
        x += here;
        n -= here;
    }
    return (moments){count, mean + rest / count, squares - rest * rest / count};
}

/// Mean and variance of a row, a chunk at a time, and chunks together by the formulas of Chan, Golub and LeVeque, Algorithms for computing the sample
/// variance (1983).
static TARGET moments NAME(row_moments)(const float *x, size_t n) {
    moments all = {0, 0, 0};
    for (size_t start = 0; start < n; start += CHUNK) join(&all, NAME(chunk_moments)(x + start, n - start < CHUNK ? n - start : CHUNK));
    return all;
}

/// y = (x - mean) * inverse * scale + shift. What binary32 leaves of the mean counts where all of the row is nearly equal: the inverse is large then.
static TARGET void NAME(normalize_row)(const float *x, float *y, size_t n, double exact, float inverse, const float *scale, const float *shift) {
    float mean = (float)exact, rest = (float)(exact - mean);
    for (size_t i = 0; i < n; i += LANES) {
        size_t part = n - i;
        bool whole = part >= LANES;
        NAME(vector) v = ((whole ? NAME(load)(x + i) : NAME(load_part)(x + i, part)) - mean - rest) * inverse;
        NAME(vector) factor = scale == NULL ? NAME(all)(1) : whole ? NAME(load)(scale + i) : NAME(load_part)(scale + i, part);
        NAME(vector) added = shift == NULL ? NAME(all)(0) : whole ? NAME(load)(shift + i) : NAME(load_part)(shift + i, part);
        v = NAME(fma)(v, factor, added);
        if (whole) {
            NAME(store)(y + i, v);
        } else {
            NAME(store_part)(y + i, part, v);
        }
    }
}

static TARGET void NAME(add_rows)(const float *x, const float *skip, const float *bias, float *sum, size_t n) {
    for (size_t i = 0; i < n; i += LANES) {
        size_t part = n - i < LANES ? n - i : LANES;
        NAME(vector) v = NAME(load_part)(x + i, part);
        if (skip != NULL) v += NAME(load_part)(skip + i, part);
        if (bias != NULL) v += NAME(load_part)(bias + i, part);
        NAME(store_part)(sum + i, part, v);
    }
}

static TARGET void NAME(layer_norm_row)(const thimble_layer_norm *k, const thimble_layer_norm_operands *o, size_t row) {
    size_t n = k->columns, at = row * n;
    const float *x = o->x + at;
    if (o->skip != NULL || o->bias != NULL || o->sum != NULL) {
        float *sum = (o->sum != NULL ? o->sum : o->y) + at;
        NAME(add_rows)(x, o->skip == NULL ? NULL : o->skip + at, o->bias, sum, n);
        x = sum;
    }
    double mean = 0, squares;
    if (k->root_mean_square) {
        squares = NAME(row_squares)(x, n, 0);
    } else {
        moments m = NAME(row_moments)(x, n);
        mean = m.mean;
        squares = m.squares;
    }
    float inverse = (float)(1 / __builtin_sqrt(squares / (double)n + k->epsilon));
    if (o->means != NULL) o->means[row] = (float)mean;
    if (o->inverses != NULL) o->inverses[row] = inverse;
    NAME(normalize_row)(x, o->y + at, n, mean, inverse, o->scale, o->shift);
}

// --- group normalization

/// A group of channels that lie one after the other.
static TARGET void NAME(group_of_planes)(const thimble_group_norm *k, const float *x, const float *scale, const float *shift, float *y, size_t group) {
    size_t channels = k->channels / k->groups, first = group % k->groups * channels, at = group * channels * k->spatial;
    moments m = NAME(row_moments)(x + at, channels * k->spatial);
    float inverse = (float)(1 / __builtin_sqrt(m.squares / m.count + k->epsilon)), mean = (float)m.mean;
    for (size_t c = 0; c < channels; c++, at += k->spatial) {
        float factor = scale == NULL ? inverse : inverse * scale[first + c];
        // What binary32 leaves of the mean counts where all of the group is nearly equal: the factor is large then.
        float added = (shift == NULL ? 0 : shift[first + c]) + (float)(mean - m.mean) * factor;
        size_t i = 0;
        for (; i + LANES <= k->spatial; i += LANES) {
            NAME(store)(y + at + i, NAME(fma)(NAME(load)(x + at + i) - mean, NAME(all)(factor), NAME(all)(added)));
        }
        if (i < k->spatial) {
            NAME(vector) v = NAME(load_part)(x + at + i, k->spatial - i) - mean;
            NAME(store_part)(y + at + i, k->spatial - i, NAME(fma)(v, NAME(all)(factor), NAME(all)(added)));
        }
    }
}

/// Adds `pixels` of up to 4 vectors of channels to the channels' moments, `done` pixels having been added before.
INLINE void NAME(add_strip)(
    const float *x, size_t stride, size_t pixels, size_t done, double *means, double *squares, int vectors, size_t part) {
    double share = (double)pixels / (double)(done + pixels);
    NAME(vector) v[4], mean[4] = {0}, square[4] = {0}, rest[4] = {0};
    for (size_t i = 0; i < pixels; i++) {
        NAME(load_strip)(x + i * stride, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) mean[j] += v[j];
    }
    UNROLL for (int j = 0; j < vectors; j++) mean[j] *= (float)(1 / (double)pixels);
    for (size_t i = 0; i < pixels; i++) {
        NAME(load_strip)(x + i * stride, v, vectors, part);
        UNROLL for (int j = 0; j < vectors; j++) {
            v[j] -= mean[j];
            rest[j] += v[j];
            square[j] = NAME(fma)(v[j], v[j], square[j]);
        }
    }
    UNROLL for (int j = 0; j < vectors; j++) {
        // What the mean was rounded by.
        NAME(doubles) off = __builtin_convertvector(rest[j], NAME(doubles)) * (1 / (double)pixels);
        NAME(loose_doubles) *mean_at = (NAME(loose_doubles) *)(means + j * LANES), *square_at = (NAME(loose_doubles) *)(squares + j * LANES);
        NAME(doubles) step = __builtin_convertvector(mean[j], NAME(doubles)) + off - *mean_at;
        *mean_at += step * share;
        *square_at += __builtin_convertvector(square[j], NAME(doubles)) - off * off * (double)pixels + step * step * (share * (double)done);
    }
}

static TARGET void NAME(add_pixels)(const float *x, size_t stride, size_t pixels, size_t done, size_t channels, double *means, double *squares) {
    size_t c = 0;
    for (; c + 4 * LANES <= channels; c += 4 * LANES) NAME(add_strip)(x + c, stride, pixels, done, means + c, squares + c, 4, LANES);
    for (; c + 2 * LANES <= channels; c += 2 * LANES) NAME(add_strip)(x + c, stride, pixels, done, means + c, squares + c, 2, LANES);
    for (; c + LANES <= channels; c += LANES) NAME(add_strip)(x + c, stride, pixels, done, means + c, squares + c, 1, LANES);
    if (c < channels) NAME(add_strip)(x + c, stride, pixels, done, means + c, squares + c, 1, channels - c);
}

static TARGET void NAME(group_of_pixels)(
    const thimble_group_norm *k, const float *x, const float *scale, const float *shift, float *y, size_t batch, size_t first, size_t groups,
    void *scratch) {
    size_t per = k->channels / k->groups, channels = groups * per, padded = (channels + 15) / 16 * 16, origin = first * per;
    double *means = scratch, *squares = means + padded;
    float *mean = (float *)(squares + padded), *factor = mean + padded, *added = factor + padded;
    x += batch * k->spatial * k->channels + origin;
    y += batch * k->spatial * k->channels + origin;
    memset(scratch, 0, 2 * padded * sizeof(double));
    size_t chunk = CHUNK / channels < 8 ? 8 : CHUNK / channels > 64 ? 64 : CHUNK / channels;
    for (size_t p = 0; p < k->spatial; p += chunk) {
        NAME(add_pixels)(x + p * k->channels, k->channels, k->spatial - p < chunk ? k->spatial - p : chunk, p, channels, means, squares);
    }
    for (size_t g = 0; g < groups; g++) {
        moments m = {0, 0, 0};
        for (size_t c = g * per; c < (g + 1) * per; c++) join(&m, (moments){(double)k->spatial, means[c], squares[c]});
        double inverse = 1 / __builtin_sqrt(m.squares / m.count + k->epsilon);
        for (size_t c = g * per; c < (g + 1) * per; c++) {
            mean[c] = (float)m.mean;
            factor[c] = (float)(scale == NULL ? inverse : inverse * scale[origin + c]);
            added[c] = (shift == NULL ? 0 : shift[origin + c]) + (float)(mean[c] - m.mean) * factor[c];
        }
    }
    for (size_t p = 0; p < k->spatial; p++) {
        const float *from = x + p * k->channels;
        float *to = y + p * k->channels;
        size_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            NAME(store)(to + c, NAME(fma)(NAME(load)(from + c) - NAME(load)(mean + c), NAME(load)(factor + c), NAME(load)(added + c)));
        }
        if (c == channels) continue;
        size_t part = channels - c;
        NAME(vector) v = NAME(load_part)(from + c, part) - NAME(load_part)(mean + c, part);
        NAME(store_part)(to + c, part, NAME(fma)(v, NAME(load_part)(factor + c, part), NAME(load_part)(added + c, part)));
    }
}

static const family_functions NAME(family) = {
    NAME(run_row), NAME(run_columns), NAME(layer_norm_row), NAME(group_of_planes), NAME(group_of_pixels), 4 * LANES,
};
static const family_functions *const NAME(functions) = &NAME(family);

#undef SWAP
#undef ACROSS
