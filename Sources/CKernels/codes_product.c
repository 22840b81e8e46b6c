#include "codes_parts.h"

#define KERNELS "codes_kernels.h"
#include "families.h"

// Words of codes lie side by side for as many columns as a vector has, so that one shift and one look-up in a register (or a conversion)
// give a row of weights. Few rows of a multiply them at once; more take them from floats that were written down for a part of
// a panel, as products of matrices do.

/// Table that all columns share, with room for 256 entries, after 64 bytes.
enum { CODES_FRONT = 64 + 1024 };
/// Arithmetic worth a unit, and the most units there are.
#define UNIT_WORK 500000.0
#define MOST_UNITS 16
/// Floats of a decoded part of a panel, which stays in the second cache.
#define PART_FLOATS (32 * 1024)

static codes_layout layout_of(const thimble_codes *k) {
    const unsigned lanes = thimble_tiles_of(k->family)->lanes;
    codes_layout l = {.k = k, .lanes = lanes, .per_word = 32 / k->held};
    const size_t groups = k->k / k->group, rest = k->k % k->group;
    l.group_words = divided_up(k->group, l.per_word);
    l.all_words = groups * l.group_words + divided_up(rest, l.per_word);
    l.head = k->kind == THIMBLE_CODES_AFFINE ? lanes * (k->zeros ? 2 : 1) : k->kind == THIMBLE_CODES_TABLES ? (size_t)lanes << k->bits : 0;
    return l;
}

/// Floats of one vector of columns.
static size_t vector_floats(const codes_layout *l) { return l->head * divided_up(l->k->k, l->k->group) + l->all_words * l->lanes; }

void thimble_codes_prepare(thimble_codes *k) {
    if (k->group == 0 || k->group > k->k) k->group = larger(1, k->k);
    k->held = k->bits <= 2 ? 2 : k->bits <= 4 ? 4 : 8;
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const double work = 2.0 * (double)(larger(k->m, 4)) * (double)k->n * (double)k->k / UNIT_WORK;
    const size_t units = work < 1 ? 1 : work > MOST_UNITS ? MOST_UNITS : (size_t)work;
    k->column_units = larger(1, smaller(units, panels.panels));
    // Each block of rows decodes the codes anew.
    k->row_units = larger(1, smaller(units / k->column_units, k->m / 128));
}

size_t thimble_codes_pack_size(const thimble_codes *k) {
    const codes_layout l = layout_of(k);
    return round_up(CODES_FRONT + divided_up(k->n, l.lanes) * vector_floats(&l) * 4, 64);
}

/// Codes of up to 16 steps of up to 64 columns, as the bits that are packed.
typedef struct { int32_t code[64][16]; } code_block;

static void read_codes(const thimble_codes *k, const thimble_codes_source *from, size_t step, size_t steps, size_t column, size_t columns, code_block *out) {
    const uint64_t first = (uint64_t)step * from->k_step + (uint64_t)column * from->n_step;
    if (from->k_step == 1) {
        for (size_t j = 0; j < columns; j++) {
            thimble_unpack_codes(from->codes, from->size, first + (uint64_t)j * from->n_step, k->bits, false, out->code[j], steps);
        }
    } else if (from->n_step == 1) {
        int32_t row[64];
        for (size_t s = 0; s < steps; s++) {
            thimble_unpack_codes(from->codes, from->size, first + (uint64_t)s * from->k_step, k->bits, false, row, columns);
            for (size_t j = 0; j < columns; j++) out->code[j][s] = row[j];
        }
    } else {
        for (size_t j = 0; j < columns; j++) {
            for (size_t s = 0; s < steps; s++) {
                thimble_unpack_codes(
                    from->codes, from->size, first + (uint64_t)s * from->k_step + (uint64_t)j * from->n_step, k->bits, false, &out->code[j][s], 1);
            }
        }
    }
    if (k->kind != THIMBLE_CODES_AFFINE) return;
    // Signed and of `held` bits, about the middle.
    const uint32_t middle = 1u << (k->bits - 1), turned = from->is_signed ? middle : 0, mask = (uint32_t)((1ull << k->held) - 1);
    for (size_t j = 0; j < columns; j++) {
        for (size_t s = 0; s < steps; s++) out->code[j][s] = (int32_t)((((uint32_t)out->code[j][s] ^ turned) - middle) & mask);
    }
}

static size_t place(const thimble_codes_grid *grid, size_t group, size_t column) {
    return group * grid->k_step + column / larger(1, grid->columns) * grid->n_step;
}

static float scale_of(const thimble_codes_source *from, size_t group, size_t column) {
    const size_t at = place(&from->scale_grid, group, column);
    if (from->scale) return from->scale[at];
    float scale = 1;
    if (from->half_scale) thimble_half_to_float(from->half_scale + 2 * at, 1, &scale);
    return scale;
}

static float zero_of(const thimble_codes *k, const thimble_codes_source *from, size_t group, size_t column) {
    const size_t at = place(&from->zero_grid, group, column);
    if (from->zero) return from->zero[at];
    int32_t zero = 0;
    if (from->zero_codes) thimble_unpack_codes(from->zero_codes, from->zero_size, at, k->bits, false, &zero, 1);
    return (float)zero;
}

static void pack_head(const thimble_codes *k, const thimble_codes_source *from, unsigned lanes, size_t group, size_t column, float *head) {
    const float middle = from->is_signed ? 0 : (float)(1u << (k->bits - 1));
    for (size_t lane = 0; lane < lanes; lane++) {
        const size_t j = column + lane;
        const bool exists = j < k->n;
        if (k->kind == THIMBLE_CODES_AFFINE) {
            head[lane] = exists ? scale_of(from, group, j) : 0;
            if (k->zeros) head[lanes + lane] = exists ? zero_of(k, from, group, j) - middle : 0;
        } else {
            const float *table = from->table + ((exists ? place(&from->table_grid, group, j) : 0) << k->bits);
            for (size_t entry = 0; entry < (size_t)1 << k->bits; entry++) head[entry * lanes + lane] = exists ? table[entry] : 0;
        }
    }
}

void thimble_codes_pack(const thimble_codes *k, const thimble_codes_source *from, void *packed) {
    const codes_layout l = layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    memset(packed, 0, thimble_codes_pack_size(k));
    if (k->kind == THIMBLE_CODES_TABLE) memcpy((char *)packed + 64, from->table, sizeof(float) << k->bits);
    float *at = (float *)((char *)packed + CODES_FRONT);
    code_block block;
    for (size_t p = 0; p < panels.panels; p++) {
        const size_t start = panel_start(&panels, p), vectors = (panel_start(&panels, p + 1) - start) / l.lanes;
        for (size_t step = 0; step < k->k;) {
            const size_t end = smaller(k->k, step + k->group);
            for (size_t j = 0; j < vectors && l.head > 0; j++, at += l.head) pack_head(k, from, l.lanes, step / k->group, start + j * l.lanes, at);
            uint32_t *words = (uint32_t *)(void *)at;
            for (; step < end; step += l.per_word) {
                const size_t steps = smaller(l.per_word, end - step), columns = smaller(vectors * l.lanes, k->n - start);
                read_codes(k, from, step, steps, start, columns, &block);
                for (size_t j = 0; j < columns; j++) {
                    for (size_t i = 0; i < steps; i++) words[j] |= (uint32_t)block.code[j][i] << (i * k->held);
                }
                words += vectors * l.lanes;
            }
            step = end;
            at = (float *)(void *)words;
        }
    }
}

size_t thimble_codes_units(const thimble_codes *k) { return k->m == 0 || k->n == 0 ? 0 : k->column_units * k->row_units; }

/// Whether rows are so few that codes are multiplied where they are decoded. Look-ups in memory should not be done twice.
static bool is_few(const thimble_codes *k) {
    const bool far = k->kind == THIMBLE_CODES_TABLES || (k->kind == THIMBLE_CODES_TABLE && k->bits > 6);
    return k->m <= (far ? CODES_ROWS : CODES_FEW);
}

size_t thimble_codes_scratch(const thimble_codes *k) {
    const codes_layout l = layout_of(k);
    if (!is_few(k)) return PART_FLOATS * 4;
    return round_up(k->m * (l.all_words * l.per_word + divided_up(k->k, k->group)) * 4, 64);
}

/// Copies rows of a so that each group begins a word, zeros behind it, and adds each group up.
static void pad_rows(const codes_layout *l, const float *a, float *padded, float *sums) {
    const thimble_codes *k = l->k;
    for (size_t row = 0; row < k->m; row++) {
        for (size_t step = 0; step < k->k;) {
            const size_t end = smaller(k->k, step + k->group), room = round_up(end - step, l->per_word);
            memcpy(padded, a + row * k->a_stride + step, (end - step) * 4);
            memset(padded + (end - step), 0, (room - (end - step)) * 4);
            float part[4] = {0};
            if (k->zeros) {
                for (size_t i = 0; i + 4 <= room; i += 4) {
                    for (size_t lane = 0; lane < 4; lane++) part[lane] += padded[i + lane];
                }
            }
            *sums++ = (part[0] + part[1]) + (part[2] + part[3]);
            padded += room;
            step = end;
        }
    }
}

/// A panel's columns of rows: parts of it become floats, which the products of matrices take.
static void multiply_decoded(
    const thimble_codes *k, const codes_panel *panel, codes_decode decode, const float *a, size_t rows, const float *bias, float *c, float *part) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const size_t width = panel->vectors * tiles->lanes;
    size_t most = PART_FLOATS / width;
    // Parts begin where a word does: at the begin of a group, or whole words behind it.
    most -= most % panel->layout.per_word;
    for (size_t first = 0, last; first < k->k; first = last) {
        last = smaller(k->k, first + most);
        if (k->group % panel->layout.per_word != 0 && last < k->k && last - last % k->group > first) last -= last % k->group;
        decode(panel, first, last, part);
        const thimble_tile tile = {
            .taps = 1, .depth = last - first, .a_step = k->a_stride, .c_stride = k->c_stride, .add = first > 0,
            .low = last == k->k ? k->low : -__builtin_inff(), .high = last == k->k ? k->high : __builtin_inff()};
        thimble_panel_run(tiles, &tile, panel->vectors, panel->columns, rows, a + first, part, bias, NULL, c);
    }
}

void thimble_codes_run(
    const thimble_codes *k, const float *a, const void *packed, const float *bias, float *c, size_t first, size_t last, void *scratch) {
    const codes_layout l = layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const codes_kernels *kernels = OF_FAMILY(k->family, codes);
    const unsigned kind = k->kind == THIMBLE_CODES_TABLE && k->held == 8 && k->bits <= 6 ? CODES_TABLE_64 : (unsigned)k->kind;
    const size_t width = k->held == 2 ? 0 : k->held == 4 ? 1 : 2, floats = vector_floats(&l), padded = l.all_words * l.per_word;
    float *room = scratch, *sums = room + k->m * padded;
    const float *left = a;
    size_t left_stride = k->a_stride;
    if (is_few(k) && first < last && (k->zeros || padded != k->k)) {
        pad_rows(&l, a, room, sums);
        left = room;
        left_stride = padded;
    }
    for (size_t unit = first; unit < last; unit++) {
        const size_t rows_unit = unit / k->column_units, column_unit = unit % k->column_units;
        const size_t row = part_start(k->m, k->row_units, rows_unit), rows = part_start(k->m, k->row_units, rows_unit + 1) - row;
        const size_t end = part_start(panels.panels, k->column_units, column_unit + 1);
        for (size_t p = part_start(panels.panels, k->column_units, column_unit); p < end; p++) {
            const size_t start = panel_start(&panels, p), next = panel_start(&panels, p + 1);
            const codes_panel panel = {
                .layout = l, .panel = (const char *)packed + CODES_FRONT + start / l.lanes * floats * 4, .vectors = (next - start) / l.lanes,
                .columns = smaller(next, k->n) - start, .table = (const float *)((const char *)packed + 64)};
            const float *of_columns = bias ? bias + start : NULL;
            float *to = c + row * k->c_stride + start;
            if (is_few(k)) kernels->rows[kind][width](&panel, rows, left, left_stride, sums, of_columns, to);
            else multiply_decoded(k, &panel, kernels->decode[kind][width], a + row * k->a_stride, rows, of_columns, to, room);
        }
    }
}
