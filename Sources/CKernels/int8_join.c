#include "int8_parts.h"

/// What becomes of the codes of one input.
typedef struct {
    /// They are the result's already.
    bool stays;
    uint8_t flip;
    int32_t zero;
    float scale;
} join_input;

/// What is the same for all pixels.
typedef struct {
    const thimble_q8_join *k;
    join_input input[THIMBLE_JOIN];
    float low, high;
    int32_t zero;
} join_job;

typedef void (*join_line)(const join_job *job, const uint8_t *const *in, uint8_t *out, size_t pixels);

#undef INLINE
#undef UNROLL
#define KERNELS "int8_join_kernels.h"
#include "families.h"

/// Bytes of the result that are worth a unit of their own.
enum { UNIT = 4096, UNITS = 8 };

static size_t pixels_of_unit(const thimble_q8_join *k) {
    const size_t least = UNIT / (k->inputs * k->channels) + 1, even = k->pixels / UNITS + (k->pixels % UNITS > 0);
    return even > least ? even : least;
}

size_t thimble_q8_join_units(const thimble_q8_join *k) {
    const size_t unit = pixels_of_unit(k);
    return k->pixels / unit + (k->pixels % unit > 0);
}

void thimble_q8_join_run(const thimble_q8_join *k, const void *const *in, void *out, size_t first, size_t last) {
    const size_t unit = pixels_of_unit(k), start = first * unit, end = MIN(k->pixels, last * unit);
    if (start >= end) return;
    join_job job = {.k = k, .low = (float)(k->low - k->out.zero), .high = (float)(k->high - k->out.zero), .zero = k->out.zero};
    const bool whole = k->in_signed == k->out_signed && k->low == (k->out_signed ? -128 : 0) && k->high == (k->out_signed ? 127 : 255);
    const uint8_t *from[THIMBLE_JOIN];
    for (size_t i = 0; i < k->inputs; i++) {
        const thimble_quantity q = k->in[i];
        // Bytes are taken as unsigned ones.
        job.input[i] = (join_input){
            whole && q.scale == k->out.scale && q.zero == k->out.zero, int8_flip(k->in_signed), int8_unsigned_zero(q.zero, k->in_signed), q.scale};
        from[i] = (const uint8_t *)in[i] + start * k->in_pixel[i];
    }
    OF_FAMILY(k->family, joins)[k->inputs - 1](&job, from, (uint8_t *)out + start * k->out_pixel, end - start);
}
