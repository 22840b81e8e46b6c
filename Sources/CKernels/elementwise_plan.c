#include "elementwise_parts.h"
#include <string.h>

// Making a program of elementwise operations, and planning how it runs: which axes are one, how large blocks are, where values lie.

#define ENTRY(name, operands, cost) [THIMBLE_OP_##name] = {operands, cost},
static const struct { uint16_t operands, cost; } facts[] = { FOR_EACH_OPERATOR(ENTRY) };
#undef ENTRY
_Static_assert(sizeof facts / sizeof *facts == THIMBLE_OP_COUNT, "every operator is listed");

// --- making a program

void thimble_elementwise_begin(thimble_elementwise *k, unsigned family, const size_t *dims, size_t rank) {
    memset(k, 0, sizeof *k);
    k->family = family;
    k->failed = rank > THIMBLE_ELEMENTWISE_RANK;
    if (k->failed) return;
    k->rank = rank;
    for (size_t d = 0; d < rank; d++) k->dims[d] = dims[d];
}

static unsigned add(thimble_elementwise *k, thimble_elementwise_value value) {
    if (k->value_count == THIMBLE_ELEMENTWISE_VALUES) {
        k->failed = true;
        return 0;
    }
    k->values[k->value_count] = value;
    return (unsigned)k->value_count++;
}

static bool describe(const thimble_elementwise *k, thimble_elementwise_operand *o, thimble_type type, const ptrdiff_t *strides, unsigned value) {
    *o = (thimble_elementwise_operand){.type = (uint8_t)type, .value = (uint8_t)value};
    if ((unsigned)type > THIMBLE_TYPE_BOOL) return false;
    for (size_t d = 0; d < k->rank; d++) o->strides[d] = strides[d];
    return true;
}

unsigned thimble_elementwise_input(thimble_elementwise *k, thimble_type type, const ptrdiff_t *strides) {
    if (k->input_count == THIMBLE_ELEMENTWISE_INPUTS) {
        k->failed = true;
        return 0;
    }
    unsigned value = add(k, (thimble_elementwise_value){.kind = KIND_INPUT, .a = (uint8_t)k->input_count});
    if (!describe(k, &k->inputs[k->input_count++], type, strides, value)) k->failed = true;
    return value;
}

unsigned thimble_elementwise_constant(thimble_elementwise *k, float number) {
    return add(k, (thimble_elementwise_value){.kind = KIND_CONSTANT, .p = number});
}

unsigned thimble_elementwise_apply(thimble_elementwise *k, thimble_op op, unsigned a, unsigned b, unsigned c, float p, float q) {
    if ((unsigned)op >= THIMBLE_OP_COUNT) {
        k->failed = true;
        return 0;
    }
    unsigned operands = facts[op].operands;
    if (operands < 2) b = a;
    if (operands < 3) c = a;
    if (a >= k->value_count || b >= k->value_count || c >= k->value_count) k->failed = true;
    return add(k, (thimble_elementwise_value){
        .kind = KIND_RESULT, .op = (uint8_t)op, .a = (uint8_t)a, .b = (uint8_t)b, .c = (uint8_t)c, .p = p, .q = q});
}

void thimble_elementwise_output(thimble_elementwise *k, thimble_type type, const ptrdiff_t *strides, unsigned value) {
    if (k->output_count == THIMBLE_ELEMENTWISE_OUTPUTS || value >= k->value_count
        || !describe(k, &k->outputs[k->output_count++], type, strides, value)) k->failed = true;
}

// --- planning

static void remove_axis(thimble_elementwise *k, size_t axis) {
    k->rank--;
    for (size_t d = axis; d < k->rank; d++) {
        k->dims[d] = k->dims[d + 1];
        for (size_t i = 0; i < k->input_count + k->output_count; i++) operand_at(k, i)->strides[d] = operand_at(k, i)->strides[d + 1];
    }
}

/// Whether every operand steps through axes d and d + 1 as through one.
static bool runs_on(thimble_elementwise *k, size_t d) {
    for (size_t i = 0; i < k->input_count + k->output_count; i++) {
        const ptrdiff_t *strides = operand_at(k, i)->strides;
        if (strides[d] != strides[d + 1] * (ptrdiff_t)k->dims[d + 1]) return false;
    }
    return true;
}

/// Leaves one axis where there is nothing to do, or just one element.
static void flatten(thimble_elementwise *k, size_t count) {
    k->rank = 1;
    k->dims[0] = count;
    for (size_t i = 0; i < k->input_count + k->output_count; i++) operand_at(k, i)->strides[0] = 0;
}

static void merge_axes(thimble_elementwise *k) {
    for (size_t d = 0; d < k->rank; d++) {
        if (k->dims[d] == 0) { flatten(k, 0); return; }
    }
    for (size_t d = k->rank; d-- > 0;) {
        if (k->dims[d] == 1) remove_axis(k, d);
    }
    for (size_t d = k->rank; d-- > 1;) {
        if (!runs_on(k, d - 1)) continue;
        k->dims[d] *= k->dims[d - 1];
        remove_axis(k, d - 1);
    }
    if (k->rank == 0) flatten(k, 1);
}

void elementwise_drop_unused(thimble_elementwise *k) {
    bool needed[THIMBLE_ELEMENTWISE_VALUES] = {false};
    for (size_t i = 0; i < k->output_count; i++) needed[k->outputs[i].value] = true;
    for (size_t i = k->value_count; i-- > 0;) {
        thimble_elementwise_value *v = &k->values[i];
        if (!needed[i]) v->kind = KIND_UNUSED;
        if (v->kind == KIND_RESULT) needed[v->a] = needed[v->b] = needed[v->c] = true;
    }
}

/// Whether a block is one number.
static bool is_single(const thimble_elementwise *k, const thimble_elementwise_operand *o, size_t rows) {
    for (size_t d = k->axis + (rows == 1); d < k->rank; d++) {
        if (o->strides[d] != 0) return false;
    }
    return true;
}

static bool is_ready(const thimble_elementwise *k, const thimble_elementwise_operand *o, size_t rows) {
    return is_single(k, o, rows) || (o->type == THIMBLE_TYPE_F32 && is_dense(k, o, rows));
}

/// As many of the last axes as fit in a block, and of the axis before them as many indices as fit.
static void choose_blocks(thimble_elementwise *k, size_t block, bool by_rows) {
    k->block = block;
    k->axis = k->rank - 1;
    k->inner = 1;
    while (!by_rows && k->axis > 0 && k->inner * k->dims[k->axis] <= block) k->inner *= k->dims[k->axis--];
    size_t count = k->dims[k->axis], most = block / k->inner;
    if (k->inner >= 192) {
        // Long enough a row: one at a time, if that spares copying some operand.
        for (size_t i = 0; i < k->input_count + k->output_count; i++) {
            const thimble_elementwise_operand *o = operand_at(k, i);
            if (is_ready(k, o, 1) && !is_ready(k, o, 2)) most = 1;
        }
    }
    k->pieces = count == 0 ? 0 : (count + most - 1) / most;
    k->rows = count == 0 ? 1 : (count + k->pieces - 1) / k->pieces;
    if (k->inner == 1 && k->pieces > 1) {
        k->rows = (k->rows + 15) / 16 * 16;
        k->pieces = (count + k->rows - 1) / k->rows;
    }
    k->slices = 1;
    for (size_t d = 0; d < k->axis; d++) k->slices *= k->dims[d];
}

static unsigned take_buffer(thimble_elementwise *k, uint64_t *taken) {
    unsigned at = (unsigned)__builtin_ctzll(~*taken);
    *taken |= (uint64_t)1 << at;
    if (at + 1 > k->buffer_count) k->buffer_count = at + 1;
    return at;
}

/// Decides for every value where its blocks lie. Buffers are used again after the last use of what they hold.
static void place_values(thimble_elementwise *k) {
    size_t last_use[THIMBLE_ELEMENTWISE_VALUES] = {0}, final = THIMBLE_ELEMENTWISE_VALUES;
    bool stored[THIMBLE_ELEMENTWISE_VALUES] = {false};
    uint64_t taken = 0;
    k->buffer_count = k->splat_count = 0;
    for (size_t i = 0; i < k->value_count; i++) {
        const thimble_elementwise_value *v = &k->values[i];
        if (v->kind == KIND_RESULT) last_use[v->a] = last_use[v->b] = last_use[v->c] = final = i;
    }
    for (size_t i = 0; i < k->output_count; i++) stored[k->outputs[i].value] = true;
    for (size_t i = 0; i < k->value_count; i++) {
        thimble_elementwise_value *v = &k->values[i];
        if (v->kind == KIND_CONSTANT) {
            v->mode = stored[i] ? MODE_BUFFER : MODE_SPLAT;
            v->place = (uint8_t)(stored[i] ? take_buffer(k, &taken) : k->splat_count++);
        }
        if (v->kind != KIND_INPUT) continue;
        thimble_elementwise_operand *o = &k->inputs[v->a];
        bool varies = false;
        for (size_t d = 0; d <= k->axis; d++) varies = varies || o->strides[d] != 0;
        o->mode = varies ? FILL_BLOCKS : FILL_ONCE;
        if (is_single(k, o, k->rows) && !stored[i]) {
            v->mode = MODE_SPLAT, v->place = (uint8_t)k->splat_count++;
        } else if (o->type == THIMBLE_TYPE_F32 && is_dense(k, o, k->rows) && !(stored[i] && k->output_count > 1)) {
            // An output that is written before this one is stored may be the same memory.
            v->mode = MODE_DIRECT, o->mode = FILL_NEVER;
        } else {
            v->mode = MODE_BUFFER, v->place = (uint8_t)take_buffer(k, &taken);
        }
        o->place = v->place;
    }
    for (size_t i = 0; i < k->output_count; i++) k->outputs[i].place = NO_PLACE;
    for (size_t i = 0; i < k->value_count; i++) {
        thimble_elementwise_value *v = &k->values[i];
        if (v->kind != KIND_RESULT) continue;
        uint8_t used[3] = {v->a, v->b, v->c};
        for (int j = 0; j < 3; j++) {
            const thimble_elementwise_value *u = &k->values[used[j]];
            bool kept = u->kind == KIND_INPUT && k->inputs[u->a].mode == FILL_ONCE;
            if (u->mode == MODE_BUFFER && last_use[used[j]] == i && !stored[used[j]] && !kept) taken &= ~((uint64_t)1 << u->place);
        }
        v->mode = MODE_BUFFER;
        v->place = NO_PLACE;
        // The last instruction may write to memory at once: nothing reads an input after it.
        for (size_t j = 0; i == final && j < k->output_count; j++) {
            thimble_elementwise_operand *o = &k->outputs[j];
            if (o->value != i || o->type != THIMBLE_TYPE_F32 || !is_dense(k, o, k->rows)) continue;
            v->mode = MODE_DIRECT, v->place = (uint8_t)j, o->place = (uint8_t)j;
            break;
        }
        if (v->mode == MODE_BUFFER) v->place = (uint8_t)take_buffer(k, &taken);
    }
}

// The largest blocks whose buffers stay in the nearest cache beside what is read and written.
void elementwise_plan(thimble_elementwise *k, bool by_rows) {
    for (size_t block = LARGEST_BLOCK;; block /= 2) {
        choose_blocks(k, block, by_rows);
        place_values(k);
        if (block == SMALLEST_BLOCK || k->buffer_count * block * sizeof(float) <= BUFFER_BYTES) return;
    }
}

/// Units of about 4 us: whole blocks.
static void choose_units(thimble_elementwise *k) {
    size_t cost = 0;
    for (size_t i = 0; i < k->value_count; i++) {
        if (k->values[i].kind == KIND_RESULT) cost += facts[k->values[i].op].cost;
    }
    for (size_t i = 0; i < k->input_count + k->output_count; i++) cost += 50;
    cost *= k->family >= THIMBLE_AVX512 ? 1 : k->family == THIMBLE_AVX2 ? 2 : 4;
    size_t elements = 4000000 / cost, each = k->rows * k->inner;
    k->unit_blocks = elements / (each == 0 ? 1 : each);
    if (k->unit_blocks == 0) k->unit_blocks = 1;
}

bool thimble_elementwise_prepare(thimble_elementwise *k) {
    if (k->failed || k->output_count == 0) return false;
    merge_axes(k);
    elementwise_drop_unused(k);
    elementwise_plan(k, false);
    choose_units(k);
    return true;
}

size_t thimble_elementwise_units(const thimble_elementwise *k) {
    size_t blocks = k->slices * k->pieces;
    return (blocks + k->unit_blocks - 1) / k->unit_blocks;
}

size_t thimble_elementwise_scratch(const thimble_elementwise *k) { return (k->buffer_count * k->block + k->splat_count * SPLAT) * sizeof(float); }
