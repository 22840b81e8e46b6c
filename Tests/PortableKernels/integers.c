#include "check.h"

typedef struct {
    size_t batch, in_c, out_c, groups, h, w, kh, kw, stride, pad, dilation;
    bool planes, in_signed, weight_signed;
} shape;

static int32_t element(const uint8_t *p, size_t i, bool is_signed) { return is_signed ? (int8_t)p[i] : p[i]; }
static int32_t clamped(double v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : (int32_t)v; }

/// All three kinds of results, exactly.
static void convolution(unsigned family, shape s) {
    size_t reach_y = (s.kh - 1) * s.dilation + 1, reach_x = (s.kw - 1) * s.dilation + 1;
    if (s.h + 2 * s.pad < reach_y || s.w + 2 * s.pad < reach_x) return;
    size_t oh = (s.h + 2 * s.pad - reach_y) / s.stride + 1, ow = (s.w + 2 * s.pad - reach_x) / s.stride + 1;
    size_t group_in = s.in_c / s.groups, group_out = s.out_c / s.groups, area = s.kh * s.kw, count = s.batch * oh * ow * s.out_c;
    size_t in_count = s.batch * s.h * s.w * s.in_c, weight_count = s.out_c * group_in * area;
    uint8_t *x = memory(in_count), *weights = memory(weight_count);
    for (size_t i = 0; i < in_count; i++) x[i] = (uint8_t)random_bits();
    for (size_t i = 0; i < weight_count; i++) weights[i] = (uint8_t)random_bits();
    int32_t in_zero = s.in_signed ? -3 : 120, *zero = memory(4 * s.out_c), *bias = memory(4 * s.out_c), *sums = memory(4 * count);
    float *scale = memory(4 * s.out_c);
    for (size_t i = 0; i < s.out_c; i++) {
        zero[i] = s.weight_signed ? (int32_t)(random_bits() % 5) - 2 : 128;
        bias[i] = (int32_t)(random_bits() % 2000) - 1000;
        scale[i] = (1.1f + random_float()) / (float)(200 * group_in * area);
    }
    for (size_t p = 0; p < count; p++) {
        size_t o = p % s.out_c, ox = p / s.out_c % ow, oy = p / s.out_c / ow % oh, b = p / s.out_c / ow / oh, g = o / group_out;
        int32_t sum = bias[o];
        for (size_t ky = 0; ky < s.kh; ky++)
        for (size_t kx = 0; kx < s.kw; kx++) {
            ptrdiff_t y = (ptrdiff_t)(oy * s.stride + ky * s.dilation) - (ptrdiff_t)s.pad, xx = (ptrdiff_t)(ox * s.stride + kx * s.dilation) - (ptrdiff_t)s.pad;
            if (y < 0 || xx < 0 || y >= (ptrdiff_t)s.h || xx >= (ptrdiff_t)s.w) continue;
            for (size_t i = 0; i < group_in; i++) {
                size_t c = g * group_in + i, pixel = (size_t)y * s.w + (size_t)xx;
                size_t at = s.planes ? (b * s.in_c + c) * s.h * s.w + pixel : (b * s.h * s.w + pixel) * s.in_c + c;
                sum += (element(x, at, s.in_signed) - in_zero) * (element(weights, ((o * group_in + i) * s.kh + ky) * s.kw + kx, s.weight_signed) - zero[o]);
            }
        }
        sums[p] = sum;
    }
    for (int output = THIMBLE_INT8_BYTES; output <= THIMBLE_INT8_FLOATS; output++) {
        thimble_int8_conv k = {
            .family = family, .batch = s.batch, .groups = s.groups, .in_channels = s.in_c, .out_channels = s.out_c, .height = s.h, .width = s.w,
            .out_height = oh, .out_width = ow, .kernel_height = s.kh, .kernel_width = s.kw, .stride_y = s.stride, .stride_x = s.stride,
            .dilation_y = s.dilation, .dilation_x = s.dilation, .pad_top = s.pad, .pad_left = s.pad, .in_pixel = s.in_c, .out_pixel = s.out_c,
            .in_planes = s.planes, .in_signed = s.in_signed, .weight_signed = s.weight_signed, .out_signed = s.in_signed, .in_zero = in_zero,
            .weight_out = group_in * area, .weight_in = area, .weight_y = s.kw, .weight_x = 1, .output = (thimble_int8_output)output, .out_zero = 4,
            .out_low = s.in_signed ? -128 : 0, .out_high = s.in_signed ? 127 : 255, .clamp_low = -INFINITY, .clamp_high = INFINITY};
        thimble_int8_prepare(&k);
        thimble_int8_channels channels = {.zero = zero, .zeros = s.out_c, .bias = bias, .scale = scale, .scales = s.out_c};
        if (output == THIMBLE_INT8_SUMS) channels.scale = NULL;
        size_t size = output == THIMBLE_INT8_BYTES ? 1 : 4;
        void *packed = memory(thimble_int8_pack_size(&k)), *scratch = memory(thimble_int8_scratch(&k)), *y = memory(count * size), *again = memory(count * size);
        thimble_int8_pack(&k, weights, &channels, packed);
        RUN_BOTH_WAYS(thimble_int8_units(&k), y, again, count * size, "convolution of integers", family,
                      thimble_int8_run(&k, x, packed, NULL, to, first, last, scratch));
        uint8_t *expected = memory(count * size);
        for (size_t p = 0; p < count; p++) {
            float product = (float)sums[p] * scale[p % s.out_c];
            if (output == THIMBLE_INT8_SUMS) memcpy(expected + 4 * p, &sums[p], 4);
            else if (output == THIMBLE_INT8_FLOATS) memcpy(expected + 4 * p, &product, 4);
            else expected[p] = (uint8_t)clamped(nearbyint(product) + k.out_zero, k.out_low, k.out_high);
        }
        char what[160];
        snprintf(what, sizeof what, "convolution of integers %zu-%zu/%zu %zux%zu, kernel %zux%zu, stride %zu, output %d", s.in_c, s.out_c, s.groups, s.h, s.w,
                 s.kh, s.kw, s.stride, output);
        expect_same(what, family, y, expected, count * size);
    }
}

static void elementwise(unsigned family, size_t n) {
    float *x = random_floats(n), *wide = new_floats(n), scale = 0.0071f;
    static const struct { thimble_integer type; int32_t low, high, zero; } types[] = {
        {THIMBLE_U8, 0, 255, 117}, {THIMBLE_S8, -128, 127, 5}, {THIMBLE_U16, 0, 65535, 30000}, {THIMBLE_S16, -32768, 32767, -9}};
    for (int t = 0; t < 4; t++) {
        size_t size = t < 2 ? 1 : 2;
        void *codes = memory(n * size), *expected = memory(n * size);
        double *floats = memory(n * sizeof *floats);
        thimble_quantize(family, x, n, scale, types[t].zero, types[t].type, codes);
        for (size_t i = 0; i < n; i++) {
            int32_t code = clamped(nearbyint(x[i] / scale) + types[t].zero, types[t].low, types[t].high);
            memcpy((char *)expected + i * size, &code, size);
            floats[i] = (double)(code - types[t].zero) * scale;
        }
        expect_same("quantization", family, codes, expected, n * size);
        thimble_dequantize(family, codes, n, scale, types[t].zero, types[t].type, wide);
        expect_near("dequantization", family, wide, floats, n, 1e-6);
    }
    float low, high, bounds[2] = {0, 0};
    thimble_float_range(family, x, n, &low, &high);
    for (size_t i = 0; i < n; i++) bounds[0] = fminf(bounds[0], x[i]), bounds[1] = fmaxf(bounds[1], x[i]);
    expect_same("least", family, &low, &bounds[0], 4);
    expect_same("greatest", family, &high, &bounds[1], 4);

    uint8_t *a = memory(n), *b = memory(n), *c = memory(n), *expected = memory(n);
    for (size_t i = 0; i < n; i++) a[i] = (uint8_t)random_bits(), b[i] = (uint8_t)random_bits();
    thimble_quantity qa = {0.02f, 130}, qb = {0.031f, 121}, qc = {0.045f, 125};
    double *sums = memory(n * sizeof *sums);
    float *found = memory(n * sizeof *found);
    thimble_q8_multiply(family, false, a, qa, b, 1, qb, c, qc, 0, 255, n);
    for (size_t i = 0; i < n; i++) {
        sums[i] = fmin(fmax((a[i] - 130.0) * (b[i] - 121.0) * qa.scale * qb.scale / qc.scale + 125, 0), 255);
        found[i] = c[i];
    }
    // Half a step, of at least 128.
    expect_near("product of bytes", family, found, sums, n, 0.51 / 128);
    thimble_q8_add(family, false, a, qa, b, 1, qb, c, qc, 0, 255, n);
    for (size_t i = 0; i < n; i++) {
        sums[i] = fmin(fmax((a[i] - 130) * (double)qa.scale / qc.scale + (b[i] - 121) * (double)qb.scale / qc.scale + 125, 0), 255);
        found[i] = c[i];
    }
    expect_near("sum of bytes", family, found, sums, n, 0.51 / 128);
    uint8_t table[256];
    thimble_q8_table_sigmoid(table, false, qa, false, (thimble_quantity){1 / 256.0f, 0});
    thimble_q8_lookup(table, a, n, c);
    for (size_t i = 0; i < n; i++) expected[i] = table[a[i]];
    expect_same("function of bytes", family, c, expected, n);
}

static void average(unsigned family) {
    size_t h = random_size(3, 12), w = random_size(3, 12), channels = random_size(1, 70);
    uint8_t *x = memory(h * w * channels), *y = memory(h * w * channels);
    for (size_t i = 0; i < h * w * channels; i++) x[i] = (uint8_t)random_bits();
    thimble_q8_average k = {
        .family = family, .batch = 1, .channels = channels, .height = h, .width = w, .out_height = h - 2, .out_width = w - 2, .kernel_height = 3,
        .kernel_width = 3, .stride_y = 1, .stride_x = 1, .in_pixel = channels, .out_pixel = channels, .in = {0.02f, 100}, .out = {0.02f, 90}};
    thimble_q8_average_run(&k, x, y, 0, thimble_q8_average_units(&k));
    size_t count = (h - 2) * (w - 2) * channels;
    double *expected = memory(count * sizeof *expected);
    float *found = memory(count * sizeof *found);
    for (size_t i = 0; i < count; i++) {
        size_t c = i % channels, xx = i / channels % (w - 2), yy = i / channels / (w - 2);
        double sum = 0;
        for (size_t t = 0; t < 9; t++) sum += x[((yy + t / 3) * w + xx + t % 3) * channels + c] - 100.0;
        expected[i] = fmin(fmax(sum / 9 + 90, 0), 255);
        found[i] = y[i];
    }
    expect_near("average of bytes", family, found, expected, count, 0.51 / 64);
}

static void join(unsigned family) {
    const size_t inputs = random_size(1, THIMBLE_JOIN + 1), channels = random_size(1, 70), pixels = random_size(1, 300);
    thimble_q8_join k = {
        .family = family, .inputs = inputs, .channels = channels, .pixels = pixels, .out_pixel = inputs * channels, .out = {0.03f, 90}, .low = 5, .high = 250};
    const void *in[THIMBLE_JOIN] = {0};
    uint8_t *expected = memory(pixels * inputs * channels), *found = memory(pixels * inputs * channels), *again = memory(pixels * inputs * channels);
    for (size_t i = 0; i < inputs; i++) {
        k.in[i] = (thimble_quantity){0.01f + 0.001f * (float)random_size(0, 60), (int32_t)random_size(0, 256)};
        k.in_pixel[i] = channels + random_size(0, 9);
        const size_t bytes = (pixels - 1) * k.in_pixel[i] + channels;
        uint8_t *x = memory(bytes);
        for (size_t j = 0; j < bytes; j++) x[j] = (uint8_t)random_bits();
        in[i] = x;
        for (size_t j = 0; j < pixels * channels; j++) {
            const float number = (float)(x[j / channels * k.in_pixel[i] + j % channels] - k.in[i].zero) * k.in[i].scale;
            expected[j * inputs + i] = (uint8_t)fminf(fmaxf(rintf(number / k.out.scale) + 90, 5), 250);
        }
    }
    RUN_BOTH_WAYS(thimble_q8_join_units(&k), found, again, pixels * inputs * channels, "join of bytes", family, thimble_q8_join_run(&k, in, to, first, last));
    expect_same("join of bytes", family, found, expected, pixels * inputs * channels);
}

void check_int8(unsigned family) {
    static const shape shapes[] = {
        {1, 16, 96, 1, 7, 9, 1, 1, 1, 0, 1, 0, 0, 1},  {1, 58, 57, 1, 5, 6, 1, 1, 1, 0, 1, 0, 0, 0}, {2, 3, 32, 1, 15, 13, 3, 3, 2, 1, 1, 1, 0, 1},
        {1, 20, 33, 1, 9, 11, 3, 3, 1, 1, 1, 0, 1, 1}, {1, 40, 40, 40, 9, 13, 3, 3, 1, 1, 1, 0, 0, 1}, {1, 24, 24, 24, 10, 11, 5, 5, 2, 2, 1, 0, 1, 1},
        {1, 24, 12, 3, 6, 7, 3, 3, 1, 1, 1, 0, 0, 1},  {1, 9, 18, 9, 6, 7, 3, 3, 1, 1, 2, 0, 0, 1}, {1, 130, 65, 1, 1, 33, 1, 1, 1, 0, 1, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) convolution(family, shapes[i]);
    for (int i = 0; i < 25; i++) {
        shape s = {.batch = random_size(1, 3), .in_c = random_size(1, 40), .out_c = random_size(1, 70), .groups = 1, .h = random_size(1, 12),
                   .w = random_size(1, 12), .kh = random_size(1, 4), .kw = random_size(1, 4), .stride = random_size(1, 3), .pad = random_size(0, 2),
                   .dilation = random_size(1, 3), .in_signed = random_bits() % 2, .weight_signed = random_bits() % 2};
        if (i % 3 == 1) s.groups = s.out_c = s.in_c;
        convolution(family, s);
    }
    for (int i = 0; i < 8; i++) elementwise(family, random_size(1, 300));
    for (int i = 0; i < 4; i++) average(family);
    for (int i = 0; i < 12; i++) join(family);
}
