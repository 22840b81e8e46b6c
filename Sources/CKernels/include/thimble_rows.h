// Kernels along one axis of fp32 values [outer][axis][inner]: softmax, reductions, normalizations, cumulated sums. inner is 1 where the
// axis is the last. Long sums are added up in binary64. NaN goes through everything.
#ifndef THIMBLE_ROWS_H
#define THIMBLE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    // y has the shape of x, and may be x.
    THIMBLE_ROWS_SOFTMAX, THIMBLE_ROWS_LOG_SOFTMAX,
    THIMBLE_ROWS_L1_NORMALIZE, THIMBLE_ROWS_L2_NORMALIZE,  // x / norm, 0 where the norm is 0
    THIMBLE_ROWS_CUMULATED_SUM,
    // y is [outer][inner].
    THIMBLE_ROWS_SUM, THIMBLE_ROWS_MEAN, THIMBLE_ROWS_PRODUCT, THIMBLE_ROWS_MAX, THIMBLE_ROWS_MIN, THIMBLE_ROWS_L1, THIMBLE_ROWS_L2,
    THIMBLE_ROWS_SUM_SQUARE, THIMBLE_ROWS_LOG_SUM, THIMBLE_ROWS_LOG_SUM_EXP,
    THIMBLE_ROWS_ARG_MAX, THIMBLE_ROWS_ARG_MIN,  // int64_t; NaN counts as the largest, or the least
} thimble_rows_op;

typedef struct {
    unsigned family;          // of processors, up to thimble_processor()
    uint8_t op;               // thimble_rows_op
    size_t outer, axis, inner;
    bool last;                // ARG_MAX, ARG_MIN: of equals the last, not the first
    bool exclusive, reverse;  // CUMULATED_SUM: without the element itself; from the end
} thimble_rows;

/// Independent units of work, each 2 us or more where there is that much.
size_t thimble_rows_units(const thimble_rows *k);
/// Does units first ..< last. y: float, or int64_t of ARG_MAX and ARG_MIN.
void thimble_rows_run(const thimble_rows *k, const float *x, void *y, size_t first, size_t last);

/// Layer normalization of [rows][columns]: y = (s - mean) / sqrt(variance + epsilon) * scale + shift with s = x + skip + bias.
typedef struct {
    unsigned family;
    size_t rows, columns;
    float epsilon;
    bool root_mean_square;  // RMSNormalization: y = s / sqrt(mean of squares + epsilon) * scale + shift
} thimble_layer_norm;

/// All but x and y may be NULL. skip: [rows][columns]; bias, scale, shift: [columns]; sum gets s; means and inverses get each row's mean
/// and 1 / sqrt(…). y and sum may each be x or skip.
typedef struct {
    const float *x, *skip, *bias, *scale, *shift;
    float *y, *sum, *means, *inverses;
} thimble_layer_norm_operands;

size_t thimble_layer_norm_units(const thimble_layer_norm *k);
void thimble_layer_norm_run(const thimble_layer_norm *k, const thimble_layer_norm_operands *operands, size_t first, size_t last);

/// Group normalization; InstanceNormalization is that of groups of one channel. Each group of channels of each batch has a mean and
/// a variance of its own.
typedef struct {
    unsigned family;
    size_t batch, channels, spatial, groups;  // groups divides channels
    float epsilon;
    bool channels_last;                       // [batch][spatial][channels], else [batch][channels][spatial]
} thimble_group_norm;

size_t thimble_group_norm_units(const thimble_group_norm *k);
/// Bytes of scratch for each thread, aligned to 64 bytes.
size_t thimble_group_norm_scratch(const thimble_group_norm *k);
/// scale and shift: [channels], or NULL. y may be x.
void thimble_group_norm_run(
    const thimble_group_norm *k, const float *x, const float *scale, const float *shift, float *y, size_t first, size_t last, void *scratch);

#endif
