// Depthwise convolution along vectors of channels: a few pixels at a time, so that a weight serves all of them and an input most taps
// of its row. Padding is read as nothing; there is no copy.

#include "conv_paths.h"

/// One output row. `in` is the image's first pixel in the first row that the kernel reads, `weights` those of that row.
typedef struct {
    const float *in, *weights, *bias, *residual;
    float *out;
    size_t channels, in_width, out_width, pad;
    size_t in_pixel, out_pixel, residual_pixel;
    /// Rows of the kernel that read something, from one input row that they read to the next, from one weight of a channel to the next.
    size_t kernel_rows, in_step, weight_step;
    float low, high;
} depthwise_row;

typedef void (*depthwise_function)(const depthwise_row *row);

#define KERNELS "depthwise_kernels.h"
#include "families.h"

// Weights are padded to vectors of the widest family.
enum { WEIGHT_VECTOR = 16 };
// Multiplications that make a unit last 2 us.
#define UNIT_WORK 60000
#define MOST_UNITS 32

static size_t weight_step(const thimble_conv *k) { return round_up(k->out_c, WEIGHT_VECTOR); }

bool conv_depthwise_can(const thimble_conv *k) {
    const thimble_conv_axis *x = &k->columns;
    return k->groups == k->in_c && k->in_c == k->out_c && !k->planar && !k->transposed && x->dilation == 1 && (x->stride == 1 || x->stride == 2)
        && (x->kernel == 3 || x->kernel == 5 || x->kernel == 7);
}

void conv_depthwise_prepare(thimble_conv *k) {
    size_t work = k->images * k->rows.out * k->columns.out * k->out_c * k->rows.kernel * k->columns.kernel;
    size_t wanted = larger(1, smaller(work / UNIT_WORK, MOST_UNITS));
    k->row_units = smaller(divided_up(wanted, k->images), k->rows.out);
}

size_t conv_depthwise_pack_size(const thimble_conv *k) { return weight_step(k) * k->rows.kernel * k->columns.kernel * 4; }

void conv_depthwise_pack(const thimble_conv *k, const loose_float *weights, const float *factors, float *packed) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    size_t taps = k->rows.kernel * k->columns.kernel, step = weight_step(k);
    for (size_t c = 0; c < step; c += tiles->lanes) {
        size_t here = c < k->out_c ? smaller(k->out_c - c, tiles->lanes) : 0;
        tiles->turn(here > 0 ? weights + c * taps : weights, taps, here, taps, 1, factors ? factors + c : NULL, packed + c, step);
    }
}

void conv_depthwise_run(const thimble_conv *k, const conv_operands *o, size_t first, size_t last) {
    unsigned family = k->family < thimble_processor() ? k->family : thimble_processor();
    depthwise_function run = OF_FAMILY(family, depthwise_rows)[(k->columns.kernel - 3) / 2][k->columns.stride - 1];
    const size_t pitch = k->columns.in * k->in_pixel_stride, kernel = k->rows.kernel, dilation = k->rows.dilation;
    depthwise_row r = {
        .bias = o->bias, .channels = k->out_c, .in_width = k->columns.in, .out_width = k->columns.out, .pad = k->columns.pad, .in_pixel = k->in_pixel_stride,
        .out_pixel = k->out_pixel_stride, .residual_pixel = k->residual_pixel_stride, .in_step = dilation * pitch, .weight_step = weight_step(k),
        .low = k->low, .high = k->high};
    for (size_t unit = first; unit < last; unit++) {
        conv_block b = conv_block_of(k, k->rows.out, k->columns.out, unit);
        for (size_t y = b.row; y < b.row + b.rows; y++) {
            ptrdiff_t top = (ptrdiff_t)(y * k->rows.stride) - (ptrdiff_t)k->rows.pad, height = (ptrdiff_t)k->rows.in;
            size_t from = top < 0 ? smaller(kernel, divided_up((size_t)-top, dilation)) : 0;
            size_t to = top >= height ? 0 : smaller(kernel, divided_up((size_t)(height - top), dilation));
            size_t pixel = (b.image * k->rows.out + y) * k->columns.out;
            r.kernel_rows = to > from ? to - from : 0;
            r.in = o->in + b.image * (size_t)height * pitch;
            if (r.kernel_rows > 0) r.in += (size_t)(top + (ptrdiff_t)(from * dilation)) * pitch;
            r.weights = (const float *)o->packed + from * k->columns.kernel * r.weight_step;
            r.residual = o->residual ? o->residual + pixel * k->residual_pixel_stride : NULL;
            r.out = o->out + pixel * k->out_pixel_stride;
            run(&r);
        }
        conv_finish(k, o->out, b.image, b.row, b.rows, 0, k->columns.out, 0, k->out_c);
    }
}
