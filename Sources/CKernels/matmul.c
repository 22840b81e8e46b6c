#include "CKernels.h"
#include "tiles.h"

// A unit should last 2 us or more: so much arithmetic, or so much of b read.
#define UNIT_WORK 500000.0
#define WORK_OF_BYTE 5.0
// Units beyond so many help nobody.
#define MOST_UNITS 16
// Bytes of a that a block of rows may have, to stay in the second cache beside a panel; and of b or a as a whole.
#define NEAR_BYTES (512 * 1024)

void thimble_matmul_prepare(thimble_matmul *k) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    thimble_panels panels = thimble_panels_of(tiles, k->n);
    double a_bytes = 4.0 * (double)k->m * (double)k->k, b_bytes = 4.0 * (double)k->n * (double)k->k;
    double work = 2.0 * (double)k->m * (double)k->n * (double)k->k + WORK_OF_BYTE * b_bytes;
    double wanted = work / UNIT_WORK;
    size_t units = wanted < 1 ? 1 : wanted > MOST_UNITS ? MOST_UNITS : (size_t)wanted;

    size_t high = smaller(96, larger(24, NEAR_BYTES / (4 * larger(1, k->k)))), rows = divided_up(k->m, high);
    // A small b is near whoever reads it; then more blocks of rows cost nothing.
    if (b_bytes <= NEAR_BYTES) rows = larger(rows, smaller(units, k->m / 24));
    rows = larger(1, rows);
    size_t columns = larger(1, smaller(divided_up(units, rows), panels.panels));
    k->row_units = rows;
    k->column_units = columns;
    k->columns_first = columns > 1 && a_bytes <= 2 * NEAR_BYTES;
}

size_t thimble_matmul_pack_size(const thimble_matmul *k) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    return round_up(round_up(k->n, tiles->lanes) * k->k * 4, 64);
}

/// Packs steps first..<last, of which `b` is the first.
static void pack_steps(
    const thimble_matmul *k, const loose_float *b, size_t first, size_t last, size_t k_step, size_t n_step, float scale, float *packed) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, k->n);
    for (size_t p = 0; p < panels.panels; p++) {
        const size_t start = panel_start(&panels, p), end = panel_start(&panels, p + 1);
        tiles->pack(
            b + start * n_step, last - first, smaller(end, k->n) - start, (end - start) / tiles->lanes, k_step, n_step, scale, NULL,
            packed + start * k->k + first * (end - start));
    }
}

void thimble_matmul_pack(const thimble_matmul *k, const void *b, size_t k_step, size_t n_step, float scale, void *packed) {
    pack_steps(k, b, 0, k->k, k_step, n_step, scale, packed);
}

/// Rows of b that follow each other, rather than columns.
static bool has_rows(const thimble_matmul *k, size_t k_step, size_t n_step) { return n_step == 1 && k_step >= k->n; }

size_t thimble_matmul_pack_unit(const thimble_matmul *k, size_t k_step, size_t n_step) {
    return larger(1, has_rows(k, k_step, n_step) ? k_step : n_step * thimble_tiles_of(k->family)->lanes);
}

void thimble_matmul_pack_part(
    const thimble_matmul *k, const void *b, size_t first, size_t last, size_t k_step, size_t n_step, float scale, void *packed) {
    if (first == last) return;
    if (has_rows(k, k_step, n_step)) pack_steps(k, b, first / k_step, last / k_step, k_step, n_step, scale, packed);
    else matmul_pack_columns(k, b, first / n_step, last / n_step, scale, NULL, packed);
}

void matmul_pack_columns(const thimble_matmul *k, const loose_float *b, size_t first, size_t last, float scale, const float *factors, float *packed) {
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, k->n);
    for (size_t p = 0; p < panels.panels; p++) {
        const size_t start = panel_start(&panels, p), end = panel_start(&panels, p + 1);
        for (size_t j = larger(start, first); j < smaller(end, last); j += tiles->lanes) {
            tiles->turn(
                b + (j - first) * k->k, k->k, smaller(tiles->lanes, k->n - j), k->k, scale, factors ? factors + j : NULL, packed + start * k->k + j - start,
                end - start);
        }
    }
}

size_t thimble_matmul_units(const thimble_matmul *k) { return k->m == 0 || k->n == 0 ? 0 : k->row_units * k->column_units; }

size_t thimble_matmul_scratch(const thimble_matmul *k) {
    (void)k;
    return 0;
}

void thimble_matmul_run(
    const thimble_matmul *k, const float *a, const void *packed, const float *bias, const float *residual, float *c, size_t first, size_t last,
    void *scratch) {
    (void)scratch;
    const thimble_tiles *tiles = thimble_tiles_of(k->family);
    const thimble_panels panels = thimble_panels_of(tiles, k->n);
    const thimble_tile tile = {
        .taps = 1, .depth = k->k, .a_step = k->a_stride, .c_stride = k->c_stride, .residual_stride = k->residual_stride, .low = k->low, .high = k->high,
        .add = k->add};
    for (size_t unit = first; unit < last; unit++) {
        size_t row_unit = k->columns_first ? unit % k->row_units : unit / k->column_units;
        size_t column_unit = k->columns_first ? unit / k->row_units : unit % k->column_units;
        size_t row = part_start(k->m, k->row_units, row_unit), rows = part_start(k->m, k->row_units, row_unit + 1) - row;
        size_t panel = part_start(panels.panels, k->column_units, column_unit), end = part_start(panels.panels, k->column_units, column_unit + 1);
        size_t column = panel_start(&panels, panel);
        for (; panel < end; panel++) {
            size_t start = panel_start(&panels, panel), next = panel_start(&panels, panel + 1);
            thimble_panel_run(
                tiles, &tile, (next - start) / tiles->lanes, smaller(next, k->n) - start, rows, a + row * k->a_stride, (const float *)packed + start * k->k,
                bias ? bias + start : NULL, residual ? residual + row * k->residual_stride + start : NULL, c + row * k->c_stride + start);
        }
        if (k->epilogue) {
            size_t columns = smaller(panel_start(&panels, end), k->n) - column;
            k->epilogue(k->context, c + row * k->c_stride + column, rows, columns, k->c_stride, row, column);
        }
    }
}
