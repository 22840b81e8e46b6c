#include "CKernels.h"
#include <string.h>

typedef uint64_t lane __attribute__((vector_size(16), aligned(1), may_alias));

/// The vector code of a family; places of a table are log2 of a cell's bytes.
typedef struct {
    size_t lanes;
    void (*grid[4])(const uint8_t *in, ptrdiff_t in_step, uint8_t *out, ptrdiff_t out_step, size_t count, size_t m);
    /// Of 2, 3 and 4 lines.
    size_t (*weave[3][4])(const uint8_t *in, ptrdiff_t across, uint8_t *out, size_t n);
    size_t (*part[3][4])(const uint8_t *in, uint8_t *out, ptrdiff_t across, size_t n);
    size_t (*second[4])(const uint8_t *in, uint8_t *out, size_t n);
    size_t (*reverse[4])(const uint8_t *in, uint8_t *out, size_t n);
} vector_moves;

#define KERNELS "move_kernels.h"
#include "families.h"

// --- lines of cells

enum {
    EMPTY,
    LINE,     // one axis
    REPEAT,   // one axis that stands still in the input and has no gaps in the output
    SECOND,   // every second cell becomes a line without gaps
    REVERSE,  // a line without gaps, backwards
    GRID,     // two axes swapped: the line has no gaps in the input, the one across none in the output
    BLOCKS,   // two axes, any steps, in blocks that stay in the cache
    WEAVE,    // a grid of 2 to 4 across that fills its part of the output
    PART,     // a grid whose 2 to 4 across are side by side in the input; the line has no gaps in the output
};

#define CELLS(COPY) for (size_t i = 0; i < n; i++, in += in_step, out += out_step) { COPY }
#define PIECE(at, size) memcpy(out + (at), in + (at), size);

/// Two pieces that may overlap make a cell of any size up to twice theirs.
#define ENDS(size) PIECE(0, size) PIECE(cell - (size), size)

static void copy_line(const uint8_t *in, ptrdiff_t in_step, uint8_t *out, ptrdiff_t out_step, size_t n, size_t cell) {
    if (in_step == (ptrdiff_t)cell && out_step == (ptrdiff_t)cell) {
        memcpy(out, in, n * cell);
        return;
    }
    switch (cell) {
    case 1: CELLS(PIECE(0, 1)) return;
    case 2: CELLS(PIECE(0, 2)) return;
    case 3: CELLS(PIECE(0, 2) PIECE(2, 1)) return;
    case 4: CELLS(PIECE(0, 4)) return;
    case 8: CELLS(PIECE(0, 8)) return;
    case 12: CELLS(PIECE(0, 8) PIECE(8, 4)) return;
    case 16: CELLS(PIECE(0, 16)) return;
    default: break;
    }
    if (cell < 8) CELLS(ENDS(4))
    else if (cell < 16) CELLS(ENDS(8))
    else if (cell <= 32) CELLS(ENDS(16))
    else if (cell <= 64) CELLS(PIECE(0, 16) PIECE(16, 16) PIECE(cell - 32, 16) PIECE(cell - 16, 16))
    else CELLS(memcpy(out, in, cell);)
}

/// Copies of one cell, by doubling what is there already.
static void repeat(const uint8_t *in, uint8_t *out, size_t n, size_t cell) {
    if (n == 0) return;
    if (cell == 1) {
        memset(out, in[0], n);
        return;
    }
    size_t size = n * cell, done = cell;
    memcpy(out, in, cell);
    // Stretches of 4 KiB stay in the first cache.
    while (done < size) {
        size_t next = done < 4096 ? done : 4096 / cell * cell;
        if (next == 0) next = cell;
        if (next > size - done) next = size - done;
        memcpy(out + done, out, next);
        done += next;
    }
}

static unsigned log2_of(size_t cell) { return (unsigned)__builtin_ctzll(cell); }

/// Cells start..<start + n of the line, for all cells across.
static void move_piece(const thimble_move *m, const uint8_t *in, uint8_t *out, size_t start, size_t n) {
    const vector_moves *v = OF_FAMILY(m->family, moves);
    size_t cell = m->cell, k = log2_of(cell) & 3, done = 0, wide = m->dims[m->across];
    ptrdiff_t in_step = m->in_steps[m->line], out_step = m->out_steps[m->line];
    ptrdiff_t in_across = m->in_steps[m->across], out_across = m->out_steps[m->across];
    in += (ptrdiff_t)start * in_step;
    out += (ptrdiff_t)start * out_step;
    switch (m->kind) {
    case REPEAT:
        repeat(in, out, n, cell);
        return;
    case SECOND: done = v->second[k](in, out, n); break;
    case REVERSE: done = v->reverse[k](in, out, n); break;
    case WEAVE: done = v->weave[wide - 2][k](in, in_across, out, n); break;
    case PART: done = v->part[wide - 2][k](in, out, out_across, n); break;
    case GRID: {
        size_t lane_cells = 16 / cell;
        if (n < lane_cells || wide < lane_cells) break;
        (wide < lane_cells * v->lanes ? plain_moves : v)->grid[k](in, in_across, out, out_step, n, wide);
        return;
    }
    case BLOCKS:
        for (size_t row = 0; row < n; row += 16) {
            size_t rows = n - row < 16 ? n - row : 16;
            for (size_t column = 0; column < wide; column += 16) {
                size_t columns = wide - column < 16 ? wide - column : 16;
                for (size_t r = row; r < row + rows; r++)
                    copy_line(in + (ptrdiff_t)r * in_step + (ptrdiff_t)column * in_across, in_across,
                        out + (ptrdiff_t)r * out_step + (ptrdiff_t)column * out_across, out_across, columns, cell);
            }
        }
        return;
    default: break;
    }
    in += (ptrdiff_t)done * in_step;
    out += (ptrdiff_t)done * out_step;
    bool two = m->kind == GRID || m->kind == WEAVE || m->kind == PART;
    for (size_t i = 0; i < (two ? wide : 1); i++)
        copy_line(in + (ptrdiff_t)i * in_across, in_step, out + (ptrdiff_t)i * out_across, out_step, n - done, cell);
}

// --- preparing

static ptrdiff_t size_of(ptrdiff_t step) { return step < 0 ? -step : step; }

/// Axes of more than one cell, forwards in the output and from its longest step to its shortest, those that continue each
/// other made one. False if there is no cell at all.
static bool make_canonical(size_t *rank, size_t *dims, ptrdiff_t *in_steps, ptrdiff_t *out_steps, ptrdiff_t *in_offset, ptrdiff_t *out_offset) {
    size_t kept = 0;
    *in_offset = *out_offset = 0;
    for (size_t axis = 0; axis < *rank; axis++) {
        size_t dim = dims[axis];
        ptrdiff_t a = in_steps[axis], b = out_steps[axis];
        if (dim == 0) return false;
        if (dim == 1) continue;
        if (b < 0) {
            *in_offset += (ptrdiff_t)(dim - 1) * a;
            *out_offset += (ptrdiff_t)(dim - 1) * b;
            a = -a;
            b = -b;
        }
        size_t place = kept++;
        for (; place > 0 && out_steps[place - 1] < b; place--) {
            dims[place] = dims[place - 1];
            in_steps[place] = in_steps[place - 1];
            out_steps[place] = out_steps[place - 1];
        }
        dims[place] = dim;
        in_steps[place] = a;
        out_steps[place] = b;
    }
    size_t joined = 0;
    for (size_t axis = 0; axis < kept; axis++) {
        size_t dim = dims[axis];
        ptrdiff_t a = in_steps[axis], b = out_steps[axis];
        bool continues = joined > 0 && in_steps[joined - 1] == a * (ptrdiff_t)dim && out_steps[joined - 1] == b * (ptrdiff_t)dim;
        if (continues) dims[joined - 1] *= dim;
        else dims[joined++] = dim;
        in_steps[joined - 1] = a;
        out_steps[joined - 1] = b;
    }
    *rank = joined;
    return true;
}

static bool is_word(size_t cell) { return cell == 1 || cell == 2 || cell == 4 || cell == 8; }

/// The kind of a line along one axis.
static unsigned kind_of_line(const thimble_move *m, size_t line) {
    ptrdiff_t cell = (ptrdiff_t)m->cell, a = m->in_steps[line];
    if (m->out_steps[line] != cell) return LINE;
    if (a == 0) return REPEAT;
    if (!is_word(m->cell)) return LINE;
    return a == 2 * cell ? SECOND : a == -cell ? REVERSE : LINE;
}

static void choose(thimble_move *m) {
    ptrdiff_t cell = (ptrdiff_t)m->cell;
    size_t last = m->rank - 1, near = last;
    // The axis along which the input is densest.
    for (size_t axis = 0; axis < last; axis++) {
        if (m->in_steps[axis] != 0 && (m->in_steps[near] == 0 || size_of(m->in_steps[axis]) < size_of(m->in_steps[near]))) near = axis;
    }
    m->line = m->across = last;
    m->kind = kind_of_line(m, last);
    if (near == last || m->in_steps[last] == 0) {
        // A short last axis makes a poor line.
        if (m->kind == LINE && m->dims[last] < 4 && last > 0 && m->dims[last - 1] > m->dims[last]) m->line = m->across = last - 1;
        return;
    }
    size_t wide = m->dims[last], high = m->dims[near];
    bool swapped = is_word(m->cell) && m->in_steps[near] == cell && m->out_steps[last] == cell;
    m->line = near;
    m->across = last;
    if (swapped && wide <= 4 && m->out_steps[near] == (ptrdiff_t)wide * cell) m->kind = WEAVE;
    else if (swapped && high <= 4 && m->in_steps[last] == (ptrdiff_t)high * cell) {
        m->kind = PART;
        m->line = last;
        m->across = near;
    } else if (swapped && wide >= 16 / m->cell && high >= 16 / m->cell) m->kind = GRID;
    else if (wide >= 8 && high >= 8 && size_of(m->in_steps[near]) < 64) m->kind = BLOCKS;
    else if (wide < high) {
        // Few across: a line for each.
        m->kind = LINE;
        m->across = near;
    } else {
        m->line = m->across = last;
    }
}

static bool is_outer(const thimble_move *m, size_t axis) { return axis != m->line && axis != m->across; }

/// Bytes that a unit should move at least: some two microseconds.
enum { UNIT_BYTES = 32768 };

static void divide(thimble_move *m) {
    size_t outer = 1, n = m->dims[m->line], each = m->cell * (m->across == m->line ? 1 : m->dims[m->across]);
    for (size_t axis = 0; axis < m->rank; axis++) if (is_outer(m, axis)) outer *= m->dims[axis];
    // Pieces of a multiple of 64 cells, so that vectors and tiles are whole.
    m->piece = each >= UNIT_BYTES / 64 ? 64 : UNIT_BYTES / each / 64 * 64;
    if (n < 2 * m->piece) m->piece = n;
    m->pieces = n / m->piece;
    m->places = outer * m->pieces;
    size_t bytes = m->piece * each;
    m->group = bytes >= UNIT_BYTES ? 1 : UNIT_BYTES / bytes;
}

bool thimble_move_prepare(thimble_move *m) {
    if (m->rank > THIMBLE_MOVE_RANK) return false;
    m->kind = EMPTY;
    m->line = m->across = m->piece = m->pieces = m->places = 0;
    m->group = 1;
    if (!make_canonical(&m->rank, m->dims, m->in_steps, m->out_steps, &m->in_offset, &m->out_offset)) return true;
    ptrdiff_t cell = (ptrdiff_t)m->cell;
    // Cells side by side on both sides are one cell.
    if (m->rank > 1 && m->in_steps[m->rank - 1] == cell && m->out_steps[m->rank - 1] == cell) m->cell *= m->dims[--m->rank];
    if (m->rank == 0) {
        m->rank = 1;
        m->dims[0] = m->cell;
        m->in_steps[0] = m->out_steps[0] = 1;
        m->cell = 1;
    }
    choose(m);
    divide(m);
    return true;
}

size_t thimble_move_units(const thimble_move *m) { return m->places == 0 ? 0 : (m->places - 1) / m->group + 1; }

void thimble_move_run(const thimble_move *m, const void *from, void *to, size_t first, size_t last) {
    size_t place = first * m->group, end = last < thimble_move_units(m) ? last * m->group : m->places;
    if (place >= end) return;
    const uint8_t *in = (const uint8_t *)from + m->in_offset;
    uint8_t *out = (uint8_t *)to + m->out_offset;
    size_t at[THIMBLE_MOVE_RANK] = { 0 }, piece = place % m->pieces, rest = place / m->pieces;
    for (size_t axis = m->rank; axis-- > 0;) {
        if (!is_outer(m, axis)) continue;
        at[axis] = rest % m->dims[axis];
        rest /= m->dims[axis];
        in += (ptrdiff_t)at[axis] * m->in_steps[axis];
        out += (ptrdiff_t)at[axis] * m->out_steps[axis];
    }
    size_t whole = m->dims[m->line];
    for (; place < end; place++) {
        size_t start = piece * m->piece;
        move_piece(m, in, out, start, piece + 1 == m->pieces ? whole - start : m->piece);
        if (++piece < m->pieces) continue;
        piece = 0;
        for (size_t axis = m->rank; axis-- > 0;) {
            if (!is_outer(m, axis)) continue;
            in += m->in_steps[axis];
            out += m->out_steps[axis];
            if (++at[axis] < m->dims[axis]) break;
            in -= (ptrdiff_t)m->dims[axis] * m->in_steps[axis];
            out -= (ptrdiff_t)m->dims[axis] * m->out_steps[axis];
            at[axis] = 0;
        }
    }
}

// --- calls that move at once

enum { MOST_AXES = 64 };

void thimble_copy_cells(
    const uint8_t *in, const ptrdiff_t *in_steps, uint8_t *out, const ptrdiff_t *out_steps, const size_t *dims, size_t rank, unsigned width
) {
    size_t d[MOST_AXES], at[MOST_AXES] = { 0 };
    ptrdiff_t a[MOST_AXES], b[MOST_AXES], in_offset, out_offset;
    memcpy(d, dims, rank * sizeof *d);
    memcpy(a, in_steps, rank * sizeof *a);
    memcpy(b, out_steps, rank * sizeof *b);
    if (!make_canonical(&rank, d, a, b, &in_offset, &out_offset)) return;
    in += in_offset;
    out += out_offset;
    // More axes than a move has are walked here.
    size_t extra = rank > THIMBLE_MOVE_RANK ? rank - THIMBLE_MOVE_RANK : 0;
    thimble_move m = { .cell = width, .rank = rank - extra, .family = thimble_processor() };
    memcpy(m.dims, d + extra, m.rank * sizeof *d);
    memcpy(m.in_steps, a + extra, m.rank * sizeof *a);
    memcpy(m.out_steps, b + extra, m.rank * sizeof *b);
    thimble_move_prepare(&m);
    for (;;) {
        thimble_move_run(&m, in, out, 0, thimble_move_units(&m));
        size_t axis = extra;
        for (;;) {
            if (axis == 0) return;
            axis--;
            in += a[axis];
            out += b[axis];
            if (++at[axis] < d[axis]) break;
            in -= (ptrdiff_t)d[axis] * a[axis];
            out -= (ptrdiff_t)d[axis] * b[axis];
            at[axis] = 0;
        }
    }
}

void thimble_transpose(const uint8_t *in, size_t rows, size_t columns, size_t in_stride, uint8_t *out, size_t out_stride, unsigned width) {
    thimble_move m = {
        .cell = width, .rank = 2, .dims = { columns, rows }, .family = thimble_processor(),
        .in_steps = { width, (ptrdiff_t)(in_stride * width) }, .out_steps = { (ptrdiff_t)(out_stride * width), width },
    };
    thimble_move_prepare(&m);
    thimble_move_run(&m, in, out, 0, thimble_move_units(&m));
}

// --- blocks at places of a table

#define GATHERED(N) for (size_t i = 0; i < n; i++) memcpy(out + i * (N), in + offsets[i] * (ptrdiff_t)width, N)

void thimble_gather_cells(const uint8_t *in, const ptrdiff_t *offsets, size_t n, unsigned width, size_t block, uint8_t *out) {
    switch (block) {
    case 1: GATHERED(1); break;
    case 2: GATHERED(2); break;
    case 4: GATHERED(4); break;
    case 8: GATHERED(8); break;
    default: GATHERED(block); break;
    }
}

#define SCATTERED(N) for (size_t i = 0; i < n; i++) memcpy(out + offsets[i] * (ptrdiff_t)width, in + i * (N), N)

void thimble_scatter_cells(const uint8_t *in, const ptrdiff_t *offsets, size_t n, unsigned width, size_t block, uint8_t *out) {
    switch (block) {
    case 1: SCATTERED(1); break;
    case 2: SCATTERED(2); break;
    case 4: SCATTERED(4); break;
    case 8: SCATTERED(8); break;
    default: SCATTERED(block); break;
    }
}

/// Blocks of a unit of a gather.
static size_t gather_group(const thimble_gather *g) { return g->block >= UNIT_BYTES ? 1 : UNIT_BYTES / (g->block + 8); }

size_t thimble_gather_units(const thimble_gather *g) {
    if (g->block == 0) return 0;
    size_t places = g->outer * g->count, group = gather_group(g);
    return places / group + (places % group != 0);
}

#define TAKEN(N)                                                                                              \
    for (; i < end; i++) {                                                                                    \
        int64_t index = g->wide ? ((const int64_t *)indices)[i] : ((const int32_t *)indices)[i];              \
        if (index < 0) index += (int64_t)g->dim;                                                              \
        memcpy(to + i * (N), from + (size_t)index * (N), N);                                                  \
    }

void thimble_gather_run(const thimble_gather *g, const void *in, const void *indices, void *out, size_t first, size_t last) {
    size_t group = gather_group(g), places = g->outer * g->count, place = first * group;
    size_t stop = last < thimble_gather_units(g) ? last * group : places;
    while (place < stop) {
        size_t o = place / g->count, i = place % g->count, end = stop - place < g->count - i ? i + (stop - place) : g->count;
        const uint8_t *from = (const uint8_t *)in + o * g->in_step;
        uint8_t *to = (uint8_t *)out + o * g->out_step;
        place += end - i;
        switch (g->block) {
        case 1: TAKEN(1) break;
        case 2: TAKEN(2) break;
        case 4: TAKEN(4) break;
        case 8: TAKEN(8) break;
        default: TAKEN(g->block) break;
        }
    }
}
