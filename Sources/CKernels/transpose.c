#include "CKernels.h"
#include <string.h>

// Tiles of 32 x 32 keep both sides inside the first cache.
#define TILE 32

static inline __attribute__((always_inline)) void tiles(
    const uint8_t *restrict in, size_t rows, size_t columns, size_t in_stride, uint8_t *restrict out, size_t out_stride, size_t w) {
    for (size_t r0 = 0; r0 < rows; r0 += TILE) {
        size_t r1 = rows - r0 < TILE ? rows : r0 + TILE;
        for (size_t c0 = 0; c0 < columns; c0 += TILE) {
            size_t c1 = columns - c0 < TILE ? columns : c0 + TILE;
            for (size_t c = c0; c < c1; c++)
                for (size_t r = r0; r < r1; r++) memcpy(out + (c * out_stride + r) * w, in + (r * in_stride + c) * w, w);
        }
    }
}

void thimble_transpose(const uint8_t *in, size_t rows, size_t columns, size_t in_stride, uint8_t *out, size_t out_stride, unsigned width) {
    switch (width) {
    case 1: tiles(in, rows, columns, in_stride, out, out_stride, 1); break;
    case 2: tiles(in, rows, columns, in_stride, out, out_stride, 2); break;
    case 4: tiles(in, rows, columns, in_stride, out, out_stride, 4); break;
    case 8: tiles(in, rows, columns, in_stride, out, out_stride, 8); break;
    default: tiles(in, rows, columns, in_stride, out, out_stride, 16); break;
    }
}
