#include "check.h"

static void pooling(unsigned family, unsigned kind) {
    bool bytes = kind == THIMBLE_POOLING_MAX_U8 || kind == THIMBLE_POOLING_MAX_S8;
    size_t size = bytes ? 1 : 4, images = random_size(1, 3), channels = random_size(1, 70), h = random_size(3, 20), w = random_size(3, 20);
    size_t kh = random_size(1, 4), kw = random_size(1, 4), stride = random_size(1, 3), dilation = kh < 3 && kw < 3 ? random_size(1, 3) : 1;
    size_t pad_y = random_size(0, (kh - 1) * dilation / 2 + 1), pad_x = random_size(0, (kw - 1) * dilation / 2 + 1);
    size_t oh = (h + 2 * pad_y - (kh - 1) * dilation - 1) / stride + 1, ow = (w + 2 * pad_x - (kw - 1) * dilation - 1) / stride + 1;
    size_t n = images * h * w * channels, count = images * oh * ow * channels;
    bool counts_padding = random_bits() % 2;
    float *x = random_floats(n);
    uint8_t *codes = memory(n);
    for (size_t i = 0; i < n; i++) codes[i] = (uint8_t)random_bits();
    thimble_pooling k = {
        .kind = kind, .family = family, .images = images, .channels = channels, .in_height = h, .in_width = w, .out_height = oh, .out_width = ow,
        .kernel_height = kh, .kernel_width = kw, .stride_height = stride, .stride_width = stride, .dilation_height = dilation, .dilation_width = dilation,
        .pad_top = pad_y, .pad_left = pad_x, .pad_bottom = pad_y, .pad_right = pad_x, .count_include_pad = counts_padding, .p = 3,
        .in = {channels, w * channels, h * w * channels}, .out = {channels, ow * channels, oh * ow * channels}};
    thimble_pooling_prepare(&k);
    void *scratch = memory(thimble_pooling_scratch(&k)), *y = memory(count * size), *again = memory(count * size);
    const void *in = bytes ? (const void *)codes : x;
    RUN_BOTH_WAYS(thimble_pooling_units(&k), y, again, count * size, "pooling", family, thimble_pooling_run(&k, in, to, first, last, scratch));
    double *expected = memory(count * sizeof *expected);
    float *found = memory(count * sizeof *found);
    for (size_t i = 0; i < count; i++) {
        size_t c = i % channels, ox = i / channels % ow, oy = i / channels / ow % oh, b = i / channels / ow / oh;
        double most = -1e30, sum = 0, powers = 0, cells = 0;
        for (size_t ky = 0; ky < kh; ky++)
        for (size_t kx = 0; kx < kw; kx++) {
            ptrdiff_t yy = (ptrdiff_t)(oy * stride + ky * dilation) - (ptrdiff_t)pad_y, xx = (ptrdiff_t)(ox * stride + kx * dilation) - (ptrdiff_t)pad_x;
            bool inside = yy >= 0 && xx >= 0 && yy < (ptrdiff_t)h && xx < (ptrdiff_t)w;
            cells += inside || counts_padding;
            if (!inside) continue;
            size_t at = ((b * h + (size_t)yy) * w + (size_t)xx) * channels + c;
            double v = kind == THIMBLE_POOLING_MAX_U8 ? codes[at] : kind == THIMBLE_POOLING_MAX_S8 ? (int8_t)codes[at] : x[at];
            most = fmax(most, v), sum += v, powers += pow(fabs(v), 3);
        }
        expected[i] = kind == THIMBLE_POOLING_AVERAGE ? sum / cells : kind == THIMBLE_POOLING_LP ? cbrt(powers) : most;
        found[i] = kind == THIMBLE_POOLING_MAX_U8 ? ((uint8_t *)y)[i] : kind == THIMBLE_POOLING_MAX_S8 ? ((int8_t *)y)[i] : ((float *)y)[i];
    }
    expect_near("pooling", family, found, expected, count, kind == THIMBLE_POOLING_AVERAGE || kind == THIMBLE_POOLING_LP ? 2e-6 : 0);
}

static void taps(size_t in, size_t out, size_t count, int32_t *indices, float *weights) {
    for (size_t i = 0; i < out * count; i++) indices[i] = (int32_t)random_size(0, in), weights[i] = random_float();
}

static void resizing(unsigned family, size_t count) {
    size_t images = random_size(1, 3), channels = random_size(1, 50), h = random_size(1, 12), w = random_size(1, 12), oh = random_size(1, 20), ow = random_size(1, 20);
    float *x = random_floats(images * h * w * channels);
    size_t results = images * oh * ow * channels;
    int32_t *rows = memory(4 * oh * count), *columns = memory(4 * ow * count);
    float *of_rows = memory(4 * oh * count), *of_columns = memory(4 * ow * count), *y = new_floats(results), *again = new_floats(results);
    taps(h, oh, count, rows, of_rows);
    taps(w, ow, count, columns, of_columns);
    thimble_resize k = {
        .family = family, .images = images, .channels = channels, .out_height = oh, .out_width = ow, .in = {channels, w * channels, h * w * channels},
        .out = {channels, ow * channels, oh * ow * channels}, .rows = {count, rows, of_rows}, .columns = {count, columns, of_columns}};
    void *scratch = memory(thimble_resize_scratch(&k));
    RUN_BOTH_WAYS(thimble_resize_units(&k), y, again, results * sizeof *y, "resizing", family, thimble_resize_run(&k, x, to, first, last, scratch));
    double *expected = memory(results * sizeof *expected);
    float *near = new_floats(results), *nearest = memory(4 * results);
    for (size_t i = 0; i < results; i++) {
        size_t c = i % channels, ox = i / channels % ow, oy = i / channels / ow % oh, b = i / channels / ow / oh;
        expected[i] = 0;
        for (size_t t = 0; t < count * count; t++) {
            size_t at_y = oy * count + t / count, at_x = ox * count + t % count;
            expected[i] += (double)of_rows[at_y] * of_columns[at_x] * x[((b * h + (size_t)rows[at_y]) * w + (size_t)columns[at_x]) * channels + c];
        }
        nearest[i] = x[((b * h + (size_t)rows[oy]) * w + (size_t)columns[ox]) * channels + c];
    }
    expect_near("resizing", family, y, expected, results, 5e-6);
    thimble_nearest n = {
        .images = images, .cell = 4 * channels, .out_height = oh, .out_width = ow, .in = {4 * channels, 4 * w * channels, 4 * h * w * channels},
        .out = {4 * channels, 4 * ow * channels, 4 * oh * ow * channels}, .rows = rows, .columns = columns};
    thimble_nearest_run(&n, x, near, 0, thimble_nearest_units(&n));
    expect_same("nearest", family, near, nearest, 4 * results);
}

void check_images(unsigned family) {
    for (unsigned kind = THIMBLE_POOLING_MAX; kind <= THIMBLE_POOLING_MAX_S8; kind++) {
        for (int i = 0; i < 12; i++) pooling(family, kind);
    }
    for (int i = 0; i < 12; i++) resizing(family, i % 2 ? 2 : 4);
}
