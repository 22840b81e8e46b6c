#include "codes_parts.h"

enum { CHUNK = 512 };

/// Elements at..<at + n of a row, which share a cell.
static void decode_run(const thimble_codes_table *t, size_t row, size_t at, size_t n, float *out) {
    const thimble_codes_source *from = &t->source;
    const bool affine = t->kind == THIMBLE_CODES_AFFINE;
    const thimble_codes_grid *grid = affine ? &from->scale_grid : &from->table_grid;
    const size_t cell = at / t->group * grid->k_step + row / larger(1, grid->columns) * grid->n_step;
    const uint64_t first = (uint64_t)row * from->n_step + at;
    const float scale = affine ? from->scale[cell] : 1, zero = affine && from->zero ? from->zero[cell] : 0;
    int32_t codes[CHUNK];
    for (size_t done = 0; done < n; done += CHUNK) {
        const size_t here = smaller(CHUNK, n - done);
        if (t->bits == 8) {
            const uint8_t *bytes = from->codes + first + done;
            if (affine && from->is_signed) for (size_t i = 0; i < here; i++) codes[i] = (int8_t)bytes[i];
            else for (size_t i = 0; i < here; i++) codes[i] = bytes[i];
        } else {
            thimble_unpack_codes(from->codes, from->size, first + done, t->bits, affine && from->is_signed, codes, here);
        }
        if (affine) thimble_affine(codes, here, zero, scale, out + done);
        else for (size_t i = 0; i < here; i++) out[done + i] = from->table[(cell << t->bits) + (size_t)codes[i]];
    }
}

void thimble_codes_rows(const thimble_codes_table *t, const void *indices, float *out, size_t first, size_t last) {
    for (size_t i = first; i < last; i++) {
        const int64_t index = t->wide ? ((const int64_t *)indices)[i] : ((const int32_t *)indices)[i];
        const size_t row = (size_t)(index < 0 ? index + (int64_t)t->rows : index);
        for (size_t at = 0; at < t->row; at += t->group) decode_run(t, row, at, smaller(t->group, t->row - at), out + i * t->row + at);
    }
}
