// What the ways to compute a convolution (thimble_conv.h) share, and what each has.
#ifndef THIMBLE_CONV_PATHS_H
#define THIMBLE_CONV_PATHS_H

#include "CKernels.h"
#include "tiles.h"

#include <string.h>

/// Operands of a run.
typedef struct {
    const float *in;
    const void *packed;
    const float *bias, *residual;
    float *out;
} conv_operands;

// --- positions: along each axis, places of the window. A transposed convolution with stride s is s * s convolutions of stride 1 (its
// phases), whose results lie s apart; position q of phase r gives output q * s + r - pad. Dumoulin and Visin, "A guide to convolution
// arithmetic for deep learning" (2016), chapter 4. Any other has one phase, and position q gives output q.

/// What all phases of an axis have in common.
typedef struct {
    size_t first, count;
    /// Input elements from one position to the next; the first and the last that the window of position 0 reads.
    ptrdiff_t stride, least, most;
    size_t phases;
} conv_positions;

/// One phase: positions first..<last give outputs that exist, the first of them `out`, each `step` further. Taps are in the order of
/// the input elements they read: tap i reads `offset + i * spread` and has weight `weight + i * weight_step`.
typedef struct {
    size_t first, last, out, step, taps;
    ptrdiff_t offset, spread, weight, weight_step;
} conv_phase;

conv_positions conv_positions_of(const thimble_conv_axis *axis, bool transposed);
conv_phase conv_phase_of(const thimble_conv_axis *axis, bool transposed, size_t phase);

/// Positions of one unit, as indexes from 0 to positions.count.
typedef struct {
    size_t image, row, rows, column, columns;
} conv_block;

/// Which block of positions the unit is about; units of one block follow each other.
conv_block conv_block_of(const thimble_conv *k, size_t row_count, size_t column_count, size_t unit);

/// Calls the epilogue for output rows and columns of channels, if there is one.
void conv_finish(
    const thimble_conv *k, float *out, size_t image, size_t row, size_t rows, size_t column, size_t columns, size_t channel, size_t channels);

static inline size_t in_group(const thimble_conv *k) { return k->in_c / k->groups; }
static inline size_t out_group(const thimble_conv *k) { return k->out_c / k->groups; }
/// Outputs that a block of positions from..<to of an axis gives.
static inline size_t out_of(const thimble_conv_axis *axis, bool transposed, const conv_positions *positions, size_t index) {
    if (!transposed) return index;
    size_t at = (positions->first + index) * axis->stride;
    return at < axis->pad ? 0 : smaller(at - axis->pad, axis->out);
}

// --- the ways

bool conv_depthwise_can(const thimble_conv *k);
void conv_depthwise_prepare(thimble_conv *k);
size_t conv_depthwise_pack_size(const thimble_conv *k);
void conv_depthwise_pack(const thimble_conv *k, const loose_float *weights, const float *factors, float *packed);
void conv_depthwise_run(const thimble_conv *k, const conv_operands *operands, size_t first, size_t last);

/// The way with the fewest seconds: one of Winograd's that fits or THIMBLE_CONV_DIRECT.
unsigned conv_winograd_path(const thimble_conv *k);
void conv_winograd_prepare(thimble_conv *k);
size_t conv_winograd_pack_size(const thimble_conv *k);
/// Output channels first..<last, whole vectors or up to the end; `weights` are those of the first.
void conv_winograd_pack(const thimble_conv *k, const loose_float *weights, size_t first, size_t last, const float *factors, float *packed);
size_t conv_winograd_scratch(const thimble_conv *k);
void conv_winograd_run(const thimble_conv *k, const conv_operands *operands, size_t first, size_t last, void *scratch);

/// Whether vectors along channels (THIMBLE_CONV_CHANNELWISE, which is computed as THIMBLE_CONV_DIRECT but for its innermost loop) do less.
bool conv_direct_prefers_channels(const thimble_conv *k);
void conv_direct_prepare(thimble_conv *k);
size_t conv_direct_pack_size(const thimble_conv *k);
/// The same; all of them if there are groups or it is transposed.
void conv_direct_pack(const thimble_conv *k, const loose_float *weights, size_t first, size_t last, const float *factors, float *packed);
size_t conv_direct_scratch(const thimble_conv *k);
void conv_direct_run(const thimble_conv *k, const conv_operands *operands, size_t first, size_t last, void *scratch);

#endif
