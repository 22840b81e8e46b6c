#include "check.h"

static void box(unsigned family, size_t cell) {
    size_t rank = random_size(1, 5), dims[THIMBLE_MOVE_RANK], order[THIMBLE_MOVE_RANK], count = 1;
    ptrdiff_t in_steps[THIMBLE_MOVE_RANK], out_steps[THIMBLE_MOVE_RANK];
    for (size_t d = 0; d < rank; d++) dims[d] = random_size(1, rank > 2 ? 14 : 70), order[d] = d, count *= dims[d];
    for (size_t d = 0; d < rank; d++) {
        size_t other = random_size(d, rank), kept = order[d];
        order[d] = order[other], order[other] = kept;
    }
    // The source has its axes in another order, some of them repeated or backwards.
    ptrdiff_t size = (ptrdiff_t)cell, offset = 0;
    for (size_t d = rank; d-- > 0;) {
        size_t axis = order[d];
        in_steps[axis] = size;
        size *= (ptrdiff_t)dims[axis];
    }
    for (size_t d = 0; d < rank; d++) {
        if (random_bits() % 6 == 0) in_steps[d] = 0;
        else if (random_bits() % 6 == 0) offset += in_steps[d] * (ptrdiff_t)(dims[d] - 1), in_steps[d] = -in_steps[d];
    }
    uint8_t *in = memory((size_t)size), *out = memory(count * cell), *again = memory(count * cell), *expected = memory(count * cell);
    for (ptrdiff_t i = 0; i < size; i++) in[i] = (uint8_t)random_bits();
    size = (ptrdiff_t)cell;
    for (size_t d = rank; d-- > 0; size *= (ptrdiff_t)dims[d]) out_steps[d] = size;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = in + offset;
        size_t rest = i;
        for (size_t d = rank; d-- > 0; rest /= dims[d]) from += (ptrdiff_t)(rest % dims[d]) * in_steps[d];
        memcpy(expected + i * cell, from, cell);
    }
    thimble_move k = {.cell = cell, .rank = rank, .family = family};
    memcpy(k.dims, dims, sizeof dims);
    memcpy(k.in_steps, in_steps, sizeof in_steps);
    memcpy(k.out_steps, out_steps, sizeof out_steps);
    if (!thimble_move_prepare(&k)) abort();
    RUN_BOTH_WAYS(thimble_move_units(&k), out, again, count * cell, "move", family, thimble_move_run(&k, in + offset, to, first, last));
    expect_same("move", family, out, expected, count * cell);
}

static void gather(unsigned family) {
    size_t outer = random_size(1, 5), dim = random_size(1, 20), count = random_size(1, 40), block = random_size(1, 70);
    uint8_t *in = memory(outer * dim * block), *out = memory(outer * count * block), *expected = memory(outer * count * block);
    int64_t *indices = memory(count * sizeof *indices);
    for (size_t i = 0; i < outer * dim * block; i++) in[i] = (uint8_t)random_bits();
    for (size_t i = 0; i < count; i++) indices[i] = (int64_t)random_size(0, 2 * dim) - (int64_t)dim;
    for (size_t i = 0; i < outer * count; i++) {
        int64_t index = indices[i % count];
        memcpy(expected + i * block, in + (i / count * dim + (size_t)(index < 0 ? index + (int64_t)dim : index)) * block, block);
    }
    thimble_gather k = {.outer = outer, .dim = dim, .count = count, .block = block, .in_step = dim * block, .out_step = count * block, .wide = true};
    thimble_gather_run(&k, in, indices, out, 0, thimble_gather_units(&k));
    expect_same("gather", family, out, expected, outer * count * block);
}

void check_moves(unsigned family) {
    static const size_t cells[] = {1, 2, 3, 4, 8, 12, 16, 33};
    for (size_t i = 0; i < 160; i++) box(family, cells[i % 8]);
    for (size_t i = 0; i < 20; i++) gather(family);
}
