#include "codes_parts.h"
#include <string.h>

// The packed form of a matrix in codes. It can be written in parts of any order, so that codes which are inflated chunk by chunk are never
// in memory as a whole: where a word lies follows from its step and column.

codes_layout codes_layout_of(const thimble_codes *k) {
    const unsigned lanes = thimble_tiles_of(k->family)->lanes;
    codes_layout l = {.k = k, .lanes = lanes, .per_word = 32 / k->held};
    const size_t groups = k->k / k->group, rest = k->k % k->group;
    l.group_words = divided_up(k->group, l.per_word);
    l.all_words = groups * l.group_words + divided_up(rest, l.per_word);
    l.head = k->kind == THIMBLE_CODES_AFFINE ? lanes * (k->zeros ? 2 : 1) : k->kind == THIMBLE_CODES_TABLES ? (size_t)lanes << k->bits : 0;
    return l;
}

size_t codes_vector_floats(const codes_layout *l) { return l->head * divided_up(l->k->k, l->k->group) + l->all_words * l->lanes; }

size_t codes_front(const thimble_codes *k) {
    switch (k->kind) {
    case THIMBLE_CODES_TABLE: return 1024;
    case THIMBLE_CODES_STEPS: return round_up((k->zeros ? 2 : 1) * k->k * 4, 64);
    default: return 0;
    }
}

/// Bytes without those of outliers.
static size_t panels_size(const thimble_codes *k) {
    const codes_layout l = codes_layout_of(k);
    return round_up(codes_front(k) + divided_up(k->n, l.lanes) * codes_vector_floats(&l) * 4, 64);
}

size_t thimble_codes_pack_size(const thimble_codes *k) {
    if (!k->narrow) return panels_size(k);
    const codes_outliers o = codes_outliers_of(k, NULL);
    return round_up((size_t)(uintptr_t)(o.all + o.room), 64);
}

// --- scales, zero points and tables

static size_t place(const thimble_codes_grid *grid, size_t group, size_t column) {
    return group * grid->k_step + column / larger(1, grid->columns) * grid->n_step;
}

static float scale_of(const thimble_codes_source *from, size_t group, size_t column) {
    const size_t at = place(&from->scale_grid, group, column);
    if (from->scale) return from->scale[at];
    float scale = 1;
    if (from->half_scale) thimble_half_to_float(from->half_scale + 2 * at, 1, &scale);
    return scale;
}

static float zero_of(const thimble_codes *k, const thimble_codes_source *from, size_t group, size_t column) {
    const size_t at = place(&from->zero_grid, group, column);
    if (from->zero) return from->zero[at];
    int32_t zero = 0;
    if (from->zero_codes) thimble_unpack_codes(from->zero_codes, from->zero_size, at, k->bits, false, &zero, 1);
    return (float)zero;
}

static void pack_head(const thimble_codes *k, const thimble_codes_source *from, unsigned lanes, size_t group, size_t column, float *head) {
    const float middle = (float)from->pivot;
    for (size_t lane = 0; lane < lanes; lane++) {
        const size_t j = column + lane;
        const bool exists = j < k->n;
        if (k->kind == THIMBLE_CODES_AFFINE) {
            head[lane] = exists ? scale_of(from, group, j) : 0;
            if (k->zeros) head[lanes + lane] = exists ? zero_of(k, from, group, j) - middle : 0;
        } else {
            const float *table = from->table + ((exists ? place(&from->table_grid, group, j) : 0) << k->bits);
            for (size_t entry = 0; entry < (size_t)1 << k->bits; entry++) head[entry * lanes + lane] = exists ? table[entry] : 0;
        }
    }
}

void thimble_codes_pack_begin(const thimble_codes *k, const thimble_codes_source *from, void *packed) {
    const codes_layout l = codes_layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    memset(packed, 0, panels_size(k));
    if (k->narrow) *codes_outliers_of(k, packed).count = 0;
    float *front = packed;
    if (k->kind == THIMBLE_CODES_TABLE) memcpy(front, from->table, sizeof(float) << k->bits);
    if (k->kind == THIMBLE_CODES_STEPS) {
        for (size_t s = 0; s < k->k; s++) {
            front[s] = scale_of(from, s, 0);
            if (k->zeros) front[k->k + s] = zero_of(k, from, s, 0) - (float)from->pivot;
        }
    }
    if (l.head == 0) return;
    float *at = (float *)((char *)packed + codes_front(k));
    for (size_t p = 0; p < panels.panels; p++) {
        const size_t start = panel_start(&panels, p), vectors = (panel_start(&panels, p + 1) - start) / l.lanes;
        for (size_t step = 0; step < k->k; step += k->group) {
            for (size_t j = 0; j < vectors; j++, at += l.head) pack_head(k, from, l.lanes, step / k->group, start + j * l.lanes, at);
            at += divided_up(smaller(k->group, k->k - step), l.per_word) * vectors * l.lanes;
        }
    }
}

// --- codes

/// Codes as they come from a source.
typedef struct {
    const thimble_codes *k;
    const thimble_codes_source *from;
    codes_outliers outliers;
    /// Columns of a vector: 2^lanes.
    unsigned lanes;
    /// The bit of a code that is its sign, what is taken away, and the bits that are kept.
    uint32_t sign, away, mask;
} code_reader;

static code_reader reader_of(const thimble_codes *k, const thimble_codes_source *from, const void *packed) {
    code_reader r = {.k = k, .from = from, .lanes = (unsigned)__builtin_ctz(thimble_tiles_of(k->family)->lanes), .mask = (uint32_t)((1ull << k->held) - 1)};
    if (k->narrow) r.outliers = codes_outliers_of(k, packed);
    if (k->kind != THIMBLE_CODES_AFFINE && k->kind != THIMBLE_CODES_STEPS) return r;
    r.sign = from->is_signed ? 1u << (k->bits - 1) : 0;
    r.away = r.sign + (uint32_t)from->pivot;
    return r;
}

/// A code less the pivot, of which the kept bits are packed: of affine codes, signed.
static inline uint32_t less_pivot(const code_reader *r, uint32_t code) { return (code ^ r->sign) - r->away; }

static inline uint64_t number_of(const thimble_codes_source *from, size_t step, size_t column) {
    const size_t inner = from->k_inner ? from->k_inner : SIZE_MAX;
    return (uint64_t)(step % inner) * from->k_step + (uint64_t)(step / inner) * from->k_outer + (uint64_t)column * from->n_step - from->first;
}

static inline uint32_t code_at(const code_reader *r, uint64_t number) {
    const uint8_t *codes = r->from->codes;
    switch (r->k->bits) {
    case 8: return codes[number];
    case 4: return codes[number >> 1] >> (number & 1) * 4 & 15;
    case 16: return codes[2 * number] | (uint32_t)codes[2 * number + 1] << 8;
    default: {
        int32_t code;
        thimble_unpack_codes(codes, r->from->size, number, r->k->bits, false, &code, 1);
        return (uint32_t)code;
    }
    }
}

/// Words of a panel that hold the same steps, and where their column 0 is among those of the matrix.
typedef struct {
    uint32_t *words;
    size_t start;
} word_row;

/// Where codes number i of words lie that are held in 8 or 16 bits: the place of column j, counted from the panel's first.
static inline size_t place_of(const code_reader *r, size_t j, unsigned i) {
    const unsigned lanes = r->lanes, per_word = 32 / r->k->held;
    return (((j >> lanes) * per_word + i) << lanes) + (j & (((size_t)1 << lanes) - 1));
}

static void set_aside(const code_reader *r, size_t step, size_t column, int32_t value) {
    const uint32_t found = (*r->outliers.count)++;
    if (found < r->outliers.room) r->outliers.all[found] = (codes_outlier){.step = (uint32_t)step, .column = (uint32_t)column, .value = value};
}

/// Code i of a column's word.
static inline void put(const code_reader *r, const word_row *to, size_t step, size_t column, unsigned i, int32_t value) {
    const size_t j = column - to->start;
    switch (r->k->held) {
    case 8:
        if (r->k->narrow && (value < -128 || value > 127)) set_aside(r, step, column, value);
        else ((uint8_t *)to->words)[place_of(r, j, i)] = (uint8_t)value;
        break;
    case 16: ((uint16_t *)(void *)to->words)[place_of(r, j, i)] = (uint16_t)value; break;
    default: to->words[j] |= ((uint32_t)value & r->mask) << (i * r->k->held);
    }
}

/// The same of columns side by side, up to 64.
static void put_row(const code_reader *r, const word_row *to, size_t step, size_t column, size_t columns, unsigned i, int32_t *row) {
    const size_t start = column - to->start, lanes = (size_t)1 << r->lanes;
    if (r->k->held < 8) {
        const unsigned shift = i * r->k->held;
        for (size_t j = 0; j < columns; j++) to->words[start + j] |= ((uint32_t)row[j] & r->mask) << shift;
        return;
    }
    if (r->k->narrow) {
        uint32_t far = 0;
        for (size_t j = 0; j < columns; j++) far |= (uint32_t)(row[j] + 128);
        for (size_t j = 0; far > 255 && j < columns; j++) {
            if (row[j] >= -128 && row[j] <= 127) continue;
            set_aside(r, step, column + j, row[j]);
            row[j] = 0;
        }
    }
    for (size_t j = 0, here; j < columns; j += here) {
        const size_t at = place_of(r, start + j, i);
        here = smaller(columns - j, lanes - (start + j) % lanes);
        if (r->k->held == 8) {
            uint8_t *out = (uint8_t *)to->words + at;
            for (size_t n = 0; n < here; n++) out[n] = (uint8_t)row[j + n];
        } else {
            uint16_t *out = (uint16_t *)(void *)to->words + at;
            for (size_t n = 0; n < here; n++) out[n] = (uint16_t)row[j + n];
        }
    }
}

/// Codes from number `first` on, less the pivot.
static void read_run(const code_reader *r, uint64_t first, size_t n, int32_t *out) {
    const uint8_t *codes = r->from->codes;
    const uint32_t sign = r->sign, away = r->away;
    if (r->k->bits == 8) {
        const uint8_t *at = codes + first;
        for (size_t i = 0; i < n; i++) out[i] = (int32_t)((at[i] ^ sign) - away);
    } else if (r->k->bits == 16) {
        const uint8_t *at = codes + 2 * first;
        for (size_t i = 0; i < n; i++) out[i] = (int32_t)(((at[2 * i] | (uint32_t)at[2 * i + 1] << 8) ^ sign) - away);
    } else if (r->k->bits == 4 && first % 2 == 0) {
        const uint8_t *at = codes + first / 2;
        for (size_t i = 0; i + 2 <= n; i += 2) {
            out[i] = (int32_t)(((at[i / 2] & 15u) ^ sign) - away);
            out[i + 1] = (int32_t)(((uint32_t)(at[i / 2] >> 4) ^ sign) - away);
        }
        if (n % 2) out[n - 1] = (int32_t)(((at[n / 2] & 15u) ^ sign) - away);
    } else {
        thimble_unpack_codes(codes, r->from->size, first, r->k->bits, false, out, n);
        for (size_t i = 0; i < n; i++) out[i] = (int32_t)(((uint32_t)out[i] ^ sign) - away);
    }
}

/// Words of less than 8 bits a code whose codes follow each other in the source as they do when packed. False if they do not.
static bool pack_in_order(const code_reader *r, size_t step, size_t column, size_t columns, const word_row *to) {
    const thimble_codes_source *from = r->from;
    const unsigned bits = r->k->bits;
    const uint32_t high = 1u << (bits - 1), turned = less_pivot(r, 0) & r->mask;
    // Turning the highest bit is all that may be done to a code.
    if (from->k_step != 1 || from->k_inner || bits != r->k->held || bits >= 8 || (turned != 0 && turned != high)) return false;
    const uint64_t first = number_of(from, step, column), last = first + (uint64_t)(columns - 1) * from->n_step;
    if (first * bits % 8 != 0 || (columns > 1 && from->n_step * bits % 8 != 0) || last * bits / 8 + 4 > from->size) return false;
    uint32_t flip = turned;
    for (unsigned width = bits; width < 32; width *= 2) flip |= flip << width;
    const uint8_t *at = from->codes + first * bits / 8;
    for (size_t j = 0; j < columns; j++, at += from->n_step * bits / 8) {
        uint32_t word;
        memcpy(&word, at, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap32(word);
#endif
        to->words[column - to->start + j] = word ^ flip;
    }
    return true;
}

/// Codes of steps first..<last, which belong to one word, of up to 64 columns; the first is code `at` of the word.
static void pack_words(const code_reader *r, size_t first, size_t last, unsigned at, size_t column, size_t columns, const word_row *to) {
    const thimble_codes_source *from = r->from;
    if (at == 0 && (last - first) * r->k->held == 32 && pack_in_order(r, first, column, columns, to)) return;
    int32_t run[64];
    if (from->k_step == 1 && !from->k_inner) {
        for (size_t j = column; j < column + columns; j++) {
            read_run(r, number_of(from, first, j), last - first, run);
            for (size_t s = first; s < last; s++) put(r, to, s, j, at + (unsigned)(s - first), run[s - first]);
        }
        return;
    }
    for (size_t s = first; s < last; s++, at++) {
        const uint64_t number = number_of(from, s, column);
        if (from->n_step == 1) {
            read_run(r, number, columns, run);
            put_row(r, to, s, column, columns, at, run);
        } else {
            for (size_t j = 0; j < columns; j++) put(r, to, s, column + j, at, (int32_t)less_pivot(r, code_at(r, number + (uint64_t)j * from->n_step)));
        }
    }
}

void thimble_codes_pack_part(
    const thimble_codes *k, const thimble_codes_source *from, size_t first_step, size_t last_step, size_t first_column, size_t last_column, void *packed) {
    const codes_layout l = codes_layout_of(k);
    const thimble_panels panels = thimble_panels_of(thimble_tiles_of(k->family), k->n);
    const size_t floats = codes_vector_floats(&l);
    const code_reader reader = reader_of(k, from, packed);
    for (size_t p = 0; p < panels.panels; p++) {
        const size_t start = panel_start(&panels, p), next = panel_start(&panels, p + 1), vectors = (next - start) / l.lanes;
        const size_t left = larger(start, first_column), right = smaller(smaller(next, k->n), last_column);
        if (left >= right) continue;
        float *panel = (float *)((char *)packed + codes_front(k)) + start / l.lanes * floats;
        for (size_t step = first_step, end; step < last_step; step = end) {
            const size_t group = step / k->group, of_group = step - group * k->group, word = of_group / l.per_word;
            end = smaller(smaller(last_step, (group + 1) * k->group), step + (l.per_word - of_group % l.per_word));
            uint32_t *words = (uint32_t *)(void *)(panel + ((group + 1) * l.head + (group * l.group_words + word) * l.lanes) * vectors);
            const word_row to = {.words = words, .start = start};
            pack_words(&reader, step, end, (unsigned)(of_group % l.per_word), left, right - left, &to);
        }
    }
}

bool thimble_codes_pack(const thimble_codes *k, const thimble_codes_source *from, void *packed) {
    thimble_codes_pack_begin(k, from, packed);
    thimble_codes_pack_part(k, from, 0, k->k, 0, k->n, packed);
    return thimble_codes_pack_end(k, packed);
}
