#include "CKernels.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// One sequence's gates at one step, and its state, which they change. `reset` is scratch of a GRU.
typedef struct {
    size_t hidden;
    float *gates, *h, *c, *reset;
    const float *peepholes;
    float clip;
    bool input_forget, linear_before_reset;
} gate_work;

#define KERNELS "recurrent_kernels.h"
#include "families.h"

enum {
    /// Sequences of a unit: their states are the rows of one product.
    GROUP = 8,
    /// Floats of gates that are made before their steps are done.
    CHUNK_FLOATS = 131072,
};

static size_t gates_of(const thimble_recurrent *k) { return k->kind == THIMBLE_LSTM ? 4 : k->kind == THIMBLE_GRU ? 3 : 1; }
static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

void thimble_recurrent_prepare(thimble_recurrent *k) {
    if (!(k->clip > 0)) k->clip = INFINITY;
    k->group = k->batch < 2 * GROUP ? k->batch : GROUP;
    if (k->group == 0) k->group = 1;
    size_t row = k->group * gates_of(k) * k->hidden, chunk = CHUNK_FLOATS / (row + 1);
    k->chunk = chunk < 1 ? 1 : chunk < k->steps ? chunk : k->steps;
    if (k->chunk == 0) k->chunk = 1;
}

size_t thimble_recurrent_units(const thimble_recurrent *k) { return k->hidden == 0 ? 0 : (k->batch + k->group - 1) / k->group; }

/// A product with weights, which are floats or codes.
typedef struct { bool is_coded; thimble_matmul floats; thimble_codes codes; } gate_product;

/// m rows times n columns of gates; `k` elements go into each. `form` says how codes are; only read where weights are codes.
static gate_product product(const thimble_recurrent *r, const thimble_codes *form, size_t m, size_t n, size_t k, size_t a_stride, size_t c_stride, bool add) {
    gate_product p = {.is_coded = r->is_coded};
    if (r->is_coded) {
        p.codes = (thimble_codes){
            .family = r->family, .m = m, .n = n, .k = k, .a_stride = a_stride, .c_stride = c_stride, .low = -INFINITY, .high = INFINITY, .add = add,
            .kind = form->kind, .bits = form->bits, .group = form->group, .zeros = form->zeros,
        };
        thimble_codes_prepare(&p.codes);
        return p;
    }
    p.floats = (thimble_matmul){
        .family = r->family, .m = m, .n = n, .k = k, .a_stride = a_stride, .c_stride = c_stride, .low = -INFINITY, .high = INFINITY, .add = add,
    };
    thimble_matmul_prepare(&p.floats);
    return p;
}

static size_t pack_size(const gate_product *p) { return p->is_coded ? thimble_codes_pack_size(&p->codes) : thimble_matmul_pack_size(&p->floats); }

static void multiply(const gate_product *p, const float *a, const void *packed, const float *bias, float *c, void *scratch) {
    if (p->is_coded) thimble_codes_run(&p->codes, a, packed, bias, NULL, c, 0, thimble_codes_units(&p->codes), scratch);
    else thimble_matmul_run(&p->floats, a, packed, bias, NULL, c, 0, thimble_matmul_units(&p->floats), NULL);
}

/// Gates whose recurrent product comes first: all, but for a GRU's third.
static size_t early_gates(const thimble_recurrent *k) { return k->kind == THIMBLE_GRU ? 2 : gates_of(k); }

/// What is packed, as bytes from the start: weights of the input, of the state (a GRU's third gate apart), biases of all gates, the
/// bias of a GRU's third gate for linear_before_reset, peepholes and whether there are any.
typedef struct { size_t input, early, late, bias, late_bias, peepholes, has_peepholes, size; } parts;

static parts parts_of(const thimble_recurrent *k) {
    size_t width = gates_of(k) * k->hidden;
    gate_product input = product(k, &k->input_codes, 1, width, k->input, 0, width, false);
    gate_product early = product(k, &k->state_codes, 1, early_gates(k) * k->hidden, k->hidden, 0, width, true);
    gate_product late = product(k, &k->state_codes, 1, k->hidden, k->hidden, 0, width, true);
    parts p = { .input = 0 };
    p.early = rounded(pack_size(&input));
    p.late = p.early + rounded(pack_size(&early));
    p.bias = p.late + (k->kind == THIMBLE_GRU ? rounded(pack_size(&late)) : 0);
    p.late_bias = p.bias + rounded(width * sizeof(float));
    p.peepholes = p.late_bias + rounded(k->hidden * sizeof(float));
    p.has_peepholes = p.peepholes + rounded(3 * k->hidden * sizeof(float));
    p.size = p.has_peepholes + 64;
    return p;
}

size_t thimble_recurrent_pack_size(const thimble_recurrent *k) { return parts_of(k).size; }

/// What is packed beside the weights.
static void pack_biases(const thimble_recurrent *k, const float *b, const float *p, char *base) {
    parts at = parts_of(k);
    size_t hidden = k->hidden, width = gates_of(k) * hidden, early = early_gates(k) * hidden;
    float *bias = (float *)(base + at.bias), *late_bias = (float *)(base + at.late_bias), *peepholes = (float *)(base + at.peepholes);
    for (size_t i = 0; i < width; i++) {
        // linear_before_reset multiplies the third gate's recurrent bias too.
        bool apart = k->kind == THIMBLE_GRU && k->linear_before_reset && i >= early;
        bias[i] = b == NULL ? 0 : apart ? b[i] : b[i] + b[width + i];
    }
    for (size_t i = 0; i < hidden; i++) late_bias[i] = b == NULL || width == hidden ? 0 : b[width + (width - hidden) + i];
    for (size_t i = 0; i < 3 * hidden; i++) peepholes[i] = p == NULL ? 0 : p[i];
    base[at.has_peepholes] = p != NULL;
}

void thimble_recurrent_pack(const thimble_recurrent *k, const float *w, const float *r, const float *b, const float *p, void *packed) {
    parts at = parts_of(k);
    char *base = packed;
    size_t hidden = k->hidden, width = gates_of(k) * hidden, early = early_gates(k) * hidden;
    gate_product input = product(k, NULL, 1, width, k->input, 0, width, false), first = product(k, NULL, 1, early, hidden, 0, width, true);
    thimble_matmul_pack(&input.floats, w, 1, k->input, 1, base + at.input);
    thimble_matmul_pack(&first.floats, r, 1, hidden, 1, base + at.early);
    if (k->kind == THIMBLE_GRU) {
        gate_product last = product(k, NULL, 1, hidden, hidden, 0, width, true);
        thimble_matmul_pack(&last.floats, r + early * hidden, 1, hidden, 1, base + at.late);
    }
    pack_biases(k, b, p, base);
}

void thimble_recurrent_pack_codes(
    const thimble_recurrent *k, const thimble_codes_source *w, const thimble_codes_source *r, const float *b, const float *p, void *packed
) {
    parts at = parts_of(k);
    char *base = packed;
    size_t hidden = k->hidden, width = gates_of(k) * hidden, early = early_gates(k) * hidden;
    gate_product input = product(k, &k->input_codes, 1, width, k->input, 0, width, false), first = product(k, &k->state_codes, 1, early, hidden, 0, width, true);
    thimble_codes_pack(&input.codes, w, base + at.input);
    thimble_codes_pack(&first.codes, r, base + at.early);
    if (k->kind == THIMBLE_GRU) {
        gate_product last = product(k, &k->state_codes, 1, hidden, hidden, 0, width, true);
        // Its columns begin behind the other gates'.
        thimble_codes_source rest = *r;
        rest.first -= early * r->n_step;
        size_t scales = early / (r->scale_grid.columns ? r->scale_grid.columns : 1) * r->scale_grid.n_step;
        size_t zeros = early / (r->zero_grid.columns ? r->zero_grid.columns : 1) * r->zero_grid.n_step;
        size_t tables = early / (r->table_grid.columns ? r->table_grid.columns : 1) * r->table_grid.n_step;
        if (rest.scale) rest.scale += scales;
        if (rest.zero) rest.zero += zeros;
        if (rest.table) rest.table += tables << k->state_codes.bits;
        thimble_codes_pack(&last.codes, &rest, base + at.late);
    }
    pack_biases(k, b, p, base);
}

// --- running

/// Where the parts of the scratch begin, in bytes.
typedef struct { size_t gates, h, c, reset, codes, size; } layout;

/// Scratch of the products with codes, of few rows (3 or 7 at most, by kind) and of many.
static size_t codes_scratch(const thimble_recurrent *k) {
    size_t width = gates_of(k) * k->hidden, most = 0;
    static const size_t counts[] = {3, 7, 8, 9};
    for (size_t i = 0; i < 4; i++) {
        const size_t rows = counts[i];
        gate_product input = product(k, &k->input_codes, rows, width, k->input, 0, width, false), state = product(k, &k->state_codes, rows, width, k->hidden, 0, width, true);
        size_t a = thimble_codes_scratch(&input.codes), b = thimble_codes_scratch(&state.codes);
        most = most > a ? most : a;
        most = most > b ? most : b;
    }
    return most;
}

static layout layout_of(const thimble_recurrent *k) {
    size_t states = rounded(k->group * k->hidden * sizeof(float));
    layout l = { .gates = 0 };
    l.h = rounded(k->chunk * k->group * gates_of(k) * k->hidden * sizeof(float));
    l.c = l.h + states;
    l.reset = l.c + states;
    l.codes = l.size = l.reset + states;
    if (k->is_coded) l.size += codes_scratch(k);
    return l;
}

size_t thimble_recurrent_scratch(const thimble_recurrent *k) { return layout_of(k).size; }

/// The sequences of a unit, and what is at hand for them.
typedef struct {
    const thimble_recurrent *k;
    size_t count;
    const int32_t *lengths;
    const float *x;
    const char *packed;
    parts at;
    float *y, *gates, *h, *c, *reset;
    void *scratch;
} unit_work;

static size_t length_of(const unit_work *u, size_t sequence) { return u->lengths ? (size_t)u->lengths[sequence] : u->k->steps; }

/// The times of steps start..<end of a sequence: first..<last.
typedef struct { size_t first, last; } times;

static times times_of(const unit_work *u, size_t sequence, size_t start, size_t end) {
    size_t length = length_of(u, sequence);
    if (end > length) end = length;
    if (start > end) start = end;
    return u->k->reverse ? (times){ length - end, length - start } : (times){ start, end };
}

/// Row (time - first time of the chunk, sequence) of the gates becomes bias + x·wᵀ.
static void multiply_inputs(const unit_work *u, size_t start, size_t end) {
    const thimble_recurrent *k = u->k;
    size_t width = gates_of(k) * k->hidden;
    const float *bias = (const float *)(u->packed + u->at.bias);
    if (u->lengths == NULL && (u->count == 1 || k->x_step == u->count * k->x_batch)) {
        times t = times_of(u, 0, start, end);
        gate_product p = product(k, &k->input_codes, (t.last - t.first) * u->count, width, k->input, u->count == 1 ? k->x_step : k->x_batch, width, false);
        multiply(&p, u->x + t.first * k->x_step, u->packed + u->at.input, bias, u->gates, u->scratch);
        return;
    }
    for (size_t s = 0; s < u->count; s++) {
        times t = times_of(u, s, start, end);
        if (t.first == t.last) continue;
        gate_product p = product(k, &k->input_codes, t.last - t.first, width, k->input, k->x_step, u->count * width, false);
        multiply(&p, u->x + s * k->x_batch + t.first * k->x_step, u->packed + u->at.input, bias, u->gates + s * width, u->scratch);
    }
}

/// One step of sequences first..<last, whose gates lie one after the other.
static void advance(const unit_work *u, size_t first, size_t last, float *gates) {
    const thimble_recurrent *k = u->k;
    size_t hidden = k->hidden, width = gates_of(k) * hidden, rows = last - first;
    float *h = u->h + first * hidden, *reset = u->reset + first * hidden;
    gate_product early = product(k, &k->state_codes, rows, early_gates(k) * hidden, hidden, hidden, width, true);
    multiply(&early, h, u->packed + u->at.early, NULL, gates, u->scratch);
    gate_work work = {
        .hidden = hidden, .clip = k->clip, .input_forget = k->input_forget, .linear_before_reset = k->linear_before_reset,
        .peepholes = u->packed[u->at.has_peepholes] ? (const float *)(u->packed + u->at.peepholes) : NULL,
    };
    if (k->kind == THIMBLE_GRU) {
        const char *late = u->packed + u->at.late;
        if (k->linear_before_reset) {
            gate_product p = product(k, &k->state_codes, rows, hidden, hidden, hidden, hidden, false);
            multiply(&p, h, late, (const float *)(u->packed + u->at.late_bias), reset, u->scratch);
        }
        for (size_t s = 0; s < rows; s++) {
            work.gates = gates + s * width;
            work.h = h + s * hidden;
            work.reset = reset + s * hidden;
            OF_FAMILY(k->family, gru_gates)(&work);
        }
        if (!k->linear_before_reset) {
            gate_product p = product(k, &k->state_codes, rows, hidden, hidden, hidden, width, true);
            multiply(&p, reset, late, NULL, gates + 2 * hidden, u->scratch);
        }
    }
    for (size_t s = 0; s < rows; s++) {
        work.gates = gates + s * width;
        work.h = h + s * hidden;
        work.c = u->c + (first + s) * hidden;
        if (k->kind == THIMBLE_LSTM) OF_FAMILY(k->family, lstm)(&work);
        else if (k->kind == THIMBLE_GRU) OF_FAMILY(k->family, gru)(&work);
        else OF_FAMILY(k->family, rnn)(&work);
    }
}

static void run_steps(const unit_work *u, size_t start, size_t end) {
    const thimble_recurrent *k = u->k;
    size_t width = gates_of(k) * k->hidden;
    multiply_inputs(u, start, end);
    for (size_t step = start; step < end; step++) {
        for (size_t s = 0; s < u->count;) {
            // Sequences side by side that are at the same place of the chunk go together.
            times now = times_of(u, s, step, step + 1);
            size_t row = now.first - times_of(u, s, start, end).first, next = s + 1;
            if (now.first == now.last) { s++; continue; }
            while (next < u->count) {
                times other = times_of(u, next, step, step + 1);
                if (other.first == other.last || other.first - times_of(u, next, start, end).first != row) break;
                next++;
            }
            advance(u, s, next, u->gates + (row * u->count + s) * width);
            for (; s < next; s++) {
                if (!u->y) continue;
                size_t time = times_of(u, s, step, step + 1).first;
                memcpy(u->y + time * k->y_step + s * k->y_batch, u->h + s * k->hidden, k->hidden * sizeof(float));
            }
        }
    }
}

static void load_states(const thimble_recurrent *k, const float *from, float *to, size_t count) {
    for (size_t s = 0; s < count; s++) {
        if (from) memcpy(to + s * k->hidden, from + s * k->state_batch, k->hidden * sizeof(float));
        else memset(to + s * k->hidden, 0, k->hidden * sizeof(float));
    }
}

static void store_states(const thimble_recurrent *k, const float *from, float *to, size_t count) {
    if (!to) return;
    for (size_t s = 0; s < count; s++) memcpy(to + s * k->state_batch, from + s * k->hidden, k->hidden * sizeof(float));
}

static const float *moved(const float *p, size_t by) { return p ? p + by : NULL; }

void thimble_recurrent_run(
    const thimble_recurrent *k, const float *x, const int32_t *lengths, const float *initial_h, const float *initial_c, const void *packed,
    float *y, float *y_h, float *y_c, size_t first, size_t last, void *scratch
) {
    layout l = layout_of(k);
    char *base = scratch;
    for (size_t unit = first; unit < last; unit++) {
        size_t from = unit * k->group, count = k->batch - from < k->group ? k->batch - from : k->group;
        unit_work u = {
            .k = k, .count = count, .lengths = lengths ? lengths + from : NULL, .x = x + from * k->x_batch, .packed = packed, .at = parts_of(k),
            .y = y ? y + from * k->y_batch : NULL, .gates = (float *)(base + l.gates), .h = (float *)(base + l.h), .c = (float *)(base + l.c),
            .reset = (float *)(base + l.reset), .scratch = base + l.codes,
        };
        load_states(k, moved(initial_h, from * k->state_batch), u.h, count);
        load_states(k, moved(initial_c, from * k->state_batch), u.c, count);
        for (size_t start = 0; start < k->steps; start += k->chunk) run_steps(&u, start, k->steps - start < k->chunk ? k->steps : start + k->chunk);
        for (size_t s = 0; u.y && s < count; s++) {
            for (size_t t = length_of(&u, s); t < k->steps; t++) memset(u.y + t * k->y_step + s * k->y_batch, 0, k->hidden * sizeof(float));
        }
        store_states(k, u.h, y_h ? y_h + from * k->state_batch : NULL, count);
        store_states(k, u.c, y_c ? y_c + from * k->state_batch : NULL, count);
    }
}
