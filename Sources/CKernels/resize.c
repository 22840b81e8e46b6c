#include "CKernels.h"
#include <string.h>

#define KERNELS "resize_kernels.h"
#include "families.h"

typedef void (*weighted_function)(const float *const *in, const float *weights, size_t taps, float *out, size_t n);

static void narrow_weighted(const float *const *in, const float *weights, size_t taps, float *out, size_t n) {
    for (size_t c = 0; c < n; c++) {
        float sum = in[0][c] * weights[0];
        for (size_t t = 1; t < taps; t++) sum += in[t][c] * weights[t];
        out[c] = sum;
    }
}

static weighted_function function_for(unsigned family, size_t n) {
#if defined(__x86_64__)
    if (family >= THIMBLE_AVX512 && n >= 16) return wide_weighted;
    if (family >= THIMBLE_AVX2 && n >= 8) return middle_weighted;
#endif
    (void)family;
    return n >= 4 ? plain_weighted : narrow_weighted;
}

enum { UNIT_FLOATS = 8192 };

/// Rows of a unit: enough for the pool, and so many that neighbours share what they can.
static size_t rows_of_unit(size_t row) { return row >= UNIT_FLOATS / 4 ? 4 : UNIT_FLOATS / (row + 1); }

// --- nearest

size_t thimble_nearest_units(const thimble_nearest *k) {
    size_t rows = k->images * k->out_height, each = rows_of_unit(k->out_width * k->cell / 4);
    return k->out_width == 0 || k->cell == 0 ? 0 : rows / each + (rows % each != 0);
}

#define COPY(N) for (size_t x = 0; x < k->out_width; x++) memcpy(out + x * k->out.pixel, in + (size_t)k->columns[x] * k->in.pixel, N)

static void nearest_row(const thimble_nearest *k, const uint8_t *in, uint8_t *out) {
    switch (k->cell) {
    case 1: COPY(1); break;
    case 4: COPY(4); break;
    case 64: COPY(64); break;
    case 128: COPY(128); break;
    default: COPY(k->cell); break;
    }
}

void thimble_nearest_run(const thimble_nearest *k, const void *in, void *out, size_t first, size_t last) {
    size_t rows = k->images * k->out_height, each = rows_of_unit(k->out_width * k->cell / 4);
    size_t start = first * each, end = last < thimble_nearest_units(k) ? last * each : rows;
    bool dense = k->out.pixel == k->cell;
    for (size_t row = start; row < end; row++) {
        size_t image = row / k->out_height, y = row % k->out_height;
        uint8_t *to = (uint8_t *)out + image * k->out.image + y * k->out.row;
        // The row above is the same one often, and without gaps it is copied at once.
        if (dense && row > start && y > 0 && k->rows[y] == k->rows[y - 1]) memcpy(to, to - k->out.row, k->out_width * k->cell);
        else nearest_row(k, (const uint8_t *)in + image * k->in.image + (size_t)k->rows[y] * k->in.row, to);
    }
}

// --- linear, cubic

enum { MOST_TAPS = 64 };

size_t thimble_resize_units(const thimble_resize *k) {
    size_t rows = k->images * k->out_height, each = rows_of_unit(k->out_width * k->channels);
    return k->out_width == 0 || k->channels == 0 ? 0 : rows / each + (rows % each != 0);
}

size_t thimble_resize_scratch(const thimble_resize *k) {
    // Rows resized along the width, one for each tap, and the numbers of the input rows they come from.
    return (k->rows.taps * (k->out_width * k->channels * sizeof(float) + sizeof(int64_t) + sizeof(float *)) + 63) / 64 * 64;
}

static void resize_columns(const thimble_resize *k, const float *in, float *out) {
    size_t taps = k->columns.taps, n = k->channels;
    const int32_t *indices = k->columns.indices;
    const float *weights = k->columns.weights;
    if (n == 1 && taps == 2) {
        for (size_t x = 0; x < k->out_width; x++, indices += 2, weights += 2)
            out[x] = in[(size_t)indices[0] * k->in.pixel] * weights[0] + in[(size_t)indices[1] * k->in.pixel] * weights[1];
        return;
    }
    weighted_function weighted = function_for(k->family, n);
    for (size_t x = 0; x < k->out_width; x++, out += n) {
        // More taps than fit (a strong antialias) are added in turns.
        const float *from[MOST_TAPS];
        size_t here = taps < MOST_TAPS ? taps : MOST_TAPS;
        for (size_t t = 0; t < here; t++) from[t] = in + (size_t)indices[x * taps + t] * k->in.pixel;
        weighted(from, weights + x * taps, here, out, n);
        for (size_t t = here; t < taps; t++) {
            const float *more = in + (size_t)indices[x * taps + t] * k->in.pixel;
            for (size_t c = 0; c < n; c++) out[c] += more[c] * weights[x * taps + t];
        }
    }
}

/// The row for input row `wanted`, made in a slot that no tap of this output row needs if it is not there yet.
static const float *resized_row(const thimble_resize *k, const float *image, float *rows, int64_t *held, int64_t wanted, const int32_t *needed) {
    size_t taps = k->rows.taps, width = k->out_width * k->channels, spare = 0;
    for (size_t slot = 0; slot < taps; slot++) {
        if (held[slot] == wanted) return rows + slot * width;
        bool is_needed = false;
        for (size_t t = 0; t < taps; t++) is_needed |= held[slot] == needed[t];
        if (!is_needed) spare = slot;
    }
    held[spare] = wanted;
    resize_columns(k, image + (size_t)wanted * k->in.row, rows + spare * width);
    return rows + spare * width;
}

void thimble_resize_run(const thimble_resize *k, const float *in, float *out, size_t first, size_t last, void *scratch) {
    size_t taps = k->rows.taps, n = k->channels, width = k->out_width * n, each = rows_of_unit(width);
    size_t start = first * each, end = last < thimble_resize_units(k) ? last * each : k->images * k->out_height;
    int64_t *held = scratch;
    const float **from = (const float **)(held + taps);
    float *rows = (float *)(from + taps);
    for (size_t row = start; row < end; row++) {
        size_t image = row / k->out_height, y = row % k->out_height;
        if (row == start || y == 0) for (size_t slot = 0; slot < taps; slot++) held[slot] = -1;
        const int32_t *needed = k->rows.indices + y * taps;
        const float *weights = k->rows.weights + y * taps;
        for (size_t t = 0; t < taps; t++) from[t] = resized_row(k, in + image * k->in.image, rows, held, needed[t], needed);
        float *to = out + image * k->out.image + y * k->out.row;
        if (k->out.pixel == n) {
            function_for(k->family, width)(from, weights, taps, to, width);
            continue;
        }
        weighted_function weighted = function_for(k->family, n);
        for (size_t x = 0; x < k->out_width; x++, to += k->out.pixel) {
            weighted(from, weights, taps, to, n);
            for (size_t t = 0; t < taps; t++) from[t] += n;
        }
    }
}
