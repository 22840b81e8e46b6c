// Convolution with a kernel of 3 x 3, or of 3 or 5 along one axis, by Winograd's minimal filtering: Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2015), as products of matrices for tiles of results: (m + 2)^2 for m x m results of 3 x 3, 6 for 4 results of 3 in a
// line or for 2 of 5. Where there are 6 points they are 0, +-sqrt(1/2), +-sqrt(2) and infinity rather than small integers: the transforms are as
// cheap and their rounding errors a quarter (Vincent and others, "On Improving the Numerical Stability of Winograd Convolutions" (2017), tell why).

#include "conv_paths.h"

#define NEAR_POINT 0.70710678118654752f
#define FAR_POINT 1.41421356237309505f

/// One tile: `in` is its first pixel, results of channel c go to out[c + i * plane]. A line's pixels are `pitch` apart, along either axis.
typedef struct {
    const float *in;
    size_t pixel, pitch, channels, plane;
    float *out;
} winograd_input;

/// One tile of which `rows` x `columns` pixels exist; of a line `rows`.
typedef struct {
    const float *in;
    size_t plane, channels, rows, columns;
    const float *bias, *residual;
    float *out;
    size_t pixel, pitch, residual_pixel, residual_pitch;
    float low, high;
} winograd_output;

typedef struct {
    /// The kernels of a vector of output channels, [input channel][tap][lane], become [input channel] vectors `step` apart in each plane.
    void (*weights)(const float *taps, size_t channels, float *to, size_t step, size_t plane);
    void (*input)(const winograd_input *w);
    void (*output)(const winograd_output *w);
} winograd_functions;

#define KERNELS "winograd_kernels.h"
#include "families.h"

// Bytes of transformed tiles that stay in the second cache, and tiles that make reading the weights worth it.
#define BLOCK_BYTES (768 * 1024)
#define FEWEST_TILES 24
#define UNIT_WORK 500000.0
#define MOST_UNITS 16
// Input channels whose kernels are turned at once.
#define WEIGHT_CHANNELS 16
#define MOST_PRODUCTS 36

/// Results of a tile, inputs that it reads, and taps of the kernel.
typedef struct { size_t rows, columns, in_rows, in_columns, taps; } winograd_tile;

static winograd_tile tile_for(const thimble_conv *k, unsigned path) {
    switch (path) {
    case THIMBLE_CONV_WINOGRAD_4: return (winograd_tile){4, 4, 6, 6, 9};
    case THIMBLE_CONV_WINOGRAD_2: return (winograd_tile){2, 2, 4, 4, 9};
    default: break;
    }
    const size_t results = path == THIMBLE_CONV_WINOGRAD_LINE_4 ? 4 : 2, taps = 7 - results;
    return k->columns.kernel == 1 ? (winograd_tile){results, 1, 6, 1, taps} : (winograd_tile){1, results, 1, 6, taps};
}

static winograd_tile tile_of(const thimble_conv *k) { return tile_for(k, k->path); }
static const winograd_functions *functions_of(const thimble_conv *k) {
    unsigned family = k->family < thimble_processor() ? k->family : thimble_processor();
    return &OF_FAMILY(family, winograd)[k->path - THIMBLE_CONV_WINOGRAD_4];
}
static size_t product_count(const thimble_conv *k) {
    const winograd_tile t = tile_of(k);
    return t.in_rows * t.in_columns;
}
static size_t tile_rows(const thimble_conv *k) { return divided_up(k->rows.out, tile_of(k).rows); }
static size_t tile_columns(const thimble_conv *k) { return divided_up(k->columns.out, tile_of(k).columns); }

/// Output channels of the largest unit, in whole vectors.
static size_t unit_channels(const thimble_conv *k, const thimble_panels *panels) {
    return smaller(divided_up(panels->panels, k->channel_units) * MOST_VECTORS, panels->vectors) * panels->lanes;
}

/// Tiles of the largest unit.
static size_t unit_tiles(const thimble_conv *k) { return divided_up(tile_rows(k), k->row_units) * tile_columns(k); }

/// How many equal parts of a unit's tiles are transformed one after the other, so that each stays near.
static size_t part_count(const thimble_conv *k) {
    size_t near = BLOCK_BYTES / ((k->in_c + k->out_c) * product_count(k) * 4);
    return divided_up(unit_tiles(k), larger(near, FEWEST_TILES));
}

/// Tiles of the largest part.
static size_t tile_count(const thimble_conv *k) { return divided_up(unit_tiles(k), part_count(k)); }

// How much of the time that a pack takes to make, its memory to come included, counts beside one run. By a half, resnet50, densenet121 and squeezenet run
// at most 2 % slower with one thread, and where packs are kept they are ready about a tenth sooner in about a fifth less memory; by more they hardly gain.
#define MAKING 0.5

/// Seconds that the products and transforms take, to compare with those of the definition. The figures were measured with 16 lanes, and
/// arithmetic is as much slower as vectors are shorter.
static double arithmetic_seconds(const thimble_conv *k, double multiplications) {
    return multiplications / 95e9 * 16 / thimble_tiles_of(k->family)->lanes;
}

static double weight_seconds(double bytes) { return bytes > 20e6 ? bytes / 15e9 : bytes > 1e6 ? bytes / 50e9 : 0; }

static double winograd_seconds(const thimble_conv *k, unsigned path) {
    const winograd_tile t = tile_for(k, path);
    size_t lanes = thimble_tiles_of(k->family)->lanes, in = k->in_c, out = round_up(k->out_c, lanes);
    double n = (double)(t.in_rows * t.in_columns), tiles = (double)(k->images * divided_up(k->rows.out, t.rows) * divided_up(k->columns.out, t.columns));
    double values = tiles * n * (double)(round_up(in, lanes) + out);
    double bytes = 4 * n * (double)(in * out), turning = t.in_rows == 1 || t.in_columns == 1 ? 100e9 : 25e9;
    return arithmetic_seconds(k, n * tiles * (double)(in * out)) + values * 4 / turning + weight_seconds(bytes) + MAKING * bytes / 8e9;
}

static double direct_seconds(const thimble_conv *k) {
    double products = (double)(k->rows.kernel * k->columns.kernel * k->in_c * round_up(k->out_c, thimble_tiles_of(k->family)->lanes));
    double bytes = 4 * products;
    return arithmetic_seconds(k, products * (double)(k->images * k->rows.out * k->columns.out)) + weight_seconds(bytes) + MAKING * bytes / 16e9;
}

static bool has_kernel(const thimble_conv_axis *axis, size_t kernel) { return axis->kernel == kernel && axis->stride == 1 && axis->dilation == 1; }

unsigned conv_winograd_path(const thimble_conv *k) {
    if (k->exact || k->groups != 1 || k->planar || k->transposed || k->in_c < 8 || k->out_c < 8) return THIMBLE_CONV_DIRECT;
    const thimble_conv_axis *y = &k->rows, *x = &k->columns;
    const double direct = direct_seconds(k);
    if (has_kernel(y, 3) && has_kernel(x, 3)) {
        double four = winograd_seconds(k, THIMBLE_CONV_WINOGRAD_4), two = winograd_seconds(k, THIMBLE_CONV_WINOGRAD_2);
        if (four <= two && four < direct) return THIMBLE_CONV_WINOGRAD_4;
        return two < direct ? THIMBLE_CONV_WINOGRAD_2 : THIMBLE_CONV_DIRECT;
    }
    if (!has_kernel(y, 1) && !has_kernel(x, 1)) return THIMBLE_CONV_DIRECT;
    const thimble_conv_axis *line = y->kernel == 1 ? x : y;
    if (!has_kernel(line, 3) && !has_kernel(line, 5)) return THIMBLE_CONV_DIRECT;
    const unsigned path = line->kernel == 3 ? THIMBLE_CONV_WINOGRAD_LINE_4 : THIMBLE_CONV_WINOGRAD_LINE_2;
    return winograd_seconds(k, path) < direct ? path : THIMBLE_CONV_DIRECT;
}

void conv_winograd_prepare(thimble_conv *k) {
    if (k->rows.out == 1 && k->rows.in == 1 && k->rows.pad == 0) {
        // Units are blocks of rows: what has only one is a column. Pixels follow each other all the same.
        const thimble_conv_axis row = k->rows;
        k->rows = k->columns;
        k->columns = row;
    }
    size_t tiles = k->images * tile_rows(k) * tile_columns(k);
    double work = 2.0 * (double)(product_count(k) * tiles) * (double)k->in_c * (double)k->out_c / UNIT_WORK;
    size_t wanted = work < 1 ? 1 : work > MOST_UNITS ? MOST_UNITS : (size_t)work;
    // Blocks of whole rows of tiles.
    size_t low = larger(1, FEWEST_TILES / tile_columns(k));
    k->row_units = larger(1, smaller(divided_up(wanted, k->images), tile_rows(k) / low));
    thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->out_c);
    // Units that share tiles find them transformed if there is one block of them.
    if (part_count(k) == 1) k->channel_units = larger(1, smaller(divided_up(wanted, k->images * k->row_units), panels.panels));
}

// --- weights: [product][panel][input channel][column]

size_t conv_winograd_pack_size(const thimble_conv *k) {
    return product_count(k) * k->in_c * round_up(k->out_c, thimble_tiles_of(k->family)->lanes) * 4;
}

void conv_winograd_pack(const thimble_conv *k, const loose_float *weights, size_t first, size_t last, const float *factors, float *packed) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, k->out_c);
    const winograd_functions *f = functions_of(k);
    const size_t plane = k->in_c * panels.vectors * panels.lanes, taps = tile_of(k).taps;
    float turned[WEIGHT_CHANNELS * 9 * MOST_LANES], block[MOST_PRODUCTS * (WEIGHT_CHANNELS * MOST_VECTORS + 1) * MOST_LANES];
    for (size_t p = 0; p < panels.panels; p++) {
        const size_t start = panel_start(&panels, p), width = panel_start(&panels, p + 1) - start;
        const size_t from = larger(start, first), to = smaller(start + width, last);
        // Planes are often a power of two apart: 36 lines that are written in turns have no place in the caches together. Those of whole panels are
        // made in a block, whose planes are apart by a line more, and go from there plane by plane.
        const bool in_block = product_count(k) == MOST_PRODUCTS && from == start && smaller(start + width, k->out_c) == to;
        for (size_t i = 0, here; i < k->in_c && from < to; i += here) {
            here = smaller(WEIGHT_CHANNELS, k->in_c - i);
            float *out = packed + start * k->in_c + i * width;
            for (size_t j = from; j < to; j += panels.lanes) {
                tiles->turn(
                    weights + ((j - first) * k->in_c + i) * taps, k->in_c * taps, smaller(panels.lanes, k->out_c - j), here * taps, 1,
                    factors ? factors + j : NULL, turned, panels.lanes);
                if (in_block) f->weights(turned, here, block + j - start, width, here * width + MOST_LANES);
                else f->weights(turned, here, out + j - start, width, plane);
            }
            for (size_t e = 0; in_block && e < MOST_PRODUCTS; e++) memcpy(out + e * plane, block + e * (here * width + MOST_LANES), here * width * 4);
        }
    }
}

// --- run

size_t conv_winograd_scratch(const thimble_conv *k) {
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->out_c);
    size_t n = product_count(k), count = tile_count(k);
    return round_up(n * count * k->in_c * 4, 64) + round_up(n * count * unit_channels(k, &panels) * 4, 64) + round_up(n * k->in_c * 4, 64);
}

/// The tile's input with zeros where there is none.
static void copy_patch(const thimble_conv *k, const float *image, ptrdiff_t top, ptrdiff_t left, const winograd_tile *t, float *patch) {
    for (size_t i = 0; i < t->in_rows * t->in_columns; i++, patch += k->in_c) {
        ptrdiff_t row = top + (ptrdiff_t)(i / t->in_columns), column = left + (ptrdiff_t)(i % t->in_columns);
        bool exists = row >= 0 && row < (ptrdiff_t)k->rows.in && column >= 0 && column < (ptrdiff_t)k->columns.in;
        if (exists) memcpy(patch, image + ((size_t)row * k->columns.in + (size_t)column) * k->in_pixel_stride, k->in_c * 4);
        else memset(patch, 0, k->in_c * 4);
    }
}

static void transform_inputs(
    const thimble_conv *k, const winograd_functions *f, const float *image, size_t first, size_t count, size_t plane, float *out, float *patch) {
    const winograd_tile tile = tile_of(k);
    const size_t across = tile_columns(k);
    for (size_t t = 0; t < count; t++) {
        ptrdiff_t top = (ptrdiff_t)((first + t) / across * tile.rows) - (ptrdiff_t)k->rows.pad;
        ptrdiff_t left = (ptrdiff_t)((first + t) % across * tile.columns) - (ptrdiff_t)k->columns.pad;
        winograd_input w = {.pixel = k->in_pixel_stride, .channels = k->in_c, .plane = plane, .out = out + t * k->in_c};
        w.pitch = k->columns.in * w.pixel;
        bool inside = top + (ptrdiff_t)tile.in_rows <= (ptrdiff_t)k->rows.in && left + (ptrdiff_t)tile.in_columns <= (ptrdiff_t)k->columns.in;
        if (top >= 0 && left >= 0 && inside) {
            w.in = image + (size_t)top * w.pitch + (size_t)left * w.pixel;
        } else {
            copy_patch(k, image, top, left, &tile, patch);
            w.in = patch;
            w.pixel = k->in_c;
            w.pitch = tile.in_columns * k->in_c;
        }
        if (tile.in_rows == 1) w.pitch = w.pixel;
        f->input(&w);
    }
}

/// Channels from..<to of the products of `count` tiles become results.
static void transform_outputs(
    const thimble_conv *k, const winograd_functions *f, const conv_operands *o, size_t image, size_t first, size_t count, size_t from, size_t to,
    const float *products, size_t step, size_t plane) {
    const winograd_tile tile = tile_of(k);
    const size_t across = tile_columns(k);
    const bool lies = tile.in_rows == 1;
    winograd_output w = {
        .plane = plane, .channels = to - from, .bias = o->bias ? o->bias + from : NULL, .pixel = k->out_pixel_stride,
        .pitch = k->columns.out * k->out_pixel_stride, .residual_pixel = k->residual_pixel_stride,
        .residual_pitch = k->columns.out * k->residual_pixel_stride, .low = k->low, .high = k->high};
    if (lies) {
        w.pitch = w.pixel;
        w.residual_pitch = w.residual_pixel;
    }
    for (size_t t = 0; t < count; t++) {
        size_t row = (first + t) / across * tile.rows, column = (first + t) % across * tile.columns, pixel = (image * k->rows.out + row) * k->columns.out + column;
        w.in = products + t * step;
        w.rows = smaller(tile.rows, k->rows.out - row);
        w.columns = smaller(tile.columns, k->columns.out - column);
        if (lies) w.rows = w.columns;
        w.out = o->out + pixel * w.pixel + from;
        w.residual = o->residual ? o->residual + pixel * w.residual_pixel + from : NULL;
        f->output(&w);
    }
}

void conv_winograd_run(const thimble_conv *k, const conv_operands *o, size_t first, size_t last, void *scratch) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, k->out_c);
    const winograd_functions *f = functions_of(k);
    const size_t n = product_count(k), most = tile_count(k), step = unit_channels(k, &panels), weights = k->in_c * panels.vectors * panels.lanes;
    float *inputs = scratch, *products = inputs + round_up(n * most * k->in_c * 4, 64) / 4, *patch = products + round_up(n * most * step * 4, 64) / 4;
    const thimble_tile tile = {
        .taps = 1, .depth = k->in_c, .a_step = k->in_c, .c_stride = step, .low = -__builtin_inff(), .high = __builtin_inff()};
    size_t transformed = SIZE_MAX, parts = part_count(k);
    for (size_t unit = first; unit < last; unit++) {
        const conv_block b = conv_block_of(k, tile_rows(k), 1, unit);
        const float *image = o->in + b.image * k->rows.in * k->columns.in * k->in_pixel_stride;
        size_t part = unit % k->channel_units, begin = part_start(panels.panels, k->channel_units, part);
        size_t end = part_start(panels.panels, k->channel_units, part + 1), channel = panel_start(&panels, begin);
        size_t channels = smaller(panel_start(&panels, end), k->out_c) - channel, total = b.rows * tile_columns(k);
        for (size_t i = 0; i < parts; i++) {
            size_t at = part_start(total, parts, i), count = part_start(total, parts, i + 1) - at;
            if (count == 0) continue;
            at += b.row * tile_columns(k);
            if (parts > 1 || transformed != unit / k->channel_units) {
                transform_inputs(k, f, image, at, count, most * k->in_c, inputs, patch);
                transformed = unit / k->channel_units;
            }
            for (size_t e = 0; e < n; e++) {
                for (size_t p = begin; p < end; p++) {
                    size_t start = panel_start(&panels, p), next = panel_start(&panels, p + 1);
                    thimble_panel_run(
                        tiles, &tile, (next - start) / panels.lanes, next - start, count, inputs + e * most * k->in_c,
                        (const float *)o->packed + e * weights + start * k->in_c, NULL, NULL, products + e * most * step + start - channel);
                }
            }
            transform_outputs(k, f, o, b.image, at, count, channel, channel + channels, products, step, most * step);
        }
        size_t row = b.row * tile_of(k).rows, bottom = smaller((b.row + b.rows) * tile_of(k).rows, k->rows.out);
        conv_finish(k, o->out, b.image, row, bottom - row, 0, k->columns.out, channel, channels);
    }
}
