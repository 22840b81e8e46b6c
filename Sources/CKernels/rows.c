#include "CKernels.h"
#include <string.h>

// A multiplication and an addition become one only where vector_math.h says so.
#pragma STDC FP_CONTRACT OFF

// Constants that loops are compiled for.
enum { FOLD_MAX, FOLD_MIN, FOLD_PRODUCT, FOLD_LARGEST };
enum { TERM_PLAIN, TERM_MAGNITUDE, TERM_SQUARE, TERM_EXP };

enum {
    CHUNK = 4096,        // floats that are read twice at once, to find mean and variance
    UNIT_FLOATS = 8192,  // that make a unit of work
};

/// Of some numbers: how many, their mean, and the sum of squares of differences from it.
typedef struct {
    double count, mean, squares;
} moments;

static inline void join(moments *all, moments more) {
    double count = all->count + more.count, step = more.mean - all->mean;
    all->mean += step * (more.count / count);
    all->squares += more.squares + step * step * (all->count * more.count / count);
    all->count = count;
}

typedef struct {
    void (*row)(const thimble_rows *, const float *x, void *y, size_t row);
    void (*columns)(const thimble_rows *, const float *x, void *y, size_t outer, size_t column);
    void (*layer_norm)(const thimble_layer_norm *, const thimble_layer_norm_operands *, size_t row);
    void (*planes)(const thimble_group_norm *, const float *x, const float *scale, const float *shift, float *y, size_t group);
    void (*pixels)(
        const thimble_group_norm *, const float *x, const float *scale, const float *shift, float *y, size_t batch, size_t first, size_t groups,
        void *scratch);
    size_t strip;
} family_functions;

#define KERNELS "rows_kernels.h"
#include "families.h"

static const family_functions *functions_of(unsigned family) {
    unsigned most = thimble_processor();
    return OF_FAMILY(family < most ? family : most, functions);
}

static size_t divided_up(size_t a, size_t b) { return a / b + (a % b != 0); }

/// How many rows (or strips) of so many floats make a unit.
static size_t per_unit(size_t floats) { return floats >= UNIT_FLOATS ? 1 : UNIT_FLOATS / (floats == 0 ? 1 : floats); }

// --- rows: an item is a row, or a strip of columns

static size_t strips_of(const thimble_rows *k) { return k->inner == 1 ? 1 : divided_up(k->inner, functions_of(k->family)->strip); }

static size_t items_per_unit(const thimble_rows *k) {
    size_t strip = functions_of(k->family)->strip;
    return per_unit(k->axis * (k->inner < strip ? k->inner : strip));
}

size_t thimble_rows_units(const thimble_rows *k) {
    bool arg = k->op == THIMBLE_ROWS_ARG_MAX || k->op == THIMBLE_ROWS_ARG_MIN;
    if (k->inner == 0 || (arg && k->axis == 0)) return 0;
    return divided_up(k->outer * strips_of(k), items_per_unit(k));
}

void thimble_rows_run(const thimble_rows *k, const float *x, void *y, size_t first, size_t last) {
    if (first >= last) return;
    const family_functions *functions = functions_of(k->family);
    size_t strips = strips_of(k), each = items_per_unit(k), end = k->outer * strips;
    if (last <= end / each) end = last * each;
    for (size_t i = first * each; i < end; i++) {
        if (k->inner == 1) {
            functions->row(k, x, y, i);
        } else {
            functions->columns(k, x, y, i / strips, i % strips * functions->strip);
        }
    }
}

// --- layer normalization

size_t thimble_layer_norm_units(const thimble_layer_norm *k) { return k->columns == 0 ? 0 : divided_up(k->rows, per_unit(k->columns)); }

void thimble_layer_norm_run(const thimble_layer_norm *k, const thimble_layer_norm_operands *operands, size_t first, size_t last) {
    if (first >= last) return;
    const family_functions *functions = functions_of(k->family);
    size_t each = per_unit(k->columns), end = last <= k->rows / each ? last * each : k->rows;
    for (size_t row = first * each; row < end; row++) functions->layer_norm(k, operands, row);
}

// --- group normalization: with channels last an item is some groups of one batch, at least 64 channels where there are as many

static size_t groups_per_item(const thimble_group_norm *k) {
    size_t per = k->channels / k->groups, some = per >= 64 ? 1 : 64 / per;
    return some < k->groups ? some : k->groups;
}

static bool is_empty(const thimble_group_norm *k) { return k->batch == 0 || k->channels == 0 || k->spatial == 0 || k->groups == 0; }

static size_t group_items(const thimble_group_norm *k) {
    return k->batch * (k->channels_last ? divided_up(k->groups, groups_per_item(k)) : k->groups);
}

static size_t group_items_per_unit(const thimble_group_norm *k) {
    return per_unit(k->channels / k->groups * k->spatial * (k->channels_last ? groups_per_item(k) : 1));
}

size_t thimble_group_norm_units(const thimble_group_norm *k) { return is_empty(k) ? 0 : divided_up(group_items(k), group_items_per_unit(k)); }

size_t thimble_group_norm_scratch(const thimble_group_norm *k) {
    if (is_empty(k) || !k->channels_last) return 0;
    size_t padded = (groups_per_item(k) * (k->channels / k->groups) + 15) / 16 * 16;
    return padded * (2 * sizeof(double) + 3 * sizeof(float));
}

void thimble_group_norm_run(
    const thimble_group_norm *k, const float *x, const float *scale, const float *shift, float *y, size_t first, size_t last, void *scratch) {
    if (first >= last || is_empty(k)) return;
    const family_functions *functions = functions_of(k->family);
    size_t each = group_items_per_unit(k), items = group_items(k), end = last <= items / each ? last * each : items;
    for (size_t i = first * each; i < end; i++) {
        if (!k->channels_last) {
            functions->planes(k, x, scale, shift, y, i);
            continue;
        }
        size_t some = groups_per_item(k), strips = divided_up(k->groups, some), group = i % strips * some;
        functions->pixels(k, x, scale, shift, y, i / strips, group, k->groups - group < some ? k->groups - group : some, scratch);
    }
}
