// Kernels in plain C. Every function but those of the last section is bit-identical on every processor.
#ifndef THIMBLE_CKERNELS_H
#define THIMBLE_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- families of processors, each with all that those before it have

enum { THIMBLE_PLAIN = 0, THIMBLE_AVX2 = 1, THIMBLE_AVX512 = 2, THIMBLE_AVX512_VNNI = 3 };
/// The family of this processor. Kernels of arithmetic take a family, so that tests can ask for a weaker one than there is.
unsigned thimble_processor(void);

// --- filters of compressed chunks (file format, section 5.2). `n` counts raw bytes; input and output must not overlap.

/// Byte k of every w-byte integer goes to plane k; the last n % w bytes stay as they are. w: 1, 2, 4, 8.
void thimble_shuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out);
void thimble_unshuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out);
/// The same after rotating each integer left by one bit. w: 2, 4, 8.
void thimble_rot1_shuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out);
void thimble_rot1_unshuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out);
/// Codes of w bits (3, 5, 6, 7), one per byte; leftover bits as one byte more.
void thimble_unpack_bits(const uint8_t *in, size_t n, unsigned w, uint8_t *out);
/// Back to n raw bytes; false if a byte has a bit that its code cannot have.
bool thimble_pack_bits(const uint8_t *in, size_t n, unsigned w, uint8_t *out);

// --- statistics of a byte plane, for choosing how to compress it

/// How often each byte occurs.
void thimble_histogram(const uint8_t *in, size_t n, uint32_t counts[256]);
/// Bits that an ideal order-0 coder needs for all symbols, in integer arithmetic; `cost` gets each symbol's bits times 8.
uint64_t thimble_entropy_bits(const uint32_t counts[256], uint8_t cost[256]);
/// Bits that matches with earlier bytes would save against symbols of these costs; n at most 65,535.
uint64_t thimble_match_savings(const uint8_t *in, size_t n, const uint8_t cost[256]);

// --- LSB-first streams of codes of 1 to 16 bits

/// Codes `first` to `first + n` of a stream of `size` bytes that holds them.
void thimble_unpack_codes(const uint8_t *stream, size_t size, uint64_t first, unsigned bits, bool is_signed, int32_t *out, size_t n);
/// Writes ceil(n * bits / 8) bytes; unused bits of the last are zero.
void thimble_pack_codes(const int32_t *codes, size_t n, unsigned bits, uint8_t *out);

// --- arithmetic in binary32, round to nearest, ties to even; every NaN becomes 7fc00000

/// (code - zero) * scale.
void thimble_affine(const int32_t *codes, size_t n, float zero, float scale, float *out);
void thimble_float_to_half(const float *in, size_t n, uint8_t *out);
void thimble_float_to_bfloat(const float *in, size_t n, uint8_t *out);
void thimble_half_to_float(const uint8_t *in, size_t n, float *out);
void thimble_bfloat_to_float(const uint8_t *in, size_t n, float *out);
/// FLOAT8E8M0: 2^(x - 127), 255 is NaN.
void thimble_e8m0_to_float(const uint8_t *in, size_t n, float *out);

// --- sparse values

/// Set bits of n bytes.
uint64_t thimble_popcount(const uint8_t *in, size_t n);

/// out[c * rows + r] = in[r * columns + c] for elements of `width` bytes (1, 2, 4, 8, 16), where rows of `in` are `in_stride`
/// and rows of `out` are `out_stride` elements apart.
void thimble_transpose(const uint8_t *in, size_t rows, size_t columns, size_t in_stride, uint8_t *out, size_t out_stride, unsigned width);

// --- cells of `width` bytes, moved without being looked at; every place was checked by the caller

/// Copies a box of `dims` cells; steps are bytes from one cell to the next along an axis, of either sign or 0. rank at most 64.
void thimble_copy_cells(
    const uint8_t *in, const ptrdiff_t *in_steps, uint8_t *out, const ptrdiff_t *out_steps, const size_t *dims, size_t rank, unsigned width);
/// Block i of `block` bytes of out is what begins at cell offsets[i] of in.
void thimble_gather_cells(const uint8_t *in, const ptrdiff_t *offsets, size_t n, unsigned width, size_t block, uint8_t *out);
/// Block i of `block` bytes of in goes to cell offsets[i] of out, in order: the last of two for one place stays.
void thimble_scatter_cells(const uint8_t *in, const ptrdiff_t *offsets, size_t n, unsigned width, size_t block, uint8_t *out);


// --- products of matrices in binary32. Sums are fused and in an order that depends on the processor: results differ in last bits.

/// c = alpha·a·b, or c += alpha·a·b. Steps count elements: a[i][s] is a[i * a_row + s * a_column], so a transposed matrix needs no copy.
typedef struct {
    size_t m, n, k;
    float alpha;
    const float *a;
    size_t a_row, a_column;
    const float *b;
    size_t b_row, b_column;
    /// Rows are c_row apart, their elements follow each other.
    float *c;
    size_t c_row;
    bool add;
} thimble_product;

/// Products of integers of up to 9 bits with a sign are exact over this many steps: 256 * 255 * 255 < 2^24.
#define THIMBLE_EXACT_K 256
/// Floats of scratch memory that a product needs.
#define THIMBLE_PRODUCT_SCRATCH (256 * 632)

void thimble_product_run(const thimble_product *product, float *scratch);
/// The same as a processor of that family, which is at most this one's, would.
void thimble_product_run_as(unsigned family, const thimble_product *product, float *scratch);

/// y[i] += w * x[i * stride].
void thimble_axpy(size_t n, float w, const float *x, size_t stride, float *y);

// --- products and convolutions with packed operands

#include "thimble_conv.h"
#include "thimble_matmul.h"

// --- products and convolutions of small integers, and of weights that stay in codes

#include "thimble_codes.h"
#include "thimble_int8.h"

// --- chains of elementwise operators

#include "thimble_elementwise.h"

// --- movement, pools and resizing, attention, recurrent operators

#include "thimble_attention.h"
#include "thimble_move.h"
#include "thimble_pool.h"
#include "thimble_recurrent.h"

// --- softmax, reductions and normalizations along an axis

#include "thimble_rows.h"

#endif
