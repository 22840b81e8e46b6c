#include "int8_parts.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Every operation is rounded as ONNX Runtime's vector code for processors like these rounds it, so that results are the same bits; where a
// product must be fused with a sum, families without such an instruction take the C library's.

INLINE int32_t lowest(thimble_integer type) { return type == THIMBLE_S8 ? -128 : type == THIMBLE_S16 ? -32768 : 0; }
INLINE int32_t highest(thimble_integer type) {
    return type == THIMBLE_U8 ? 255 : type == THIMBLE_S8 ? 127 : type == THIMBLE_U16 ? 65535 : 32767;
}

/// What is known of an operation on two operands before its elements are.
typedef struct {
    bool is_signed;
    float ratio_a, ratio_b, fixed, low, high;
    int32_t zero_a, zero_b, only_b;
} q8_pair;

#if defined(__x86_64__)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define NAME(x) wide_##x
#include "int8_finish.h"
#include "int8_elementwise_tile.h"
#undef LANES
#undef TARGET
#undef NAME

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) middle_##x
#include "int8_finish.h"
#include "int8_elementwise_tile.h"
#undef LANES
#undef TARGET
#undef NAME
#endif

#define LANES 4
#define TARGET
#define NAME(x) plain_##x
#include "int8_finish.h"
#include "int8_elementwise_tile.h"
#undef LANES
#undef TARGET
#undef NAME

#if defined(__x86_64__)
#define RUN(family, x, ...) ((family) >= THIMBLE_AVX512 ? wide_##x(__VA_ARGS__) : (family) == THIMBLE_AVX2 ? middle_##x(__VA_ARGS__) : plain_##x(__VA_ARGS__))
#else
#define RUN(family, x, ...) ((void)(family), plain_##x(__VA_ARGS__))
#endif

void thimble_quantize(unsigned family, const float *in, size_t n, float scale, int32_t zero, thimble_integer type, void *out) {
    RUN(family, quantize, in, n, scale, zero, type, out);
}

void thimble_dequantize(unsigned family, const void *in, size_t n, float scale, int32_t zero, thimble_integer type, float *out) {
    RUN(family, dequantize, in, n, scale, zero, type, out);
}

void thimble_float_range(unsigned family, const float *in, size_t n, float *low, float *high) { RUN(family, range, in, n, low, high); }

void thimble_q8_add(
    unsigned family, bool is_signed, const void *a, thimble_quantity qa, const void *b, size_t step_b, thimble_quantity qb, void *c, thimble_quantity qc,
    int32_t low, int32_t high, size_t n) {
#pragma STDC FP_CONTRACT OFF
    q8_pair p = {.is_signed = is_signed, .ratio_a = qa.scale / qc.scale, .ratio_b = qb.scale / qc.scale, .low = (float)low, .high = (float)high};
    const float part_b = p.ratio_b * (float)qb.zero;
    p.fixed = (float)qc.zero - __builtin_fmaf(p.ratio_a, (float)qa.zero, part_b);
    if (step_b == 0) {
        const float only = is_signed ? (float)*(const int8_t *)b : (float)*(const uint8_t *)b;
        const float scaled = only * p.ratio_b;
        p.fixed = p.fixed + scaled;
    }
    RUN(family, add, &p, step_b == 0, a, b, c, n);
}

void thimble_q8_multiply(
    unsigned family, bool is_signed, const void *a, thimble_quantity qa, const void *b, size_t step_b, thimble_quantity qb, void *c, thimble_quantity qc,
    int32_t low, int32_t high, size_t n) {
    q8_pair p = {
        .is_signed = is_signed, .ratio_a = qa.scale * qb.scale / qc.scale, .fixed = (float)qc.zero, .low = (float)low, .high = (float)high, .zero_a = qa.zero,
        .zero_b = qb.zero};
    if (step_b == 0) p.only_b = (is_signed ? *(const int8_t *)b : *(const uint8_t *)b) - qb.zero;
    RUN(family, multiply, &p, step_b == 0, a, b, c, n);
}

void thimble_q8_lookup(const uint8_t table[256], const uint8_t *in, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++) out[i] = table[in[i]];
}

// --- tables

static float value_of(size_t bits, bool is_signed, thimble_quantity q) {
    const int32_t code = is_signed ? (int8_t)bits : (int32_t)bits;
    return q.scale * (float)(code - q.zero);
}

static void fill(uint8_t table[256], const float values[256], bool is_signed, thimble_quantity q) {
    thimble_quantize(THIMBLE_PLAIN, values, 256, q.scale, q.zero, is_signed ? THIMBLE_S8 : THIMBLE_U8, table);
}

void thimble_q8_table_requantize(uint8_t table[256], bool in_signed, thimble_quantity in, bool out_signed, thimble_quantity out) {
    thimble_q8_table_leaky_relu(table, in_signed, in, out_signed, out, 1);
}

void thimble_q8_table_leaky_relu(uint8_t table[256], bool in_signed, thimble_quantity in, bool out_signed, thimble_quantity out, float alpha) {
    float values[256];
    for (size_t i = 0; i < 256; i++) {
        const float x = value_of(i, in_signed, in);
        values[i] = x >= 0 ? x : alpha * x;
    }
    fill(table, values, out_signed, out);
}

/// e^x for -708 <= x <= 0 in binary64 to about 1e-15: the C library's differs between systems. Taylor's series of x / 2^10, squared ten times.
static double exponential(double x) {
    const double r = x / 1024;
    double term = 1, sum = 0;
    // e^r - 1 keeps the digits that 1 + r would lose.
    for (int i = 1; i <= 12; i++) {
        term *= r / i;
        sum += term;
    }
    for (int i = 0; i < 10; i++) sum = sum * (sum + 2);
    return 1 + sum;
}

void thimble_q8_table_sigmoid(uint8_t table[256], bool in_signed, thimble_quantity in, bool out_signed, thimble_quantity out) {
    float values[256];
    for (size_t i = 0; i < 256; i++) {
        const double x = (double)value_of(i, in_signed, in), size = x < 0 ? -x : x, e = size > 708 ? 0 : exponential(-size);
        values[i] = (float)(x < 0 ? e / (1 + e) : 1 / (1 + e));
    }
    fill(table, values, out_signed, out);
}

// --- averages

size_t thimble_q8_average_units(const thimble_q8_average *k) { return k->global ? k->batch : k->batch * k->out_height; }

void thimble_q8_average_run(const thimble_q8_average *k, const void *in, void *out, size_t first, size_t last) {
    const uint8_t *from = in;
    uint8_t *to = out;
    const size_t image = k->height * k->width * k->in_pixel;
    for (size_t unit = first; unit < last; unit++) {
        if (k->global) {
            RUN(k->family, whole_average, k, from + unit * image, to + unit * k->out_pixel);
            continue;
        }
        const size_t y = unit % k->out_height, start = y * k->stride_y, above = start >= k->pad_top ? start - k->pad_top : 0;
        const size_t below = MIN(k->height + k->pad_top, start + k->kernel_height) - k->pad_top;
        for (size_t x = 0; x < k->out_width; x++) {
            const size_t at = x * k->stride_x, left = at >= k->pad_left ? at - k->pad_left : 0;
            const size_t right = MIN(k->width + k->pad_left, at + k->kernel_width) - k->pad_left;
            const size_t rows = below - above, columns = right - left;
            const float count = (float)(k->count_include_pad ? k->kernel_height * k->kernel_width : rows * columns);
            RUN(k->family, average, k, from + unit / k->out_height * image + (above * k->width + left) * k->in_pixel, rows, columns, count,
                to + (unit * k->out_width + x) * k->out_pixel);
        }
    }
}
