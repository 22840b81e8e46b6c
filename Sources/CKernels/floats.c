#include "CKernels.h"
#include <string.h>

// A fused multiply-add rounds once where the format asks for two roundings.
#pragma STDC FP_CONTRACT OFF

static inline uint32_t bits_of(float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    return u;
}

static inline float float_of(uint32_t u) {
    float v;
    memcpy(&v, &u, 4);
    return v;
}

void thimble_affine(const int32_t *codes, size_t n, float zero, float scale, float *out) {
    for (size_t i = 0; i < n; i++) {
        float d = (float)codes[i] - zero;
        float v = d * scale;
        // Processors disagree about the sign and the payload of a new NaN.
        out[i] = v == v ? v : float_of(0x7fc00000);
    }
}

static inline uint16_t half_of(float v) {
    uint32_t u = bits_of(v), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000) return 0x7e00;
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);  // 65520 and above round to infinity
    if (magnitude < 0x38800000) {
        // Below 2^-14 the result counts steps of 2^-24. Adding 0.5 leaves just those bits, rounded to even.
        return (uint16_t)(sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000));
    }
    return (uint16_t)(sign | ((magnitude - 0x38000000 + 0x0fff + (magnitude >> 13 & 1)) >> 13));
}

static inline uint16_t bfloat_of(float v) {
    uint32_t u = bits_of(v);
    if ((u & 0x7fffffff) > 0x7f800000) return 0x7fc0;
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void thimble_float_to_half(const float *in, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h = half_of(in[i]);
        out[2 * i] = (uint8_t)h;
        out[2 * i + 1] = (uint8_t)(h >> 8);
    }
}

void thimble_float_to_bfloat(const float *in, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++) {
        uint16_t h = bfloat_of(in[i]);
        out[2 * i] = (uint8_t)h;
        out[2 * i + 1] = (uint8_t)(h >> 8);
    }
}

// Plain loops, of which clang makes vectors as wide as the family has them. Not the instruction that converts: it makes a signaling NaN a quiet one.
static inline __attribute__((always_inline)) void half_to_float(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)in[2 * i] | (uint32_t)in[2 * i + 1] << 8, sign = (h & 0x8000) << 16, rest = h & 0x7fff;
        uint32_t u;
        if (rest >= 0x7c00) u = rest << 13 | 0x7f800000;
        else if (rest >= 0x0400) u = (rest << 13) + 0x38000000;
        else u = bits_of((float)rest * 0x1p-24f);  // exact
        out[i] = float_of(sign | u);
    }
}

#if defined(__x86_64__)
static __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) void wide_half_to_float(const uint8_t *in, size_t n, float *out) { half_to_float(in, n, out); }
static __attribute__((target("avx2"))) void middle_half_to_float(const uint8_t *in, size_t n, float *out) { half_to_float(in, n, out); }
#endif

void thimble_half_to_float(const uint8_t *in, size_t n, float *out) {
#if defined(__x86_64__)
    const unsigned family = thimble_processor();
    if (family >= THIMBLE_AVX512) { wide_half_to_float(in, n, out); return; }
    if (family == THIMBLE_AVX2) { middle_half_to_float(in, n, out); return; }
#endif
    half_to_float(in, n, out);
}

void thimble_bfloat_to_float(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = float_of((uint32_t)in[2 * i] << 16 | (uint32_t)in[2 * i + 1] << 24);
}

void thimble_e8m0_to_float(const uint8_t *in, size_t n, float *out) {
    // 2^-127 is subnormal.
    for (size_t i = 0; i < n; i++) out[i] = float_of(in[i] == 255 ? 0x7fc00000 : in[i] == 0 ? 0x00400000 : (uint32_t)in[i] << 23);
}
