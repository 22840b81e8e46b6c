// Products with a matrix that stays in codes of 1 to 16 bits: c = a·b (+ bias), clamped, where a weight of b is (code - zero) * scale or an entry
// of a table. Codes become floats in registers (few rows) or a panel at a time (many); there is never a whole matrix of floats.
#ifndef THIMBLE_CODES_H
#define THIMBLE_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "thimble_matmul.h"

typedef enum {
    /// Weight = (code - zero) * scale, computed as the format says (section 4.2) but for products of fewer than 8 rows, which scale sums.
    THIMBLE_CODES_AFFINE = 0,
    /// Weight = table[code], one table for the matrix.
    THIMBLE_CODES_TABLE = 1,
    /// The same with a table for each group of steps and of columns.
    THIMBLE_CODES_TABLES = 2,
    /// AFFINE with a scale and a zero point for each step along k, the same for all columns.
    THIMBLE_CODES_STEPS = 3,
} thimble_codes_kind;

/// Sizes are fixed before prepare; strides count floats. a is [m][k], b [k][n], c [m][n].
typedef struct {
    /// THIMBLE_PLAIN to thimble_processor(). What one family packed only that family reads.
    unsigned family;
    size_t m, n, k;
    size_t a_stride, c_stride, residual_stride;
    thimble_codes_kind kind;
    /// Of a code: 1 to 8, AFFINE and STEPS to 16. Packed codes take 2, 4, 8 or 16.
    unsigned bits;
    /// Steps along k that share a scale, a zero point and a table; k or more where all do.
    size_t group;
    /// Zero points are stored: not all are the source's pivot.
    bool zeros;
    /// Codes of more than 8 bits are packed in 8, and those that do not fit apart: for AFFINE without zero points, where these are few.
    bool narrow;
    /// Of such codes there is room for so many; 0: one of 128.
    size_t room;
    /// Results are clamped to low...high (-INFINITY, INFINITY: they are not).
    float low, high;
    /// Adds to what c holds, not to bias.
    bool add;
    /// As of thimble_matmul; may be NULL.
    thimble_epilogue epilogue;
    const void *context;

    /// By prepare: bits a code takes, units of columns and of rows.
    unsigned held;
    size_t column_units, row_units;
} thimble_codes;

/// Where the weights are. The value of step s and column j of a per-group array is element (s / group) * k_step + (j / columns) * n_step.
/// Of STEPS: element s * k_step.
typedef struct { size_t k_step, n_step, columns; } thimble_codes_grid;

/// A matrix as a stream of codes, LSB first, or a part of it.
typedef struct {
    /// Begins with code number `first`, a multiple of 8.
    const uint8_t *codes;
    size_t first;
    /// Bytes of the stream.
    size_t size;
    /// The code of step s and column j is number s * k_step + j * n_step; where k_inner is not 0, s % k_inner * k_step +
    /// s / k_inner * k_outer + j * n_step: convolutions have their taps outside, their channels inside.
    size_t k_step, n_step, k_inner, k_outer;
    /// Two's complement.
    bool is_signed;
    /// What AFFINE and STEPS take from codes before they are packed as signed ones, which must hold what is left: a zero point that all share,
    /// or with `zeros` the middle, 2^(bits - 1) of unsigned codes and 0 of signed ones.
    int32_t pivot;
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
/// `packed` is 64-byte aligned. False if `narrow` and too many codes do not fit.
bool thimble_codes_pack(const thimble_codes *k, const thimble_codes_source *source, void *packed);
/// The same in parts: begin takes all but the codes; each code then belongs to one part. Parts may come in any order, and at the same time
/// if they share no column, or if their steps are cut at multiples of the group or of 16 within it; not at the same time where `narrow`, which
/// also needs the end. False as above.
void thimble_codes_pack_begin(const thimble_codes *k, const thimble_codes_source *source, void *packed);
void thimble_codes_pack_part(
    const thimble_codes *k, const thimble_codes_source *source, size_t first_step, size_t last_step, size_t first_column, size_t last_column, void *packed);
bool thimble_codes_pack_end(const thimble_codes *k, void *packed);
/// How many codes did not fit. What was packed with one `room` is read with any.
size_t thimble_codes_unfit(const thimble_codes *k, const void *packed);
size_t thimble_codes_units(const thimble_codes *k);
/// Bytes; a multiple of 64.
size_t thimble_codes_scratch(const thimble_codes *k);
/// bias ([n]) and residual ([m][n], rows residual_stride apart) may be NULL. residual may be c; a must not overlap c.
void thimble_codes_run(
    const thimble_codes *k, const float *a, const void *packed, const float *bias, const float *residual, float *c, size_t first, size_t last,
    void *scratch);
/// Floats of a panel, as thimble_matmul_pack would have packed them.
void thimble_codes_decode(const thimble_codes *k, const void *packed, size_t panel, float *out);

/// Rows of a table in codes at places that come with the run: out[i] is row indices[i], a negative one counted from the end. `source` holds
/// the codes of the whole table: steps are the elements of a row, columns its rows.
typedef struct {
    thimble_codes_kind kind;
    unsigned bits;
    /// Elements of a row; those that share a scale, a zero point and a table; rows of the table; places.
    size_t row, group, rows, count;
    thimble_codes_source source;
    /// Indices are INT64, not INT32; they were checked.
    bool wide;
} thimble_codes_table;

/// Places are units.
void thimble_codes_rows(const thimble_codes_table *table, const void *indices, float *out, size_t first, size_t last);

#endif
