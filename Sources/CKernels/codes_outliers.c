#include "codes_parts.h"
#include <stdlib.h>

// Codes that an entropy coder was meant for are as wide as the largest needs; nearly all fit into 8 bits. The few others lie apart, in
// the order of panels and steps: decoded panels are patched, and the sums of few rows begin with their products.

/// One of so many weights is such, in most matrices.
#define WEIGHTS_OF_OUTLIER 128

codes_outliers codes_outliers_of(const thimble_codes *k, const void *packed) {
    const codes_layout l = codes_layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const size_t before = round_up(codes_front(k) + divided_up(k->n, l.lanes) * codes_vector_floats(&l) * 4, 64);
    uint32_t *count = (uint32_t *)((uintptr_t)packed + before);
    return (codes_outliers){
        .count = count, .starts = count + 1, .all = (codes_outlier *)(void *)(count + 2 + panels.panels), .room = k->room ? k->room : k->n * k->k / WEIGHTS_OF_OUTLIER + 16};
}

static size_t panel_of_column(const thimble_panels *panels, uint32_t column) {
    // Panels are cut evenly: the guess is one too far at most.
    size_t p = smaller(panels->panels - 1, (size_t)column * panels->panels / larger(1, panels->vectors * panels->lanes));
    while (p > 0 && panel_start(panels, p) > column) p--;
    while (p + 1 < panels->panels && panel_start(panels, p + 1) <= column) p++;
    return p;
}

static int by_step(const void *a, const void *b) {
    const codes_outlier *x = a, *y = b;
    return x->step != y->step ? (x->step < y->step ? -1 : 1) : x->column < y->column ? -1 : x->column > y->column;
}

static int by_column(const void *a, const void *b) {
    const codes_outlier *x = a, *y = b;
    return x->column < y->column ? -1 : x->column > y->column;
}

size_t thimble_codes_unfit(const thimble_codes *k, const void *packed) { return k->narrow ? *codes_outliers_of(k, packed).count : 0; }

bool thimble_codes_pack_end(const thimble_codes *k, void *packed) {
    if (!k->narrow) return true;
    const codes_outliers o = codes_outliers_of(k, packed);
    if (*o.count > o.room) return false;
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    qsort(o.all, *o.count, sizeof(codes_outlier), by_column);
    size_t at = 0;
    for (size_t p = 0; p < panels.panels; p++) {
        o.starts[p] = (uint32_t)at;
        while (at < *o.count && panel_of_column(&panels, o.all[at].column) == p) at++;
        qsort(o.all + o.starts[p], at - o.starts[p], sizeof(codes_outlier), by_step);
    }
    o.starts[panels.panels] = (uint32_t)at;
    return true;
}

/// What a weight's code is multiplied with; `column` is the panel's.
static float scale_at(const codes_panel *panel, size_t step, size_t column) {
    const codes_layout *l = &panel->layout;
    const size_t group = step / l->k->group;
    const float *heads = (const float *)panel->panel + (group * l->head + group * l->group_words * l->lanes) * panel->vectors;
    return heads[column / l->lanes * l->head + column % l->lanes];
}

void codes_patch(const codes_panel *panel, size_t number, const codes_outliers *outliers, size_t first, size_t last, float *out) {
    const size_t width = panel->vectors * panel->layout.lanes;
    for (const codes_outlier *o = outliers->all + outliers->starts[number], *end = outliers->all + outliers->starts[number + 1]; o < end; o++) {
        if (o->step < first) continue;
        if (o->step >= last) break;
        const size_t column = o->column - panel->start;
        out[(o->step - first) * width + column] = (float)o->value * scale_at(panel, o->step, column);
    }
}

void codes_add_outliers(
    const codes_panel *panel, size_t number, const codes_outliers *outliers, const float *a, size_t a_stride, size_t rows, float *sums, size_t stride) {
    for (const codes_outlier *o = outliers->all + outliers->starts[number], *end = outliers->all + outliers->starts[number + 1]; o < end; o++) {
        const size_t column = o->column - panel->start;
        const float weight = (float)o->value * scale_at(panel, o->step, column);
        for (size_t i = 0; i < rows; i++) sums[i * stride + column] += a[i * a_stride + o->step] * weight;
    }
}
