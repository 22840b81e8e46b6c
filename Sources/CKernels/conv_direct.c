// Convolution as products of matrices whose rows are windows of the input, read where they lie (tiles.h), from rows copied with their
// padding where there is some.

#include "conv_paths.h"

// Bytes of input that a block of rows may have, to stay in the second cache beside the weights of a panel.
#define BLOCK_BYTES (224 * 1024)
#define UNIT_WORK 500000.0
#define MOST_UNITS 16
// Pixels that make reading a panel of weights worth it, and decoding one.
#define FEWEST_PIXELS 96
#define FEWEST_PIXELS_OF_CODES 256

/// Where the elements that windows read lie: in the input, or in the copy of a block.
typedef struct {
    conv_positions rows, columns;
    /// Floats from one column, row, channel (or plane) and vector of channels to the next.
    size_t pixel, pitch, channel, vector;
    /// Of the copy.
    size_t floats;
} view;

static bool leaves(const thimble_conv_axis *axis, const conv_positions *p) {
    return (ptrdiff_t)p->first * p->stride + p->least < 0 || (ptrdiff_t)(p->first + p->count - 1) * p->stride + p->most >= (ptrdiff_t)axis->in;
}

/// Input elements of a block of n positions.
static size_t reach(const conv_positions *p, size_t n) { return (n - 1) * (size_t)p->stride + (size_t)(p->most - p->least) + 1; }

/// Vectors along channels: the copy has, for each vector of output channels and each pixel, the input channels that they need: first that
/// which is first of each one's group, then the second and so on (planes). Then groups are no more.
static bool channelwise(const thimble_conv *k) { return k->path == THIMBLE_CONV_CHANNELWISE; }
static size_t group_count(const thimble_conv *k) { return channelwise(k) ? 1 : k->groups; }
/// Output channels that are computed together.
static size_t group_columns(const thimble_conv *k) { return channelwise(k) ? k->out_c : out_group(k); }
/// Input channels whose taps are apart.
static size_t plane_count(const thimble_conv *k) { return k->planar || channelwise(k) ? in_group(k) : 1; }

/// Groups whose inputs and outputs lie in the same vector.
static bool shuffles(const thimble_conv *k) {
    return in_group(k) == out_group(k) && thimble_tiles_of(k->family)->lanes % in_group(k) == 0;
}

bool conv_direct_prefers_channels(const thimble_conv *k) {
    if (k->groups == 1 || k->planar) return false;
    size_t lanes = thimble_tiles_of(k->family)->lanes;
    // Making planes is cheap if they are copies, or shuffles within a vector.
    if (in_group(k) > 1 && !shuffles(k)) return false;
    // Its arithmetic is half as quick, and planes take time to make.
    return k->groups * divided_up(out_group(k), lanes) >= (in_group(k) > 1 ? 4 : 2) * divided_up(k->out_c, lanes);
}

static view view_of(const thimble_conv *k) {
    view v = {.rows = conv_positions_of(&k->rows, k->transposed), .columns = conv_positions_of(&k->columns, k->transposed)};
    size_t height = k->rows.in, width = k->columns.in;
    if (k->copies) {
        height = reach(&v.rows, divided_up(v.rows.count, k->row_units));
        width = reach(&v.columns, divided_up(v.columns.count, k->column_units));
    }
    const size_t lanes = thimble_tiles_of(k->family)->lanes;
    v.pixel = k->planar ? 1 : !k->copies ? k->in_pixel_stride : channelwise(k) ? in_group(k) * lanes : k->in_c;
    v.pitch = width * v.pixel;
    v.channel = k->planar ? height * v.pitch : channelwise(k) ? lanes : 1;
    v.vector = channelwise(k) && k->copies ? height * v.pitch : lanes;
    v.floats = height * v.pitch * (k->planar ? k->in_c : channelwise(k) ? divided_up(k->out_c, lanes) : 1);
    return v;
}

void conv_direct_prepare(thimble_conv *k) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    conv_positions rows = conv_positions_of(&k->rows, k->transposed), columns = conv_positions_of(&k->columns, k->transposed);
    k->copies = leaves(&k->rows, &rows) || leaves(&k->columns, &columns);
    // Few channels that lie apart are gathered, so that the steps of a row of the kernel follow each other.
    if (!k->planar && k->groups == 1 && k->in_pixel_stride != k->in_c && k->columns.kernel > 1 && k->in_c < 16) k->copies = true;

    // Where each output channel has its input channel to itself, the input may be read in place.
    if (channelwise(k) && k->in_c != k->out_c) k->copies = true;
    if (channelwise(k) && in_group(k) > 1) k->copies = true;

    double work = 2.0 * (double)(k->images * k->rows.out * k->columns.out) * (double)k->out_c * (double)(in_group(k) * k->rows.kernel * k->columns.kernel);
    if (k->transposed) work /= (double)(k->rows.stride * k->columns.stride);
    size_t wanted = work / UNIT_WORK < 1 ? 1 : work / UNIT_WORK > MOST_UNITS ? MOST_UNITS : (size_t)(work / UNIT_WORK);
    size_t weights = 4 * k->out_c * in_group(k) * k->rows.kernel * k->columns.kernel;

    // As many positions as have their input near; enough of them where weights are many.
    size_t pixel = (size_t)(rows.stride * columns.stride) * (channelwise(k) ? in_group(k) * k->out_c : k->in_c) * 4;
    const size_t fewest = k->is_coded ? FEWEST_PIXELS_OF_CODES : weights > BLOCK_BYTES ? FEWEST_PIXELS : 24;
    size_t most = larger((channelwise(k) ? 2 : 1) * BLOCK_BYTES / pixel, fewest);
    if (rows.count >= columns.count / 8) {
        k->row_units = divided_up(rows.count, larger(1, most / columns.count));
    } else {
        k->row_units = rows.count;
        k->column_units = divided_up(columns.count, most);
    }
    // More of them for more threads, while they are not too few.
    size_t blocks = k->images * k->row_units * k->column_units;
    if (blocks < wanted) {
        if (rows.count > 1) {
            size_t low = larger(1, divided_up(fewest, columns.count));
            k->row_units = larger(k->row_units, smaller(divided_up(wanted, k->images), rows.count / low));
        } else {
            k->column_units = larger(k->column_units, smaller(divided_up(wanted, k->images), columns.count / fewest));
        }
        blocks = k->images * k->row_units * k->column_units;
    }
    thimble_panels panels = thimble_panels_of(tiles, group_columns(k));
    k->channel_units = larger(1, smaller(divided_up(wanted, blocks), panels.panels * group_count(k)));
}

// --- weights: [group][phase][panel][step][column], steps as windows read them

/// The weight at height y and width x of input channel i and output channel o of a group.
typedef struct {
    const loose_float *weights;
    /// One for each output channel of the group, or NULL.
    const float *factors;
    size_t group, in, out, row;
} weight_steps;

static weight_steps weight_steps_of(const thimble_conv *k, const loose_float *weights, const float *factors) {
    size_t area = k->rows.kernel * k->columns.kernel;
    weight_steps s = {.weights = weights, .factors = factors, .row = k->columns.kernel, .group = in_group(k) * out_group(k) * area};
    s.in = k->transposed ? out_group(k) * area : area;
    s.out = k->transposed ? area : in_group(k) * area;
    return s;
}

size_t conv_direct_pack_size(const thimble_conv *k) {
    size_t steps = in_group(k) * k->rows.kernel * k->columns.kernel;
    return round_up(group_count(k) * steps * round_up(group_columns(k), thimble_tiles_of(k->family)->lanes) * 4, 64);
}

/// Input channels that are turned at once, at most; as many as have their weights in the first cache.
static size_t turned_channels(size_t area) { return larger(1, smaller(16, 256 / area)); }

/// Columns first..<last of one panel, in whole vectors; `width` is the floats of all its vectors for each step. The weights begin with output channel
/// `begin`. Those of an output channel follow each other in the file: they are read in that order.
static void pack_panel(
    const thimble_conv *k, const weight_steps *s, size_t begin, size_t start, size_t width, size_t first, size_t last, float *out) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const size_t count = smaller(width, out_group(k) - start), channels = in_group(k), area = k->rows.kernel * k->columns.kernel;
    const float *factors = s->factors ? s->factors + start : NULL;
    float turned[16 * 256];
    for (size_t j = first; j < last; j += tiles->lanes) {
        const loose_float *from = s->weights + (start + j - begin) * s->out;
        if (area == 1) {
            tiles->turn(
                from, s->out, smaller(tiles->lanes, count - j), channels, 1, factors ? factors + j : NULL, out + j, width);
            continue;
        }
        for (size_t i = 0, here; i < channels; i += here) {
            here = smaller(turned_channels(area), channels - i);
            for (size_t t = 0, taps; t < area; t += taps) {
                // Kernels of more than 256 taps go one channel and a part at a time.
                taps = smaller(256, area - t);
                tiles->turn(
                    from + i * area + t, s->out, smaller(tiles->lanes, count - j), here > 1 ? here * area : taps, 1,
                    factors ? factors + j : NULL, turned, tiles->lanes);
                for (size_t c = 0; c < here; c++) {
                    for (size_t u = 0; u < taps; u++) {
                        size_t step = k->planar ? (i + c) * area + t + u : (t + u) * channels + i + c;
                        const float *of_step = turned + (c * taps + u) * tiles->lanes;
                        // Calls for so few bytes would take longer than the copies.
                        for (size_t q = 0; q < tiles->lanes; q += 4) memcpy(out + step * width + j + q, of_step + q, 16);
                    }
                }
            }
        }
    }
}

/// The same of one phase of a transposed convolution, or of vectors along channels.
static void pack_scattered(
    const thimble_conv *k, const weight_steps *s, const conv_phase *rows, const conv_phase *columns, size_t start, size_t width, float *out) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    size_t count = smaller(width, group_columns(k) - start), passes = plane_count(k), channels = in_group(k) / passes;
    for (size_t c = 0; c < passes; c++) {
        for (size_t y = 0; y < rows->taps; y++) {
            for (size_t x = 0; x < columns->taps; x++, out += channels * width) {
                ptrdiff_t row = rows->weight + (ptrdiff_t)y * rows->weight_step, column = columns->weight + (ptrdiff_t)x * columns->weight_step;
                const loose_float *from = s->weights + c * s->in + (size_t)row * s->row + (size_t)column;
                if (!channelwise(k)) {
                    tiles->pack(
                        from + start * s->out, channels, count, width / tiles->lanes, s->in, s->out, 1, s->factors ? s->factors + start : NULL, out);
                    continue;
                }
                for (size_t j = 0; j < width; j++) {
                    size_t group = (start + j) / out_group(k), of_group = (start + j) % out_group(k);
                    out[j] = j < count ? from[group * s->group + of_group * s->out] * (s->factors ? s->factors[start + j] : 1) : 0;
                }
            }
        }
    }
}

void conv_direct_pack(const thimble_conv *k, const loose_float *weights, size_t first, size_t last, const float *factors, float *packed) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, group_columns(k));
    size_t row_phases = conv_positions_of(&k->rows, k->transposed).phases, column_phases = conv_positions_of(&k->columns, k->transposed).phases;
    weight_steps s = weight_steps_of(k, weights, factors);
    for (size_t g = 0; g < group_count(k); g++) {
        for (size_t phase = 0; phase < row_phases * column_phases; phase++) {
            conv_phase rows = conv_phase_of(&k->rows, k->transposed, phase / column_phases);
            conv_phase columns = conv_phase_of(&k->columns, k->transposed, phase % column_phases);
            size_t steps = rows.taps * columns.taps * in_group(k);
            for (size_t p = 0; p < panels.panels; p++) {
                size_t start = panel_start(&panels, p), width = panel_start(&panels, p + 1) - start;
                if (k->transposed || channelwise(k)) pack_scattered(k, &s, &rows, &columns, start, width, packed);
                else if (k->groups > 1) pack_panel(k, &s, 0, start, width, 0, width, packed);
                else pack_panel(k, &s, first, start, width, larger(start, first) - start, smaller(start + width, larger(start, last)) - start, packed);
                packed += steps * width;
            }
        }
        s.weights += s.group;
        if (s.factors) s.factors += out_group(k);
    }
}

// --- run

/// A phase of both axes, the taps its windows have, and where its weights begin in those of a group.
typedef struct {
    conv_phase rows, columns;
    thimble_tile tile;
    size_t steps, weights;
} direct_phase;

/// Taps that lie beside each other are one.
static bool joins(const thimble_conv *k, const view *v, const conv_phase *columns) {
    if (columns->taps == 1) return true;
    return columns->spread == 1 && !channelwise(k) && (k->planar || (v->pixel == k->in_c && k->groups == 1));
}

/// Most offsets that all phases together have.
static size_t offset_count(const thimble_conv *k) { return k->rows.kernel * k->columns.kernel * plane_count(k); }

static direct_phase direct_phase_of(const thimble_conv *k, const view *v, size_t phase, ptrdiff_t *offsets) {
    direct_phase d = {
        .rows = conv_phase_of(&k->rows, k->transposed, phase / v->columns.phases),
        .columns = conv_phase_of(&k->columns, k->transposed, phase % v->columns.phases)};
    bool joined = joins(k, v, &d.columns);
    size_t across = joined ? smaller(1, d.columns.taps) : d.columns.taps, planes = plane_count(k);
    d.steps = d.rows.taps * d.columns.taps * in_group(k);
    d.tile = (thimble_tile){
        .depth = (joined ? d.columns.taps : 1) * (in_group(k) / planes), .offsets = offsets, .a_step = (size_t)v->columns.stride * v->pixel, .a_vector = v->vector,
        .c_stride = d.columns.step * k->out_pixel_stride, .residual_stride = d.columns.step * k->residual_pixel_stride, .low = k->low, .high = k->high};
    for (size_t c = 0; c < planes; c++) {
        for (size_t y = 0; y < d.rows.taps; y++) {
            for (size_t x = 0; x < across; x++) {
                ptrdiff_t row = d.rows.offset + (ptrdiff_t)y * d.rows.spread - v->rows.least;
                ptrdiff_t column = d.columns.offset + (ptrdiff_t)x * d.columns.spread - v->columns.least;
                offsets[d.tile.taps++] = (ptrdiff_t)(c * v->channel) + row * (ptrdiff_t)v->pitch + column * (ptrdiff_t)v->pixel;
            }
        }
    }
    return d;
}

size_t conv_direct_scratch(const thimble_conv *k) {
    size_t bytes = round_up(offset_count(k) * sizeof(ptrdiff_t), 64);
    if (k->transposed) bytes += round_up(k->rows.stride * k->columns.stride * sizeof(direct_phase), 64);
    if (k->copies) {
        view v = view_of(k);
        bytes += round_up(v.floats * 4, 64);
    }
    if (k->is_coded) bytes += round_up(k->coded.k * smaller(round_up(k->out_c, thimble_tiles_of(k->family)->lanes), MOST_VECTORS * MOST_LANES) * 4, 64);
    return bytes;
}

/// One row of `width` columns that begins at input column `left`, zeros where there is no input; pixels have `n` floats.
static void copy_row(float *out, size_t width, const float *row, ptrdiff_t left, size_t in_width, size_t n, size_t in_pixel) {
    size_t before = left < 0 ? smaller((size_t)-left, width) : 0;
    ptrdiff_t begin = left + (ptrdiff_t)before;
    size_t count = begin >= (ptrdiff_t)in_width ? 0 : smaller(width - before, in_width - (size_t)begin);
    memset(out, 0, before * n * 4);
    out += before * n;
    const float *from = row + begin * (ptrdiff_t)in_pixel;
    if (in_pixel == n) {
        memcpy(out, from, count * n * 4);
        out += count * n;
    } else {
        for (size_t i = 0; i < count; i++, out += n, from += in_pixel) memcpy(out, from, n * 4);
    }
    memset(out, 0, (width - before - count) * n * 4);
}

/// One row of the copy for vectors along channels; NULL is a row of zeros.
static void spread_row(const thimble_conv *k, const view *v, float *out, size_t width, const float *row, ptrdiff_t left) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const size_t vectors = divided_up(k->out_c, tiles->lanes), members = in_group(k);
    for (size_t x = 0; x < width; x++, out += v->pixel) {
        ptrdiff_t column = left + (ptrdiff_t)x;
        if (!row || column < 0 || column >= (ptrdiff_t)k->columns.in) {
            for (size_t i = 0; i < vectors; i++) memset(out + i * v->vector, 0, v->pixel * 4);
            continue;
        }
        const float *from = row + (size_t)column * k->in_pixel_stride;
        for (size_t member = 0; member < members; member++) {
            float *to = out + member * v->channel;
            if (shuffles(k)) {
                tiles->spread(from, k->out_c, members, member, to, v->vector);
                continue;
            }
            const float *group = from + member;
            for (size_t i = 0, done = 0; i < vectors; i++, to += v->vector) {
                size_t count = smaller(tiles->lanes, k->out_c - i * tiles->lanes);
                for (size_t j = 0; j < count; j++) {
                    to[j] = *group;
                    if (++done < out_group(k)) continue;
                    done = 0;
                    group += members;
                }
            }
        }
    }
}

static void copy_block(const thimble_conv *k, const view *v, const conv_block *b, const float *in, float *out) {
    size_t height = reach(&v->rows, b->rows), width = reach(&v->columns, b->columns), planes = k->planar ? k->in_c : 1;
    ptrdiff_t top = (ptrdiff_t)(v->rows.first + b->row) * v->rows.stride + v->rows.least;
    ptrdiff_t left = (ptrdiff_t)(v->columns.first + b->column) * v->columns.stride + v->columns.least;
    size_t n = k->planar ? 1 : k->in_c, in_pixel = k->planar ? 1 : k->in_pixel_stride, in_pitch = k->columns.in * in_pixel;
    in += b->image * planes * k->rows.in * in_pitch;
    for (size_t c = 0; c < planes; c++) {
        for (size_t y = 0; y < height; y++) {
            float *to = out + c * v->channel + y * v->pitch;
            ptrdiff_t row = top + (ptrdiff_t)y;
            const float *from = row < 0 || row >= (ptrdiff_t)k->rows.in ? NULL : in + (c * k->rows.in + (size_t)row) * in_pitch;
            if (channelwise(k)) spread_row(k, v, to, width, from, left);
            else if (!from) memset(to, 0, width * n * 4);
            else copy_row(to, width, from, left, k->columns.in, n, in_pixel);
        }
    }
}

/// One panel of one phase over the block's rows. `from` is where the window of the block's first position begins; `channel` is the
/// panel's first of all output channels.
static void run_panel(
    const thimble_conv *k, const view *v, const direct_phase *d, const conv_block *b, const float *from, const float *weights, size_t channel,
    size_t vectors, size_t count, const conv_operands *o) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    size_t row = v->rows.first + b->row, column = v->columns.first + b->column;
    size_t top = larger(row, d->rows.first), bottom = smaller(row + b->rows, d->rows.last);
    size_t left = larger(column, d->columns.first), right = smaller(column + b->columns, d->columns.last);
    if (left >= right) return;
    from += (left - column) * d->tile.a_step;
    size_t out_column = d->columns.out + (left - d->columns.first) * d->columns.step;
    for (size_t y = top; y < bottom; y++) {
        size_t out_row = d->rows.out + (y - d->rows.first) * d->rows.step;
        size_t pixel = (b->image * k->rows.out + out_row) * k->columns.out + out_column;
        const float *a = from + (y - row) * (size_t)v->rows.stride * v->pitch, *bias = o->bias ? o->bias + channel : NULL;
        const float *residual = o->residual ? o->residual + pixel * k->residual_pixel_stride + channel : NULL;
        float *out = o->out + pixel * k->out_pixel_stride + channel;
        if (channelwise(k)) tiles->channelwise(&d->tile, a + channel / tiles->lanes * v->vector, weights, bias, residual, out, right - left, count, vectors);
        else thimble_panel_run(tiles, &d->tile, vectors, count, right - left, a, weights, bias, residual, out);
    }
}

void conv_direct_run(const thimble_conv *k, const conv_operands *operands, size_t first, size_t last, void *scratch) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, group_columns(k));
    const view v = view_of(k);
    const size_t phase_count = v.rows.phases * v.columns.phases;
    ptrdiff_t *offsets = scratch;
    char *rest = (char *)scratch + round_up(offset_count(k) * sizeof(ptrdiff_t), 64);
    direct_phase single, *phases = &single;
    if (k->transposed) {
        phases = (direct_phase *)rest;
        rest += round_up(phase_count * sizeof(direct_phase), 64);
    }
    size_t weights = 0;
    for (size_t i = 0; i < phase_count; i++) {
        phases[i] = direct_phase_of(k, &v, i, offsets);
        phases[i].weights = weights;
        offsets += phases[i].tile.taps;
        weights += phases[i].steps * panels.vectors * panels.lanes;
    }
    float *copy = (float *)rest, *decoded = copy + (k->copies ? round_up(v.floats * 4, 64) / 4 : 0);
    size_t held = SIZE_MAX;
    size_t copied = SIZE_MAX, image = k->rows.in * k->columns.in * (k->planar ? k->in_c : k->in_pixel_stride);
    for (size_t unit = first; unit < last; unit++) {
        const conv_block b = conv_block_of(k, v.rows.count, v.columns.count, unit);
        const float *from = copy;
        if (!k->copies) {
            size_t row = (size_t)((ptrdiff_t)(v.rows.first + b.row) * v.rows.stride + v.rows.least);
            size_t column = (size_t)((ptrdiff_t)(v.columns.first + b.column) * v.columns.stride + v.columns.least);
            from = operands->in + b.image * image + row * v.pitch + column * v.pixel;
        } else if (copied != unit / k->channel_units) {
            copied = unit / k->channel_units;
            copy_block(k, &v, &b, operands->in, copy);
        }
        size_t all = panels.panels * group_count(k), part = unit % k->channel_units;
        size_t begin = part_start(all, k->channel_units, part), end = part_start(all, k->channel_units, part + 1), channel = 0, channels = 0;
        for (size_t p = begin; p < end; p++) {
            size_t group = p / panels.panels, start = panel_start(&panels, p % panels.panels), next = panel_start(&panels, p % panels.panels + 1);
            size_t count = smaller(next, group_columns(k)) - start;
            if (p == begin) channel = group * out_group(k) + start;
            channels += count;
            // One phase and one group, where weights are codes.
            if (k->is_coded && held != p) thimble_codes_decode(&k->coded, operands->packed, held = p, decoded);
            for (size_t i = 0; i < phase_count; i++) {
                const float *w = k->is_coded ? decoded : (const float *)operands->packed + group * weights + phases[i].weights + phases[i].steps * start;
                run_panel(
                    k, &v, &phases[i], &b, from + group * in_group(k) * (k->planar ? v.channel : 1), w, group * out_group(k) + start, (next - start) / panels.lanes, count, operands);
            }
        }
        size_t row = out_of(&k->rows, k->transposed, &v.rows, b.row), column = out_of(&k->columns, k->transposed, &v.columns, b.column);
        size_t bottom = out_of(&k->rows, k->transposed, &v.rows, b.row + b.rows), right = out_of(&k->columns, k->transposed, &v.columns, b.column + b.columns);
        conv_finish(k, operands->out, b.image, row, bottom - row, column, right - column, channel, channels);
    }
}
