#include "elementwise_parts.h"
#include <string.h>

// A multiplication and an addition become one only where vector_math.h says so.
#pragma STDC FP_CONTRACT OFF

/// What goes into an instruction, or comes out of it: rows of floats `row` apart, each a vector or (step 0) one number 16 times.
typedef struct {
    float *at;
    size_t step, row;
} operand;

typedef struct {
    operand operands[3], out;
    size_t rows, count;
    float p, q;
} step;

typedef struct {
    void (*const *operators)(const step *);
    void (*load)(thimble_type, const void *from, ptrdiff_t by, size_t n, float *to);
    void (*store)(thimble_type, const float *from, size_t n, void *to, ptrdiff_t by);
} family_functions;

static const uint8_t sizes[] = {
    [THIMBLE_TYPE_F32] = 4, [THIMBLE_TYPE_F16] = 2, [THIMBLE_TYPE_BF16] = 2, [THIMBLE_TYPE_I32] = 4,
    [THIMBLE_TYPE_I64] = 8, [THIMBLE_TYPE_I8] = 1, [THIMBLE_TYPE_U8] = 1, [THIMBLE_TYPE_BOOL] = 1,
};

// --- elements of the types that C has no name for, and of integers

static inline float of_bfloat(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float v;
    memcpy(&v, &u, 4);
    return v;
}

static inline uint16_t to_bfloat(float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    return v == v ? (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16) : 0x7fc0;
}

static inline float bounded(float v, float low, float high) {
    v = v == v ? v : 0;
    v = v > low ? v : low;
    return v < high ? v : high;
}

static inline int32_t to_int32(float v) { return v < 2147483648.0f ? (int32_t)bounded(v, -2147483648.0f, 2147483520.0f) : v == v ? INT32_MAX : 0; }
static inline int64_t to_int64(float v) {
    return v < 9223372036854775808.0f ? (int64_t)bounded(v, -9223372036854775808.0f, 9223371487098961920.0f) : v == v ? INT64_MAX : 0;
}
static inline int32_t to_int8(float v) { return (int32_t)bounded(v, -128, 127); }
static inline int32_t to_uint8(float v) { return (int32_t)bounded(v, 0, 255); }

#define KERNELS "elementwise_kernels.h"
#include "families.h"

static const family_functions *functions_of(unsigned family) {
    unsigned most = thimble_processor();
    return OF_FAMILY(family < most ? family : most, functions);
}

// --- running

/// A program in the middle of its blocks.
typedef struct {
    const thimble_elementwise *k;
    const family_functions *functions;
    const char *in[THIMBLE_ELEMENTWISE_INPUTS];
    char *out[THIMBLE_ELEMENTWISE_OUTPUTS];
    float *buffers, *splats;
    operand places[THIMBLE_ELEMENTWISE_VALUES];
} runner;

static void fill_splat(float *to, float value) {
    for (int i = 0; i < SPLAT; i++) to[i] = value;
}

static float *buffer_at(const runner *r, unsigned place) { return r->buffers + place * r->k->block; }

/// Copies a block of an input to a buffer, axis by axis. Returns the end of what was written.
static float *gather(const runner *r, const thimble_elementwise_operand *o, size_t axis, size_t count, const char *from, float *to) {
    const thimble_elementwise *k = r->k;
    if (axis + 1 == k->rank) {
        r->functions->load((thimble_type)o->type, from, o->strides[axis], count, to);
        return to + count;
    }
    if (count == 0) return to;
    float *end = gather(r, o, axis + 1, k->dims[axis + 1], from, to);
    size_t size = (size_t)(end - to);
    for (size_t i = 1; i < count; i++, end += size) {
        if (o->strides[axis] == 0) {
            memcpy(end, to, size * sizeof(float));
        } else {
            from += o->strides[axis] * sizes[o->type];
            gather(r, o, axis + 1, k->dims[axis + 1], from, end);
        }
    }
    return end;
}

static const float *scatter(const runner *r, const thimble_elementwise_operand *o, size_t axis, size_t count, const float *from, char *to) {
    const thimble_elementwise *k = r->k;
    if (axis + 1 == k->rank) {
        r->functions->store((thimble_type)o->type, from, count, to, o->strides[axis]);
        return from + count;
    }
    for (size_t i = 0; i < count; i++) from = scatter(r, o, axis + 1, k->dims[axis + 1], from, to + (ptrdiff_t)i * o->strides[axis] * sizes[o->type]);
    return from;
}

static void load_block(runner *r, size_t i, size_t rows, ptrdiff_t offset) {
    const thimble_elementwise_operand *o = &r->k->inputs[i];
    const char *from = r->in[i] + offset * sizes[o->type];
    switch (r->k->values[o->value].mode) {
    case MODE_DIRECT: r->places[o->value].at = (float *)from; return;
    case MODE_SPLAT: {
        float value;
        r->functions->load((thimble_type)o->type, from, 1, 1, &value);
        fill_splat(r->splats + o->place * SPLAT, value);
        return;
    }
    default:
        if (is_dense(r->k, o, rows)) {
            r->functions->load((thimble_type)o->type, from, 1, rows * r->k->inner, buffer_at(r, o->place));
        } else {
            gather(r, o, r->k->axis, rows, from, buffer_at(r, o->place));
        }
    }
}

/// Points values at their places, and fills what stays the same for all blocks.
static void start(runner *r, const thimble_elementwise *k, void *scratch) {
    r->k = k;
    r->functions = functions_of(k->family);
    r->buffers = scratch;
    r->splats = r->buffers + k->buffer_count * k->block;
    for (size_t i = 0; i < k->value_count; i++) {
        const thimble_elementwise_value *v = &k->values[i];
        if (v->kind == KIND_UNUSED) continue;
        if (v->mode == MODE_SPLAT) {
            r->places[i] = (operand){r->splats + v->place * SPLAT, 0, 0};
            if (v->kind == KIND_CONSTANT) fill_splat(r->splats + v->place * SPLAT, v->p);
        } else {
            r->places[i] = (operand){v->mode == MODE_BUFFER ? buffer_at(r, v->place) : NULL, 1, 0};
            if (v->kind == KIND_CONSTANT) r->functions->load(THIMBLE_TYPE_F32, &v->p, 0, k->block, buffer_at(r, v->place));
        }
    }
    for (size_t i = 0; i < k->input_count; i++) {
        if (k->values[k->inputs[i].value].kind == KIND_INPUT && k->inputs[i].mode == FILL_ONCE) load_block(r, i, k->rows, 0);
    }
}

static void store_block(const runner *r, size_t i, size_t rows, ptrdiff_t offset) {
    const thimble_elementwise_operand *o = &r->k->outputs[i];
    char *to = r->out[i] + offset * sizes[o->type];
    const float *from = r->places[o->value].at;
    if (is_dense(r->k, o, rows)) {
        r->functions->store((thimble_type)o->type, from, rows * r->k->inner, to, 1);
    } else {
        scatter(r, o, r->k->axis, rows, from, to);
    }
}

/// Runs the instructions where all inputs are in their places.
static void run_instructions(runner *r, size_t rows, size_t count, const ptrdiff_t *offsets) {
    const thimble_elementwise *k = r->k;
    for (size_t i = 0; i < k->value_count; i++) {
        const thimble_elementwise_value *v = &k->values[i];
        if (v->kind != KIND_RESULT) continue;
        if (v->mode == MODE_DIRECT) r->places[i].at = (float *)(r->out[v->place] + offsets[k->input_count + v->place] * (ptrdiff_t)sizeof(float));
        step s = {{r->places[v->a], r->places[v->b], r->places[v->c]}, r->places[i], rows, count, v->p, v->q};
        r->functions->operators[v->op](&s);
    }
}

/// Runs the instructions on one block; offsets are its operands' places, inputs first, in elements.
static void run_block(runner *r, size_t rows, const ptrdiff_t *offsets) {
    const thimble_elementwise *k = r->k;
    for (size_t i = 0; i < k->input_count; i++) {
        if (k->values[k->inputs[i].value].kind == KIND_INPUT && k->inputs[i].mode != FILL_ONCE) load_block(r, i, rows, offsets[i]);
    }
    run_instructions(r, 1, rows * k->inner, offsets);
    for (size_t i = 0; i < k->output_count; i++) {
        if (k->outputs[i].place != i) store_block(r, i, rows, offsets[k->input_count + i]);
    }
}

void thimble_elementwise_run(
    const thimble_elementwise *k, const void *const *inputs, void *const *outputs, size_t first, size_t last, void *scratch) {
    size_t block = first * k->unit_blocks, end = last * k->unit_blocks, total = k->slices * k->pieces;
    if (end > total) end = total;
    if (block >= end) return;
    runner r;
    for (size_t i = 0; i < k->input_count; i++) r.in[i] = inputs[i];
    for (size_t i = 0; i < k->output_count; i++) r.out[i] = outputs[i];
    start(&r, k, scratch);
    size_t slice = block / k->pieces, piece = block % k->pieces;
    for (; block < end; slice++, piece = 0) {
        ptrdiff_t base[THIMBLE_ELEMENTWISE_INPUTS + THIMBLE_ELEMENTWISE_OUTPUTS] = {0}, offsets[THIMBLE_ELEMENTWISE_INPUTS + THIMBLE_ELEMENTWISE_OUTPUTS];
        size_t rest = slice, operands = k->input_count + k->output_count;
        for (size_t d = k->axis; d-- > 0; rest /= k->dims[d]) {
            for (size_t i = 0; i < operands; i++) base[i] += (ptrdiff_t)(rest % k->dims[d]) * operand_at((thimble_elementwise *)k, i)->strides[d];
        }
        for (; piece < k->pieces && block < end; piece++, block++) {
            size_t from = piece * k->rows, rows = k->dims[k->axis] - from < k->rows ? k->dims[k->axis] - from : k->rows;
            for (size_t i = 0; i < operands; i++) offsets[i] = base[i] + (ptrdiff_t)from * operand_at((thimble_elementwise *)k, i)->strides[k->axis];
            run_block(&r, rows, offsets);
        }
    }
}

// --- epilogues

enum { EPILOGUE_SCRATCH = BUFFER_BYTES + THIMBLE_ELEMENTWISE_VALUES * SPLAT * sizeof(float) };

bool thimble_epilogue_program_prepare(thimble_epilogue_program *e, const thimble_elementwise *program) {
    const thimble_elementwise *p = program;
    if (p->failed || p->rank != 2 || p->input_count == 0 || p->output_count != 1) return false;
    if (p->inputs[0].type != THIMBLE_TYPE_F32 || p->outputs[0].type != THIMBLE_TYPE_F32) return false;
    if (p->inputs[0].strides[1] != 1 || p->outputs[0].strides[1] != 1 || p->inputs[0].strides[0] != p->outputs[0].strides[0]) return false;
    e->tiles = *program;
    for (size_t d = 0; d < 2; d++) e->tiles.dims[d] += e->tiles.dims[d] == 0;
    e->rows = e->tiles;
    e->inputs = NULL;
    elementwise_drop_unused(&e->tiles);
    elementwise_drop_unused(&e->rows);
    elementwise_plan(&e->tiles, false);
    elementwise_plan(&e->rows, true);
    return thimble_elementwise_scratch(&e->tiles) <= EPILOGUE_SCRATCH && thimble_elementwise_scratch(&e->rows) <= EPILOGUE_SCRATCH;
}

/// Operands of the block at a row and a column, from their pointers to [first_row, first_column].
static void find_block(const thimble_elementwise *k, size_t row, size_t column, size_t row_stride, ptrdiff_t *offsets) {
    for (size_t i = 1; i < k->input_count; i++) offsets[i] = (ptrdiff_t)row * k->inputs[i].strides[0] + (ptrdiff_t)column * k->inputs[i].strides[1];
    offsets[0] = offsets[k->input_count] = (ptrdiff_t)(row * row_stride + column);
}

/// Whether an input has one number for each row, so that a block can have one row only. The matrix has, where it is one column.
static bool has_number_per_row(const thimble_elementwise *k) {
    for (size_t i = 0; i < k->input_count; i++) {
        const thimble_elementwise_value *v = &k->values[k->inputs[i].value];
        if (v->kind == KIND_INPUT && v->mode == MODE_SPLAT && k->inputs[i].mode == FILL_BLOCKS) return true;
    }
    return false;
}

/// Runs the instructions on a part of the matrix whose rows are `row_stride` apart. Buffers have rows of `columns`.
static void run_part(runner *r, size_t rows, size_t columns, size_t row_stride, const ptrdiff_t *offsets) {
    const thimble_elementwise *k = r->k;
    for (size_t i = 0; i < k->input_count; i++) {
        const thimble_elementwise_operand *o = &k->inputs[i];
        const thimble_elementwise_value *v = &k->values[o->value];
        if (v->kind != KIND_INPUT || o->mode == FILL_ONCE) continue;
        if (v->mode != MODE_BUFFER) {
            load_block(r, i, columns, offsets[i]);
            r->places[o->value].row = v->mode == MODE_SPLAT ? 0 : i == 0 ? row_stride : (size_t)o->strides[0];
            continue;
        }
        const char *from = r->in[i] + offsets[i] * sizes[o->type];
        ptrdiff_t step = (i == 0 ? (ptrdiff_t)row_stride : o->strides[0]) * sizes[o->type];
        for (size_t row = 0; row < rows; row++) {
            r->functions->load((thimble_type)o->type, from + (ptrdiff_t)row * step, o->strides[1], columns, buffer_at(r, o->place) + row * columns);
        }
        r->places[o->value].row = columns;
    }
    for (size_t i = 0; i < k->value_count; i++) {
        if (k->values[i].kind == KIND_RESULT) r->places[i].row = k->values[i].mode == MODE_DIRECT ? row_stride : columns;
    }
    run_instructions(r, rows, columns, offsets);
    if (k->outputs[0].place == 0) return;
    const operand *result = &r->places[k->outputs[0].value];
    float *to = (float *)r->out[0] + offsets[k->input_count];
    for (size_t row = 0; row < rows; row++) r->functions->store(THIMBLE_TYPE_F32, result->at + row * result->row, columns, to + row * row_stride, 1);
}

void thimble_elementwise_epilogue(
    const void *context, float *rows, size_t row_count, size_t column_count, size_t row_stride, size_t first_row, size_t first_column) {
    const thimble_epilogue_program *e = context;
    _Alignas(64) char scratch[EPILOGUE_SCRATCH];
    bool whole = column_count == e->tiles.dims[1] && (ptrdiff_t)row_stride == e->tiles.inputs[0].strides[0] && e->tiles.axis == 0;
    const thimble_elementwise *k = whole ? &e->tiles : &e->rows;
    if (row_count == 0 || column_count == 0) return;
    ptrdiff_t offsets[THIMBLE_ELEMENTWISE_INPUTS + 1];
    runner r;
    find_block(k, first_row, first_column, 0, offsets);
    for (size_t i = 1; i < k->input_count; i++) r.in[i] = (const char *)e->inputs[i] + offsets[i] * sizes[k->inputs[i].type];
    r.in[0] = r.out[0] = (char *)rows;
    start(&r, k, scratch);
    if (whole) {
        for (size_t row = 0; row < row_count; row += k->rows) {
            find_block(k, row, 0, row_stride, offsets);
            run_block(&r, row_count - row < k->rows ? row_count - row : k->rows, offsets);
        }
        return;
    }
    size_t width = column_count < k->rows ? column_count : k->rows, height = has_number_per_row(k) ? 1 : k->block / width;
    for (size_t row = 0; row < row_count; row += height) {
        for (size_t column = 0; column < column_count; column += width) {
            find_block(k, row, column, row_stride, offsets);
            run_part(&r, row_count - row < height ? row_count - row : height, column_count - column < width ? column_count - column : width, row_stride, offsets);
        }
    }
}
