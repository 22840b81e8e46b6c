#include "CKernels.h"
#include <math.h>
#include <string.h>

/// The cells of a window that lie in the image (steps in elements, dilation included), and windows alike that follow it.
typedef struct { size_t rows, columns, row, pixel, outputs, in_step, out_step; } window;

typedef void (*window_function)(const window *w, const void *in, void *out, size_t channels, float factor);

/// The functions of a family, for at least as many channels as a vector holds.
typedef struct {
    window_function max, average, l1, l2, max_u8, max_s8;
} windows;

#define KERNELS "pooling_kernels.h"
#include "families.h"

// Fewer channels than a vector has, one at a time.
#define DEFINE_NARROW(NAMED, TYPE, START, STEP, FINISH)                                                                   \
    static void NAMED(const window *w, const void *from, void *to, size_t channels, float factor) {                      \
        (void)factor;                                                                                                     \
        for (size_t i = 0; i < w->outputs * channels; i++) {                                                              \
            size_t c = i % channels;                                                                                      \
            const TYPE *in = (const TYPE *)from + i / channels * w->in_step + c;                                          \
            TYPE sum = START;                                                                                             \
            for (size_t y = 0; y < w->rows; y++) {                                                                        \
                TYPE total = sum;                                                                                         \
                for (size_t x = 0; x < w->columns; x++) {                                                                 \
                    TYPE v = in[y * w->row + x * w->pixel];                                                               \
                    STEP;                                                                                                 \
                }                                                                                                         \
                sum = total;                                                                                              \
            }                                                                                                             \
            ((TYPE *)to)[i / channels * w->out_step + c] = FINISH;                                                        \
        }                                                                                                                 \
    }
DEFINE_NARROW(narrow_max, float, in[0], if (v > total || v != v) total = v, sum)
DEFINE_NARROW(narrow_average, float, 0, total += v, sum *factor)
DEFINE_NARROW(narrow_l1, float, 0, total += fabsf(v), sum)
DEFINE_NARROW(narrow_l2, float, 0, total += v * v, sqrtf(sum))
DEFINE_NARROW(narrow_max_u8, uint8_t, in[0], if (v > total) total = v, sum)
DEFINE_NARROW(narrow_max_s8, int8_t, in[0], if (v > total) total = v, sum)
/// `factor` is p.
DEFINE_NARROW(any_lp, float, 0, total += powf(fabsf(v), factor), powf(sum, 1 / factor))

static window_function pick(const windows *w, const thimble_pooling *k) {
    switch (k->kind) {
    case THIMBLE_POOLING_MAX: return w->max;
    case THIMBLE_POOLING_AVERAGE: return w->average;
    case THIMBLE_POOLING_LP: return k->p == 1 ? w->l1 : k->p == 2 ? w->l2 : any_lp;
    case THIMBLE_POOLING_MAX_U8: return w->max_u8;
    default: return w->max_s8;
    }
}

static bool is_byte(const thimble_pooling *k) { return k->kind >= THIMBLE_POOLING_MAX_U8; }

/// The widest function whose vectors `channels` fill.
static window_function function_for(const thimble_pooling *k, size_t channels) {
    static const windows narrow = { narrow_max, narrow_average, narrow_l1, narrow_l2, narrow_max_u8, narrow_max_s8 };
    size_t lanes = is_byte(k) ? 16 : 4;
#if defined(__x86_64__)
    if (k->family >= THIMBLE_AVX512 && channels >= 4 * lanes) return pick(&wide_windows, k);
    if (k->family >= THIMBLE_AVX2 && channels >= 2 * lanes) return pick(&middle_windows, k);
#endif
    return pick(channels >= lanes ? &plain_windows : &narrow, k);
}

// --- preparing

static bool is_max(const thimble_pooling *k) { return k->kind == THIMBLE_POOLING_MAX || is_byte(k); }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t input_rows(const thimble_pooling *k, size_t out_rows) {
    return (out_rows - 1) * k->stride_height + (k->kernel_height - 1) * k->dilation_height + 1;
}

void thimble_pooling_prepare(thimble_pooling *k) {
    size_t rows = k->images * k->out_height, taps = k->kernel_height * k->kernel_width;
    // Few rows (global pools) are divided by channels; maxima along rows are kept for a block of channels.
    k->separable = is_max(k) && k->dilation_height == 1 && 2 * (k->kernel_width * k->stride_height + k->kernel_height) < taps;
    size_t most = is_byte(k) ? 256 : 64;
    k->block = k->channels >= 2 * most && (k->separable || rows < 8) ? most : k->channels;
    k->blocks = k->block == 0 ? 0 : k->channels / k->block;
    k->tall = k->separable ? least(16, k->out_height) : 1;
    if (k->tall == 0) k->tall = 1;
    k->places = k->images * ((k->out_height + k->tall - 1) / k->tall) * k->blocks;
    if (k->out_width == 0) k->places = 0;
    // Some 16 cells of four floats each take a nanosecond or two.
    size_t work = k->out_width * k->tall * k->block * (k->separable ? k->kernel_height + k->kernel_width : taps);
    k->group = work >= 32768 ? 1 : 32768 / (work + 1);
}

size_t thimble_pooling_units(const thimble_pooling *k) { return k->places == 0 ? 0 : (k->places - 1) / k->group + 1; }

size_t thimble_pooling_scratch(const thimble_pooling *k) {
    if (!k->separable) return 0;
    // The last block may be nearly twice as wide.
    size_t widest = k->channels - (k->blocks == 0 ? 0 : k->blocks - 1) * k->block;
    return (input_rows(k, k->tall) * k->out_width * widest * (is_byte(k) ? 1 : 4) + 63) / 64 * 64;
}

// --- running

/// What of a window of `kernel` cells from `start` (of the padded axis) lies in an axis of `size`: the first cell, and how many.
typedef struct { size_t first, count; } reach;

static reach reach_of(size_t start, size_t pad, size_t kernel, size_t dilation, size_t size) {
    size_t skip = start >= pad ? 0 : (pad - start + dilation - 1) / dilation;
    size_t at = start + skip * dilation;
    if (skip >= kernel || at - pad >= size) return (reach){ 0, 0 };
    return (reach){ at - pad, least(kernel - skip, (size - 1 - (at - pad)) / dilation + 1) };
}

/// Cells of a window that lie in the padded axis.
static size_t padded_count(size_t start, size_t kernel, size_t dilation, size_t padded) {
    return start >= padded ? 0 : least(kernel, (padded - 1 - start) / dilation + 1);
}

typedef struct { window_function function; size_t element, channel, channels; } part;

/// What the windows of a row of the output share.
typedef struct { const thimble_pooling *k; const part *p; const uint8_t *in; uint8_t *out; reach rows; size_t padded_rows; } row_work;

/// Windows x..<x + count, which are alike.
static void write_windows(const row_work *r, size_t x, size_t count, reach columns) {
    const thimble_pooling *k = r->k;
    size_t element = r->p->element, channels = r->p->channels;
    uint8_t *out = r->out + x * k->out.pixel * element;
    if (r->rows.count == 0 || columns.count == 0) {
        // Nothing but padding: ONNX gives no value; zero is the mean of padding that counts.
        for (size_t i = 0; i < count; i++) memset(out + i * k->out.pixel * element, 0, channels * element);
        return;
    }
    window w = {
        .rows = r->rows.count, .columns = columns.count, .row = k->dilation_height * k->in.row, .pixel = k->dilation_width * k->in.pixel,
        .outputs = count, .in_step = k->stride_width * k->in.pixel, .out_step = k->out.pixel,
    };
    float factor = (float)k->p;
    if (k->kind == THIMBLE_POOLING_AVERAGE) {
        size_t cells = r->rows.count * columns.count;
        if (k->count_include_pad) {
            size_t padded = k->pad_left + k->in_width + k->pad_right;
            cells = r->padded_rows * padded_count(x * k->stride_width, k->kernel_width, k->dilation_width, padded);
        }
        factor = 1 / (float)cells;
    }
    r->p->function(&w, r->in + (r->rows.first * k->in.row + columns.first * k->in.pixel) * element, out, channels, factor);
}

static void write_row(const thimble_pooling *k, const part *p, const uint8_t *in, uint8_t *out, size_t y) {
    size_t y_start = y * k->stride_height, width = (k->kernel_width - 1) * k->dilation_width + 1;
    row_work r = {
        .k = k, .p = p, .in = in, .out = out, .rows = reach_of(y_start, k->pad_top, k->kernel_height, k->dilation_height, k->in_height),
        .padded_rows = padded_count(y_start, k->kernel_height, k->dilation_height, k->pad_top + k->in_height + k->pad_bottom),
    };
    // Windows first..<last have no padding at their sides.
    size_t first = least((k->pad_left + k->stride_width - 1) / k->stride_width, k->out_width), last = first, end = k->pad_left + k->in_width;
    if (end >= width && (end - width) / k->stride_width >= first) last = least((end - width) / k->stride_width + 1, k->out_width);
    for (size_t x = 0; x < k->out_width; x++) {
        if (x == first && last > first) {
            write_windows(&r, x, last - first, (reach){ x * k->stride_width - k->pad_left, k->kernel_width });
            x = last;
            if (x >= k->out_width) break;
        }
        write_windows(&r, x, 1, reach_of(x * k->stride_width, k->pad_left, k->kernel_width, k->dilation_width, k->in_width));
    }
}

/// Output rows y0..<y1 from maxima along the width of each input row they need.
static void write_separably(const thimble_pooling *k, const part *p, const uint8_t *in, uint8_t *out, size_t y0, size_t y1, uint8_t *scratch) {
    reach top = reach_of(y0 * k->stride_height, k->pad_top, k->kernel_height, 1, k->in_height);
    reach bottom = reach_of((y1 - 1) * k->stride_height, k->pad_top, k->kernel_height, 1, k->in_height);
    size_t width = k->out_width * p->channels;
    thimble_pooling along = *k;
    along.kernel_height = along.stride_height = 1;
    along.pad_top = along.pad_bottom = 0;
    along.out.pixel = p->channels;
    for (size_t y = top.first; y < bottom.first + bottom.count; y++) write_row(&along, p, in, scratch + (y - top.first) * width * p->element, y);
    for (size_t y = y0; y < y1; y++) {
        reach rows = reach_of(y * k->stride_height, k->pad_top, k->kernel_height, 1, k->in_height);
        const uint8_t *from = scratch + (rows.first - top.first) * width * p->element;
        uint8_t *to = out + (y - y0) * k->out.row * p->element;
        window w = { .rows = rows.count, .columns = 1, .row = width, .outputs = 1 };
        if (k->out.pixel == p->channels) {
            function_for(k, width)(&w, from, to, width, 0);
            continue;
        }
        w.outputs = k->out_width;
        w.in_step = p->channels;
        w.out_step = k->out.pixel;
        p->function(&w, from, to, p->channels, 0);
    }
}

void thimble_pooling_run(const thimble_pooling *k, const void *in, void *out, size_t first, size_t last, void *scratch) {
    size_t place = first * k->group, end = last < thimble_pooling_units(k) ? last * k->group : k->places;
    size_t bands = (k->out_height + k->tall - 1) / k->tall;
    for (; place < end; place++) {
        size_t block = place % k->blocks, band = place / k->blocks % bands, image = place / k->blocks / bands, y = band * k->tall;
        part p = { .element = is_byte(k) ? 1 : 4, .channel = block * k->block };
        p.channels = block + 1 == k->blocks ? k->channels - p.channel : k->block;
        p.function = function_for(k, p.channels);
        const uint8_t *from = (const uint8_t *)in + (image * k->in.image + p.channel) * p.element;
        uint8_t *to = (uint8_t *)out + (image * k->out.image + y * k->out.row + p.channel) * p.element;
        if (k->separable) write_separably(k, &p, from, to, y, least(y + k->tall, k->out_height), scratch);
        else write_row(k, &p, from, to, y);
    }
}
