// What codes_product.c and its kernels share.
#ifndef THIMBLE_CODES_PARTS_H
#define THIMBLE_CODES_PARTS_H

#include "CKernels.h"
#include "thimble_codes.h"
#include "tiles.h"

/// So few rows multiply codes where they are decoded, CODES_ROWS or more at a time; still more make it worth while to write the floats down.
enum { CODES_ROWS = 3, CODES_MOST_ROWS = 8, CODES_FEW = 8 };

/// A kind of its own to kernels: one table of at most 64 entries (the packed form has as many), codes held in 8 bits.
enum { CODES_TABLE_64 = 4, CODES_KINDS = 5 };

/// How a panel lies in the packed form: for each group, for each vector of columns its scales, zero points and tables; then the group's
/// codes, words of 32 bits that hold neighbours along k of one column, the words of a vector's columns side by side, vector after vector. Of codes
/// that are held in 8 or 16 bits, a vector of words has the first of all columns side by side, then the second ones and so on.
typedef struct {
    const thimble_codes *k;
    unsigned lanes;
    /// Codes of a word; words of a whole group and of all groups; floats of a vector of columns before a group's codes.
    size_t per_word, group_words, all_words, head;
} codes_layout;

typedef struct {
    codes_layout layout;
    const char *panel;
    /// Its first column of all.
    size_t start, vectors, columns;
    const float *table;
    /// Of THIMBLE_CODES_STEPS.
    const float *step_scales, *step_zeros;
} codes_panel;

/// Products of `rows` rows with a panel. a is padded: every group begins at a whole word. `sums` holds the sum of each row's group. Where
/// `begin` is not NULL, sums begin with its rows, not with the bias.
typedef void (*codes_rows)(
    const codes_panel *panel, size_t rows, const float *a, size_t a_stride, const float *sums, const float *bias, const float *begin,
    size_t begin_stride, const float *residual, float *c);
/// Floats of steps first..<last of a panel, [step][vectors * lanes]. `first` begins a word.
typedef void (*codes_decode)(const codes_panel *panel, size_t first, size_t last, float *out);

typedef struct {
    unsigned lanes;
    /// By kind, and by bits held: 2, 4, 8, 16.
    codes_rows rows[CODES_KINDS][4];
    codes_decode decode[CODES_KINDS][4];
} codes_kernels;

codes_layout codes_layout_of(const thimble_codes *k);
/// Floats of one vector of columns.
size_t codes_vector_floats(const codes_layout *l);
/// Bytes before the panels: what all columns share.
size_t codes_front(const thimble_codes *k);

/// A code that does not fit where others lie, less the pivot.
typedef struct {
    uint32_t step, column;
    int32_t value;
} codes_outlier;

/// Behind the panels: how many there are (more than there is room for if so many were found), where those of each panel begin once they are
/// in order, and room for them.
typedef struct {
    uint32_t *count, *starts;
    codes_outlier *all;
    size_t room;
} codes_outliers;

codes_outliers codes_outliers_of(const thimble_codes *k, const void *packed);
/// Puts them where a panel's steps first..<last were decoded without them; `number` is the panel's.
void codes_patch(const codes_panel *panel, size_t number, const codes_outliers *outliers, size_t first, size_t last, float *out);
/// Their products with rows of a, added to sums of the panel's columns that are `stride` apart.
void codes_add_outliers(
    const codes_panel *panel, size_t number, const codes_outliers *outliers, const float *a, size_t a_stride, size_t rows, float *sums, size_t stride);

#endif
