// Products of matrices in binary32 where b was packed beforehand: c = a·b (+ c) (+ bias) (+ residual), clamped.
#ifndef THIMBLE_MATMUL_H
#define THIMBLE_MATMUL_H

#include <stdbool.h>
#include <stddef.h>

/// Called on a block of a result that is final and still in a near cache: row i of the block begins at rows + i * row_stride and has
/// column_count floats; (first_row, first_column) is where the block lies in the whole result. Convolutions count pixels as rows
/// (batch, height and width together) and channels as columns. Blocks never overlap, and together they are the whole result.
/// Threads call it at the same time for different blocks.
typedef void (*thimble_epilogue)(
    const void *context, float *rows, size_t row_count, size_t column_count, size_t row_stride, size_t first_row, size_t first_column);

/// Sizes are fixed before prepare; strides count floats. a is [m][k], b [k][n], c [m][n].
typedef struct thimble_matmul {
    /// THIMBLE_PLAIN to thimble_processor(), of which only the lower is used.
    unsigned family;
    size_t m, n, k;
    /// From one row to the next; rows of a may overlap or repeat.
    size_t a_stride, c_stride, residual_stride;
    /// Results are clamped to low...high (-INFINITY, INFINITY: they are not); what is not a number stays so.
    float low, high;
    /// Adds to what c holds.
    bool add;
    /// May be NULL.
    thimble_epilogue epilogue;
    const void *context;

    /// By prepare: how c is cut into units of work, and whether units that follow each other share columns rather than rows.
    size_t row_units, column_units;
    bool columns_first;
} thimble_matmul;

void thimble_matmul_prepare(thimble_matmul *k);
/// Bytes; a multiple of 64. Depends on family, n and k only, and so does what pack writes: products of any m can share it.
size_t thimble_matmul_pack_size(const thimble_matmul *k);
/// Packs scale * b, where b[s][j] is the float b[s * k_step + j * n_step]; b may lie at any address. `packed` is 64-byte aligned. Quick
/// enough for each run where one of the steps is 1.
void thimble_matmul_pack(const thimble_matmul *k, const void *b, size_t k_step, size_t n_step, float scale, void *packed);
/// A dense b, one of whose steps is 1, can be packed piece by piece, in any order and on any threads: elements first..<last of b, of which `b` is the
/// first. Both are whole units, or last is the end.
void thimble_matmul_pack_part(
    const thimble_matmul *k, const void *b, size_t first, size_t last, size_t k_step, size_t n_step, float scale, void *packed);
/// Elements of b, at least 1.
size_t thimble_matmul_pack_unit(const thimble_matmul *k, size_t k_step, size_t n_step);
size_t thimble_matmul_units(const thimble_matmul *k);
/// Bytes; always 0 so far.
size_t thimble_matmul_scratch(const thimble_matmul *k);
/// bias ([n]) and residual ([m][n], rows residual_stride apart) may be NULL. residual may be c; a must not overlap c.
void thimble_matmul_run(
    const thimble_matmul *k, const float *a, const void *packed, const float *bias, const float *residual, float *c, size_t first, size_t last,
    void *scratch);

#endif
