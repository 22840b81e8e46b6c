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

/// How long pieces of n things are, each of `least` to `most` of them: 1, 2, 4 or 8 pieces of the same size, or a multiple of that many if they
/// would be too long. So two threads have as many things each in every step, and find in their caches what they wrote in the step before.
INLINE size_t int8_piece(size_t n, size_t least, size_t most) {
    size_t pieces = 1;
    while (pieces < 8 && n / (2 * pieces) >= MAX(1, least)) pieces *= 2;
    return divide_up(n, pieces * divide_up(divide_up(n, pieces), MAX(1, most)));
}

/// How a product is computed: four bytes a step, two 16-bit integers a step, or one. Decided when the weights are packed.
enum { INT8_QUADS = 0, INT8_PAIRS = 1, INT8_SINGLES = 2, INT8_DEPTHWISE = 3 };

/// The packed form begins with this; the weights follow at 64 bytes, then the arrays, each of `padded` elements.
typedef struct {
    uint32_t core;
    /// Some weight zero point is not 0 (after unsigned weights became signed).
    uint32_t has_zero;
} int8_header;

/// Vectors of a group that a tile takes together: `first`, how many, and how many of their channels exist.
typedef struct { size_t first, vectors, valid; } int8_panel;

INLINE size_t int8_panels(size_t vectors, size_t most) { return vectors / most + (vectors % most == 3 ? 2 : vectors % most > 0); }

INLINE int8_panel int8_panel_at(size_t vectors, size_t most, size_t lanes, size_t channels, size_t index) {
    int8_panel panel = {index * most, most, 0};
    const size_t whole = vectors / most;
    if (index == whole) panel.vectors = MIN(vectors % most, 2);
    if (index > whole) panel = (int8_panel){whole * most + 2, 1, 0};
    panel.valid = MIN(panel.vectors * lanes, channels - panel.first * lanes);
    return panel;
}

/// How the taps are run through: rows of the kernel in one go where its pixels lie side by side, else each tap alone.
typedef struct { bool staged; size_t taps, elements; } int8_geometry;

/// Sums in a vector, and vectors of the widest panel.
typedef struct { size_t lanes, panel; } int8_shape;

INLINE int8_shape int8_shape_of(const thimble_int8_conv *k) {
    switch (k->family) {
    case THIMBLE_PLAIN: return (int8_shape){4, 2};
    case THIMBLE_AVX2: return (int8_shape){8, 2};
    default: return (int8_shape){16, 4};
    }
}

/// Elements of a step.
INLINE size_t int8_step(uint32_t core) { return core == INT8_QUADS ? 4 : core == INT8_PAIRS ? 2 : 1; }
INLINE size_t int8_element_bytes(uint32_t core) { return core == INT8_QUADS ? 1 : 2; }

/// A first layer of up to four planes is copied as pixels of four channels, which makes every tap one step.
INLINE size_t int8_stage_pixel(const thimble_int8_conv *k) { return k->in_planes && k->in_channels < 4 ? 4 : k->in_channels; }

int8_geometry int8_geometry_of(const thimble_int8_conv *k, uint32_t core);

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

/// Every per-channel value of `channels` channels, from `channel` on. Each goes to its place in `arrays`, which are clear: i for a NULL
/// `places`, else places[i]. It has `count` weights, whose sum is columns[i].
void int8_set_channels(
    const thimble_int8_conv *k, void *packed, int32_t *arrays, const uint8_t *places, size_t channel, size_t channels, const int32_t *columns, size_t count,
    const thimble_int8_channels *c);

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
void int8_depthwise_pack(const thimble_int8_conv *k, const void *weights, const thimble_int8_channels *channels, void *packed, int32_t *arrays);
size_t int8_depthwise_scratch(const thimble_int8_conv *k);
void int8_depthwise_run(
    const thimble_int8_conv *k, const void *in, const void *packed, const thimble_int8_now *now, void *out, size_t first, size_t last, void *scratch);

#endif
