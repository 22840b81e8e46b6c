#include "codes_parts.h"

#define KERNELS "codes_kernels.h"
#include "families.h"

// Words of codes lie side by side for as many columns as a vector has, so that one shift and one look-up in a register (or a conversion)
// give a row of weights. Few rows of a multiply them at once; more take them from floats that were written down for a part of
// a panel, as products of matrices do.

/// Arithmetic worth a unit, and the most units there are.
#define UNIT_WORK 500000.0
#define MOST_UNITS 16
/// Floats of a decoded part of a panel, which stays in the first cache.
#define PART_FLOATS (4 * 1024)

void thimble_codes_prepare(thimble_codes *k) {
    if (k->group == 0 || k->group > k->k || k->kind == THIMBLE_CODES_STEPS) k->group = larger(1, k->k);
    k->held = k->bits <= 2 ? 2 : k->bits <= 4 ? 4 : k->bits <= 8 ? 8 : 16;
    if (k->kind == THIMBLE_CODES_STEPS) k->held = larger(k->held, 8);
    k->narrow = k->narrow && k->held == 16 && k->kind == THIMBLE_CODES_AFFINE && !k->zeros;
    if (k->narrow) k->held = 8;
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const double work = 2.0 * (double)(larger(k->m, 4)) * (double)k->n * (double)k->k / UNIT_WORK;
    const size_t units = work < 1 ? 1 : work > MOST_UNITS ? MOST_UNITS : (size_t)work;
    k->column_units = larger(1, smaller(units, panels.panels));
    // Each block of rows decodes the codes anew.
    k->row_units = larger(1, smaller(units / k->column_units, k->m / 128));
}

size_t thimble_codes_units(const thimble_codes *k) { return k->m == 0 || k->n == 0 ? 0 : k->column_units * k->row_units; }

/// Whether rows are so few that codes are multiplied where they are decoded. Look-ups in memory should not be done twice.
static bool is_few(const thimble_codes *k) {
    // Sums of wide codes would lose what their zero points take away.
    if (k->held == 16 && k->zeros) return false;
    const bool far = k->kind == THIMBLE_CODES_TABLES || (k->kind == THIMBLE_CODES_TABLE && k->bits > 6);
    // Two vectors of 8 rows need 32 registers.
    return k->m <= (far ? CODES_ROWS : thimble_tiles_of(k->family)->vectors == 4 ? CODES_FEW : CODES_FEW - 1);
}

size_t thimble_codes_scratch(const thimble_codes *k) {
    const codes_layout l = codes_layout_of(k);
    if (!is_few(k)) return PART_FLOATS * 4;
    return round_up(k->m * (l.all_words * l.per_word + divided_up(k->k, k->group)) * 4, 64);
}

/// Copies rows of a so that each group begins a word, zeros behind it, and adds each group up. Where steps have scales of their own, a is
/// scaled, and the sum is that of its products with the zero points.
static void pad_rows(const codes_layout *l, const float *a, const codes_panel *panel, float *padded, float *sums) {
    const thimble_codes *k = l->k;
    for (size_t row = 0; row < k->m; row++) {
        for (size_t step = 0; step < k->k;) {
            const size_t end = smaller(k->k, step + k->group), room = round_up(end - step, l->per_word);
            memcpy(padded, a + row * k->a_stride + step, (end - step) * 4);
            memset(padded + (end - step), 0, (room - (end - step)) * 4);
            float part[4] = {0};
            if (k->kind == THIMBLE_CODES_STEPS) {
                for (size_t i = 0; i < end - step; i++) {
                    padded[i] *= panel->step_scales[i];
                    if (k->zeros) part[i % 4] += padded[i] * panel->step_zeros[i];
                }
            } else if (k->zeros) {
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
    const thimble_codes *k, const codes_panel *panel, size_t number, const codes_outliers *outliers, codes_decode decode, const float *a, size_t rows,
    const float *bias, const float *residual, float *c, float *part) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const size_t width = panel->vectors * tiles->lanes;
    size_t most = PART_FLOATS / width;
    // Parts begin where a word does: at the begin of a group, or whole words behind it.
    most -= most % panel->layout.per_word;
    for (size_t first = 0, last; first < k->k; first = last) {
        last = smaller(k->k, first + most);
        if (k->group % panel->layout.per_word != 0 && last < k->k && last - last % k->group > first) last -= last % k->group;
        decode(panel, first, last, part);
        if (outliers) codes_patch(panel, number, outliers, first, last, part);
        const thimble_tile tile = {
            .taps = 1, .depth = last - first, .a_step = k->a_stride, .c_stride = k->c_stride, .residual_stride = k->residual_stride,
            .add = k->add || first > 0, .low = last == k->k ? k->low : -__builtin_inff(), .high = last == k->k ? k->high : __builtin_inff()};
        thimble_panel_run(tiles, &tile, panel->vectors, panel->columns, rows, a + first, part, bias, last == k->k ? residual : NULL, c);
    }
}

static unsigned kernel_kind(const thimble_codes *k) {
    return k->kind == THIMBLE_CODES_TABLE && k->held == 8 && k->bits <= 6 ? CODES_TABLE_64 : (unsigned)k->kind;
}

static unsigned kernel_width(const thimble_codes *k) { return k->held == 2 ? 0 : k->held == 4 ? 1 : k->held == 8 ? 2 : 3; }

/// Columns start..<next of a packed matrix.
static codes_panel panel_of(const codes_layout *l, const void *packed, size_t start, size_t next) {
    const thimble_codes *k = l->k;
    const float *front = packed;
    return (codes_panel){
        .layout = *l, .start = start, .panel = (const char *)packed + codes_front(k) + start / l->lanes * codes_vector_floats(l) * 4, .vectors = (next - start) / l->lanes,
        .columns = smaller(next, k->n) - start, .table = front, .step_scales = front, .step_zeros = front + k->k};
}

void thimble_codes_decode(const thimble_codes *k, const void *packed, size_t panel, float *out) {
    const codes_layout l = codes_layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const codes_panel of = panel_of(&l, packed, panel_start(&panels, panel), panel_start(&panels, panel + 1));
    OF_FAMILY(k->family, codes)->decode[kernel_kind(k)][kernel_width(k)](&of, 0, k->k, out);
    if (!k->narrow) return;
    const codes_outliers outliers = codes_outliers_of(k, packed);
    codes_patch(&of, panel, &outliers, 0, k->k, out);
}

void thimble_codes_run(
    const thimble_codes *k, const float *a, const void *packed, const float *bias, const float *residual, float *c, size_t first, size_t last,
    void *scratch) {
    const codes_layout l = codes_layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const codes_kernels *kernels = OF_FAMILY(k->family, codes);
    const unsigned kind = kernel_kind(k), width = kernel_width(k);
    const size_t padded = l.all_words * l.per_word;
    float *room = scratch, *sums = room + k->m * padded;
    const codes_outliers all = k->narrow ? codes_outliers_of(k, packed) : (codes_outliers){0}, *outliers = k->narrow && *all.count > 0 ? &all : NULL;
    float begun[CODES_FEW * MOST_VECTORS * MOST_LANES];
    const float *left = a;
    size_t left_stride = k->a_stride;
    if (is_few(k) && first < last && (k->zeros || padded != k->k || k->kind == THIMBLE_CODES_STEPS)) {
        const codes_panel any = panel_of(&l, packed, 0, 0);
        pad_rows(&l, a, &any, room, sums);
        left = room;
        left_stride = padded;
    }
    for (size_t unit = first; unit < last; unit++) {
        const size_t rows_unit = unit / k->column_units, column_unit = unit % k->column_units;
        const size_t row = part_start(k->m, k->row_units, rows_unit), rows = part_start(k->m, k->row_units, rows_unit + 1) - row;
        const size_t begin = part_start(panels.panels, k->column_units, column_unit), end = part_start(panels.panels, k->column_units, column_unit + 1);
        const size_t column = panel_start(&panels, begin);
        for (size_t p = begin; p < end; p++) {
            const size_t start = panel_start(&panels, p);
            const codes_panel panel = panel_of(&l, packed, start, panel_start(&panels, p + 1));
            const float *of_columns = bias ? bias + start : NULL, *added = residual ? residual + row * k->residual_stride + start : NULL;
            float *to = c + row * k->c_stride + start;
            if (!is_few(k)) {
                multiply_decoded(k, &panel, p, outliers, kernels->decode[kind][width], a + row * k->a_stride, rows, of_columns, added, to, room);
                continue;
            }
            const float *begin = k->add ? to : NULL;
            size_t begin_stride = k->c_stride;
            if (outliers && outliers->starts[p] < outliers->starts[p + 1]) {
                for (size_t i = 0; i < rows; i++) {
                    for (size_t j = 0; j < panel.columns; j++) begun[i * MOST_VECTORS * MOST_LANES + j] = begin ? begin[i * begin_stride + j] : bias ? of_columns[j] : 0;
                }
                begin = begun;
                begin_stride = MOST_VECTORS * MOST_LANES;
                codes_add_outliers(&panel, p, outliers, a + row * k->a_stride, k->a_stride, rows, begun, begin_stride);
            }
            kernels->rows[kind][width](&panel, rows, left + row * left_stride, left_stride, sums, of_columns, begin, begin_stride, added, to);
        }
        if (k->epilogue) {
            const size_t columns = smaller(panel_start(&panels, end), k->n) - column;
            k->epilogue(k->context, c + row * k->c_stride + column, rows, columns, k->c_stride, row, column);
        }
    }
}
