#include "tiles.h"
#include "CKernels.h"

#define KERNELS "tile_kernels.h"
#include "families.h"

const thimble_tiles *thimble_tiles_of(unsigned family) {
    unsigned most = thimble_processor();
    return OF_FAMILY(family < most ? family : most, tiles);
}

thimble_panels thimble_panels_of(const thimble_tiles *tiles, size_t columns) {
    size_t vectors = divided_up(columns, tiles->lanes);
    // Three vectors are one panel even where panels have two.
    size_t widest = vectors == 3 ? 3 : tiles->vectors;
    return (thimble_panels){.columns = columns, .vectors = vectors, .panels = divided_up(vectors, widest), .lanes = tiles->lanes};
}

void thimble_panel_run(
    const thimble_tiles *tiles, const thimble_tile *tile, size_t vectors, size_t columns, size_t rows, const float *a, const float *b,
    const float *bias, const float *residual, float *c) {
    if (rows == 0) return;
    const thimble_tile_function *of_width = tiles->tiles[vectors];
    size_t count = divided_up(rows, tiles->rows[vectors]), base = rows / count, more = rows % count;
    // Panels follow each other. Small ones are near anyway.
    const size_t size = tile->taps * tile->depth * vectors * tiles->lanes;
    thimble_tile moving = *tile;
    moving.ahead = size >= 4096 ? (const char *)(b + size) : NULL;
    for (size_t i = 0; i < count; i++) {
        size_t here = base + (i < more);
        of_width[here](&moving, a, b, bias, residual, c, columns);
        if (moving.ahead) moving.ahead += tile->taps * (tile->depth / 4) * AHEAD;
        a += here * tile->a_step;
        c += here * tile->c_stride;
        if (residual) residual += here * tile->residual_stride;
    }
}
