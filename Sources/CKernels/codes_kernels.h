// Products with codes for one family of processors (codes_parts.h). Included by codes_product.c through families.h.

#include "vectors.h"

typedef uint32_t NAME(words) __attribute__((vector_size(LANES * 4)));

typedef int8_t NAME(bytes) __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint8_t NAME(ubytes) __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef int16_t NAME(shorts) __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

/// The floats of the codes number i of a vector of words, which are in `words` too if a code has less than 8 bits. Affine codes are held as
/// signed integers; a table of up to 16 entries is in `near` (of fewer, over and over), larger ones and those of columns are in memory.
INLINE NAME(vector) NAME(decoded)(
    const int kind, const int bits, const NAME(words) *at, NAME(words) words, int i, const NAME(vector) near[4], const float *table) {
    const bool affine = kind == THIMBLE_CODES_AFFINE || kind == THIMBLE_CODES_STEPS;
    if (affine && bits == 8) return __builtin_convertvector(__builtin_convertvector(*(const NAME(bytes) *)((const char *)at + i * LANES), NAME(mask)), NAME(vector));
    if (affine && bits == 16) {
        return __builtin_convertvector(__builtin_convertvector(*(const NAME(shorts) *)((const char *)at + i * LANES * 2), NAME(mask)), NAME(vector));
    }
    if (bits == 8) words = __builtin_convertvector(*(const NAME(ubytes) *)((const char *)at + i * LANES), NAME(words));
    const uint32_t shift = bits == 8 ? 0 : (uint32_t)(bits * i);
#if LANES == 16
    // The permutation looks at the low 4 bits only.
    if (bits <= 4 && (kind == THIMBLE_CODES_AFFINE || kind == THIMBLE_CODES_TABLE)) return (NAME(vector))_mm512_permutexvar_ps((__m512i)(words >> shift), (__m512)near[0]);
#endif
#if LANES == 16
    if (kind == CODES_TABLE_64) {
        // Two pairs of registers hold 32 entries each; bit 5 chooses.
        const __m512i index = (__m512i)words;
        const __m512 low = _mm512_permutex2var_ps((__m512)near[0], index, (__m512)near[1]);
        const __m512 high = _mm512_permutex2var_ps((__m512)near[2], index, (__m512)near[3]);
        return (NAME(vector))_mm512_mask_blend_ps(_mm512_test_epi32_mask(index, _mm512_set1_epi32(32)), low, high);
    }
#endif
    if (affine) return __builtin_convertvector((NAME(mask))(words << (uint32_t)(32 - bits * (i + 1))) >> (32 - bits), NAME(vector));
    NAME(words) index = (words >> shift) & ((1u << bits) - 1);
    if (kind == THIMBLE_CODES_TABLES) {
        NAME(words) lane;
        UNROLL for (uint32_t l = 0; l < LANES; l++) lane[l] = l;
        index = index * LANES + lane;
    }
#if LANES == 16
    return (NAME(vector))_mm512_i32gather_ps((__m512i)index, table, 4);
#elif LANES == 8
    if (bits <= 4 && kind == THIMBLE_CODES_TABLE) {
        __m256 low = _mm256_permutevar8x32_ps((__m256)near[0], (__m256i)index), high = _mm256_permutevar8x32_ps((__m256)near[1], (__m256i)index);
        return (NAME(vector))_mm256_blendv_ps(low, high, (__m256)(index << 28));
    }
    return (NAME(vector))_mm256_i32gather_ps(table, (__m256i)index, 4);
#else
    NAME(vector) out;
    UNROLL for (int l = 0; l < LANES; l++) out[l] = table[index[l]];
    (void)near;
    return out;
#endif
}

/// What every code of a kind is looked up in.
INLINE void NAME(near)(const int kind, const int bits, const float *table, NAME(vector) near[4]) {
    near[0] = near[1] = near[2] = near[3] = (NAME(vector)){0};
#if LANES == 16
    if (kind == CODES_TABLE_64) {
        UNROLL for (int i = 0; i < 4; i++) near[i] = NAME(load)(table + i * LANES);
    }
#endif
    if (bits > 4 || kind == THIMBLE_CODES_TABLES || kind == THIMBLE_CODES_STEPS) return;
    float entries[16];
    const int count = 1 << bits;
    for (int i = 0; i < 16; i++) {
        const int code = i % count;
        entries[i] = kind == THIMBLE_CODES_TABLE ? table[code] : (float)(code < count / 2 ? code : code - count);
    }
#if LANES == 16
    near[0] = NAME(load)(entries);
#elif LANES == 8
    near[0] = NAME(load)(entries);
    near[1] = NAME(load)(entries + 8);
#endif
}

/// Vector j of a row of which the last one has `tail` columns.
INLINE NAME(vector) NAME(held_row)(const float *row, int j, const int VECTORS, size_t tail) {
    return j + 1 == VECTORS ? NAME(load_part)(row + j * LANES, tail) : NAME(load)(row + j * LANES);
}

/// ROWS rows by VECTORS vectors of a panel, from vector `skip` on: the sums of a group are scaled at its end. Those of few rows are in two
/// halves that do not wait for each other.
INLINE void NAME(product)(
    const int ROWS, const int VECTORS, const int kind, const int bits, const codes_panel *panel, size_t skip, const float *a, size_t a_stride, const float *group_sums,
    const float *bias, const float *begin, size_t begin_stride, const float *residual, float *c) {
#pragma clang fp contract(fast)
    const codes_layout *layout = &panel->layout;
    const thimble_codes *k = layout->k;
    const size_t head = layout->head, words = layout->all_words, sums_stride = divided_up(k->k, k->group);
    enum { HALVES = 2 };
    const int halves = ROWS * VECTORS > 12 ? 1 : HALVES;
    NAME(vector) near[4], total[CODES_MOST_ROWS][MOST_VECTORS];
    NAME(near)(kind, bits, panel->table, near);
    const size_t vectors = panel->vectors, tail = smaller(panel->columns - skip * LANES, (size_t)VECTORS * LANES) - (size_t)(VECTORS - 1) * LANES;
    UNROLL for (int j = 0; j < VECTORS; j++) {
        NAME(vector) start = {0};
        if (bias) start = j + 1 == VECTORS ? NAME(load_part)(bias + j * LANES, tail) : NAME(load)(bias + j * LANES);
        UNROLL for (int i = 0; i < ROWS; i++) total[i][j] = start;
    }
    if (begin) {
        UNROLL for (int i = 0; i < ROWS; i++) {
            UNROLL for (int j = 0; j < VECTORS; j++) total[i][j] = NAME(held_row)(begin + (size_t)i * begin_stride, j, VECTORS, tail);
        }
    }
    const float *at = (const float *)panel->panel;
    size_t group = 0;
    for (size_t word = 0; word < words; group++) {
        const float *heads = at;
        const size_t end = smaller(words, word + layout->group_words);
        const NAME(words) *codes = (const NAME(words) *)(heads + head * vectors) + skip;
        const float *own = heads + head * skip;
        NAME(vector) sum[CODES_MOST_ROWS][MOST_VECTORS][HALVES];
        UNROLL for (int i = 0; i < ROWS; i++) {
            UNROLL for (int j = 0; j < VECTORS; j++) sum[i][j][0] = sum[i][j][1] = (NAME(vector)){0};
        }
        for (; word < end; word++, codes += vectors, a += 32 / bits) {
            NAME(words) held[MOST_VECTORS];
            UNROLL for (int j = 0; j < VECTORS; j++) held[j] = bits < 8 ? codes[j] : (NAME(words)){0};
            UNROLL for (int s = 0; s < 32 / bits; s++) {
                UNROLL for (int j = 0; j < VECTORS; j++) {
                    NAME(vector) weight = NAME(decoded)(kind, bits, codes + j, held[j], s, near, kind == THIMBLE_CODES_TABLES ? own + head * j : panel->table);
                    UNROLL for (int i = 0; i < ROWS; i++) sum[i][j][s & (halves - 1)] += weight * a[(size_t)i * a_stride + s];
                }
            }
        }
        at = (const float *)(codes - skip);
        UNROLL for (int i = 0; i < ROWS; i++) {
            UNROLL for (int j = 0; j < VECTORS; j++) {
                NAME(vector) both = sum[i][j][0] + sum[i][j][1];
                // Here each step of a was scaled, and what zero points take away is one number.
                if (kind == THIMBLE_CODES_STEPS && k->zeros) both -= group_sums[(size_t)i * sums_stride + group];
                if (kind != THIMBLE_CODES_AFFINE) {
                    total[i][j] += both;
                    continue;
                }
                if (k->zeros) both -= group_sums[(size_t)i * sums_stride + group] * NAME(load)(own + head * j + LANES);
                total[i][j] += both * NAME(load)(own + head * j);
            }
        }
    }
    const NAME(vector) low = NAME(all)(k->low), high = NAME(all)(k->high);
    UNROLL for (int i = 0; i < ROWS; i++) {
        UNROLL for (int j = 0; j < VECTORS; j++) {
            if (residual) total[i][j] += NAME(held_row)(residual + (size_t)i * k->residual_stride, j, VECTORS, tail);
            NAME(vector) out = NAME(clamp)(total[i][j], low, high);
            float *to = c + (size_t)i * k->c_stride + j * LANES;
            if (j + 1 == VECTORS) NAME(store_part)(to, tail, out);
            else NAME(store)(to, out);
        }
    }
}

INLINE void NAME(any_product)(
    const int kind, const int bits, const codes_panel *panel, size_t rows, const float *a, size_t a_stride, const float *sums, const float *bias,
    const float *begin, size_t begin_stride, const float *residual, float *c) {
    const size_t groups = divided_up(panel->layout.k->k, panel->layout.k->group), c_stride = panel->layout.k->c_stride;
    while (rows > 0) {
        size_t here = 1;
#define PRODUCT(r, v, skip) \
    NAME(product)(r, v, kind, bits, panel, skip, a, a_stride, sums, bias ? bias + (skip) * LANES : NULL, begin ? begin + (skip) * LANES : NULL, begin_stride, \
                  residual ? residual + (skip) * LANES : NULL, c + (skip) * LANES)
#if REGISTERS == 32
        // Rows in plenty are multiplied by two vectors at a time, few by all.
        if (panel->vectors % 2 == 0 && rows >= 4) {
            here = rows >= 8 ? 8 : rows >= 6 ? 6 : 4;
            for (size_t skip = 0; skip < panel->vectors; skip += 2) {
                if (here == 8) PRODUCT(8, 2, skip);
                else if (here == 6) PRODUCT(6, 2, skip);
                else PRODUCT(4, 2, skip);
            }
        } else
#endif
        {
            const bool is_wide = panel->vectors == 2 || panel->vectors == 4;
            here = !is_wide ? 1 : rows == 4 ? 2 : smaller(rows, CODES_ROWS);
            switch (panel->vectors * 4 + here) {
            case 5: PRODUCT(1, 1, 0); break;
            case 9: PRODUCT(1, 2, 0); break;
            case 10: PRODUCT(2, 2, 0); break;
            case 11: PRODUCT(3, 2, 0); break;
            case 13: PRODUCT(1, 3, 0); break;
#if REGISTERS == 32
            case 17: PRODUCT(1, 4, 0); break;
            case 18: PRODUCT(2, 4, 0); break;
            case 19: PRODUCT(3, 4, 0); break;
#endif
            default: break;
            }
        }
#undef PRODUCT
        rows -= here;
        a += here * a_stride;
        sums += here * groups;
        c += here * c_stride;
        if (begin) begin += here * begin_stride;
        if (residual) residual += here * panel->layout.k->residual_stride;
    }
}

INLINE NAME(vector) NAME(scaled_step)(const codes_panel *panel, NAME(vector) code, size_t step) {
#pragma clang fp contract(off)
    return (code - NAME(all)(panel->layout.k->zeros ? panel->step_zeros[step] : 0)) * NAME(all)(panel->step_scales[step]);
}

INLINE void NAME(any_decode)(const int kind, const int bits, const codes_panel *panel, size_t first, size_t last, float *out) {
#pragma clang fp contract(off)
    const codes_layout *layout = &panel->layout;
    const thimble_codes *k = layout->k;
    const size_t vectors = panel->vectors, width = vectors * LANES, head = layout->head;
    NAME(vector) near[4];
    NAME(near)(kind, bits, panel->table, near);
    for (size_t step = first; step < last;) {
        const size_t group = step / k->group, start = group * k->group, end = smaller(last, start + k->group);
        const float *heads = (const float *)panel->panel + (group * head + group * layout->group_words * LANES) * vectors;
        for (size_t j = 0; j < vectors; j++) {
            const float *own = heads + head * j;
            const NAME(words) *codes = (const NAME(words) *)(heads + head * vectors) + (step - start) / (32 / bits) * vectors + j;
            NAME(vector) scale = {0}, zero = {0};
            if (kind == THIMBLE_CODES_AFFINE) scale = NAME(load)(own);
            if (kind == THIMBLE_CODES_AFFINE && k->zeros) zero = NAME(load)(own + LANES);
            float *to = out + (step - first) * width + j * LANES;
            for (size_t s = step; s < end; codes += vectors) {
                const NAME(words) held = bits < 8 ? *codes : (NAME(words)){0};
                const int here = (int)smaller(32 / bits, end - s);
                if (here == 32 / bits) {
                    UNROLL for (int i = 0; i < 32 / bits; i++) {
                        NAME(vector) weight = NAME(decoded)(kind, bits, codes, held, i, near, kind == THIMBLE_CODES_TABLES ? own : panel->table);
                        if (kind == THIMBLE_CODES_STEPS) weight = NAME(scaled_step)(panel, weight, s + (size_t)i);
                        NAME(store)(to + (size_t)i * width, kind == THIMBLE_CODES_AFFINE ? (k->zeros ? (weight - zero) * scale : weight * scale) : weight);
                    }
                } else {
                    for (int i = 0; i < here; i++) {
                        NAME(vector) weight = NAME(decoded)(kind, bits, codes, held, i, near, kind == THIMBLE_CODES_TABLES ? own : panel->table);
                        if (kind == THIMBLE_CODES_STEPS) weight = NAME(scaled_step)(panel, weight, s + (size_t)i);
                        NAME(store)(to + (size_t)i * width, kind == THIMBLE_CODES_AFFINE ? (k->zeros ? (weight - zero) * scale : weight * scale) : weight);
                    }
                }
                to += (size_t)here * width;
                s += (size_t)here;
            }
        }
        step = end;
    }
}

#define CODES(kind, bits) \
    static TARGET __attribute__((noinline)) void NAME(product_##kind##_##bits)( \
        const codes_panel *panel, size_t rows, const float *a, size_t a_stride, const float *sums, const float *bias, \
        const float *begin, size_t begin_stride, const float *residual, float *c) { \
        NAME(any_product)(kind, bits, panel, rows, a, a_stride, sums, bias, begin, begin_stride, residual, c); \
    } \
    static TARGET __attribute__((noinline)) void NAME(decode_##kind##_##bits)(const codes_panel *panel, size_t first, size_t last, float *out) { \
        NAME(any_decode)(kind, bits, panel, first, last, out); \
    }
CODES(0, 2) CODES(0, 4) CODES(0, 8) CODES(0, 16)
CODES(1, 2) CODES(1, 4) CODES(1, 8)
CODES(2, 2) CODES(2, 4) CODES(2, 8)
CODES(3, 8) CODES(3, 16)
CODES(4, 8)
#undef CODES

static const codes_kernels NAME(codes)[1] = {{
    .lanes = LANES,
#define OF(kind, what) {NAME(what##_##kind##_2), NAME(what##_##kind##_4), NAME(what##_##kind##_8)}
    .rows = {
        {NAME(product_0_2), NAME(product_0_4), NAME(product_0_8), NAME(product_0_16)}, OF(1, product), OF(2, product),
        {0, 0, NAME(product_3_8), NAME(product_3_16)}, {0, 0, NAME(product_4_8)}},
    .decode = {
        {NAME(decode_0_2), NAME(decode_0_4), NAME(decode_0_8), NAME(decode_0_16)}, OF(1, decode), OF(2, decode),
        {0, 0, NAME(decode_3_8), NAME(decode_3_16)}, {0, 0, NAME(decode_4_8)}},
#undef OF
}};
