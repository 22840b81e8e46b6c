#include "CKernels.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define KERNELS "attention_kernels.h"
#include "families.h"

/// Floats of scores that a thread keeps at a time, so that they stay in the second cache.
enum { SCORES = 65536 };

static size_t rounded(size_t n, size_t to) { return (n + to - 1) / to * to; }

/// Scores have rows of whole vectors of any family.
static size_t score_step(const thimble_attention *a) { return rounded(a->keys, 16); }

static thimble_matmul scores_of(const thimble_attention *a, size_t rows, ptrdiff_t mask_row) {
    thimble_matmul m = {
        .family = a->family, .m = rows, .n = a->keys, .k = a->depth, .a_stride = (size_t)a->q.row, .c_stride = score_step(a),
        .residual_stride = (size_t)mask_row, .low = -INFINITY, .high = INFINITY,
    };
    thimble_matmul_prepare(&m);
    return m;
}

static thimble_matmul results_of(const thimble_attention *a, size_t rows) {
    thimble_matmul m = {
        .family = a->family, .m = rows, .n = a->value_depth, .k = a->keys, .a_stride = score_step(a), .c_stride = (size_t)a->out.row,
        .low = -INFINITY, .high = INFINITY,
    };
    thimble_matmul_prepare(&m);
    return m;
}

void thimble_attention_prepare(thimble_attention *a) {
    size_t heads = a->batch * a->heads, rows = SCORES / (score_step(a) + 1);
    // Few heads are divided, but not so far that packing keys and values costs much.
    size_t parts = heads >= 16 || heads == 0 ? 1 : 16 / heads, most = a->queries / 64;
    a->parts = parts < most ? parts : most > 0 ? most : 1;
    size_t part = (a->queries + a->parts - 1) / a->parts;
    if (rows < 24) rows = 24;
    // Evenly: 128 queries of 100 rows are 2 times 64.
    size_t turns = part == 0 ? 1 : (part + rows - 1) / rows;
    a->rows = (part + turns - 1) / turns;
    if (a->rows == 0) a->rows = 1;
}

size_t thimble_attention_units(const thimble_attention *a) {
    return a->queries == 0 || a->value_depth == 0 ? 0 : a->batch * a->heads * a->parts;
}

/// Where the parts of the scratch begin, in bytes.
typedef struct { size_t keys, values, scores, sums, size; } layout;

static layout layout_of(const thimble_attention *a) {
    thimble_matmul s = scores_of(a, a->rows, 0), r = results_of(a, a->rows);
    layout l = { .keys = 0 };
    l.values = rounded(thimble_matmul_pack_size(&s), 64);
    l.scores = l.values + rounded(thimble_matmul_pack_size(&r), 64);
    l.sums = l.scores + a->rows * score_step(a) * sizeof(float);
    l.size = l.sums + rounded(a->rows * sizeof(float), 64);
    return l;
}

size_t thimble_attention_scratch(const thimble_attention *a) { return layout_of(a).size; }

/// Rows of scores become their exponentials; `sums` get 1 / their sums.
static void soften(const thimble_attention *a, float *scores, float *sums, size_t start, size_t rows) {
    for (size_t i = 0; i < rows; i++) {
        float *row = scores + i * score_step(a);
        size_t seen = a->keys;
        if (a->causal) {
            ptrdiff_t most = (ptrdiff_t)(start + i) + a->causal_offset + 1;
            seen = most <= 0 ? 0 : (size_t)most < seen ? (size_t)most : seen;
        }
        sums[i] = seen == 0 ? 0 : 1 / OF_FAMILY(a->family, exponentials)(row, seen);
        if (seen < a->keys) memset(row + seen, 0, (a->keys - seen) * sizeof *row);
    }
}

void thimble_attention_run(
    const thimble_attention *a, const float *q, const float *k, const float *v, const float *mask, float *out, size_t first, size_t last,
    void *scratch
) {
    layout l = layout_of(a);
    char *base = scratch;
    float *scores = (float *)(base + l.scores), *sums = (float *)(base + l.sums);
    size_t packed = SIZE_MAX;
    for (size_t unit = first; unit < last; unit++) {
        size_t part = unit % a->parts, head = unit / a->parts % a->heads, batch = unit / a->parts / a->heads;
        size_t key_head = head / (a->heads / a->key_heads), pair = batch * a->key_heads + key_head;
        ptrdiff_t b = (ptrdiff_t)batch, h = (ptrdiff_t)head, kh = (ptrdiff_t)key_head;
        thimble_matmul s = scores_of(a, a->rows, mask ? a->mask.row : 0), r = results_of(a, a->rows);
        if (pair != packed) {
            thimble_matmul_pack(&s, k + b * a->k.batch + kh * a->k.head, (size_t)a->k.element, (size_t)a->k.row, a->scale, base + l.keys);
            thimble_matmul_pack(&r, v + b * a->v.batch + kh * a->v.head, (size_t)a->v.row, (size_t)a->v.element, 1, base + l.values);
            packed = pair;
        }
        size_t start = a->queries * part / a->parts, end = a->queries * (part + 1) / a->parts;
        for (; start < end; start += a->rows) {
            size_t rows = end - start < a->rows ? end - start : a->rows;
            if (rows < a->rows) {
                s = scores_of(a, rows, mask ? a->mask.row : 0);
                r = results_of(a, rows);
            }
            ptrdiff_t i = (ptrdiff_t)start;
            const float *added = mask ? mask + b * a->mask.batch + h * a->mask.head + i * a->mask.row : NULL;
            bool same = added && a->mask.row == 0;
            thimble_matmul_run(
                &s, q + b * a->q.batch + h * a->q.head + i * a->q.row, base + l.keys, same ? added : NULL, same ? NULL : added, scores, 0,
                thimble_matmul_units(&s), NULL);
            soften(a, scores, sums, start, rows);
            float *to = out + b * a->out.batch + h * a->out.head + i * a->out.row;
            thimble_matmul_run(&r, scores, base + l.values, NULL, NULL, to, 0, thimble_matmul_units(&r), NULL);
            for (size_t j = 0; j < rows; j++) OF_FAMILY(a->family, scale_row)(to + (ptrdiff_t)j * a->out.row, a->value_depth, sums[j]);
        }
    }
}
