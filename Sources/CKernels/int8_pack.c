#include "int8_parts.h"

// Weights of 8-bit convolutions as their tiles read them: panels of columns, in which each step has one cell (a word of four bytes or two 16-bit
// integers, or one 16-bit integer) of every column. Rows of weights become columns in blocks of 16 by 64 elements, of 16-byte vectors that every
// processor has.

/// Columns and elements of a block.
enum { COLUMNS = 16, ELEMENTS = 64 };

typedef int32_t words __attribute__((vector_size(16)));
typedef int32_t loose_words __attribute__((vector_size(16), aligned(1), may_alias));
typedef int16_t halves __attribute__((vector_size(16)));
typedef int16_t loose_half_vector __attribute__((vector_size(8), aligned(1), may_alias));

/// Adds up the elements of four columns in 16 bits: as many as a block has fit.
INLINE halves sum_up(const uint32_t core, halves sum, words v) {
    const halves both = (halves)v;
    return core == INT8_QUADS ? sum + ((both << 8) >> 8) + (both >> 8) : sum + both;
}

/// One cell of four columns; `apart` bytes further the next, if a word holds two.
INLINE void put(const uint32_t core, char *to, size_t apart, size_t cells, words v) {
    if (core != INT8_SINGLES) {
        *(loose_words *)to = v;
        return;
    }
    const halves both = (halves)v;
    *(loose_half_vector *)to = __builtin_shufflevector(both, both, 0, 2, 4, 6);
    if (cells > 1) *(loose_half_vector *)(to + apart) = __builtin_shufflevector(both, both, 1, 3, 5, 7);
}

INLINE void add_sums(const halves *sum, size_t quads, int32_t *sums) {
    for (size_t q = 0; q < quads; q++) {
        const words pairs = (words)sum[q], total = ((pairs << 16) >> 16) + (pairs >> 16);
        for (size_t i = 0; i < 4; i++) sums[4 * q + i] = (int32_t)((uint32_t)sums[4 * q + i] + (uint32_t)total[i]);
    }
}

/// Turns rows of `cells` cells, `row` bytes from one to the next, into 4 * `quads` columns, and adds their elements to `sums`. Whole vectors of rows
/// are read.
INLINE void turn(const uint32_t core, const size_t quads, const uint8_t *from, size_t row, size_t cells, int32_t flip, char *to, size_t apart, int32_t *sums) {
    const size_t of_word = core == INT8_SINGLES ? 2 : 1, cell = core == INT8_SINGLES ? 2 : 4;
    halves sum[COLUMNS / 4] = {{0}};
    for (size_t at = 0; at < cells; at += 4 * of_word, from += 16, to += 4 * of_word * apart) {
        const size_t left = cells - at;
        for (size_t q = 0; q < quads; q++) {
            const uint8_t *p = from + 4 * q * row;
            const words a = *(const loose_words *)p ^ flip, b = *(const loose_words *)(p + row) ^ flip;
            const words c = *(const loose_words *)(p + 2 * row) ^ flip, d = *(const loose_words *)(p + 3 * row) ^ flip;
            const words ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            const words cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            const words turned[4] = {
                __builtin_shufflevector(ab, cd, 0, 1, 4, 5), __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5), __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
            UNROLL for (size_t i = 0; i < 4; i++) {
                sum[q] = sum_up(core, sum[q], turned[i]);
                if (i * of_word < left) put(core, to + i * of_word * apart + 4 * q * cell, apart, left - i * of_word, turned[i]);
            }
        }
    }
    add_sums(sum, quads, sums);
}

#define TURN(name, core) \
    static __attribute__((noinline)) void turn_##name( \
        size_t quads, const uint8_t *from, size_t row, size_t cells, int32_t flip, char *to, size_t apart, int32_t *sums) { \
        if (quads == 4) turn(core, 4, from, row, cells, flip, to, apart, sums); \
        else turn(core, quads, from, row, cells, flip, to, apart, sums); \
    }
TURN(quads, INT8_QUADS)
TURN(pairs, INT8_PAIRS)
TURN(singles, INT8_SINGLES)

/// Turns `rows` rows of 16 elements, `row` bytes from one to the next, each of which has one element of every column, into cells of four elements.
/// Elements of rows that are missing in the last cell are 0.
static void interleave(const uint8_t *from, size_t row, size_t rows, int32_t flip, char *to, size_t apart, int32_t *sums) {
    typedef uint8_t octets __attribute__((vector_size(16)));
    typedef uint8_t loose_octets __attribute__((vector_size(16), aligned(1), may_alias));
    halves sum[COLUMNS / 4] = {{0}};
    const octets missing = (octets)(words){flip, flip, flip, flip};
    for (size_t at = 0; at < rows; at += 4, from += 4 * row, to += apart) {
        octets r[4];
        UNROLL for (size_t i = 0; i < 4; i++) r[i] = at + i < rows ? *(const loose_octets *)(from + i * row) : missing;
        const octets low = __builtin_shufflevector(r[0], r[1], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const octets high = __builtin_shufflevector(r[0], r[1], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const octets low2 = __builtin_shufflevector(r[2], r[3], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const octets high2 = __builtin_shufflevector(r[2], r[3], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const words cells[4] = {
            (words)__builtin_shufflevector(low, low2, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23) ^ flip,
            (words)__builtin_shufflevector(low, low2, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31) ^ flip,
            (words)__builtin_shufflevector(high, high2, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23) ^ flip,
            (words)__builtin_shufflevector(high, high2, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31) ^ flip};
        UNROLL for (size_t q = 0; q < 4; q++) {
            sum[q] = sum_up(INT8_QUADS, sum[q], cells[q]);
            *(loose_words *)(to + 16 * q) = cells[q];
        }
    }
    add_sums(sum, COLUMNS / 4, sums);
}

/// What makes signed bytes of weights, by turning bits over.
INLINE uint8_t flip_of(const thimble_int8_conv *k) { return k->weight_signed ? 0 : 0x80; }

/// Elements e..<e + n of tap `tap` of one output channel, whose weights begin at `from`, in the order of the packed form; signed bytes after flip_of.
static void gather(const thimble_int8_conv *k, const int8_geometry *g, const uint8_t *from, size_t tap, size_t e, size_t n, uint8_t *to) {
    const size_t channels = k->in_channels / k->groups, pixel = int8_stage_pixel(k), step = k->weight_in;
    // The elements of a tap are the channels of a row's pixels, or those of one pixel.
    const bool rows = g->taps != k->kernel_height * k->kernel_width;
    size_t x = rows ? e / pixel : tap % k->kernel_width, c = rows ? e % pixel : e;
    from += (rows ? tap : tap / k->kernel_width) * k->weight_y;
    while (n > 0) {
        const uint8_t *w = from + x * k->weight_x + c * step;
        const size_t here = MIN(n, rows ? pixel - c : n), exist = c < channels ? MIN(here, channels - c) : 0;
        if (step == 1) {
            memcpy(to, w, exist);
        } else {
            for (size_t i = 0; i < exist; i++) to[i] = w[i * step];
        }
        // Channels that only fill a pixel up are 0.
        for (size_t i = exist; i < here; i++) to[i] = flip_of(k);
        to += here;
        n -= here;
        x++;
        c = 0;
    }
}

/// Puts the weights of `columns` output channels, which begin at `from`, into `wide` columns of a panel, whose steps are `apart` bytes from each
/// other. Columns and elements that only fill up are 0.
static void pack_columns(
    const thimble_int8_conv *k, uint32_t core, const int8_geometry *g, const uint8_t *from, size_t columns, size_t wide, char *to, size_t apart,
    int32_t sums[COLUMNS]) {
    uint8_t bytes[COLUMNS][ELEMENTS];
    int16_t wider[COLUMNS][ELEMENTS];
    const size_t of_step = int8_step(core), channels = k->in_channels / k->groups, taps = k->kernel_height * k->kernel_width;
    const int32_t flip = (int32_t)(flip_of(k) * 0x01010101u);
    // Channels of a pixel side by side are turned where they lie.
    const bool straight = core == INT8_QUADS && k->weight_in == 1 && g->taps == taps && columns == COLUMNS;
    for (size_t tap = 0; tap < g->taps; tap++) {
        const uint8_t *pixel = from + tap / k->kernel_width * k->weight_y + tap % k->kernel_width * k->weight_x;
        for (size_t e = 0, n; e < g->elements; e += n) {
            n = MIN(ELEMENTS, g->elements - e);
            const size_t cells = divide_up(n, of_step);
            if (straight && n % 16 == 0 && e + n <= channels) {
                turn_quads(wide / 4, pixel + e, k->weight_out, cells, flip, to, apart, sums);
            } else {
                if (n % 16 > 0 || columns < COLUMNS) memset(bytes, flip_of(k), sizeof bytes);
                for (size_t j = 0; j < columns; j++) gather(k, g, from + j * k->weight_out, tap, e, n, bytes[j]);
                if (core != INT8_QUADS) {
                    for (size_t j = 0; j < COLUMNS; j++) {
                        for (size_t i = 0; i < ELEMENTS; i++) wider[j][i] = (int8_t)(bytes[j][i] ^ flip_of(k));
                    }
                }
                if (core == INT8_QUADS) turn_quads(wide / 4, bytes[0], ELEMENTS, cells, flip, to, apart, sums);
                else if (core == INT8_PAIRS) turn_pairs(wide / 4, (const uint8_t *)wider[0], 2 * ELEMENTS, cells, 0, to, apart, sums);
                else turn_singles(wide / 4, (const uint8_t *)wider[0], 2 * ELEMENTS, cells, 0, to, apart, sums);
            }
            to += cells * apart;
        }
    }
}

/// Whether two products of neighbours always fit 16 bits with a sign.
static bool exact_in_16_bits(const thimble_int8_conv *k, const uint8_t *weights) {
    const int8_geometry g = int8_geometry_of(k, INT8_QUADS);
    uint8_t bytes[ELEMENTS];
    for (size_t o = 0; o < k->out_channels; o++) {
        for (size_t tap = 0; tap < g.taps; tap++) {
            for (size_t e = 0, n; e < g.elements; e += n) {
                n = MIN(ELEMENTS, g.elements - e);
                memset(bytes, flip_of(k), sizeof bytes);
                gather(k, &g, weights + o * k->weight_out, tap, e, n, bytes);
                int most = 0;
                for (size_t i = 0; i < ELEMENTS; i += 2) {
                    const int a = (int8_t)(bytes[i] ^ flip_of(k)), b = (int8_t)(bytes[i + 1] ^ flip_of(k)), both = (a < 0 ? -a : a) + (b < 0 ? -b : b);
                    most = MAX(most, both);
                }
                if (255 * most > INT16_MAX) return false;
            }
        }
    }
    return true;
}

static uint32_t choose_core(const thimble_int8_conv *k, const void *weights) {
    if (k->family == THIMBLE_PLAIN) return INT8_SINGLES;
    if (k->family == THIMBLE_AVX512_VNNI) return INT8_QUADS;
    return exact_in_16_bits(k, weights) ? INT8_QUADS : INT8_PAIRS;
}

void int8_set_channels(
    const thimble_int8_conv *k, void *packed, int32_t *arrays, const uint8_t *places, size_t channel, size_t channels, const int32_t *columns, size_t count,
    const thimble_int8_channels *c) {
    const size_t n = k->padded;
    const int32_t own = k->weight_signed ? 0 : 128;
    const uint32_t in_zero = (uint32_t)int8_unsigned_zero(k->in_zero, k->in_signed);
    bool has_zero = false;
    for (size_t i = 0; i < channels; i++, channel++) {
        int32_t *to = arrays + (places ? places[i] : i);
        const int32_t zero = (c->zero ? c->zero[c->zeros > 1 ? channel : 0] : 0) - own;
        const uint32_t bias = c->bias ? (uint32_t)c->bias[channel] : 0, net = (uint32_t)columns[i] - (uint32_t)count * (uint32_t)zero;
        to[0] = (int32_t)(bias - in_zero * net);
        to[n] = (int32_t)bias;
        to[2 * n] = (int32_t)net;
        to[3 * n] = zero;
        ((float *)to)[4 * n] = c->scale ? c->scale[c->scales > 1 ? channel : 0] : 1;
        ((float *)to)[5 * n] = c->float_bias ? c->float_bias[channel] : 0;
        has_zero = has_zero || zero != 0;
    }
    if (has_zero) ((int8_header *)packed)->has_zero = 1;
}

/// Whether output channels lie side by side, as in the second operand of a product.
static bool is_beside(const thimble_int8_conv *k, const int8_geometry *g, uint32_t core) {
    return core == INT8_QUADS && k->groups == 1 && k->weight_out == 1 && k->kernel_height * k->kernel_width == 1 && g->elements == k->in_channels;
}

/// Columns of a panel that fill blocks.
INLINE size_t whole_columns(int8_panel panel) { return panel.valid / COLUMNS * COLUMNS; }

/// Packs the blocks of such weights that are whole, in the order in which they lie in memory. Sums of columns go to `sums`, which are 0 before.
static void pack_beside(const thimble_int8_conv *k, const int8_geometry *g, int8_shape s, const uint8_t *weights, char *packed, int32_t *sums) {
    // Rows are copied before they are looked at in columns: memory is quick only for who runs through it.
    uint8_t rows[32 << 10];
    const int32_t flip = (int32_t)(flip_of(k) * 0x01010101u);
    const size_t fit = sizeof rows / k->weight_in / 4 * 4, most = fit >= 4 ? MIN(fit, ELEMENTS) : ELEMENTS;
    for (size_t e = 0, n; e < g->elements; e += n) {
        n = MIN(most, g->elements - e);
        const uint8_t *block = weights + e * k->weight_in;
        if (fit >= 4) block = memcpy(rows, block, (n - 1) * k->weight_in + k->out_channels);
        char *to = packed;
        for (size_t p = 0; p < int8_panels(k->vectors, s.panel); p++) {
            const int8_panel panel = int8_panel_at(k->vectors, s.panel, s.lanes, k->out_channels, p);
            const size_t apart = panel.vectors * s.lanes * 4, first = panel.first * s.lanes;
            for (size_t lane = 0; lane < whole_columns(panel); lane += COLUMNS) {
                interleave(block + first + lane, k->weight_in, n, flip, to + e / 4 * apart + lane * 4, apart, sums + first + lane);
            }
            to += divide_up(g->elements, 4) * apart;
        }
    }
}

void thimble_int8_pack(const thimble_int8_conv *k, const void *weights, const thimble_int8_channels *channels, void *packed) {
    // Weights are all written, with what fills them up.
    int32_t *arrays = (int32_t *)((char *)packed + 64 + int8_weight_bytes(k));
    memset(packed, 0, 64);
    memset(arrays, 0, 6 * 4 * k->padded);
    if (k->depthwise) {
        int8_depthwise_pack(k, weights, channels, packed, arrays);
        return;
    }
    int8_header *header = packed;
    header->core = choose_core(k, weights);
    const int8_shape s = int8_shape_of(k);
    const int8_geometry g = int8_geometry_of(k, header->core);
    const size_t each = int8_step(header->core), cell = each * int8_element_bytes(header->core), steps = g.taps * divide_up(g.elements, each);
    const size_t group_out = k->out_channels / k->groups, count = k->in_channels / k->groups * k->kernel_height * k->kernel_width;
    const bool beside = is_beside(k, &g, header->core);
    if (beside) pack_beside(k, &g, s, weights, (char *)packed + 64, arrays);
    char *to = (char *)packed + 64;
    for (size_t group = 0; group < k->groups; group++) {
        for (size_t p = 0; p < int8_panels(k->vectors, s.panel); p++) {
            const int8_panel panel = int8_panel_at(k->vectors, s.panel, s.lanes, group_out, p);
            const size_t lanes = panel.vectors * s.lanes, apart = lanes * cell;
            const size_t done = beside ? whole_columns(panel) : 0;
            for (size_t lane = 0; lane < lanes; lane += COLUMNS) {
                const size_t columns = lane < panel.valid ? MIN(COLUMNS, panel.valid - lane) : 0, of_group = panel.first * s.lanes + lane;
                const size_t channel = group * group_out + of_group;
                const uint8_t *from = (const uint8_t *)weights + (columns > 0 ? channel * k->weight_out : 0);
                int32_t *values = arrays + group * k->vectors * s.lanes + of_group, sums[COLUMNS] = {0};
                if (lane < done) memcpy(sums, values, sizeof sums);
                else pack_columns(k, header->core, &g, from, columns, MIN(COLUMNS, lanes - lane), to + lane * cell, apart, sums);
                int8_set_channels(k, packed, values, NULL, channel, columns, sums, count, channels);
            }
            to += steps * apart;
        }
    }
}
