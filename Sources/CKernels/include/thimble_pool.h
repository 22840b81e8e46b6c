// Pooling and resizing of images in NHWC. Pixels, rows and images lie at given steps, so that a result can be written into its
// part of a concatenation. Steps count elements (bytes for `thimble_nearest`).
#ifndef THIMBLE_POOL_H
#define THIMBLE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Where pixels lie: y·row + x·pixel of an image, the channels side by side.
typedef struct { size_t pixel, row, image; } thimble_image_steps;

enum {
    /// Largest value; a NaN in a window is its result.
    THIMBLE_POOLING_MAX,
    /// Mean of a window, without its cells in the padding unless they count.
    THIMBLE_POOLING_AVERAGE,
    /// (Σ |x|^p)^(1/p).
    THIMBLE_POOLING_LP,
    /// Largest of uint8 or of int8.
    THIMBLE_POOLING_MAX_U8,
    THIMBLE_POOLING_MAX_S8,
};

/// MaxPool, AveragePool, LpPool; the global ones have a kernel as large as the input. Sizes of 1-D pools: height 1.
/// A window must have a cell outside the padding in each direction (for MaxPool and LpPool), which ONNX's sizes give.
typedef struct {
    unsigned kind, family;
    size_t images, channels, in_height, in_width, out_height, out_width;
    size_t kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width;
    size_t pad_top, pad_left, pad_bottom, pad_right;
    /// AveragePool: cells in the padding count as zeros (those beyond it, which ceil_mode may reach, never count).
    bool count_include_pad;
    /// LpPool's p, at least 1.
    unsigned p;
    thimble_image_steps in, out;

    // Made by prepare: a place is a row of an image and one of `blocks` of `block` channels, a unit is `group` places.
    size_t block, blocks, places, group;
    /// Rows first become maxima along the width, `tall` output rows at a time.
    bool separable;
    size_t tall;
} thimble_pooling;

void thimble_pooling_prepare(thimble_pooling *pooling);
size_t thimble_pooling_units(const thimble_pooling *pooling);
size_t thimble_pooling_scratch(const thimble_pooling *pooling);
void thimble_pooling_run(const thimble_pooling *pooling, const void *in, void *out, size_t first, size_t last, void *scratch);

/// Resize, mode nearest: pixel (y, x) of the result is pixel (rows[y], columns[x]). Pixels are `cell` bytes, steps count bytes.
typedef struct {
    size_t images, cell, out_height, out_width;
    thimble_image_steps in, out;
    const int32_t *rows, *columns;
} thimble_nearest;

size_t thimble_nearest_units(const thimble_nearest *nearest);
void thimble_nearest_run(const thimble_nearest *nearest, const void *in, void *out, size_t first, size_t last);

/// The taps of one axis: place i of the result is Σ weights[i·taps + t] · (place indices[i·taps + t] of the input).
typedef struct {
    size_t taps;
    const int32_t *indices;
    const float *weights;
} thimble_taps;

/// Resize, modes linear (2 taps) and cubic (4 taps), or any other separable filter, in float32.
typedef struct {
    unsigned family;
    size_t images, channels, out_height, out_width;
    thimble_image_steps in, out;
    thimble_taps rows, columns;
} thimble_resize;

/// Rows of the result in units; neighbours in a unit share rows that were resized along the width.
size_t thimble_resize_units(const thimble_resize *resize);
size_t thimble_resize_scratch(const thimble_resize *resize);
void thimble_resize_run(const thimble_resize *resize, const float *in, float *out, size_t first, size_t last, void *scratch);

#endif
