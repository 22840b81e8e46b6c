#include "int8_parts.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Depthwise convolutions of 8-bit integers over NHWC. A tile is a few neighbouring pixels by one vector of channels; pointers to the cells
// under the tile's kernels are made once for all its channels, those outside the image pointing to a row of zero points, so that nothing
// is copied. With VNNI the bytes of four rows are interleaved, and one instruction adds a column of four taps to 16 sums; other families
// multiply in binary32, where these sums are exact.

typedef struct {
    const thimble_int8_conv *k;
    /// For each column of the tile, `rows` pointers.
    const uint8_t *const *cell;
    size_t rows;
    const float *weights;
    const int8_t *quads;
    const int32_t *bias;
    const float *scale, *float_bias;
    uint8_t flip;
    /// Bytes from one pixel of the result to the next.
    size_t out_step;
} int8_depthwise_job;

#if defined(__x86_64__)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define NAME(x) wide_##x
#include "int8_finish.h"
#include "int8_depthwise_tile.h"
#undef LANES
#undef TARGET
#undef NAME

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) middle_##x
#include "int8_finish.h"
#include "int8_depthwise_tile.h"
#undef LANES
#undef TARGET
#undef NAME
#endif

#define LANES 4
#define TARGET
#define NAME(x) plain_##x
#include "int8_finish.h"
#include "int8_depthwise_tile.h"
#undef LANES
#undef TARGET
#undef NAME

#if defined(__x86_64__)
#define VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))

/// Four rows of 64 channels as 64 groups of four: vector r holds channels 16 l + 4 r + 0...3 in its lane l, which saturating packs undo.
INLINE VNNI void interleave(const uint8_t *const *cell, size_t c, __mmask64 mask, __m512i flip, __m512i column[4]) {
    __m512i row[4];
    UNROLL for (int i = 0; i < 4; i++) row[i] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, cell[i] + c), flip);
    __m512i low = _mm512_unpacklo_epi8(row[0], row[1]), low2 = _mm512_unpacklo_epi8(row[2], row[3]);
    __m512i high = _mm512_unpackhi_epi8(row[0], row[1]), high2 = _mm512_unpackhi_epi8(row[2], row[3]);
    column[0] = _mm512_unpacklo_epi16(low, low2);
    column[1] = _mm512_unpackhi_epi16(low, low2);
    column[2] = _mm512_unpacklo_epi16(high, high2);
    column[3] = _mm512_unpackhi_epi16(high, high2);
}

/// PIXELS neighbours by 64 channels. KERNEL and STRIDE are constants where known; 0 for one pixel with a kernel of any width.
INLINE VNNI void quads_tile(const int PIXELS, const int KERNEL, const int STRIDE, const int8_depthwise_job *job, size_t c, size_t valid, char *out) {
    const thimble_int8_conv *k = job->k;
    const bool bytes = k->output == THIMBLE_INT8_BYTES;
    const __mmask64 mask = valid >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << valid) - 1;
    const __m512i flip = _mm512_set1_epi8((char)job->flip);
    __m512i sum[4][4];
    UNROLL for (int v = 0; v < 4; v++) {
        __m512i bias = bytes ? _mm512_loadu_si512(job->bias + c + 16 * v) : _mm512_setzero_si512();
        UNROLL for (int i = 0; i < PIXELS; i++) sum[i][v] = bias;
    }
    const __m512i *weights = (const __m512i *)(job->quads + c * job->rows * k->kernel_width);
    for (size_t y = 0; y < job->rows; y += 4, weights += 4 * k->kernel_width) {
        __m512i column[4];
        if (KERNEL == 0) {
            for (size_t x = 0; x < k->kernel_width; x++) {
                interleave(job->cell + x * job->rows + y, c, mask, flip, column);
                UNROLL for (int v = 0; v < 4; v++) sum[0][v] = _mm512_dpbusd_epi32(sum[0][v], column[v], weights[4 * x + v]);
            }
            continue;
        }
        UNROLL for (int q = 0; q < (PIXELS - 1) * STRIDE + KERNEL; q++) {
            interleave(job->cell + q * job->rows + y, c, mask, flip, column);
            UNROLL for (int i = 0; i < PIXELS; i++) {
                const int x = q - i * STRIDE;
                if (x < 0 || x >= KERNEL) continue;
                UNROLL for (int v = 0; v < 4; v++) sum[i][v] = _mm512_dpbusd_epi32(sum[i][v], column[v], weights[4 * x + v]);
            }
            __asm__ volatile("" ::: "memory");
        }
    }
    if (bytes) {
        const __m512 high = _mm512_set1_ps((float)(k->out_high - k->out_zero));
        const __m512i zero = _mm512_set1_epi16((short)int8_unsigned_zero(k->out_zero, k->out_signed));
        const __m512i low = _mm512_set1_epi8((char)int8_unsigned_zero(k->out_low, k->out_signed)), turn = _mm512_set1_epi8((char)int8_flip(k->out_signed));
        __m512 scale[4];
        UNROLL for (int v = 0; v < 4; v++) scale[v] = _mm512_loadu_ps(job->scale + c + 16 * v);
        UNROLL for (int i = 0; i < PIXELS; i++) {
            __m512i n[4];
            UNROLL for (int v = 0; v < 4; v++) n[v] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum[i][v]), scale[v]), high));
            __m512i front = _mm512_adds_epi16(_mm512_packs_epi32(n[0], n[1]), zero), back = _mm512_adds_epi16(_mm512_packs_epi32(n[2], n[3]), zero);
            __m512i all = _mm512_xor_si512(_mm512_max_epu8(_mm512_packus_epi16(front, back), low), turn);
            _mm512_mask_storeu_epi8(out + i * job->out_step + c, mask, all);
        }
        return;
    }
    UNROLL for (int i = 0; i < PIXELS; i++) {
        int32_t natural[64];
        UNROLL for (int v = 0; v < 4; v++) {
            int32_t part[16];
            _mm512_storeu_si512(part, sum[i][v]);
            for (int lane = 0; lane < 4; lane++) memcpy(natural + 16 * lane + 4 * v, part + 4 * lane, 16);
        }
        for (size_t at = 0; at < valid; at += 16) {
            wide_sums total = *(const wide_any_sums *)(natural + at) + *(const wide_any_sums *)(job->bias + c + at);
            wide_finish(k, total, job->scale + c + at, job->float_bias + c + at, MIN(16, valid - at), out + i * job->out_step, c + at);
        }
    }
}

#define QUADS(name, kernel, stride, pixels) \
    static VNNI __attribute__((noinline)) void quads_##name(const int8_depthwise_job *job, size_t c, size_t valid, char *out) { \
        quads_tile(pixels, kernel, stride, job, c, valid, out); \
    }
QUADS(3_1, 3, 1, 4)
QUADS(3_2, 3, 2, 4)
QUADS(5_1, 5, 1, 4)
QUADS(5_2, 5, 2, 4)
QUADS(any, 0, 1, 1)
#endif

typedef void (*depthwise_tile)(const int8_depthwise_job *job, size_t c, size_t valid, char *out);

/// The kernels of a family: 3 and 5 wide with a step of 1 and 2, and any other for one pixel.
typedef struct { depthwise_tile fixed[2][2], any; size_t lanes; } depthwise_kernels;

static depthwise_kernels kernels(const thimble_int8_conv *k, bool quads) {
#if defined(__x86_64__)
    if (quads) return (depthwise_kernels){{{quads_3_1, quads_3_2}, {quads_5_1, quads_5_2}}, quads_any, 64};
    if (k->family >= THIMBLE_AVX512) {
        return (depthwise_kernels){{{wide_depthwise_3_1, wide_depthwise_3_2}, {wide_depthwise_5_1, wide_depthwise_5_2}}, wide_depthwise_any, 16};
    }
    if (k->family == THIMBLE_AVX2) {
        return (depthwise_kernels){{{middle_depthwise_3_1, middle_depthwise_3_2}, {middle_depthwise_5_1, middle_depthwise_5_2}}, middle_depthwise_any, 8};
    }
#endif
    (void)k;
    (void)quads;
    return (depthwise_kernels){{{plain_depthwise_3_1, plain_depthwise_3_2}, {plain_depthwise_5_1, plain_depthwise_5_2}}, plain_depthwise_any, 4};
}

void int8_depthwise_prepare(thimble_int8_conv *k) {
    k->padded = round_up(k->in_channels, 64);
    k->vectors = k->padded / 16;
    k->block_width = k->out_width;
    k->block_panels = k->blocks_x = k->blocks_n = 1;
    const size_t row = k->out_width * k->in_channels * k->kernel_height * k->kernel_width;
    k->block_height = int8_piece(k->out_height, (1 << 15) / row, (1 << 17) / row);
    k->blocks_y = divide_up(k->out_height, k->block_height);
}

size_t int8_depthwise_weight_bytes(const thimble_int8_conv *k) { return k->padded * round_up(k->kernel_height, 4) * k->kernel_width * 4; }

/// Channels that the kernel with VNNI takes together.
enum { CHANNELS = 64 };

/// Where, of CHANNELS, the per-channel values of bytes made by packs lie (interleave).
static size_t interleaved(size_t c) { return c % 16 / 4 * 16 + c / 16 * 4 + c % 4; }

void int8_depthwise_pack(const thimble_int8_conv *k, const void *weights, const thimble_int8_channels *channels, void *packed, int32_t *arrays) {
    int8_header *header = packed;
    const size_t taps = k->kernel_height * k->kernel_width, rows = round_up(k->kernel_height, 4);
    const int32_t own = k->weight_signed ? 0 : 128;
    bool zeros = !channels->zero && own != 0;
    for (size_t i = 0; channels->zero && i < channels->zeros; i++) zeros = zeros || channels->zero[i] != own;
    const bool quads = k->family == THIMBLE_AVX512_VNNI && !zeros;
    header->core = quads ? INT8_QUADS : INT8_DEPTHWISE;
    memset((char *)packed + 64, 0, int8_weight_bytes(k));
    const uint8_t flip = k->weight_signed ? 0 : 0x80;
    uint8_t places[CHANNELS];
    for (size_t i = 0; i < CHANNELS; i++) places[i] = (uint8_t)interleaved(i);
    for (size_t first = 0; first < k->in_channels; first += CHANNELS) {
        const size_t here = MIN(CHANNELS, k->in_channels - first);
        int8_t *bytes = (int8_t *)packed + 64 + first * rows * k->kernel_width;
        float *floats = (float *)(void *)((char *)packed + 64) + first;
        int32_t columns[CHANNELS];
        for (size_t i = 0; i < here; i++) {
            const size_t c = first + i;
            const int32_t zero = channels->zero ? channels->zero[channels->zeros > 1 ? c : 0] - own : -own;
            int32_t column = 0;
            for (size_t y = 0; y < k->kernel_height; y++) {
                const uint8_t *from = (const uint8_t *)weights + c * k->weight_out + y * k->weight_y;
                int8_t *to = bytes + y / 4 * k->kernel_width * 4 * CHANNELS + 4 * places[i] + y % 4;
                float *wide = floats + y * k->kernel_width * k->padded + i;
                for (size_t x = 0; x < k->kernel_width; x++) {
                    const int8_t w = (int8_t)(from[x * k->weight_x] ^ flip);
                    column += w;
                    if (quads) to[x * 4 * CHANNELS] = w;
                    else wide[x * k->padded] = (float)(w - zero);
                }
            }
            columns[i] = column;
        }
        int8_set_channels(k, packed, arrays + first, quads && k->output == THIMBLE_INT8_BYTES ? places : NULL, first, here, columns, taps, channels);
    }
}

static size_t cells(const thimble_int8_conv *k) {
    // Four pixels with a kernel of 5 and a step of 2 are 11 columns.
    return MAX(11, k->kernel_width) * round_up(k->kernel_height, 4);
}

size_t int8_depthwise_scratch(const thimble_int8_conv *k) { return round_up(2 * cells(k) * sizeof(void *), 64) + k->padded * 9; }

/// Points at the cells under a tile; `move` is what takes them to the next tile while that lies inside the image.
static void point(
    const thimble_int8_conv *k, const uint8_t *image, const uint8_t *zeros, size_t from_y, size_t from_x, size_t columns, size_t step, size_t rows,
    size_t distance, const uint8_t **cell, size_t *move) {
    for (size_t r = 0; r < rows; r++) {
        // Places before the image wrap around and are as far outside as those behind it.
        const size_t y = from_y + r * k->dilation_y;
        const bool row_exists = r < k->kernel_height && y < k->height;
        for (size_t q = 0; q < columns; q++) {
            const size_t x = from_x + q * step;
            cell[q * rows + r] = row_exists && x < k->width ? image + (y * k->width + x) * k->in_pixel : zeros;
            move[q * rows + r] = row_exists ? distance : 0;
        }
    }
}

void int8_depthwise_run(
    const thimble_int8_conv *k, const void *in, const void *packed, const thimble_int8_now *now, void *out, size_t first, size_t last, void *scratch) {
    const int8_packed p = int8_open(k, packed);
    const bool quads = p.header->core == INT8_QUADS;
    const depthwise_kernels all = kernels(k, quads);
    const uint8_t **cell = scratch;
    size_t *move = (size_t *)scratch + cells(k);
    int32_t *bias = (int32_t *)((char *)scratch + round_up(2 * cells(k) * sizeof(void *), 64));
    float *scale = (float *)bias + k->padded;
    uint8_t *zeros = (uint8_t *)(scale + k->padded);
    memset(zeros, int8_unsigned_zero(now ? now->in_zero : k->in_zero, false), k->padded);
    const int8_operands operands = int8_now(k, &p, now, 0, k->padded, bias, scale);
    const size_t width = k->output == THIMBLE_INT8_BYTES ? 1 : 4, rows = quads ? round_up(k->kernel_height, 4) : k->kernel_height;
    int8_depthwise_job job = {
        .k = k, .cell = cell, .rows = rows, .weights = p.weights, .quads = p.weights, .bias = operands.bias, .scale = operands.scale,
        .float_bias = p.float_bias, .flip = int8_flip(k->in_signed), .out_step = k->out_pixel * width};
    const size_t pixels = 4;
    const bool fixed = (k->kernel_width == 3 || k->kernel_width == 5) && k->stride_x <= 2 && k->dilation_x == 1 && k->out_width >= pixels;
    const depthwise_tile tile = fixed ? all.fixed[k->kernel_width == 5][k->stride_x - 1] : all.any;
    const size_t at_once = fixed ? pixels : 1, step = fixed ? 1 : k->dilation_x;
    const size_t columns = fixed ? (pixels - 1) * k->stride_x + k->kernel_width : k->kernel_width;
    for (size_t unit = first; unit < last; unit++) {
        const uint8_t *image = (const uint8_t *)in + unit / k->blocks_y * k->height * k->width * k->in_pixel;
        const size_t start = unit % k->blocks_y * k->block_height, end = MIN(k->out_height, start + k->block_height);
        for (size_t y = start; y < end; y++) {
            char *to = (char *)out + (unit / k->blocks_y * k->out_height + y) * k->out_width * k->out_pixel * width;
            bool was_inside = false;
            for (size_t begin = 0; begin < k->out_width; begin += at_once) {
                // The last tile may overlap the one before it.
                const size_t x = MIN(begin, k->out_width - at_once), from_x = x * k->stride_x - k->pad_left;
                const bool inside = from_x < k->width && from_x + (columns - 1) * step < k->width;
                if (inside && was_inside && x == begin) {
                    for (size_t i = 0; i < columns * rows; i++) cell[i] += move[i];
                } else {
                    point(k, image, zeros, y * k->stride_y - k->pad_top, from_x, columns, step, rows, at_once * k->stride_x * k->in_pixel, cell, move);
                }
                was_inside = inside;
                for (size_t c = 0; c < k->in_channels; c += all.lanes) tile(&job, c, MIN(all.lanes, k->in_channels - c), to + x * job.out_step);
            }
        }
    }
}
