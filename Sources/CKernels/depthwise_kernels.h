// Depthwise convolution of one output row for one family of processors. Included by conv_depthwise.c through families.h.

#include "vectors.h"

// Pixels of a cell: as many sums as the arithmetic keeps busy, as far as registers go.
#if REGISTERS == 32
#define PIXELS(kernel, stride) ((stride) == 2 ? 4 : (kernel) == 7 ? 8 : 6)
#define FEW_PIXELS(stride) ((stride) == 1 ? 4 : 2)
#else
#define PIXELS(kernel, stride) ((stride) == 1 ? 4 : 3)
#define FEW_PIXELS(stride) 2
#endif
#define MOST_PIXELS 8
#define MOST_READS ((MOST_PIXELS - 1) * 2 + 7)

/// One vector of channels of some pixels. `in` is the first column's first row; a column that is not whole has lanes[q] channels, 0
/// where there is none; of the pixels `count` exist.
INLINE void NAME(cell)(
    const int kernel, const int stride, const int pixels, const bool whole, const depthwise_row *r, const float *in, const ptrdiff_t *columns,
    const size_t *lanes, size_t channel, size_t part, size_t count, size_t out) {
#pragma clang fp contract(fast)
    const int reads = (pixels - 1) * stride + kernel;
    const size_t step = r->in_pixel * 4;
    NAME(vector) sum[MOST_PIXELS], first = {0};
    if (r->bias) first = whole ? NAME(load)(r->bias + channel) : NAME(load_part)(r->bias + channel, part);
    UNROLL for (int x = 0; x < pixels; x++) sum[x] = first;
    const float *weights = r->weights + channel, *from = in + channel;
    UNROLLED_NOT for (size_t y = 0; y < r->kernel_rows; y++) {
        NAME(vector) read[MOST_READS];
        if (whole) {
            UNROLL for (int q = 0; q < reads; q += 3) {
                const char *base = (const char *)from + (size_t)q * step;
                __asm__("" : "+r"(base));
                UNROLL for (int i = q; i < q + 3 && i < reads; i++) read[i] = NAME(load)((const float *)(base + (size_t)(i - q) * step));
            }
        } else {
            UNROLL for (int q = 0; q < reads; q++) {
                read[q] = lanes[q] == LANES ? NAME(load)(from + columns[q]) : lanes[q] ? NAME(load_part)(from + columns[q], lanes[q]) : (NAME(vector)){0};
            }
        }
        UNROLL for (int k = 0; k < kernel; k++) {
            NAME(vector) w = NAME(load)(weights + (size_t)k * r->weight_step);
            UNROLL for (int x = 0; x < pixels; x++) sum[x] += read[x * stride + k] * w;
        }
        weights += (size_t)kernel * r->weight_step;
        from += r->in_step;
    }
    NAME(vector) low = NAME(all)(r->low), high = NAME(all)(r->high);
    const float *residual = r->residual ? r->residual + out * r->residual_pixel + channel : NULL;
    float *to = r->out + out * r->out_pixel + channel;
    UNROLL for (int x = 0; x < pixels; x++) {
        if (whole || (size_t)x < count) {
            if (residual) {
                const float *p = residual + (size_t)x * r->residual_pixel;
                sum[x] += whole ? NAME(load)(p) : NAME(load_part)(p, part);
            }
            NAME(vector) result = NAME(clamp)(sum[x], low, high);
            if (whole) NAME(store)(to + (size_t)x * r->out_pixel, result);
            else NAME(store_part)(to + (size_t)x * r->out_pixel, part, result);
        }
    }
}

/// `count` pixels, at most `pixels`, from `out` on.
INLINE void NAME(pixels)(const int kernel, const int stride, const int pixels, const depthwise_row *r, size_t out, size_t count) {
    const int reads = (pixels - 1) * stride + kernel;
    const ptrdiff_t left = (ptrdiff_t)(out * (size_t)stride) - (ptrdiff_t)r->pad;
    const bool inside = left >= 0 && left + reads <= (ptrdiff_t)r->in_width && count == (size_t)pixels;
    size_t channel = 0;
    if (inside) {
        const float *in = r->in + left * (ptrdiff_t)r->in_pixel;
        for (; channel + LANES <= r->channels; channel += LANES) {
            NAME(cell)(kernel, stride, pixels, true, r, in, NULL, NULL, channel, LANES, count, out);
        }
    }
    if (channel == r->channels) return;
    ptrdiff_t columns[MOST_READS];
    size_t lanes[MOST_READS];
    for (; channel < r->channels; channel += LANES) {
        size_t part = r->channels - channel < LANES ? r->channels - channel : LANES;
        for (int q = 0; q < reads; q++) {
            bool exists = left + q >= 0 && left + q < (ptrdiff_t)r->in_width;
            columns[q] = exists ? (left + q) * (ptrdiff_t)r->in_pixel : 0;
            lanes[q] = exists ? part : 0;
        }
        NAME(cell)(kernel, stride, pixels, false, r, r->in, columns, lanes, channel, part, count, out);
    }
}

INLINE void NAME(row)(const int kernel, const int stride, const depthwise_row *r) {
    const size_t many = PIXELS(kernel, stride), few = FEW_PIXELS(stride);
    for (size_t x = 0; x < r->out_width;) {
        size_t left = r->out_width - x;
        // Two of the smaller rather than a large one and little more.
        if (left <= few || (left > many && left <= 2 * few)) {
            size_t count = left <= few ? left : few;
            NAME(pixels)(kernel, stride, FEW_PIXELS(stride), r, x, count);
            x += count;
        } else {
            size_t count = left < many ? left : many;
            NAME(pixels)(kernel, stride, PIXELS(kernel, stride), r, x, count);
            x += count;
        }
    }
}

#define ROW(kernel, stride) \
    static TARGET __attribute__((noinline)) void NAME(row_##kernel##_##stride)(const depthwise_row *r) { NAME(row)(kernel, stride, r); }
ROW(3, 1) ROW(3, 2) ROW(5, 1) ROW(5, 2) ROW(7, 1) ROW(7, 2)
#undef ROW

static const depthwise_function NAME(depthwise_rows)[3][2] = {
    {NAME(row_3_1), NAME(row_3_2)}, {NAME(row_5_1), NAME(row_5_2)}, {NAME(row_7_1), NAME(row_7_2)}};

#undef PIXELS
#undef FEW_PIXELS
#undef MOST_PIXELS
#undef MOST_READS
