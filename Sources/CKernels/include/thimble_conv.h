// Convolutions in binary32 of one or two spatial dimensions, with bias, residual, clamp and epilogue, and their transposes (ONNX Conv
// and ConvTranspose). Values are NHWC: the channels of a pixel follow each other, pixels are a stride apart, rows and images follow.
#ifndef THIMBLE_CONV_H
#define THIMBLE_CONV_H

#include "thimble_codes.h"
#include "thimble_matmul.h"

/// How a convolution is computed.
enum {
    /// A product of matrices: all pixels by the channels.
    THIMBLE_CONV_FLAT,
    /// Windows read in place or from rows copied with their padding.
    THIMBLE_CONV_DIRECT,
    /// Tiles of results by Winograd's minimal filtering: 4 x 4 or 2 x 2 of a kernel of 3 x 3, 4 in a line of a kernel of 3, 2 of a kernel of 5.
    THIMBLE_CONV_WINOGRAD_4, THIMBLE_CONV_WINOGRAD_2, THIMBLE_CONV_WINOGRAD_LINE_4, THIMBLE_CONV_WINOGRAD_LINE_2,
    /// One channel in, one out, with a kernel 3, 5 or 7 wide; reads in place.
    THIMBLE_CONV_DEPTHWISE,
    /// Vectors along channels from copied rows: every other convolution whose groups have few channels.
    THIMBLE_CONV_CHANNELWISE,
};

/// One spatial dimension.
typedef struct {
    size_t in, out, kernel, stride, pad, dilation;
} thimble_conv_axis;

/// Sizes are fixed before prepare; strides of pixels count floats. A convolution of one dimension has height 1 or width 1.
typedef struct {
    /// THIMBLE_PLAIN to thimble_processor(), of which only the lower is used.
    unsigned family;
    /// No Winograd: sums in the order of the definition.
    bool exact;
    /// The input is NCHW, its images follow each other; meant for few channels.
    bool planar;
    /// ConvTranspose: the stride is that of the output; the pad is what is cut off the output's beginning.
    bool transposed;
    size_t batch, in_c, out_c, groups;
    /// Height and width. `pad` is what lies before the first row or column; what lies after the last follows from `out`, which holds
    /// output_padding too.
    thimble_conv_axis height, width;
    /// From one pixel to the next, at least the channels: so a slice of channels is read, and a part of a concatenation written, in place.
    size_t in_pixel_stride, out_pixel_stride, residual_pixel_stride;
    /// Results are clamped to low...high (-INFINITY, INFINITY: they are not); what is not a number stays so.
    float low, high;
    /// May be NULL.
    thimble_epilogue epilogue;
    const void *context;

    /// The weights stay in codes: kind, bits, group and zeros of `coded` say how. For those that thimble_conv_takes_codes; no Winograd then. What is
    /// packed is a matrix of thimble_codes_pack: out_c columns, steps as the window's taps follow each other and within each the channels.
    bool is_coded;
    thimble_codes coded;

    /// By prepare. The axes are exchanged where that makes a row long, or for Winograd's way a column.
    unsigned path;
    size_t images;
    thimble_conv_axis rows, columns;
    /// Units of work: blocks of rows, of columns (1 unless rows are few) and of output channels.
    size_t row_units, column_units, channel_units;
    /// Rows and columns of the input are copied with their padding.
    bool copies;
    thimble_matmul flat;
} thimble_conv;

/// The batch, output channels and outputs may be 0, then there is nothing to do; the other sizes are at least 1.
void thimble_conv_prepare(thimble_conv *k);
/// Whether a prepared one is computed by Winograd's minimal filtering.
bool thimble_conv_is_winograd(const thimble_conv *k);
/// Whether a prepared convolution can have its weights in codes.
bool thimble_conv_takes_codes(const thimble_conv *k);
/// Bytes; a multiple of 64.
size_t thimble_conv_pack_size(const thimble_conv *k);
/// Weights are floats at any address, as ONNX orders them: [out_c][in_c / groups][height][width], transposed
/// [in_c][out_c / groups][height][width]. They are multiplied with factors ([out_c]; may be NULL). `packed` is 64-byte aligned. It fits
/// every convolution of these weights and factors that has the same family, path, planar, transposed and groups. Not for
/// codes.
void thimble_conv_pack(const thimble_conv *k, const void *weights, const float *factors, void *packed);
/// The same piece by piece, in any order and on any threads: elements first..<last of the weights, of which `weights` is the first. Both are whole
/// units, or last is the end.
void thimble_conv_pack_part(const thimble_conv *k, const void *weights, size_t first, size_t last, const float *factors, void *packed);
/// Elements of the weights, at least 1; all of them where they cannot be parted.
size_t thimble_conv_pack_unit(const thimble_conv *k);
size_t thimble_conv_units(const thimble_conv *k);
/// Bytes for each thread, 64-byte aligned, of any content.
size_t thimble_conv_scratch(const thimble_conv *k);
/// bias ([out_c]) and residual (as the output, its pixels residual_pixel_stride apart) may be NULL. residual may be out; in must not
/// overlap out.
void thimble_conv_run(
    const thimble_conv *k, const float *in, const void *packed, const float *bias, const float *residual, float *out, size_t first, size_t last,
    void *scratch);

#endif
