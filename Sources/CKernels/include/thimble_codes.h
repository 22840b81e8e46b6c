// Products with a matrix that stays in codes of 1 to 8 bits: c = a·b (+ bias), clamped, where a weight of b is (code - zero) * scale or an entry
// of a table. Codes become floats in registers (few rows) or a panel at a time (many); there is never a whole matrix of floats.
#ifndef THIMBLE_CODES_H
#define THIMBLE_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    /// Weight = (code - zero) * scale, computed as the format says (section 4.2) but for products of fewer than 8 rows, which scale sums.
    THIMBLE_CODES_AFFINE = 0,
    /// Weight = table[code], one table for the matrix.
    THIMBLE_CODES_TABLE = 1,
    /// The same with a table for each group of steps and of columns.
    THIMBLE_CODES_TABLES = 2,
} thimble_codes_kind;

/// Sizes are fixed before prepare; strides count floats. a is [m][k], b [k][n], c [m][n].
typedef struct {
    /// THIMBLE_PLAIN to thimble_processor(). What one family packed only that family reads.
    unsigned family;
    size_t m, n, k;
    size_t a_stride, c_stride;
    thimble_codes_kind kind;
    /// Of a code: 1 to 8. Packed codes take 2, 4 or 8.
    unsigned bits;
    /// Steps along k that share a scale, a zero point and a table; k or more where all do.
    size_t group;
    /// Some zero point is not the middle: 2^(bits - 1) of unsigned codes, 0 of signed ones.
    bool zeros;
    /// Results are clamped to low...high (-INFINITY, INFINITY: they are not).
    float low, high;

    /// By prepare: bits a code takes, units of columns and of rows.
    unsigned held;
    size_t column_units, row_units;
} thimble_codes;

/// Where the weights are. The value of step s and column j of a per-group array is element (s / group) * k_step + (j / columns) * n_step.
typedef struct { size_t k_step, n_step, columns; } thimble_codes_grid;

/// A matrix as a stream of codes, LSB first.
typedef struct {
    const uint8_t *codes;
    /// Bytes of the stream.
    size_t size;
    /// The code of step s and column j is number s * k_step + j * n_step.
    size_t k_step, n_step;
    /// Two's complement.
    bool is_signed;
    /// For AFFINE: binary32, or binary16 in little-endian bytes; both NULL: 1.
    const float *scale;
    const uint8_t *half_scale;
    thimble_codes_grid scale_grid;
    /// For AFFINE with `zeros`: as floats, or as a stream of unsigned codes of `bits` bits and `zero_size` bytes.
    const float *zero;
    const uint8_t *zero_codes;
    size_t zero_size;
    thimble_codes_grid zero_grid;
    /// For TABLE, and for TABLES with a grid of tables: 2^bits floats each. Codes index it by their bits.
    const float *table;
    thimble_codes_grid table_grid;
} thimble_codes_source;

void thimble_codes_prepare(thimble_codes *k);
/// Bytes; a multiple of 64. Does not depend on m, nor does what pack writes: products of any m can share it.
size_t thimble_codes_pack_size(const thimble_codes *k);
/// `packed` is 64-byte aligned.
void thimble_codes_pack(const thimble_codes *k, const thimble_codes_source *source, void *packed);
size_t thimble_codes_units(const thimble_codes *k);
/// Bytes; a multiple of 64.
size_t thimble_codes_scratch(const thimble_codes *k);
/// bias ([n]) may be NULL. a must not overlap c.
void thimble_codes_run(
    const thimble_codes *k, const float *a, const void *packed, const float *bias, float *c, size_t first, size_t last, void *scratch);

#endif
