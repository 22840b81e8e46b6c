// Convolutions of 8-bit integers for one family and one way of multiplying. Included by int8_conv.c with, besides what int8_finish.h asks
// for: STEP (elements of one step along k), ELEMENT (of the activations as they are multiplied), LEFT (what a step of activations is
// broadcast to) and RIGHT (a vector of weights), TAKE(p) and MAC(sum, left, right), PANEL (vectors of the widest panel, 2 or 4),
// ROWS_1, ROWS_2 and ROWS_4 (rows of the highest tile over so many vectors, at most 14, 12 and 6) and PACKS (bytes leave by packs).

typedef RIGHT NAME(right);

/// ROWS pixels by VECTORS vectors of channels stay in registers for the whole of k. Sizes are constants wherever this is inlined, and
/// arrays have fixed lengths: only so does the compiler keep them there. The barriers keep it from loading ahead and spilling sums.
INLINE TARGET void NAME(tile)(const int ROWS, const int VECTORS, const int8_job *job, const char *a, const char *b, const int32_t *pixel_sums, void *out) {
    NAME(sums) sum[14][4];
    UNROLL for (int j = 0; j < VECTORS; j++) {
        NAME(sums) bias = *(const NAME(any_sums) *)(job->bias + j * LANES);
        UNROLL for (int i = 0; i < ROWS; i++) sum[i][j] = bias;
    }
    if (pixel_sums) {
        UNROLL for (int j = 0; j < VECTORS; j++) {
            NAME(sums) zero = *(const NAME(any_sums) *)(job->zero + j * LANES);
            UNROLL for (int i = 0; i < ROWS; i++) sum[i][j] -= zero * pixel_sums[i];
        }
    }
    const size_t row = job->row, steps = job->steps;
    enum { BYTES = STEP * sizeof(ELEMENT) };
#define THIMBLE_STEP(u) { \
        NAME(right) right[4]; \
        UNROLL for (int j = 0; j < VECTORS; j++) right[j] = ((const NAME(right) *)b)[(u) * VECTORS + j]; \
        UNROLL for (int i = 0; i < ROWS; i++) { \
            LEFT left = TAKE(base[i / 3] + (i % 3) * row + (u) * BYTES); \
            UNROLL for (int j = 0; j < VECTORS; j++) sum[i][j] = MAC(sum[i][j], left, right[j]); \
        } \
        __asm__ volatile("" ::: "memory"); \
    }
    for (size_t t = 0; t < job->taps; t++) {
        const char *base[5];
        UNROLL for (int i = 0; i < (ROWS + 2) / 3; i++) {
            base[i] = a + job->tap[t] + 3 * i * row;
            __asm__ volatile("" : "+r"(base[i]));
        }
        size_t s = 0;
        _Pragma("clang loop unroll(disable)") for (; s + 2 <= steps; s += 2) {
            THIMBLE_STEP(0) THIMBLE_STEP(1)
            b += 2 * VECTORS * sizeof(NAME(right));
            UNROLL for (int i = 0; i < (ROWS + 2) / 3; i++) base[i] += 2 * BYTES;
        }
        if (s < steps) {
            THIMBLE_STEP(0)
            b += VECTORS * sizeof(NAME(right));
            UNROLL for (int i = 0; i < (ROWS + 2) / 3; i++) base[i] += BYTES;
        }
#if STEP == 4
        // The last step of a pixel that is not copied ends with the pixel: its bytes are those that end there, moved to the front.
        if (job->tail) {
            UNROLL for (int i = 0; i < ROWS; i++) {
                uint32_t last;
                memcpy(&last, base[i / 3] + (i % 3) * row + job->tail - 4, 4);
                LEFT left = (LEFT)((NAME(sums)){0} + (int32_t)(last >> (32 - 8 * job->tail)));
                UNROLL for (int j = 0; j < VECTORS; j++) sum[i][j] = MAC(sum[i][j], left, ((const NAME(right) *)b)[j]);
            }
            b += VECTORS * sizeof(NAME(right));
        }
#endif
    }
#undef THIMBLE_STEP
#if PACKS
    if (!job->dumps) {
        // Saturating packs clamp to 0...255 on the way; only the upper bound is needed before, as too large a float would turn negative.
        const __m512 high = _mm512_set1_ps(job->high);
        const __m512i zero = _mm512_set1_epi16(job->out_zero), low = _mm512_set1_epi8((char)job->low), flip = _mm512_set1_epi8((char)job->out_flip);
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        __m512 scale[4];
        UNROLL for (int j = 0; j < VECTORS; j++) scale[j] = _mm512_loadu_ps(job->scale + j * LANES);
        UNROLL for (int i = 0; i < ROWS; i++) {
            __m512i q[4];
            UNROLL for (int j = 0; j < 4; j++) {
                q[j] = _mm512_setzero_si512();
                if (j < VECTORS) q[j] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps((__m512i)sum[i][j]), scale[j]), high));
            }
            __m512i front = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero), back = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero);
            __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(front, back));
            bytes = _mm512_xor_si512(_mm512_max_epu8(bytes, low), flip);
            _mm512_mask_storeu_epi8((char *)out + i * job->out_row, job->mask, bytes);
        }
        return;
    }
#endif
    UNROLL for (int i = 0; i < ROWS; i++) {
        UNROLL for (int j = 0; j < VECTORS; j++) *(NAME(any_sums) *)((int32_t *)out + (i * VECTORS + j) * LANES) = sum[i][j];
    }
}

// Where a loop lies in its cache lines costs up to a tenth, so it is to lie the same whatever comes before.
#define TILE(m, n) static TARGET __attribute__((noinline, aligned(64))) void NAME(tile_##m##_##n)( \
    const int8_job *job, const char *a, const char *b, const int32_t *pixel_sums, void *out) { NAME(tile)(m, n, job, a, b, pixel_sums, out); }
TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2)
#if PANEL == 4
TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1) TILE(13, 1) TILE(14, 1)
TILE(6, 2) TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2) TILE(11, 2) TILE(12, 2)
TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
#endif
#undef TILE

#define T(m, n) NAME(tile_##m##_##n)
static const int8_tile NAME(tiles)[3][15] = {
    {0, T(1, 1), T(2, 1), T(3, 1), T(4, 1), T(5, 1), T(6, 1), T(7, 1), T(8, 1)
#if PANEL == 4
     , T(9, 1), T(10, 1), T(11, 1), T(12, 1), T(13, 1), T(14, 1)},
    {0, T(1, 2), T(2, 2), T(3, 2), T(4, 2), T(5, 2), T(6, 2), T(7, 2), T(8, 2), T(9, 2), T(10, 2), T(11, 2), T(12, 2)},
    {0, T(1, 4), T(2, 4), T(3, 4), T(4, 4), T(5, 4), T(6, 4)},
#else
    },
    {0, T(1, 2), T(2, 2), T(3, 2), T(4, 2), T(5, 2)},
#endif
};
#undef T

/// Pixels of a block, side by side, against one panel: tiles of nearly the same height, since the last must not be a low one.
static TARGET void NAME(strip)(
    const thimble_int8_conv *k, int8_job *job, const int8_panel *panel, size_t n, const char *a, const char *b, const int32_t *pixel_sums,
    char *out, int32_t *dump) {
    const size_t most = panel->vectors == 4 ? ROWS_4 : panel->vectors == 2 ? ROWS_2 : ROWS_1;
    const size_t tiles = divide_up(n, most), least = n / tiles, larger = n % tiles, width = k->output == THIMBLE_INT8_BYTES ? 1 : 4;
    for (size_t t = 0; t < tiles; t++) {
        const size_t rows = least + (t < larger);
        NAME(tiles)[panel->vectors / 2][rows](job, a, b, pixel_sums, job->dumps ? (void *)dump : (void *)out);
        if (job->dumps) {
            const int32_t *sums = dump;
            for (size_t i = 0; i < rows; i++) {
                for (size_t at = 0; at < panel->vectors * LANES; at += LANES, sums += LANES) {
                    if (at >= panel->valid) continue;
                    NAME(finish)(k, *(const NAME(any_sums) *)sums, job->scale + at, job->float_bias + at, MIN(LANES, panel->valid - at), out + i * job->out_row, at);
                }
            }
        }
        a += rows * job->row;
        out += rows * k->out_pixel * width;
        if (pixel_sums) pixel_sums += rows;
    }
}

/// Zero points for n pixels; channels that only fill a pixel up stay 0, as sums of pixels count them.
static TARGET void NAME(fill)(ELEMENT *to, size_t n, size_t pixel, size_t channels, uint8_t zero) {
    for (size_t i = 0; i < n * pixel; i++) to[i] = zero;
    for (size_t c = channels; c < pixel; c++) {
        for (size_t x = 0; x < n; x++) to[x * pixel + c] = 0;
    }
}

/// Copies the pixels that a block reads, with zero points around the image, as ELEMENTs, pixel by pixel.
static TARGET void NAME(stage)(const thimble_int8_conv *k, const int8_block *block, int32_t in_zero, ELEMENT *to) {
    const uint8_t flip = int8_flip(k->in_signed), zero = (uint8_t)int8_unsigned_zero(in_zero, k->in_signed);
    const size_t cells = block->stage_width * block->stage_pixel, channels = k->in_channels;
    for (size_t y = 0; y < block->stage_height; y++, to += cells) {
        const size_t from_y = block->from_y + y;
        size_t first = block->from_x < k->pad_left ? MIN(k->pad_left - block->from_x, block->stage_width) : 0;
        size_t end = MIN(block->stage_width, MAX(k->pad_left + k->width, block->from_x) - block->from_x);
        if (from_y < k->pad_top || from_y >= k->pad_top + k->height || first >= end) {
            NAME(fill)(to, block->stage_width, block->stage_pixel, channels, zero);
            continue;
        }
        NAME(fill)(to, first, block->stage_pixel, channels, zero);
        NAME(fill)(to + end * block->stage_pixel, block->stage_width - end, block->stage_pixel, channels, zero);
        const size_t column = block->from_x + first - k->pad_left;
        ELEMENT *restrict at = to + first * block->stage_pixel;
        const size_t n = end - first;
        if (k->in_planes) {
            const size_t plane = k->height * k->width;
            const uint8_t *in = block->in + (from_y - k->pad_top) * k->width + column;
            if (channels == 3 && block->stage_pixel == 4) {
                for (size_t x = 0; x < n; x++) {
                    at[4 * x] = in[x] ^ flip;
                    at[4 * x + 1] = in[x + plane] ^ flip;
                    at[4 * x + 2] = in[x + 2 * plane] ^ flip;
                    at[4 * x + 3] = 0;
                }
            } else {
                for (size_t c = 0; c < block->stage_pixel; c++) {
                    for (size_t x = 0; x < n; x++) at[x * block->stage_pixel + c] = c < channels ? in[c * plane + x] ^ flip : 0;
                }
            }
            continue;
        }
        const uint8_t *in = block->in + ((from_y - k->pad_top) * k->width + column) * k->in_pixel;
        if (k->in_pixel == channels) {
            for (size_t i = 0; i < n * channels; i++) at[i] = in[i] ^ flip;
        } else {
            for (size_t x = 0; x < n; x++) {
                for (size_t c = 0; c < channels; c++) at[x * channels + c] = in[x * k->in_pixel + c] ^ flip;
            }
        }
    }
}

/// The sum of the bytes that a pixel of the result reads, for weights with a zero point.
static TARGET void NAME(add_pixels)(const int8_job *job, size_t n, size_t elements, const char *a, int32_t *sums) {
    for (size_t i = 0; i < n; i++, a += job->row) {
        int32_t sum = 0;
        for (size_t t = 0; t < job->taps; t++) {
            const ELEMENT *from = (const ELEMENT *)(a + job->tap[t]);
            for (size_t e = 0; e < elements; e++) sum += from[e];
        }
        sums[i] = sum;
    }
}

static TARGET void NAME(block)(
    const thimble_int8_conv *k, const int8_packed *packed, const thimble_int8_now *now, int8_block *block, char *out, const int8_scratch *scratch) {
    const int8_geometry *g = &block->geometry;
    const size_t width = k->output == THIMBLE_INT8_BYTES ? 1 : 4, channels = k->out_channels / k->groups;
    const char *a = (const char *)block->in;
    size_t pixel = k->in_pixel, row_bytes = 0;
    if (g->staged) {
        NAME(stage)(k, block, now ? now->in_zero : k->in_zero, scratch->stage);
        a = scratch->stage;
        pixel = block->stage_pixel;
        row_bytes = block->stage_width * pixel * sizeof(ELEMENT) * k->stride_y;
    } else {
        // Only kernels of 1 without padding are read where they lie.
        a += block->from_y * k->width * pixel + block->from_x * pixel;
        row_bytes = k->width * pixel * k->stride_y;
    }
    int8_job job = {
        .taps = g->taps, .tap = scratch->tap, .steps = g->staged ? divide_up(g->elements, STEP) : g->elements / STEP,
        .tail = g->staged ? 0 : g->elements % STEP, .row = k->stride_x * pixel * sizeof(ELEMENT), .out_row = k->out_pixel * width,
        .dumps = !PACKS || k->output != THIMBLE_INT8_BYTES, .out_zero = (int16_t)int8_unsigned_zero(k->out_zero, k->out_signed),
        .high = (float)(k->out_high - k->out_zero), .low = (uint8_t)int8_unsigned_zero(k->out_low, k->out_signed), .out_flip = int8_flip(k->out_signed)};
    for (size_t y = 0; y < k->kernel_height; y++) {
        if (g->taps == k->kernel_height) scratch->tap[y] = y * k->dilation_y * block->stage_width * pixel * sizeof(ELEMENT);
        else {
            for (size_t x = 0; x < k->kernel_width; x++) {
                scratch->tap[y * k->kernel_width + x] = (y * k->dilation_y * block->stage_width + x * k->dilation_x) * pixel * sizeof(ELEMENT);
            }
        }
    }
    const size_t vector_bytes = g->taps * divide_up(g->elements, STEP) * sizeof(NAME(right)), panels = int8_panels(k->vectors, PANEL);
    size_t summed = SIZE_MAX;
    for (size_t p = block->first_panel; p < block->last_panel; p++) {
        const size_t group = p / panels;
        const int8_panel panel = int8_panel_at(k->vectors, PANEL, LANES, channels, p % panels);
        const size_t column = group * k->vectors * LANES + panel.first * LANES;
        int8_operands operands = int8_now(k, packed, now, column, panel.vectors * LANES, scratch->bias, scratch->scale);
        job.bias = operands.bias;
        job.scale = operands.scale;
        job.zero = packed->zero + column;
        job.float_bias = packed->float_bias + column;
        job.mask = panel.valid >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << panel.valid) - 1;
        const char *b = (const char *)packed->weights + (group * k->vectors + panel.first) * vector_bytes;
        const char *left = a + group * (k->in_channels / k->groups) * sizeof(ELEMENT);
        if (packed->header->has_zero && summed != group) {
            for (size_t y = 0; y < block->height; y++) NAME(add_pixels)(&job, block->width, g->elements, left + y * row_bytes, scratch->sums + y * block->width);
            summed = group;
        }
        for (size_t y = 0; y < block->height; y++) {
            char *to = out + (((block->y + y) * block->out_stride + block->x) * k->out_pixel + group * channels + panel.first * LANES) * width;
            NAME(strip)(k, &job, &panel, block->width, left + y * row_bytes, b, packed->header->has_zero ? scratch->sums + y * block->width : NULL, to, scratch->dump);
        }
    }
}

#undef STEP
#undef ELEMENT
#undef LEFT
#undef RIGHT
#undef TAKE
#undef MAC
#undef PANEL
#undef ROWS_1
#undef ROWS_2
#undef ROWS_4
#undef PACKS
