// Elementwise functions of 8- and 16-bit integers for one family. Included by int8_elementwise.c after int8_finish.h.
#pragma STDC FP_CONTRACT OFF

typedef uint16_t NAME(shorts) __attribute__((vector_size(LANES * 2)));

/// The first n elements, zeros after them. n: 1 to LANES; the compiler sees it when it is LANES.
INLINE TARGET NAME(bytes) NAME(take_bytes)(const uint8_t *p, size_t n) {
    NAME(bytes) v = {0};
    memcpy(&v, p, n);
    return v;
}
INLINE TARGET NAME(floats) NAME(take_floats)(const float *p, size_t n) {
    NAME(floats) v = {0};
    memcpy(&v, p, n * 4);
    return v;
}
INLINE TARGET NAME(sums) NAME(take)(const void *p, size_t at, size_t n, thimble_integer type) {
    if (type == THIMBLE_U8 || type == THIMBLE_S8) {
        NAME(bytes) v = NAME(take_bytes)((const uint8_t *)p + at, n) ^ int8_flip(type == THIMBLE_S8);
        return __builtin_convertvector(v, NAME(sums)) - (type == THIMBLE_S8 ? 128 : 0);
    }
    NAME(shorts) v = {0};
    memcpy(&v, (const uint16_t *)p + at, n * 2);
    v ^= (uint16_t)(type == THIMBLE_S16 ? 0x8000 : 0);
    return __builtin_convertvector(v, NAME(sums)) - (type == THIMBLE_S16 ? 0x8000 : 0);
}
INLINE TARGET void NAME(give)(NAME(sums) sums, void *p, size_t at, size_t n, thimble_integer type) {
    if (type == THIMBLE_U8 || type == THIMBLE_S8) {
        NAME(bytes) v = __builtin_convertvector(sums, NAME(bytes));
        memcpy((uint8_t *)p + at, &v, n);
    } else {
        NAME(shorts) v = __builtin_convertvector(sums, NAME(shorts));
        memcpy((uint16_t *)p + at, &v, n * 2);
    }
}

/// body(i, n) for whole vectors, then for what is left.
#define EVERY(count, body) { \
        size_t i = 0; \
        for (; i + LANES <= (count); i += LANES) body(i, LANES); \
        if (i < (count)) body(i, (count) - i); \
    }

INLINE TARGET void NAME(quantize_as)(const float *in, size_t count, float scale, int32_t zero, const thimble_integer type, void *out) {
    const NAME(floats) none = {0}, low = (float)(lowest(type) - zero) - none, high = (float)(highest(type) - zero) - none;
#define BODY(i, n) { \
        NAME(floats) x = NAME(clamped)(NAME(take_floats)(in + (i), n) / scale, low, high); \
        NAME(give)(NAME(nearest)(x) + zero, out, i, n, type); \
    }
    EVERY(count, BODY)
#undef BODY
}

INLINE TARGET void NAME(dequantize_as)(const void *in, size_t count, float scale, int32_t zero, const thimble_integer type, float *out) {
#define BODY(i, n) { \
        NAME(floats) x = __builtin_convertvector(NAME(take)(in, i, n, type) - zero, NAME(floats)) * scale; \
        memcpy(out + (i), &x, (n) * 4); \
    }
    EVERY(count, BODY)
#undef BODY
}

static TARGET void NAME(quantize)(const float *in, size_t n, float scale, int32_t zero, thimble_integer type, void *out) {
    switch (type) {
    case THIMBLE_U8: NAME(quantize_as)(in, n, scale, zero, THIMBLE_U8, out); return;
    case THIMBLE_S8: NAME(quantize_as)(in, n, scale, zero, THIMBLE_S8, out); return;
    case THIMBLE_U16: NAME(quantize_as)(in, n, scale, zero, THIMBLE_U16, out); return;
    case THIMBLE_S16: NAME(quantize_as)(in, n, scale, zero, THIMBLE_S16, out); return;
    }
}

static TARGET void NAME(dequantize)(const void *in, size_t n, float scale, int32_t zero, thimble_integer type, float *out) {
    switch (type) {
    case THIMBLE_U8: NAME(dequantize_as)(in, n, scale, zero, THIMBLE_U8, out); return;
    case THIMBLE_S8: NAME(dequantize_as)(in, n, scale, zero, THIMBLE_S8, out); return;
    case THIMBLE_U16: NAME(dequantize_as)(in, n, scale, zero, THIMBLE_U16, out); return;
    case THIMBLE_S16: NAME(dequantize_as)(in, n, scale, zero, THIMBLE_S16, out); return;
    }
}

static TARGET void NAME(range)(const float *in, size_t count, float *low, float *high) {
    const NAME(floats) most = __builtin_inff() - (NAME(floats)){0};
    NAME(floats) least = {0}, greatest = {0};
    // A bound of the clamp is what comes out when x is not a number.
#define BODY(i, n) { \
        NAME(floats) x = NAME(take_floats)(in + (i), n); \
        greatest = NAME(clamped)(x, greatest, most); \
        least = -NAME(clamped)(-x, -least, most); \
    }
    EVERY(count, BODY)
#undef BODY
    *low = *high = 0;
    for (int i = 0; i < LANES; i++) {
        if (least[i] < *low) *low = least[i];
        if (greatest[i] > *high) *high = greatest[i];
    }
}

/// a * b + c with one rounding, on every family.
INLINE TARGET NAME(floats) NAME(fused)(NAME(floats) a, NAME(floats) b, NAME(floats) c) {
#if LANES == 16
    return (NAME(floats))_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif LANES == 8
    return (NAME(floats))_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    NAME(floats) out;
    UNROLL for (int i = 0; i < LANES; i++) out[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return out;
#endif
}

INLINE TARGET void NAME(add_as)(
    const q8_pair *p, const bool is_one, const thimble_integer type, const uint8_t *a, const uint8_t *b, uint8_t *c, size_t count) {
    const NAME(floats) none = {0}, ratio_a = p->ratio_a - none, ratio_b = p->ratio_b - none, low = p->low - none, high = p->high - none;
    const NAME(floats) fixed = p->fixed - none;
#define BODY(i, n) { \
        NAME(floats) sum = fixed; \
        if (!is_one) sum = NAME(fused)(__builtin_convertvector(NAME(take)(b, i, n, type), NAME(floats)), ratio_b, sum); \
        sum = NAME(fused)(__builtin_convertvector(NAME(take)(a, i, n, type), NAME(floats)), ratio_a, sum); \
        NAME(give)(NAME(nearest)(NAME(clamped)(sum, low, high)), c, i, n, type); \
    }
    EVERY(count, BODY)
#undef BODY
}

INLINE TARGET void NAME(multiply_as)(
    const q8_pair *p, const bool is_one, const thimble_integer type, const uint8_t *a, const uint8_t *b, uint8_t *c, size_t count) {
    const NAME(floats) none = {0}, low = p->low - none, high = p->high - none;
    const NAME(sums) one = p->only_b - (NAME(sums)){0};
#define BODY(i, n) { \
        NAME(sums) right = is_one ? one : NAME(take)(b, i, n, type) - p->zero_b; \
        NAME(floats) x = __builtin_convertvector((NAME(take)(a, i, n, type) - p->zero_a) * right, NAME(floats)) * p->ratio_a; \
        x = x + p->fixed; \
        NAME(give)(NAME(nearest)(NAME(clamped)(x, low, high)), c, i, n, type); \
    }
    EVERY(count, BODY)
#undef BODY
}

static TARGET void NAME(add)(const q8_pair *p, bool is_one, const uint8_t *a, const uint8_t *b, uint8_t *c, size_t n) {
    if (p->is_signed) {
        if (is_one) NAME(add_as)(p, true, THIMBLE_S8, a, b, c, n);
        else NAME(add_as)(p, false, THIMBLE_S8, a, b, c, n);
    } else {
        if (is_one) NAME(add_as)(p, true, THIMBLE_U8, a, b, c, n);
        else NAME(add_as)(p, false, THIMBLE_U8, a, b, c, n);
    }
}
static TARGET void NAME(multiply)(const q8_pair *p, bool is_one, const uint8_t *a, const uint8_t *b, uint8_t *c, size_t n) {
    if (p->is_signed) {
        if (is_one) NAME(multiply_as)(p, true, THIMBLE_S8, a, b, c, n);
        else NAME(multiply_as)(p, false, THIMBLE_S8, a, b, c, n);
    } else {
        if (is_one) NAME(multiply_as)(p, true, THIMBLE_U8, a, b, c, n);
        else NAME(multiply_as)(p, false, THIMBLE_U8, a, b, c, n);
    }
}

/// The mean of all pixels for VECTORS vectors of channels, or for n channels of one.
INLINE TARGET void NAME(whole_mean)(const int VECTORS, const thimble_q8_average *k, const uint8_t *in, size_t n, uint8_t *out) {
    const thimble_integer type = k->is_signed ? THIMBLE_S8 : THIMBLE_U8;
    const size_t pixels = k->height * k->width;
    const uint8_t flip = int8_flip(k->is_signed);
    const uint32_t zeros = (uint32_t)int8_unsigned_zero(k->in.zero, k->is_signed) * (uint32_t)pixels;
    const float scale = k->in.scale / (k->out.scale * (float)pixels);
    const NAME(floats) none = {0}, low = (float)(lowest(type) - k->out.zero) - none, high = (float)(highest(type) - k->out.zero) - none;
    NAME(sums) sum[4];
    UNROLL for (int j = 0; j < VECTORS; j++) sum[j] = (NAME(sums)){0} - (int32_t)zeros;
    // 256 bytes fit a sum of 16 bits.
    for (size_t pixel = 0; pixel < pixels;) {
        const size_t end = MIN(pixels, pixel + 256);
        NAME(shorts) part[4];
        UNROLL for (int j = 0; j < VECTORS; j++) part[j] = (NAME(shorts)){0};
        for (; pixel < end; pixel++) {
            UNROLL for (int j = 0; j < VECTORS; j++) {
                part[j] += __builtin_convertvector(NAME(take_bytes)(in + pixel * k->in_pixel + j * LANES, n) ^ flip, NAME(shorts));
            }
        }
        UNROLL for (int j = 0; j < VECTORS; j++) sum[j] += __builtin_convertvector(part[j], NAME(sums));
    }
    UNROLL for (int j = 0; j < VECTORS; j++) {
        NAME(floats) mean = __builtin_convertvector(sum[j], NAME(floats)) * scale;
        NAME(give)(NAME(nearest)(NAME(clamped)(mean, low, high)) + k->out.zero, out, j * LANES, n, type);
    }
}

static TARGET void NAME(whole_average)(const thimble_q8_average *k, const uint8_t *in, uint8_t *out) {
    size_t c = 0;
    for (; c + 4 * LANES <= k->channels; c += 4 * LANES) NAME(whole_mean)(4, k, in + c, LANES, out + c);
    for (; c + LANES <= k->channels; c += LANES) NAME(whole_mean)(1, k, in + c, LANES, out + c);
    if (c < k->channels) NAME(whole_mean)(1, k, in + c, k->channels - c, out + c);
}

/// The mean of `rows` rows of `columns` pixels for each channel: sums of floats, in order, divided by `count`.
static TARGET void NAME(average)(const thimble_q8_average *k, const uint8_t *in, size_t rows, size_t columns, float count, uint8_t *out) {
    const thimble_integer type = k->is_signed ? THIMBLE_S8 : THIMBLE_U8;
    const NAME(floats) none = {0}, low = (float)lowest(type) - none, high = (float)highest(type) - none, zero = (float)k->out.zero - none;
#define BODY(c, n) { \
        NAME(floats) mean = {0}; \
        for (size_t y = 0; y < rows; y++) { \
            for (size_t x = 0; x < columns; x++) { \
                NAME(sums) v = NAME(take)(in, (y * k->width + x) * k->in_pixel + (c), n, type) - k->in.zero; \
                NAME(floats) f = __builtin_convertvector(v, NAME(floats)) * k->in.scale; \
                mean = mean + f; \
            } \
        } \
        mean = mean / count / k->out.scale; \
        mean = mean + zero; \
        NAME(give)(NAME(nearest)(NAME(clamped)(mean, low, high)), out, c, n, type); \
    }
    EVERY(k->channels, BODY)
#undef BODY
}
#undef EVERY
