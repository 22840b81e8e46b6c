// Products, convolutions and elementwise functions of 8-bit (and 16-bit) integers. Integer results are the same bits on every family of
// processors and those that ONNX Runtime computes; a result in binary32 is one product of the exact sum with a scale, plus a bias.
#ifndef THIMBLE_INT8_H
#define THIMBLE_INT8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- convolutions and matrix products

/// What becomes of the exact 32-bit sum of a result, `bias` included.
typedef enum {
    /// 8 bits: round(float(sum) * scale) + out_zero, ties to even, clamped to out_low...out_high (QLinearConv, QLinearMatMul).
    THIMBLE_INT8_BYTES = 0,
    /// The sum itself (ConvInteger, MatMulInteger).
    THIMBLE_INT8_SUMS = 1,
    /// float(sum) * scale + float_bias, clamped to clamp_low...clamp_high (DynamicQuantizeMatMul, MatMulIntegerToFloat, a convolution
    /// whose result is not quantized).
    THIMBLE_INT8_FLOATS = 2,
} thimble_int8_output;

/// A convolution over NHWC, of one group, several or as many as channels. A matrix product [M, K]·[K, N] is the convolution with height 1,
/// width M, in_channels K, out_channels N and a kernel of 1. A convolution over one axis has height 1, so its axis is the width.
typedef struct {
    /// THIMBLE_PLAIN to thimble_processor(). What one family packed only that family reads.
    unsigned family;
    size_t batch, groups, in_channels, out_channels;
    size_t height, width, out_height, out_width;
    size_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x;
    /// Zero points (in_zero) before the first row and column; those after the last follow from the other sizes.
    size_t pad_top, pad_left;
    /// Elements from one pixel to the next, at least the channels. Rows and images follow each other without gaps.
    size_t in_pixel, out_pixel;
    /// The input is NCHW (in_pixel is not looked at); the result is always NHWC.
    bool in_planes;
    /// Int8 rather than UInt8.
    bool in_signed, weight_signed, out_signed;
    int32_t in_zero;
    /// Elements from one weight to the next along each of its axes: [out, in / groups, y, x] in ONNX; for b[K, N] out is 1 and in is N.
    size_t weight_out, weight_in, weight_y, weight_x;
    thimble_int8_output output;
    /// For THIMBLE_INT8_BYTES, in the type of the result. Relu and Clip before the quantization are a narrower range.
    int32_t out_zero, out_low, out_high;
    /// For THIMBLE_INT8_FLOATS; minus and plus infinity for no limit.
    float clamp_low, clamp_high;

    /// The rest is thimble_int8_prepare's: pixels and panels of a unit, and how many there are of each.
    size_t block_height, block_width, block_panels, blocks_y, blocks_x, blocks_n;
    /// Columns of one group in vectors, and the length of all per-channel arrays of the packed form.
    size_t vectors, padded;
    bool depthwise;
} thimble_int8_conv;

/// What a run knows and the packing did not: of an input that was quantized just now. out = float(sum) * (in_scale * scale) + float_bias.
typedef struct {
    int32_t in_zero;
    float in_scale;
} thimble_int8_now;

/// Per-channel values, each with one element or one for each of out_channels.
typedef struct {
    /// In the weights' type; NULL: 0.
    const int32_t *zero;
    size_t zeros;
    /// In 32 bits, of scale in_scale * weight_scale; NULL: 0. One for each of out_channels.
    const int32_t *bias;
    /// What the sum is multiplied with: for bytes (in_scale * weight_scale) / out_scale, each operation rounded to binary32; NULL: 1.
    const float *scale;
    size_t scales;
    /// For THIMBLE_INT8_FLOATS; NULL: 0. One for each of out_channels.
    const float *float_bias;
} thimble_int8_channels;

/// Fills the derived fields. Sizes are the caller's to check: every product of them fits, nothing is 0 but the pads.
void thimble_int8_prepare(thimble_int8_conv *k);
/// Bytes of the packed form, to be 64-byte aligned.
size_t thimble_int8_pack_size(const thimble_int8_conv *k);
/// `weights` holds bytes, signed if weight_signed. Weights and sums are taken modulo 2^32, as integer operators take them.
void thimble_int8_pack(const thimble_int8_conv *k, const void *weights, const thimble_int8_channels *channels, void *packed);
size_t thimble_int8_units(const thimble_int8_conv *k);
size_t thimble_int8_scratch(const thimble_int8_conv *k);
/// `out` holds bytes, int32_t or floats. `now` replaces in_zero and completes the scale; NULL when the packing knew both.
void thimble_int8_run(
    const thimble_int8_conv *k, const void *in, const void *packed, const thimble_int8_now *now, void *out, size_t first, size_t last, void *scratch);

// --- elementwise, n elements; in and out may be the same array where their elements have the same size

/// The 8- and 16-bit types of ONNX.
typedef enum { THIMBLE_U8 = 0, THIMBLE_S8 = 1, THIMBLE_U16 = 2, THIMBLE_S16 = 3 } thimble_integer;

/// saturate(round(x / scale) + zero), ties to even (QuantizeLinear). NaN becomes the lowest value, as in ONNX Runtime's vector code.
void thimble_quantize(unsigned family, const float *in, size_t n, float scale, int32_t zero, thimble_integer type, void *out);
/// (x - zero) * scale (DequantizeLinear).
void thimble_dequantize(unsigned family, const void *in, size_t n, float scale, int32_t zero, thimble_integer type, float *out);
/// The least and the greatest of n floats and 0, for DynamicQuantizeLinear; NaN is passed over.
void thimble_float_range(unsigned family, const float *in, size_t n, float *low, float *high);

/// Of an operand of QLinearAdd and the like.
typedef struct { float scale; int32_t zero; } thimble_quantity;

/// (a - a.zero) * (a.scale / c.scale) + (b - b.zero) * (b.scale / c.scale) + c.zero (com.microsoft QLinearAdd), rounded and clamped to
/// low...high. Rounded as ONNX Runtime's code for processors with fused multiplication does: c.zero - fma(a.scale / c.scale, a.zero, (b.scale /
/// c.scale) * b.zero) is one float, b then a are fused to it. `step_b` is 0 when b is one element, else 1. All three are bytes of one type. c may be a or b.
void thimble_q8_add(
    unsigned family, bool is_signed, const void *a, thimble_quantity qa, const void *b, size_t step_b, thimble_quantity qb, void *c, thimble_quantity qc,
    int32_t low, int32_t high, size_t n);
/// (a - a.zero) * (b - b.zero) * (a.scale * b.scale / c.scale) + c.zero (com.microsoft QLinearMul), rounded and clamped to low...high.
void thimble_q8_multiply(
    unsigned family, bool is_signed, const void *a, thimble_quantity qa, const void *b, size_t step_b, thimble_quantity qb, void *c, thimble_quantity qc,
    int32_t low, int32_t high, size_t n);

/// out[i] = table[in[i]]: any function of one byte, with the table made once.
void thimble_q8_lookup(const uint8_t table[256], const uint8_t *in, size_t n, uint8_t *out);
/// Tables, indexed by the bits of the input: round(f((x - in.zero) * in.scale) / out.scale) + out.zero.
/// A change of scale and zero point alone (DequantizeLinear, then QuantizeLinear).
void thimble_q8_table_requantize(uint8_t table[256], bool in_signed, thimble_quantity in, bool out_signed, thimble_quantity out);
void thimble_q8_table_sigmoid(uint8_t table[256], bool in_signed, thimble_quantity in, bool out_signed, thimble_quantity out);
void thimble_q8_table_leaky_relu(uint8_t table[256], bool in_signed, thimble_quantity in, bool out_signed, thimble_quantity out, float alpha);

/// An average over a window of NHWC bytes (com.microsoft QLinearAveragePool; QLinearGlobalAveragePool with the window as large as the image).
typedef struct {
    unsigned family;
    size_t batch, channels, height, width, out_height, out_width, kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left;
    size_t in_pixel, out_pixel;
    bool is_signed, count_include_pad;
    thimble_quantity in, out;
    /// The window is the whole image (the sizes of the kernel are not looked at): the mean is then taken of an integer sum, as ONNX
    /// Runtime takes it, rather than of a sum of floats.
    bool global;
} thimble_q8_average;

/// A unit is a row of a result. There is no scratch.
size_t thimble_q8_average_units(const thimble_q8_average *k);
void thimble_q8_average_run(const thimble_q8_average *k, const void *in, void *out, size_t first, size_t last);

// --- channels of several values joined

enum { THIMBLE_JOIN = 4 };

/// Pixels of NHWC bytes side by side in one result, with the codes of each made those of the result (DequantizeLinear, Concat and perhaps a
/// shuffle of channels, QuantizeLinear): channel c of input i becomes channel c * inputs + i, rounded as thimble_dequantize and
/// thimble_quantize do one after the other. A Concat without a shuffle is a join of each input by itself.
typedef struct {
    unsigned family;
    /// 1 to THIMBLE_JOIN inputs of as many channels each.
    size_t inputs, channels, pixels;
    /// Bytes from one pixel to the next.
    size_t in_pixel[THIMBLE_JOIN], out_pixel;
    thimble_quantity in[THIMBLE_JOIN], out;
    bool in_signed, out_signed;
    /// In the type of the result.
    int32_t low, high;
} thimble_q8_join;

/// Independent units, few of them where there is little to do. There is no scratch.
size_t thimble_q8_join_units(const thimble_q8_join *k);
void thimble_q8_join_run(const thimble_q8_join *k, const void *const *in, void *out, size_t first, size_t last);

#endif
