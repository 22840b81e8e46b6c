#include "conv_paths.h"

conv_positions conv_positions_of(const thimble_conv_axis *axis, bool transposed) {
    ptrdiff_t reach = (ptrdiff_t)((axis->kernel - 1) * axis->dilation);
    if (!transposed) {
        ptrdiff_t pad = (ptrdiff_t)axis->pad;
        return (conv_positions){.count = axis->out, .stride = (ptrdiff_t)axis->stride, .least = -pad, .most = reach - pad, .phases = 1};
    }
    size_t first = axis->pad / axis->stride, last = (axis->out - 1 + axis->pad) / axis->stride;
    return (conv_positions){
        .first = first, .count = last - first + 1, .stride = 1, .least = -(reach / (ptrdiff_t)axis->stride), .most = 0, .phases = axis->stride};
}

conv_phase conv_phase_of(const thimble_conv_axis *axis, bool transposed, size_t phase) {
    if (!transposed) {
        return (conv_phase){
            .last = axis->out, .step = 1, .taps = axis->kernel, .offset = -(ptrdiff_t)axis->pad, .spread = (ptrdiff_t)axis->dilation, .weight_step = 1};
    }
    conv_phase p = {.step = axis->stride};
    p.first = phase >= axis->pad ? 0 : divided_up(axis->pad - phase, axis->stride);
    p.last = axis->out - 1 + axis->pad < phase ? 0 : (axis->out - 1 + axis->pad - phase) / axis->stride + 1;
    p.out = p.first * axis->stride + phase - axis->pad;
    // Weights whose place is that of the phase, modulo the stride; the last of them reads the first input element.
    size_t known = 0, ks[2] = {0};
    for (size_t i = 0; i < axis->kernel; i++) {
        if (i * axis->dilation % axis->stride != phase) continue;
        if (known < 2) ks[known++] = i;
        p.weight = (ptrdiff_t)i;
        p.taps++;
    }
    if (p.taps == 0) return p;
    p.offset = -(ptrdiff_t)((size_t)p.weight * axis->dilation / axis->stride);
    if (p.taps > 1) {
        p.weight_step = -(ptrdiff_t)(ks[1] - ks[0]);
        p.spread = (ptrdiff_t)((ks[1] - ks[0]) * axis->dilation / axis->stride);
    }
    return p;
}

conv_block conv_block_of(const thimble_conv *k, size_t row_count, size_t column_count, size_t unit) {
    size_t block = unit / k->channel_units, column = block % k->column_units, row = block / k->column_units % k->row_units;
    conv_block b = {.image = block / k->column_units / k->row_units};
    b.row = part_start(row_count, k->row_units, row);
    b.rows = part_start(row_count, k->row_units, row + 1) - b.row;
    b.column = part_start(column_count, k->column_units, column);
    b.columns = part_start(column_count, k->column_units, column + 1) - b.column;
    return b;
}

void conv_finish(
    const thimble_conv *k, float *out, size_t image, size_t row, size_t rows, size_t column, size_t columns, size_t channel, size_t channels) {
    if (!k->epilogue || columns == 0) return;
    // Whole rows follow each other.
    bool whole = columns == k->columns.out;
    for (size_t i = 0; i < (whole ? (rows > 0) : rows); i++) {
        size_t pixel = (image * k->rows.out + row + i) * k->columns.out + column;
        k->epilogue(
            k->context, out + pixel * k->out_pixel_stride + channel, whole ? rows * columns : columns, channels, k->out_pixel_stride, pixel, channel);
    }
}

static bool is_pointwise(const thimble_conv_axis *axis) {
    return axis->kernel == 1 && axis->stride == 1 && axis->pad == 0 && axis->in == axis->out;
}

/// Axes as they are computed: long rows, and as few as can be.
static void choose_axes(thimble_conv *k) {
    k->rows = k->height;
    k->columns = k->width;
    k->images = k->batch;
    if (is_pointwise(&k->columns) && k->columns.in == 1) {
        k->rows = k->width;
        k->columns = k->height;
    }
    if (!k->planar && is_pointwise(&k->rows) && is_pointwise(&k->columns)) {
        k->columns.in = k->columns.out = k->images * k->rows.in * k->columns.in;
        k->rows.in = k->rows.out = k->images = 1;
    }
}

/// The product that a convolution in codes is, or whose packed form it has.
static void prepare_codes(thimble_conv *k) {
    thimble_codes *c = &k->coded;
    c->family = k->family;
    c->m = k->path == THIMBLE_CONV_FLAT ? k->flat.m : 1;
    c->n = k->out_c;
    c->k = k->in_c * k->rows.kernel * k->columns.kernel;
    c->a_stride = k->in_pixel_stride;
    c->c_stride = k->out_pixel_stride;
    c->residual_stride = k->residual_pixel_stride;
    c->low = k->low;
    c->high = k->high;
    thimble_codes_prepare(c);
}

bool thimble_conv_is_winograd(const thimble_conv *k) { return k->path >= THIMBLE_CONV_WINOGRAD_4 && k->path <= THIMBLE_CONV_WINOGRAD_LINE_2; }

bool thimble_conv_takes_codes(const thimble_conv *k) {
    return k->groups == 1 && !k->planar && !k->transposed && k->path != THIMBLE_CONV_DEPTHWISE && k->path != THIMBLE_CONV_CHANNELWISE;
}

void thimble_conv_prepare(thimble_conv *k) {
    choose_axes(k);
    if (k->batch == 0 || k->out_c == 0 || k->height.out == 0 || k->width.out == 0) {
        k->path = THIMBLE_CONV_FLAT;
        k->flat = (thimble_matmul){.family = k->family};
        k->coded.m = 0;
        return;
    }
    k->row_units = k->column_units = k->channel_units = 1;
    k->copies = false;
    if (k->groups == 1 && !k->planar && !k->transposed && is_pointwise(&k->rows) && is_pointwise(&k->columns)) {
        k->path = THIMBLE_CONV_FLAT;
        k->flat = (thimble_matmul){
            .family = k->family, .m = k->columns.in, .n = k->out_c, .k = k->in_c, .a_stride = k->in_pixel_stride, .c_stride = k->out_pixel_stride,
            .residual_stride = k->residual_pixel_stride, .low = k->low, .high = k->high, .epilogue = k->epilogue, .context = k->context};
        thimble_matmul_prepare(&k->flat);
        if (k->is_coded) prepare_codes(k);
        return;
    }
    if (conv_depthwise_can(k)) {
        k->path = THIMBLE_CONV_DEPTHWISE;
        conv_depthwise_prepare(k);
        return;
    }
    k->path = k->is_coded ? THIMBLE_CONV_DIRECT : conv_winograd_path(k);
    if (k->path != THIMBLE_CONV_DIRECT) {
        conv_winograd_prepare(k);
        return;
    }
    k->path = conv_direct_prefers_channels(k) ? THIMBLE_CONV_CHANNELWISE : THIMBLE_CONV_DIRECT;
    conv_direct_prepare(k);
    if (k->is_coded) prepare_codes(k);
}

size_t thimble_conv_pack_size(const thimble_conv *k) {
    if (k->is_coded) return thimble_codes_pack_size(&k->coded);
    switch (k->path) {
    case THIMBLE_CONV_FLAT: return thimble_matmul_pack_size(&k->flat);
    case THIMBLE_CONV_DEPTHWISE: return conv_depthwise_pack_size(k);
    case THIMBLE_CONV_WINOGRAD_4:
    case THIMBLE_CONV_WINOGRAD_2:
    case THIMBLE_CONV_WINOGRAD_LINE_4:
    case THIMBLE_CONV_WINOGRAD_LINE_2: return conv_winograd_pack_size(k);
    default: return conv_direct_pack_size(k);
    }
}

/// Weights of one output channel.
static size_t channel_weights(const thimble_conv *k) { return in_group(k) * k->rows.kernel * k->columns.kernel; }

void thimble_conv_pack(const thimble_conv *k, const void *weights, const float *factors, void *packed) {
    thimble_conv_pack_part(k, weights, 0, k->out_c * channel_weights(k), factors, packed);
}

// Weights of a panel that stay in the second cache: those of 256 input channels.
#define NEAR_WEIGHTS (256 * 9 * (size_t)(MOST_VECTORS * MOST_LANES))

size_t thimble_conv_pack_unit(const thimble_conv *k) {
    const bool parts = k->path != THIMBLE_CONV_DEPTHWISE && k->path != THIMBLE_CONV_CHANNELWISE && k->groups == 1 && !k->transposed;
    if (!parts) return larger(1, channel_weights(k) * k->out_c);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->out_c);
    const size_t vector = channel_weights(k) * panels.lanes, panel = panels.panels > 0 ? panels.vectors / panels.panels * vector : vector;
    // Whole panels are packed sooner, if all have as many vectors.
    return larger(1, thimble_conv_is_winograd(k) && panel <= NEAR_WEIGHTS && panels.vectors % panels.panels == 0 ? panel : vector);
}

void thimble_conv_pack_part(const thimble_conv *k, const void *weights, size_t first, size_t last, const float *factors, void *packed) {
    if (first == last) return;
    const size_t from = first / channel_weights(k), to = last / channel_weights(k);
    switch (k->path) {
    case THIMBLE_CONV_FLAT: matmul_pack_columns(&k->flat, weights, from, to, 1, factors, packed); break;
    case THIMBLE_CONV_DEPTHWISE: conv_depthwise_pack(k, weights, factors, packed); break;
    case THIMBLE_CONV_WINOGRAD_4:
    case THIMBLE_CONV_WINOGRAD_2:
    case THIMBLE_CONV_WINOGRAD_LINE_4:
    case THIMBLE_CONV_WINOGRAD_LINE_2: conv_winograd_pack(k, weights, from, to, factors, packed); break;
    default: conv_direct_pack(k, weights, from, to, factors, packed);
    }
}

size_t thimble_conv_units(const thimble_conv *k) {
    if (k->path == THIMBLE_CONV_FLAT) return k->is_coded ? thimble_codes_units(&k->coded) : thimble_matmul_units(&k->flat);
    return k->images * k->row_units * k->column_units * k->channel_units;
}

size_t thimble_conv_scratch(const thimble_conv *k) {
    switch (k->path) {
    case THIMBLE_CONV_FLAT: return k->is_coded ? thimble_codes_scratch(&k->coded) : thimble_matmul_scratch(&k->flat);
    case THIMBLE_CONV_DEPTHWISE: return 0;
    case THIMBLE_CONV_WINOGRAD_4:
    case THIMBLE_CONV_WINOGRAD_2:
    case THIMBLE_CONV_WINOGRAD_LINE_4:
    case THIMBLE_CONV_WINOGRAD_LINE_2: return conv_winograd_scratch(k);
    default: return conv_direct_scratch(k);
    }
}

void thimble_conv_run(
    const thimble_conv *k, const float *in, const void *packed, const float *bias, const float *residual, float *out, size_t first, size_t last,
    void *scratch) {
    if (k->path == THIMBLE_CONV_FLAT && k->is_coded) {
        thimble_codes codes = k->coded;
        codes.epilogue = k->flat.epilogue;
        codes.context = k->flat.context;
        thimble_codes_run(&codes, in, packed, bias, residual, out, first, last, scratch);
        return;
    }
    conv_operands operands = {.in = in, .packed = packed, .bias = bias, .residual = residual, .out = out};
    switch (k->path) {
    case THIMBLE_CONV_FLAT: thimble_matmul_run(&k->flat, in, packed, bias, residual, out, first, last, scratch); break;
    case THIMBLE_CONV_DEPTHWISE: conv_depthwise_run(k, &operands, first, last); break;
    case THIMBLE_CONV_WINOGRAD_4:
    case THIMBLE_CONV_WINOGRAD_2:
    case THIMBLE_CONV_WINOGRAD_LINE_4:
    case THIMBLE_CONV_WINOGRAD_LINE_2: conv_winograd_run(k, &operands, first, last, scratch); break;
    default: conv_direct_run(k, &operands, first, last, scratch);
    }
}
