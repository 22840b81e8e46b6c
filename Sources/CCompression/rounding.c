#include "CCompression.h"
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// The same source for three families of processors: nothing in it depends on the width, and products are not fused.
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define NAME(x) wide_##x
#include "rounding.inc"
#undef TARGET
#undef NAME
#define TARGET __attribute__((target("avx2")))
#define NAME(x) middle_##x
#include "rounding.inc"
#undef TARGET
#undef NAME
#endif
#define TARGET
#define NAME(x) plain_##x
#include "rounding.inc"

enum { PLAIN, MIDDLE, WIDE };

static int family(void) {
#if defined(__x86_64__)
    static int known = -1;
    int value = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (value >= 0) return value;
    value = PLAIN;
    if (__builtin_cpu_supports("avx2")) value = MIDDLE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        value = WIDE;
    }
    __atomic_store_n(&known, value, __ATOMIC_RELAXED);
    return value;
#else
    return PLAIN;
#endif
}

#if defined(__x86_64__)
#define BEST(f, ...) (family() == WIDE ? wide_##f(__VA_ARGS__) : family() == MIDDLE ? middle_##f(__VA_ARGS__) : plain_##f(__VA_ARGS__))
#else
#define BEST(f, ...) plain_##f(__VA_ARGS__)
#endif

thimble_range thimble_value_range(const float *x, size_t n) { return BEST(range, x, n); }

void thimble_round_codes(const float *x, size_t n, thimble_grid grid, int16_t *codes) { BEST(round, x, n, grid, codes); }

double thimble_rounding_error(const float *x, const float *weight, size_t n, thimble_grid grid) { return BEST(error, x, weight, n, grid); }

double thimble_code_error(const float *x, const int16_t *codes, size_t n, thimble_grid grid) { return BEST(code_error, x, codes, n, grid); }

void thimble_code_misses(const float *x, const int16_t *codes, size_t n, thimble_grid grid, float *out) {
    BEST(code_misses, x, codes, n, grid, out);
}

double thimble_round_with_feedback(
    size_t n, const float *feedback, const float *pivot, const float *x, const uint32_t *group, const float *scale, const float *zero,
    float low, float high, bool feeds, float *error, int16_t *codes) {
    return BEST(feedback, n, feedback, pivot, x, group, scale, zero, low, high, feeds, error, codes);
}

float thimble_half_quadratic_zero(const float *x, size_t n, thimble_grid grid, float beta, float norm) {
    return BEST(half_quadratic, x, n, grid, beta, norm);
}

void thimble_narrow_codes(const int16_t *codes, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)codes[i];
}

void thimble_raise_codes(int16_t *codes, size_t n, uint16_t middle) {
    for (size_t i = 0; i < n; i++) codes[i] = (int16_t)(uint16_t)((uint16_t)codes[i] + middle);
}

void thimble_pack_bytes(const uint8_t *in, size_t n, unsigned bits, uint8_t *out) {
    if (bits == 8) {
        if (in != out) memmove(out, in, n);
        return;
    }
    uint64_t mask = (1u << bits) - 1, word = 0;
    unsigned held = 0;
    size_t to = 0, i = 0;
    // Eight codes make `bits` whole bytes.
    for (; i + 8 <= n; i += 8) {
        word = 0;
        for (unsigned k = 0; k < 8; k++) word |= (in[i + k] & mask) << (k * bits);
        for (unsigned b = 0; b < bits; b++) out[to++] = (uint8_t)(word >> (8 * b));
    }
    for (word = 0; i < n; i++) {
        word |= (in[i] & mask) << held;
        held += bits;
    }
    for (; held > 0; held -= held < 8 ? held : 8) {
        out[to++] = (uint8_t)word;
        word >>= 8;
    }
}
