// From exact sums to what leaves a kernel, for one family. Included with LANES, TARGET and NAME(x) defined, several times.

typedef int32_t NAME(sums) __attribute__((vector_size(LANES * 4)));
typedef int32_t NAME(any_sums) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef float NAME(floats) __attribute__((vector_size(LANES * 4)));
typedef float NAME(any_floats) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint8_t NAME(bytes) __attribute__((vector_size(LANES)));
typedef uint8_t NAME(any_bytes) __attribute__((vector_size(LANES), aligned(1), may_alias));

/// Not a number becomes low.
INLINE TARGET NAME(floats) NAME(clamped)(NAME(floats) x, NAME(floats) low, NAME(floats) high) {
#if LANES == 16
    return (NAME(floats))_mm512_min_ps(_mm512_max_ps((__m512)x, (__m512)low), (__m512)high);
#elif LANES == 8
    return (NAME(floats))_mm256_min_ps(_mm256_max_ps((__m256)x, (__m256)low), (__m256)high);
#else
    NAME(sums) inside = x > low;
    x = (NAME(floats))((inside & (NAME(sums))x) | (~inside & (NAME(sums))low));
    inside = x < high;
    return (NAME(floats))((inside & (NAME(sums))x) | (~inside & (NAME(sums))high));
#endif
}

/// The nearest integers, ties to even, of floats below 2^22 in size.
INLINE TARGET NAME(sums) NAME(nearest)(NAME(floats) x) {
#if LANES == 16
    return (NAME(sums))_mm512_cvtps_epi32((__m512)x);
#elif LANES == 8
    return (NAME(sums))_mm256_cvtps_epi32((__m256)x);
#else
#pragma STDC FP_CONTRACT OFF
    // Adding 1.5 * 2^23 leaves no bits behind the point.
    const NAME(floats) magic = 12582912.0f - (NAME(floats)){0};
    NAME(floats) moved = x + magic;
    return (NAME(sums))moved - (NAME(sums))magic;
#endif
}

/// Bytes of `sums`: the bounds are exact integers, so that clamping before the rounding is the same as after it.
INLINE TARGET NAME(bytes) NAME(requantized)(const thimble_int8_conv *k, NAME(sums) sums, NAME(floats) scale) {
#pragma STDC FP_CONTRACT OFF
    NAME(floats) x = __builtin_convertvector(sums, NAME(floats)) * scale;
    const NAME(floats) zero = {0};
    x = NAME(clamped)(x, (float)(k->out_low - k->out_zero) - zero, (float)(k->out_high - k->out_zero) - zero);
    return __builtin_convertvector(NAME(nearest)(x) + k->out_zero, NAME(bytes));
}

/// Writes `valid` results, at most LANES, of consecutive channels.
INLINE TARGET void NAME(finish)(
    const thimble_int8_conv *k, NAME(sums) sums, const float *scale, const float *bias, size_t valid, void *out, size_t at) {
#pragma STDC FP_CONTRACT OFF
    switch (k->output) {
    case THIMBLE_INT8_BYTES: {
        NAME(bytes) bytes = NAME(requantized)(k, sums, *(const NAME(any_floats) *)scale);
        uint8_t *to = (uint8_t *)out + at;
        if (valid == LANES) *(NAME(any_bytes) *)to = bytes;
        else memcpy(to, &bytes, valid);
        return;
    }
    case THIMBLE_INT8_SUMS: {
        int32_t *to = (int32_t *)out + at;
        if (valid == LANES) *(NAME(any_sums) *)to = sums;
        else memcpy(to, &sums, valid * 4);
        return;
    }
    case THIMBLE_INT8_FLOATS: {
        const NAME(floats) zero = {0};
        NAME(floats) x = __builtin_convertvector(sums, NAME(floats)) * *(const NAME(any_floats) *)scale;
        x = x + *(const NAME(any_floats) *)bias;
        x = NAME(clamped)(x, k->clamp_low - zero, k->clamp_high - zero);
        float *to = (float *)out + at;
        if (valid == LANES) *(NAME(any_floats) *)to = x;
        else memcpy(to, &x, valid * 4);
        return;
    }
    }
}
