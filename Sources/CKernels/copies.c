#include "CKernels.h"
#include <string.h>

// A copy of n cells of W bytes; a constant size becomes one load and one store.
#define STEPPED(W) for (size_t i = 0; i < n; i++) memcpy(out + (ptrdiff_t)i * out_step, in + (ptrdiff_t)i * in_step, W)

static void copy_line(const uint8_t *in, ptrdiff_t in_step, uint8_t *out, ptrdiff_t out_step, size_t n, unsigned width) {
    if (in_step == (ptrdiff_t)width && out_step == (ptrdiff_t)width) {
        memcpy(out, in, n * width);
        return;
    }
    switch (width) {
    case 1: STEPPED(1); break;
    case 2: STEPPED(2); break;
    case 4: STEPPED(4); break;
    case 8: STEPPED(8); break;
    case 16: STEPPED(16); break;
    default: STEPPED(width); break;
    }
}

#undef STEPPED

void thimble_copy_cells(
    const uint8_t *in, const ptrdiff_t *in_steps, uint8_t *out, const ptrdiff_t *out_steps, const size_t *dims, size_t rank, unsigned width
) {
    size_t at[64] = {0};
    for (size_t i = 0; i < rank; i++) if (dims[i] == 0) return;
    if (rank == 0) {
        memcpy(out, in, width);
        return;
    }
    size_t last = rank - 1;
    for (;;) {
        copy_line(in, in_steps[last], out, out_steps[last], dims[last], width);
        size_t axis = last;
        for (;;) {
            if (axis == 0) return;
            axis--;
            in += in_steps[axis];
            out += out_steps[axis];
            if (++at[axis] < dims[axis]) break;
            in -= (ptrdiff_t)dims[axis] * in_steps[axis];
            out -= (ptrdiff_t)dims[axis] * out_steps[axis];
            at[axis] = 0;
        }
    }
}

#define GATHERED(N) for (size_t i = 0; i < n; i++) memcpy(out + i * (N), in + offsets[i] * (ptrdiff_t)width, N)

void thimble_gather_cells(const uint8_t *in, const ptrdiff_t *offsets, size_t n, unsigned width, size_t block, uint8_t *out) {
    switch (block) {
    case 1: GATHERED(1); break;
    case 2: GATHERED(2); break;
    case 4: GATHERED(4); break;
    case 8: GATHERED(8); break;
    default: GATHERED(block); break;
    }
}

#undef GATHERED

#define SCATTERED(N) for (size_t i = 0; i < n; i++) memcpy(out + offsets[i] * (ptrdiff_t)width, in + i * (N), N)

void thimble_scatter_cells(const uint8_t *in, const ptrdiff_t *offsets, size_t n, unsigned width, size_t block, uint8_t *out) {
    switch (block) {
    case 1: SCATTERED(1); break;
    case 2: SCATTERED(2); break;
    case 4: SCATTERED(4); break;
    case 8: SCATTERED(8); break;
    default: SCATTERED(block); break;
    }
}

#undef SCATTERED
