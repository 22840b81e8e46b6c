// Depthwise convolutions for one family, in binary32 with exact sums. Included with what int8_finish.h asks for, after it.

/// PIXELS neighbours of a row by one vector of channels. `cell` points at a channel-0 element for every tap of every column of the tile
/// (rows of `job->rows`); a column serves all the pixels whose kernel covers it. Products of bytes and their sums stay below 2^24.
INLINE TARGET void NAME(depthwise_tile)(
    const int PIXELS, const int KERNEL, const int STRIDE, const int8_depthwise_job *job, size_t c, size_t valid, char *out) {
#pragma clang fp contract(fast)
    const thimble_int8_conv *k = job->k;
    NAME(floats) sum[6];
    UNROLL for (int i = 0; i < PIXELS; i++) sum[i] = (NAME(floats)){0};
    for (size_t y = 0; y < k->kernel_height; y++) {
        const float *weights = job->weights + y * k->kernel_width * k->padded + c;
        NAME(floats) column[16];
        UNROLL for (int q = 0; q < (PIXELS - 1) * STRIDE + KERNEL; q++) {
            const uint8_t *from = job->cell[q * job->rows + y] + c;
            NAME(bytes) bytes = {0};
            if (valid == LANES) bytes = *(const NAME(any_bytes) *)from;
            else memcpy(&bytes, from, valid);
            column[q] = __builtin_convertvector(__builtin_convertvector(bytes ^ job->flip, NAME(sums)), NAME(floats));
        }
        UNROLL for (int x = 0; x < KERNEL; x++) {
            NAME(floats) weight = *(const NAME(any_floats) *)(weights + x * k->padded);
            UNROLL for (int i = 0; i < PIXELS; i++) sum[i] += column[i * STRIDE + x] * weight;
        }
    }
    const NAME(sums) bias = *(const NAME(any_sums) *)(job->bias + c);
    UNROLL for (int i = 0; i < PIXELS; i++) {
        NAME(sums) total = __builtin_convertvector(sum[i], NAME(sums)) + bias;
        NAME(finish)(k, total, job->scale + c, job->float_bias + c, valid, out + i * job->out_step, c);
    }
}

/// One pixel, with a kernel of any size.
static TARGET __attribute__((noinline)) void NAME(depthwise_any)(const int8_depthwise_job *job, size_t c, size_t valid, char *out) {
#pragma clang fp contract(fast)
    const thimble_int8_conv *k = job->k;
    NAME(floats) sum = {0};
    for (size_t x = 0; x < k->kernel_width; x++) {
        for (size_t y = 0; y < k->kernel_height; y++) {
            NAME(bytes) bytes = {0};
            memcpy(&bytes, job->cell[x * job->rows + y] + c, valid);
            NAME(floats) in = __builtin_convertvector(__builtin_convertvector(bytes ^ job->flip, NAME(sums)), NAME(floats));
            sum += in * *(const NAME(any_floats) *)(job->weights + (y * k->kernel_width + x) * k->padded + c);
        }
    }
    NAME(sums) total = __builtin_convertvector(sum, NAME(sums)) + *(const NAME(any_sums) *)(job->bias + c);
    NAME(finish)(k, total, job->scale + c, job->float_bias + c, valid, out, c);
}

#define DEPTHWISE(kernel, stride, pixels) \
    static TARGET __attribute__((noinline)) void NAME(depthwise_##kernel##_##stride)(const int8_depthwise_job *job, size_t c, size_t valid, char *out) { \
        if (valid == LANES) NAME(depthwise_tile)(pixels, kernel, stride, job, c, LANES, out); \
        else NAME(depthwise_tile)(pixels, kernel, stride, job, c, valid, out); \
    }
DEPTHWISE(3, 1, 4)
DEPTHWISE(3, 2, 4)
DEPTHWISE(5, 1, 4)
DEPTHWISE(5, 2, 4)
#undef DEPTHWISE
