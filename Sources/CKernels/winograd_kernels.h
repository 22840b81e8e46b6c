// Winograd's transforms for one family of processors. Included by conv_winograd.c through families.h.

#include "vectors.h"

/// Six inputs of a row or column (B transposed): values of polynomials that are zero at all points but one.
INLINE void NAME(input_4)(const NAME(vector) d[], NAME(vector) o[]) {
#pragma clang fp contract(fast)
    NAME(vector) p = d[4] - 2.0f * d[2], q = NEAR_POINT * (d[3] - 2.0f * d[1]), r = d[4] - 0.5f * d[2], s = FAR_POINT * (d[3] - 0.5f * d[1]);
    o[0] = d[0] - 2.5f * d[2] + d[4];
    o[1] = p + q;
    o[2] = p - q;
    o[3] = r + s;
    o[4] = r - s;
    o[5] = d[1] - 2.5f * d[3] + d[5];
}

/// Four results of six products (A transposed): powers of the points.
INLINE void NAME(output_4)(const NAME(vector) m[], NAME(vector) o[]) {
#pragma clang fp contract(fast)
    NAME(vector) u = m[1] + m[2], v = m[1] - m[2], w = m[3] + m[4], z = m[3] - m[4];
    o[0] = m[0] + u + w;
    o[1] = NEAR_POINT * v + FAR_POINT * z;
    o[2] = 0.5f * u + 2.0f * w;
    o[3] = 0.5f * NEAR_POINT * v + 2.0f * FAR_POINT * z + m[5];
}

/// Two results of six products.
INLINE void NAME(output_2_of_6)(const NAME(vector) m[], NAME(vector) o[]) {
#pragma clang fp contract(fast)
    NAME(vector) u = m[1] + m[2], v = m[1] - m[2], w = m[3] + m[4], z = m[3] - m[4];
    o[0] = m[0] + u + w;
    o[1] = NEAR_POINT * v + FAR_POINT * z + m[5];
}

INLINE void NAME(input_2)(const NAME(vector) d[], NAME(vector) o[]) {
    o[0] = d[0] - d[2];
    o[1] = d[1] + d[2];
    o[2] = d[2] - d[1];
    o[3] = d[1] - d[3];
}

INLINE void NAME(output_2)(const NAME(vector) m[], NAME(vector) o[]) {
    o[0] = m[0] + m[1] + m[2];
    o[1] = m[1] - m[2] - m[3];
}

INLINE void NAME(input_any)(const int tile, const NAME(vector) d[], NAME(vector) o[]) {
    if (tile == 4) NAME(input_4)(d, o);
    else NAME(input_2)(d, o);
}

INLINE void NAME(output_any)(const int tile, const NAME(vector) d[], NAME(vector) o[]) {
    if (tile == 4) NAME(output_4)(d, o);
    else NAME(output_2)(d, o);
}

INLINE void NAME(input_vector)(const int tile, const bool whole, const winograd_input *w, size_t channel, size_t part) {
    const int n = tile + 2;
    NAME(vector) half[6][6];
    UNROLL for (int x = 0; x < n; x++) {
        NAME(vector) d[6], o[6];
        const float *from = w->in + (size_t)x * w->pixel + channel;
        UNROLL for (int y = 0; y < n; y++) {
            d[y] = whole ? NAME(load)(from + (size_t)y * w->pitch) : NAME(load_part)(from + (size_t)y * w->pitch, part);
        }
        NAME(input_any)(tile, d, o);
        UNROLL for (int y = 0; y < n; y++) half[y][x] = o[y];
    }
    float *to = w->out + channel;
    UNROLL for (int y = 0; y < n; y++) {
        NAME(vector) o[6];
        NAME(input_any)(tile, half[y], o);
        UNROLL for (int x = 0; x < n; x++, to += w->plane) {
            if (whole) NAME(store)(to, o[x]);
            else NAME(store_part)(to, part, o[x]);
        }
    }
}

INLINE void NAME(input)(const int tile, const winograd_input *w) {
    size_t c = 0;
    for (; c + LANES <= w->channels; c += LANES) NAME(input_vector)(tile, true, w, c, LANES);
    if (c < w->channels) NAME(input_vector)(tile, false, w, c, w->channels - c);
}

/// What a sum becomes on its way out as row y, column x of a tile.
INLINE void NAME(give)(
    const bool whole, const winograd_output *w, NAME(vector) sum, NAME(vector) bias, size_t y, size_t x, size_t channel, size_t part) {
    NAME(vector) result = sum + bias;
    if (w->residual) {
        const float *p = w->residual + y * w->residual_pitch + x * w->residual_pixel + channel;
        result += whole ? NAME(load)(p) : NAME(load_part)(p, part);
    }
    result = NAME(clamp)(result, NAME(all)(w->low), NAME(all)(w->high));
    float *to = w->out + y * w->pitch + x * w->pixel + channel;
    if (whole) NAME(store)(to, result);
    else NAME(store_part)(to, part, result);
}

INLINE void NAME(output_vector)(const int tile, const bool whole, const winograd_output *w, size_t channel, size_t part) {
    const int n = tile + 2;
    NAME(vector) half[4][6], bias = {0};
    UNROLL for (int x = 0; x < n; x++) {
        NAME(vector) d[6], o[4];
        UNROLL for (int y = 0; y < n; y++) {
            const float *from = w->in + (size_t)(y * n + x) * w->plane + channel;
            d[y] = whole ? NAME(load)(from) : NAME(load_part)(from, part);
        }
        NAME(output_any)(tile, d, o);
        UNROLL for (int y = 0; y < tile; y++) half[y][x] = o[y];
    }
    if (w->bias) bias = whole ? NAME(load)(w->bias + channel) : NAME(load_part)(w->bias + channel, part);
    UNROLL for (int y = 0; y < tile; y++) {
        if ((size_t)y < w->rows) {
            NAME(vector) o[4];
            NAME(output_any)(tile, half[y], o);
            UNROLL for (int x = 0; x < tile; x++) {
                if ((size_t)x < w->columns) NAME(give)(whole, w, o[x], bias, (size_t)y, (size_t)x, channel, part);
            }
        }
    }
}

INLINE void NAME(output)(const int tile, const winograd_output *w) {
    size_t c = 0;
    for (; c + LANES <= w->channels; c += LANES) NAME(output_vector)(tile, true, w, c, LANES);
    if (c < w->channels) NAME(output_vector)(tile, false, w, c, w->channels - c);
}

// --- lines: six inputs, 4 or 2 results

INLINE void NAME(input_line_vector)(const bool whole, const winograd_input *w, size_t channel, size_t part) {
    NAME(vector) d[6], o[6];
    UNROLL for (int y = 0; y < 6; y++) {
        const float *from = w->in + (size_t)y * w->pitch + channel;
        d[y] = whole ? NAME(load)(from) : NAME(load_part)(from, part);
    }
    NAME(input_4)(d, o);
    float *to = w->out + channel;
    UNROLL for (int y = 0; y < 6; y++, to += w->plane) {
        if (whole) NAME(store)(to, o[y]);
        else NAME(store_part)(to, part, o[y]);
    }
}

INLINE void NAME(output_line_vector)(const int results, const bool whole, const winograd_output *w, size_t channel, size_t part) {
    NAME(vector) d[6], o[4], bias = {0};
    UNROLL for (int y = 0; y < 6; y++) {
        const float *from = w->in + (size_t)y * w->plane + channel;
        d[y] = whole ? NAME(load)(from) : NAME(load_part)(from, part);
    }
    if (results == 4) NAME(output_4)(d, o);
    else NAME(output_2_of_6)(d, o);
    if (w->bias) bias = whole ? NAME(load)(w->bias + channel) : NAME(load_part)(w->bias + channel, part);
    UNROLL for (int y = 0; y < results; y++) {
        if ((size_t)y < w->rows) NAME(give)(whole, w, o[y], bias, (size_t)y, 0, channel, part);
    }
}

INLINE void NAME(output_line)(const int results, const winograd_output *w) {
    size_t c = 0;
    for (; c + LANES <= w->channels; c += LANES) NAME(output_line_vector)(results, true, w, c, LANES);
    if (c < w->channels) NAME(output_line_vector)(results, false, w, c, w->channels - c);
}

// --- weights, in binary64: what they lose here is lost in each run

typedef double NAME(wide) __attribute__((vector_size(LANES * 8)));

/// Six values of a row or column of a kernel (G): its polynomial at each point, over that point's distance from the others.
INLINE void NAME(weights_4)(const NAME(wide) w[], NAME(wide) o[]) {
#pragma clang fp contract(fast)
    NAME(wide) near = (w[0] + 0.5 * w[2]) * (-2.0 / 3), far = (w[0] + 2.0 * w[2]) * (1.0 / 6);
    NAME(wide) near_odd = w[1] * (-2.0 / 3 * 0.70710678118654752), far_odd = w[1] * (1.0 / 6 * 1.41421356237309505);
    o[0] = w[0];
    o[1] = near + near_odd;
    o[2] = near - near_odd;
    o[3] = far + far_odd;
    o[4] = far - far_odd;
    o[5] = w[2];
}

INLINE void NAME(weights_2)(const NAME(wide) w[], NAME(wide) o[]) {
    NAME(wide) even = 0.5 * (w[0] + w[2]), odd = 0.5 * w[1];
    o[0] = w[0];
    o[1] = even + odd;
    o[2] = even - odd;
    o[3] = w[2];
}

INLINE void NAME(weights_any)(const int tile, const NAME(wide) w[], NAME(wide) o[]) {
    if (tile == 4) NAME(weights_4)(w, o);
    else NAME(weights_2)(w, o);
}

INLINE void NAME(weights)(const int tile, const float *taps, size_t channels, float *to, size_t step, size_t plane) {
    const int n = tile + 2;
    for (size_t c = 0; c < channels; c++, taps += 9 * LANES, to += step) {
        NAME(wide) half[6][3];
        UNROLL for (int x = 0; x < 3; x++) {
            NAME(wide) w[3], o[6];
            UNROLL for (int y = 0; y < 3; y++) w[y] = __builtin_convertvector(NAME(load)(taps + (3 * y + x) * LANES), NAME(wide));
            NAME(weights_any)(tile, w, o);
            UNROLL for (int y = 0; y < n; y++) half[y][x] = o[y];
        }
        UNROLL for (int y = 0; y < n; y++) {
            NAME(wide) o[6];
            NAME(weights_any)(tile, half[y], o);
            UNROLL for (int x = 0; x < n; x++) NAME(store)(to + (size_t)(y * n + x) * plane, __builtin_convertvector(o[x], NAME(vector)));
        }
    }
}

/// Six values of five taps.
INLINE void NAME(weights_5_taps)(const NAME(wide) w[], NAME(wide) o[]) {
#pragma clang fp contract(fast)
    NAME(wide) near = (w[0] + 0.5 * w[2] + 0.25 * w[4]) * (-2.0 / 3), far = (w[0] + 2.0 * w[2] + 4.0 * w[4]) * (1.0 / 6);
    NAME(wide) near_odd = (w[1] + 0.5 * w[3]) * (-2.0 / 3 * 0.70710678118654752), far_odd = (w[1] + 2.0 * w[3]) * (1.0 / 6 * 1.41421356237309505);
    o[0] = w[0];
    o[1] = near + near_odd;
    o[2] = near - near_odd;
    o[3] = far + far_odd;
    o[4] = far - far_odd;
    o[5] = w[4];
}

INLINE void NAME(weights_line)(const int count, const float *taps, size_t channels, float *to, size_t step, size_t plane) {
    for (size_t c = 0; c < channels; c++, taps += count * LANES, to += step) {
        NAME(wide) w[5], o[6];
        UNROLL for (int y = 0; y < count; y++) w[y] = __builtin_convertvector(NAME(load)(taps + y * LANES), NAME(wide));
        if (count == 3) NAME(weights_4)(w, o);
        else NAME(weights_5_taps)(w, o);
        UNROLL for (int y = 0; y < 6; y++) NAME(store)(to + (size_t)y * plane, __builtin_convertvector(o[y], NAME(vector)));
    }
}

static TARGET void NAME(winograd_weights_4)(const float *taps, size_t channels, float *to, size_t step, size_t plane) {
    NAME(weights)(4, taps, channels, to, step, plane);
}
static TARGET void NAME(winograd_weights_2)(const float *taps, size_t channels, float *to, size_t step, size_t plane) {
    NAME(weights)(2, taps, channels, to, step, plane);
}
static TARGET void NAME(winograd_input_4)(const winograd_input *w) { NAME(input)(4, w); }
static TARGET void NAME(winograd_input_2)(const winograd_input *w) { NAME(input)(2, w); }
static TARGET void NAME(winograd_output_4)(const winograd_output *w) { NAME(output)(4, w); }
static TARGET void NAME(winograd_output_2)(const winograd_output *w) { NAME(output)(2, w); }

static TARGET void NAME(winograd_weights_line_4)(const float *taps, size_t channels, float *to, size_t step, size_t plane) {
    NAME(weights_line)(3, taps, channels, to, step, plane);
}
static TARGET void NAME(winograd_weights_line_2)(const float *taps, size_t channels, float *to, size_t step, size_t plane) {
    NAME(weights_line)(5, taps, channels, to, step, plane);
}
static TARGET void NAME(winograd_input_line)(const winograd_input *w) {
    size_t c = 0;
    for (; c + LANES <= w->channels; c += LANES) NAME(input_line_vector)(true, w, c, LANES);
    if (c < w->channels) NAME(input_line_vector)(false, w, c, w->channels - c);
}
static TARGET void NAME(winograd_output_line_4)(const winograd_output *w) { NAME(output_line)(4, w); }
static TARGET void NAME(winograd_output_line_2)(const winograd_output *w) { NAME(output_line)(2, w); }

/// In the order of the ways (thimble_conv.h).
static const winograd_functions NAME(winograd)[4] = {
    {NAME(winograd_weights_4), NAME(winograd_input_4), NAME(winograd_output_4)},
    {NAME(winograd_weights_2), NAME(winograd_input_2), NAME(winograd_output_2)},
    {NAME(winograd_weights_line_4), NAME(winograd_input_line), NAME(winograd_output_line_4)},
    {NAME(winograd_weights_line_2), NAME(winograd_input_line), NAME(winograd_output_line_2)}};
