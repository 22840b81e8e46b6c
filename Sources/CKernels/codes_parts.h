// What codes_product.c and its kernels share.
#ifndef THIMBLE_CODES_PARTS_H
#define THIMBLE_CODES_PARTS_H

#include "CKernels.h"
#include "thimble_codes.h"
#include "tiles.h"

/// So few rows multiply codes where they are decoded, CODES_ROWS at a time; more make it worth while to write the floats down.
enum { CODES_ROWS = 3, CODES_FEW = 7 };

/// A kind of its own to kernels: one table of at most 64 entries (the packed form has as many), codes held in 8 bits.
enum { CODES_TABLE_64 = 3 };

/// How a panel lies in the packed form: for each group, for each vector of columns its scales, zero points and tables; then the group's
/// codes, words of 32 bits that hold neighbours along k of one column, the words of a vector's columns side by side, vector after vector.
typedef struct {
    const thimble_codes *k;
    unsigned lanes;
    /// Codes of a word; words of a whole group and of all groups; floats of a vector of columns before a group's codes.
    size_t per_word, group_words, all_words, head;
} codes_layout;

typedef struct {
    codes_layout layout;
    const char *panel;
    size_t vectors, columns;
    const float *table;
} codes_panel;

/// Products of `rows` rows with a panel. a is padded: every group begins at a whole word. `sums` holds the sum of each row's group.
typedef void (*codes_rows)(
    const codes_panel *panel, size_t rows, const float *a, size_t a_stride, const float *sums, const float *bias, float *c);
/// Floats of steps first..<last of a panel, [step][vectors * lanes]. `first` begins a word.
typedef void (*codes_decode)(const codes_panel *panel, size_t first, size_t last, float *out);

typedef struct {
    unsigned lanes;
    /// By kind, and by bits held: 2, 4, 8.
    codes_rows rows[4][3];
    codes_decode decode[4][3];
} codes_kernels;

#endif
