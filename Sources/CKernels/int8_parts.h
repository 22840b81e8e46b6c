// What the sources of the 8-bit kernels share and nobody else sees.
#ifndef THIMBLE_INT8_PARTS_H
#define THIMBLE_INT8_PARTS_H

#include "CKernels.h"
#include "thimble_int8.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

INLINE size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
INLINE size_t divide_up(size_t n, size_t by) { return (n + by - 1) / by; }

/// How a product is computed: four bytes a step, two 16-bit integers a step, or one. Decided when the weights are packed.
enum { INT8_QUADS = 0, INT8_PAIRS = 1, INT8_SINGLES = 2, INT8_DEPTHWISE = 3 };

/// The packed form begins with this; the weights follow at 64 bytes, then the arrays, each of `padded` elements.
typedef struct {
    uint32_t core;
    /// Some weight zero point is not 0 (after unsigned weights became signed).
    uint32_t has_zero;
} int8_header;

/// The arrays of a packed form.
typedef struct {
    const int8_header *header;
    const void *weights;
    /// bias - in_zero * column; for a zero point known only at a run, the parts of that.
    const int32_t *bias, *plain_bias;
    /// Sum of the weights of a channel, less their number times their zero point.
    const int32_t *column;
    const int32_t *zero;
    const float *scale, *float_bias;
} int8_packed;

size_t int8_weight_bytes(const thimble_int8_conv *k);
int8_packed int8_open(const thimble_int8_conv *k, const void *packed);

/// Every per-channel value of a channel at one place of the arrays. `column` is the sum of its weights, `count` how many there are.
void int8_set_channel(const thimble_int8_conv *k, void *packed, size_t at, size_t channel, int32_t column, size_t count, const thimble_int8_channels *c);

/// Input bytes are used as unsigned ones: signed ones with their highest bit turned over, and zero points to match.
INLINE uint8_t int8_flip(bool is_signed) { return is_signed ? 0x80 : 0; }
INLINE int32_t int8_unsigned_zero(int32_t zero, bool is_signed) { return zero + (is_signed ? 128 : 0); }

/// A weight as a signed byte.
INLINE int8_t int8_weight(const thimble_int8_conv *k, const void *weights, size_t out, size_t in, size_t y, size_t x) {
    uint8_t byte = ((const uint8_t *)weights)[out * k->weight_out + in * k->weight_in + y * k->weight_y + x * k->weight_x];
    return (int8_t)(k->weight_signed ? byte : byte ^ 0x80);
}

/// Bias and scale of a run for `count` columns from `first`: those of the packing, or made for what the run knows now.
typedef struct { const int32_t *bias; const float *scale; } int8_operands;
int8_operands int8_now(
    const thimble_int8_conv *k, const int8_packed *p, const thimble_int8_now *now, size_t first, size_t count, int32_t *bias, float *scale);

void int8_depthwise_prepare(thimble_int8_conv *k);
size_t int8_depthwise_weight_bytes(const thimble_int8_conv *k);
void int8_depthwise_pack(const thimble_int8_conv *k, const void *weights, const thimble_int8_channels *channels, void *packed);
size_t int8_depthwise_scratch(const thimble_int8_conv *k);
void int8_depthwise_run(
    const thimble_int8_conv *k, const void *in, const void *packed, const thimble_int8_now *now, void *out, size_t first, size_t last, void *scratch);

#endif
