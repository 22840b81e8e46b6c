#include "check.h"

typedef struct {
    size_t batch, in_c, out_c, groups, h, w, kh, kw, stride, pad, dilation;
    bool planar, transposed, exact;
} shape;

static void convolution(unsigned family, shape s) {
    size_t reach_y = (s.kh - 1) * s.dilation + 1, reach_x = (s.kw - 1) * s.dilation + 1;
    if (!s.transposed && (s.h + 2 * s.pad < reach_y || s.w + 2 * s.pad < reach_x)) return;
    size_t oh = s.transposed ? (s.h - 1) * s.stride + reach_y - 2 * s.pad : (s.h + 2 * s.pad - reach_y) / s.stride + 1;
    size_t ow = s.transposed ? (s.w - 1) * s.stride + reach_x - 2 * s.pad : (s.w + 2 * s.pad - reach_x) / s.stride + 1;
    size_t group_in = s.in_c / s.groups, group_out = s.out_c / s.groups, area = s.kh * s.kw;
    float *x = random_floats(s.batch * s.h * s.w * s.in_c), *weights = random_floats(s.in_c * group_out * area), *bias = random_floats(s.out_c), *factors = random_floats(s.out_c);
    size_t out_count = s.batch * oh * ow * s.out_c;
    float *residual = random_floats(out_count), *y = new_floats(out_count), *again = new_floats(out_count);
    thimble_conv k = {
        .family = family, .exact = s.exact, .planar = s.planar, .transposed = s.transposed, .batch = s.batch, .in_c = s.in_c, .out_c = s.out_c,
        .groups = s.groups, .height = {s.h, oh, s.kh, s.stride, s.pad, s.dilation}, .width = {s.w, ow, s.kw, s.stride, s.pad, s.dilation},
        .in_pixel_stride = s.in_c, .out_pixel_stride = s.out_c, .residual_pixel_stride = s.out_c, .low = -INFINITY, .high = 2};
    thimble_conv_prepare(&k);
    void *packed = memory(thimble_conv_pack_size(&k)), *scratch = memory(thimble_conv_scratch(&k));
    const size_t size = thimble_conv_pack_size(&k), count = s.in_c * group_out * area, unit = thimble_conv_pack_unit(&k);
    void *pieces = memory(size);
    memset(packed, 0, size);
    memset(pieces, 0, size);
    thimble_conv_pack(&k, weights, factors, packed);
    for (size_t last = count, first; last > 0; last = first) {
        first = (last - 1) / unit * unit;
        thimble_conv_pack_part(&k, weights + first, first, last, factors, pieces);
    }
    expect_same("weights of a convolution in pieces", family, pieces, packed, size);
    RUN_BOTH_WAYS(thimble_conv_units(&k), y, again, out_count * sizeof *y, "convolution", family,
                  thimble_conv_run(&k, x, packed, bias, residual, to, first, last, scratch));
    double *expected = memory(out_count * sizeof *expected);
    for (size_t i = 0; i < out_count; i++) expected[i] = bias[i % s.out_c] + residual[i];
    for (size_t b = 0; b < s.batch; b++)
    for (size_t g = 0; g < s.groups; g++)
    for (size_t yy = 0; yy < (s.transposed ? s.h : oh); yy++)
    for (size_t xx = 0; xx < (s.transposed ? s.w : ow); xx++)
    for (size_t ky = 0; ky < s.kh; ky++)
    for (size_t kx = 0; kx < s.kw; kx++) {
        // The place that the window's tap is at: of the input, or of the result of a transposed convolution.
        ptrdiff_t py = (ptrdiff_t)(yy * s.stride + ky * s.dilation) - (ptrdiff_t)s.pad, px = (ptrdiff_t)(xx * s.stride + kx * s.dilation) - (ptrdiff_t)s.pad;
        if (py < 0 || px < 0 || py >= (ptrdiff_t)(s.transposed ? oh : s.h) || px >= (ptrdiff_t)(s.transposed ? ow : s.w)) continue;
        size_t iy = s.transposed ? yy : (size_t)py, ix = s.transposed ? xx : (size_t)px, oy = s.transposed ? (size_t)py : yy, ox = s.transposed ? (size_t)px : xx;
        for (size_t i = 0; i < group_in; i++) {
            size_t channel = g * group_in + i;
            double v = s.planar ? x[((b * s.in_c + channel) * s.h + iy) * s.w + ix] : x[((b * s.h + iy) * s.w + ix) * s.in_c + channel];
            for (size_t o = 0; o < group_out; o++) {
                size_t at = s.transposed ? channel * group_out + o : (g * group_out + o) * group_in + i;
                expected[((b * oh + oy) * ow + ox) * s.out_c + g * group_out + o] += v * weights[at * area + ky * s.kw + kx] * factors[g * group_out + o];
            }
        }
    }
    for (size_t i = 0; i < out_count; i++) expected[i] = fmin(expected[i], 2);
    bool winograd = thimble_conv_is_winograd(&k);
    char what[160];
    snprintf(what, sizeof what, "convolution %zu-%zu/%zu %zux%zu, kernel %zux%zu, stride %zu, pad %zu, dilation %zu, path %u", s.in_c, s.out_c, s.groups,
             s.h, s.w, s.kh, s.kw, s.stride, s.pad, s.dilation, k.path);
    expect_near(what, family, y, expected, out_count, winograd ? 4e-5 : 1e-5);
}

void check_convolutions(unsigned family) {
    static const shape shapes[] = {
        {1, 20, 35, 1, 13, 9, 1, 1, 1, 0, 1, 0, 0, 0},   // a product
        {2, 3, 17, 1, 15, 14, 3, 3, 2, 1, 1, 1, 0, 0},   // planes of few channels
        {1, 1, 5, 1, 12, 31, 5, 5, 1, 2, 1, 1, 0, 0},
        {1, 24, 40, 1, 17, 19, 3, 3, 1, 1, 1, 0, 0, 0},  // Winograd, with tiles that are cut off
        {2, 33, 18, 1, 9, 11, 3, 3, 1, 1, 1, 0, 0, 0},
        {1, 24, 40, 1, 17, 19, 3, 3, 1, 1, 1, 0, 0, 1},  // the same without
        {1, 19, 23, 1, 11, 13, 3, 3, 2, 1, 1, 0, 0, 0},
        {1, 16, 16, 1, 12, 12, 5, 3, 1, 2, 2, 0, 0, 0},  // dilated
        {1, 37, 37, 37, 11, 13, 3, 3, 1, 1, 1, 0, 0, 0}, // depthwise
        {2, 20, 20, 20, 10, 17, 5, 5, 2, 2, 1, 0, 0, 0},
        {1, 16, 16, 16, 9, 30, 7, 7, 1, 3, 1, 0, 0, 0},
        {1, 12, 24, 12, 9, 10, 3, 3, 1, 1, 1, 0, 0, 0},  // two results for each channel
        {1, 32, 32, 8, 10, 11, 3, 3, 1, 1, 1, 0, 0, 0},  // groups of few
        {1, 36, 54, 2, 8, 9, 3, 3, 1, 1, 1, 0, 0, 0},    // groups of many
        {1, 40, 35, 1, 1, 77, 1, 5, 1, 0, 1, 0, 0, 0},   // Winograd in lines: along the only axis, along rows and down columns
        {1, 33, 40, 1, 90, 1, 3, 1, 1, 0, 1, 0, 0, 0},
        {2, 40, 48, 1, 9, 31, 1, 5, 1, 2, 1, 0, 0, 0},
        {2, 40, 48, 1, 30, 7, 3, 1, 1, 1, 1, 0, 0, 0},
        {1, 21, 13, 1, 1, 77, 1, 5, 1, 0, 1, 0, 0, 0},   // one axis
        {1, 21, 13, 1, 77, 1, 5, 1, 2, 0, 1, 0, 0, 0},
        {1, 14, 9, 1, 7, 8, 4, 4, 2, 1, 1, 0, 1, 0},     // transposed
        {1, 18, 20, 2, 6, 5, 3, 3, 2, 1, 1, 0, 1, 0},
        {2, 5, 7, 1, 6, 7, 2, 3, 3, 0, 1, 0, 1, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) convolution(family, shapes[i]);
    for (int i = 0; i < 40; i++) {
        shape s = {.batch = random_size(1, 3), .groups = 1, .h = random_size(1, 16), .w = random_size(1, 16), .kh = random_size(1, 5), .kw = random_size(1, 5),
                   .stride = random_size(1, 3), .pad = random_size(0, 2), .dilation = random_size(1, 3)};
        s.in_c = random_size(1, 40), s.out_c = random_size(1, 40);
        if (i % 3 == 1) s.groups = s.in_c, s.out_c = s.in_c * random_size(1, 3);
        if (i % 5 == 2) s.transposed = true, s.dilation = 1, s.pad = 0;
        if (i % 7 == 3 && s.in_c < 5) s.planar = true;
        convolution(family, s);
    }
}
