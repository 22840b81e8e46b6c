#include "int8_parts.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Convolutions of 8-bit integers as direct products: a tile of pixels by vectors of channels in registers, activations read where they
// lie (kernels of 1) or from a copy of the block's rows with its padding (all others), weights packed in panels that a tile reads in order.
// Nothing is unfolded into columns. Sums are 32-bit and exact, so every family and way of multiplying gives the same.

/// What all tiles of one panel have in common.
typedef struct {
    /// Where each tap of the kernel lies from a pixel, in bytes, and the whole steps of each; elements beyond them (bytes, 0 to 3).
    size_t taps;
    const size_t *tap;
    size_t steps, tail;
    /// Bytes from one pixel of the tile to the next, in the input and in the result.
    size_t row, out_row;
    const int32_t *bias, *zero;
    const float *scale, *float_bias;
    /// Sums go to a buffer, to be finished there, rather than as bytes to the result.
    bool dumps;
    int16_t out_zero;
    uint8_t low, out_flip;
    float high;
    uint64_t mask;
} int8_job;

typedef void (*int8_tile)(const int8_job *job, const char *a, const char *b, const int32_t *pixel_sums, void *out);

/// A step of activations, wherever it lies.
typedef int32_t int8_word __attribute__((aligned(1), may_alias));
typedef int16_t int8_half __attribute__((may_alias));

typedef struct {
    int8_geometry geometry;
    const uint8_t *in;
    size_t y, x, height, width, out_stride;
    size_t from_y, from_x, stage_height, stage_width, stage_pixel;
    size_t first_panel, last_panel;
} int8_block;

typedef struct {
    size_t *tap;
    int32_t *sums, *dump, *bias;
    float *scale;
    void *stage;
} int8_scratch;

#if defined(__x86_64__)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")))
#define NAME(x) vnni_##x
#include "int8_finish.h"
#define STEP 4
#define ELEMENT uint8_t
#define LEFT __m512i
#define RIGHT __m512i
#define TAKE(p) _mm512_set1_epi32(*(const int8_word *)(p))
#define MAC(sum, left, right) (NAME(sums))_mm512_dpbusd_epi32((__m512i)(sum), left, right)
#define PANEL 4
#define ROWS_1 14
#define ROWS_2 12
#define ROWS_4 6
#define PACKS 1
#include "int8_tile.h"
#undef LANES
#undef TARGET
#undef NAME

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define NAME(x) wide_quads_##x
#include "int8_finish.h"
#define STEP 4
#define ELEMENT uint8_t
#define LEFT __m512i
#define RIGHT __m512i
#define TAKE(p) _mm512_set1_epi32(*(const int8_word *)(p))
// Sums of two products are kept in 16 bits: only for weights that cannot overflow them (exact_in_16_bits).
#define MAC(sum, left, right) ((sum) + (NAME(sums))_mm512_madd_epi16(_mm512_maddubs_epi16(left, right), _mm512_set1_epi16(1)))
#define PANEL 4
#define ROWS_1 14
#define ROWS_2 10
#define ROWS_4 5
#define PACKS 1
#include "int8_tile.h"
#undef NAME

#define NAME(x) wide_pairs_##x
#include "int8_finish.h"
#define STEP 2
#define ELEMENT int16_t
#define LEFT __m512i
#define RIGHT __m512i
#define TAKE(p) _mm512_set1_epi32(*(const int8_word *)(p))
#define MAC(sum, left, right) ((sum) + (NAME(sums))_mm512_madd_epi16(left, right))
#define PANEL 4
#define ROWS_1 14
#define ROWS_2 12
#define ROWS_4 6
#define PACKS 1
#include "int8_tile.h"
#undef LANES
#undef TARGET
#undef NAME

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) middle_quads_##x
#include "int8_finish.h"
#define STEP 4
#define ELEMENT uint8_t
#define LEFT __m256i
#define RIGHT __m256i
#define TAKE(p) _mm256_set1_epi32(*(const int8_word *)(p))
#define MAC(sum, left, right) ((sum) + (NAME(sums))_mm256_madd_epi16(_mm256_maddubs_epi16(left, right), _mm256_set1_epi16(1)))
#define PANEL 2
#define ROWS_1 8
#define ROWS_2 5
#define ROWS_4 1
#define PACKS 0
#include "int8_tile.h"
#undef NAME

#define NAME(x) middle_pairs_##x
#include "int8_finish.h"
#define STEP 2
#define ELEMENT int16_t
#define LEFT __m256i
#define RIGHT __m256i
#define TAKE(p) _mm256_set1_epi32(*(const int8_word *)(p))
#define MAC(sum, left, right) ((sum) + (NAME(sums))_mm256_madd_epi16(left, right))
#define PANEL 2
#define ROWS_1 8
#define ROWS_2 5
#define ROWS_4 1
#define PACKS 0
#include "int8_tile.h"
#undef LANES
#undef TARGET
#undef NAME
#endif

#define LANES 4
#define TARGET
#define NAME(x) plain_##x
#include "int8_finish.h"
typedef int16_t plain_halves __attribute__((vector_size(8)));
#define STEP 1
#define ELEMENT int16_t
#define LEFT plain_halves
#define RIGHT plain_halves
#define TAKE(p) (*(const int8_half *)(p) - (plain_halves){0})
// A widening multiplication and addition: one instruction of NEON, a few of SSE2.
#define MAC(sum, left, right) ((sum) + __builtin_convertvector(left, plain_sums) * __builtin_convertvector(right, plain_sums))
#define PANEL 2
#define ROWS_1 8
#define ROWS_2 5
#define ROWS_4 1
#define PACKS 0
#include "int8_tile.h"
#undef LANES
#undef TARGET
#undef NAME

// --- preparation

int8_geometry int8_geometry_of(const thimble_int8_conv *k, uint32_t core) {
    int8_geometry g = {.taps = k->kernel_height * k->kernel_width, .elements = k->in_channels / k->groups};
    const bool padded = k->pad_top > 0 || k->pad_left > 0 || (k->out_height - 1) * k->stride_y >= k->height || (k->out_width - 1) * k->stride_x >= k->width;
    g.staged = core != INT8_QUADS || k->in_signed || k->in_planes || g.taps != 1 || padded || (g.elements < 4 && g.elements % 4 != 0);
    if (k->groups == 1 && k->dilation_x == 1 && g.taps > 1) {
        g.taps = k->kernel_height;
        g.elements = k->kernel_width * int8_stage_pixel(k);
    } else if (k->groups == 1 && g.staged) {
        g.elements = int8_stage_pixel(k);
    }
    return g;
}

/// Multiplications that are worth a unit of their own (a microsecond and a half), bytes of input that stay in the second cache, and units that are enough.
enum { UNIT = 1 << 19, STAGE = 96 << 10, UNITS = 8 };

static void flatten(thimble_int8_conv *k) {
    const bool pointwise = k->kernel_height == 1 && k->kernel_width == 1 && k->stride_y == 1 && k->stride_x == 1 && k->pad_top == 0 && k->pad_left == 0
        && k->out_height == k->height && k->out_width == k->width;
    if (!pointwise || k->in_planes) return;
    k->width = k->out_width = k->batch * k->height * k->width;
    k->batch = k->height = k->out_height = 1;
}

void thimble_int8_prepare(thimble_int8_conv *k) {
    const size_t taps = k->kernel_height * k->kernel_width, channels = k->out_channels / k->groups;
    // Sums of a depthwise kernel are exact in binary32 up to 2^24: 256 * 255 * 255.
    k->depthwise = k->groups == k->in_channels && channels == 1 && k->groups > 1 && taps <= 256 && !k->in_planes;
    if (k->depthwise) {
        int8_depthwise_prepare(k);
        return;
    }
    flatten(k);
    const int8_shape s = int8_shape_of(k);
    k->vectors = divide_up(channels, s.lanes);
    k->padded = k->groups * k->vectors * s.lanes;
    const size_t panels = k->groups * int8_panels(k->vectors, s.panel);
    const size_t depth = taps * (k->in_channels / k->groups), pixel_work = depth * k->out_channels, bytes = int8_stage_pixel(k) * (s.lanes == 16 ? 1 : 2);
    // Rows of the result whose input stays in the second cache, whole rows if they are not long.
    k->block_width = k->out_width;
    // Shorter pieces of a row would have low tiles.
    const size_t few = 24;
    if (k->out_height == 1) {
        k->block_width = int8_piece(k->out_width, MAX(few, UNIT / pixel_work), taps == 1 ? 192 : MAX(48, STAGE / (bytes * k->stride_x)));
    } else if (k->out_width > 1024) k->block_width = 512;
    k->blocks_x = divide_up(k->out_width, k->block_width);
    const size_t row = ((k->block_width - 1) * k->stride_x + (k->kernel_width - 1) * k->dilation_x + 1) * bytes * k->stride_y;
    // Lower blocks would read most rows twice.
    const size_t least = k->batch * k->blocks_x >= UNITS ? k->out_height : MAX(k->kernel_height, UNIT / MAX(1, k->block_width * pixel_work));
    k->block_height = int8_piece(k->out_height, least, STAGE / row);
    k->blocks_y = divide_up(k->out_height, k->block_height);
    // Few pixels take as long as these: it is the weights that have to come.
    const size_t blocks = k->batch * k->blocks_x * k->blocks_y, work = MAX(4, k->block_height * k->block_width) * pixel_work;
    k->blocks_n = blocks >= UNITS ? 1 : MAX(1, MIN(MIN(panels, UNITS / blocks), work / (2 * UNIT)));
    k->block_panels = divide_up(panels, k->blocks_n);
    k->blocks_n = divide_up(panels, k->block_panels);
}

size_t int8_weight_bytes(const thimble_int8_conv *k) {
    if (k->depthwise) return int8_depthwise_weight_bytes(k);
    // The ways of multiplying that choose_core may take differ in their padding; the widest has room for each.
    const uint32_t first = k->family == THIMBLE_PLAIN ? INT8_SINGLES : INT8_QUADS;
    const uint32_t last = k->family == THIMBLE_PLAIN ? INT8_SINGLES : k->family == THIMBLE_AVX512_VNNI ? INT8_QUADS : INT8_PAIRS;
    size_t most = 0;
    for (uint32_t core = first; core <= last; core++) {
        const int8_geometry g = int8_geometry_of(k, core);
        most = MAX(most, g.taps * round_up(g.elements, int8_step(core)) * int8_element_bytes(core));
    }
    return round_up(k->padded * most, 64);
}

size_t thimble_int8_pack_size(const thimble_int8_conv *k) { return 64 + int8_weight_bytes(k) + 6 * 4 * k->padded; }

int8_packed int8_open(const thimble_int8_conv *k, const void *packed) {
    const char *at = packed;
    const int32_t *arrays = (const int32_t *)(at + 64 + int8_weight_bytes(k));
    const size_t n = k->padded;
    return (int8_packed){
        packed, at + 64, arrays, arrays + n, arrays + 2 * n, arrays + 3 * n, (const float *)(arrays + 4 * n), (const float *)(arrays + 5 * n)};
}

int8_operands int8_now(
    const thimble_int8_conv *k, const int8_packed *p, const thimble_int8_now *now, size_t first, size_t count, int32_t *bias, float *scale) {
    if (!now) return (int8_operands){p->bias + first, p->scale + first};
    const uint32_t zero = (uint32_t)int8_unsigned_zero(now->in_zero, k->in_signed);
    for (size_t i = 0; i < count; i++) {
        bias[i] = (int32_t)((uint32_t)p->plain_bias[first + i] - zero * (uint32_t)p->column[first + i]);
        scale[i] = now->in_scale * p->scale[first + i];
    }
    return (int8_operands){bias, scale};
}

// --- running

size_t thimble_int8_units(const thimble_int8_conv *k) { return k->batch * k->blocks_y * k->blocks_x * k->blocks_n; }

enum { DUMP = 6 * 4 * 16 * 4 };

static size_t stage_bytes(const thimble_int8_conv *k) {
    const size_t height = (k->block_height - 1) * k->stride_y + (k->kernel_height - 1) * k->dilation_y + 1;
    const size_t width = (k->block_width - 1) * k->stride_x + (k->kernel_width - 1) * k->dilation_x + 1;
    return height * width * int8_stage_pixel(k) * 2 + 64;
}

size_t thimble_int8_scratch(const thimble_int8_conv *k) {
    if (k->depthwise) return int8_depthwise_scratch(k);
    return round_up(k->kernel_height * k->kernel_width * sizeof(size_t), 64) + round_up(k->block_height * k->block_width * 4, 64) + DUMP + 2 * 4 * 64
        + round_up(stage_bytes(k), 64);
}

static int8_scratch parts(const thimble_int8_conv *k, void *scratch) {
    char *at = scratch;
    int8_scratch s;
    s.tap = (size_t *)at;
    at += round_up(k->kernel_height * k->kernel_width * sizeof(size_t), 64);
    s.sums = (int32_t *)at;
    at += round_up(k->block_height * k->block_width * 4, 64);
    s.dump = (int32_t *)at;
    at += DUMP;
    s.bias = (int32_t *)at;
    s.scale = (float *)(at + 4 * 64);
    s.stage = at + 2 * 4 * 64;
    return s;
}

static void run_block(
    const thimble_int8_conv *k, const int8_packed *p, const thimble_int8_now *now, int8_block *block, char *out, const int8_scratch *scratch) {
#if defined(__x86_64__)
    const bool quads = p->header->core == INT8_QUADS;
    switch (k->family) {
    case THIMBLE_AVX512_VNNI: vnni_block(k, p, now, block, out, scratch); return;
    case THIMBLE_AVX512: quads ? wide_quads_block(k, p, now, block, out, scratch) : wide_pairs_block(k, p, now, block, out, scratch); return;
    case THIMBLE_AVX2: quads ? middle_quads_block(k, p, now, block, out, scratch) : middle_pairs_block(k, p, now, block, out, scratch); return;
    default: break;
    }
#endif
    plain_block(k, p, now, block, out, scratch);
}

void thimble_int8_run(
    const thimble_int8_conv *k, const void *in, const void *packed, const thimble_int8_now *now, void *out, size_t first, size_t last, void *scratch) {
    if (k->depthwise) {
        int8_depthwise_run(k, in, packed, now, out, first, last, scratch);
        return;
    }
    const int8_packed p = int8_open(k, packed);
    const int8_scratch s = parts(k, scratch);
    const size_t panels = k->groups * int8_panels(k->vectors, int8_shape_of(k).panel);
    const size_t image = k->height * k->width * (k->in_planes ? k->in_channels : k->in_pixel);
    const size_t result = k->out_height * k->out_width * k->out_pixel * (k->output == THIMBLE_INT8_BYTES ? 1 : 4);
    int8_block block = {.geometry = int8_geometry_of(k, p.header->core), .out_stride = k->out_width, .stage_pixel = int8_stage_pixel(k)};
    for (size_t unit = first; unit < last; unit++) {
        size_t rest = unit;
        block.first_panel = rest % k->blocks_n * k->block_panels;
        block.last_panel = MIN(panels, block.first_panel + k->block_panels);
        rest /= k->blocks_n;
        block.x = rest % k->blocks_x * k->block_width;
        rest /= k->blocks_x;
        block.y = rest % k->blocks_y * k->block_height;
        const size_t index = rest / k->blocks_y;
        block.width = MIN(k->block_width, k->out_width - block.x);
        block.height = MIN(k->block_height, k->out_height - block.y);
        block.from_y = block.y * k->stride_y;
        block.from_x = block.x * k->stride_x;
        block.stage_height = (block.height - 1) * k->stride_y + (k->kernel_height - 1) * k->dilation_y + 1;
        block.stage_width = (block.width - 1) * k->stride_x + (k->kernel_width - 1) * k->dilation_x + 1;
        block.in = (const uint8_t *)in + index * image;
        run_block(k, &p, now, &block, (char *)out + index * result, &s);
    }
}
