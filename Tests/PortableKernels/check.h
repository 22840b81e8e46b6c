// What the checks of kernels share: memory of exactly the asked size, random numbers that are the same everywhere, and comparison.
#ifndef CHECK_H
#define CHECK_H

#include "CKernels.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Aligned as kernels want it and as long as asked, so that a sanitizer sees what is read or written beyond.
void *memory(size_t bytes);
/// Frees all that `memory` gave.
void release(void);

uint32_t random_bits(void);
/// low ..< high.
size_t random_size(size_t low, size_t high);
/// -1 … 1.
float random_float(void);
float *random_floats(size_t n);
float *new_floats(size_t n);

/// Compares floats with what they should be, in parts of the largest magnitude of `expected`; tells and counts a miss.
void expect_near(const char *what, unsigned family, const float *found, const double *expected, size_t n, double tolerance);
void expect_same(const char *what, unsigned family, const void *found, const void *expected, size_t bytes);

/// Calls a kernel's run for all units at once, then for each alone into `again`, and expects the same bits.
#define RUN_BOTH_WAYS(units, out, again, bytes, what, family, CALL)      \
    do {                                                                 \
        size_t count_ = (units), first = 0, last = count_;               \
        void *to = (out);                                                \
        CALL;                                                            \
        to = (again);                                                    \
        for (size_t u_ = 0; u_ < count_; u_++) {                         \
            first = count_ - 1 - u_, last = first + 1;                   \
            CALL;                                                        \
        }                                                                \
        expect_same(what ", unit by unit", family, again, out, bytes);   \
    } while (0)

void check_products(unsigned family);
void check_codes(unsigned family);
void check_convolutions(unsigned family);
void check_int8(unsigned family);
void check_elementwise(unsigned family);
void check_rows(unsigned family);
void check_images(unsigned family);
void check_recurrent(unsigned family);
void check_moves(unsigned family);
void check_attention(unsigned family);

#endif
