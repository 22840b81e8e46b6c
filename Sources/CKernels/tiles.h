// The microkernel of products and convolutions in binary32: a tile of up to 14 rows and 4 vectors of the result stays in registers
// while steps go by. Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), without packing of a:
// its elements are broadcast from where they lie, so that windows of a convolution need no copy.
#ifndef THIMBLE_TILES_H
#define THIMBLE_TILES_H

#include <stdbool.h>
#include <stddef.h>

enum { MOST_ROWS = 14, MOST_VECTORS = 4, MOST_LANES = 16 };
/// Bytes of the next panel that are fetched in four steps: a panel is a kilobyte in four steps, and blocks of rows have some 16 tiles.
enum { AHEAD = 64 };

/// A float at any address: weights are read where they lie in a file.
typedef float loose_float __attribute__((aligned(1), may_alias));

/// c[i][j] = bias[j] + sum over t < taps and s < depth of a[offsets[t] + i * a_step + s] * b[t][s][j], then residual and clamp.
typedef struct {
    size_t taps, depth;
    /// NULL where there is one tap at 0.
    const ptrdiff_t *offsets;
    size_t a_step, c_stride, residual_stride;
    /// From one vector of columns of a to the next, where there are such.
    size_t a_vector;
    float low, high;
    /// Begins with what c holds instead of bias.
    bool add;
    /// By thimble_panel_run: what of b comes after this panel and is fetched meanwhile, as matrices of weights are often farther than
    /// the second cache.
    const char *ahead;
} thimble_tile;

/// `columns` are those of the tile that exist; its last vector has at least one of them.
typedef void (*thimble_tile_function)(
    const thimble_tile *tile, const float *a, const float *b, const float *bias, const float *residual, float *c, size_t columns);

/// What one family of processors has.
typedef struct {
    /// Floats of a vector; vectors of the widest tile that is used; rows of the highest tile of each width.
    unsigned lanes, vectors, rows[MOST_VECTORS + 1];
    thimble_tile_function tiles[MOST_VECTORS + 1][MOST_ROWS + 1];
    /// As tiles, but a has an element for each column: c[i][j] = sum over t of
    /// a[offsets[t] + i * a_step + j / lanes * a_vector + j % lanes] * b[t][j].
    void (*channelwise)(
        const thimble_tile *tile, const float *a, const float *b, const float *bias, const float *residual, float *c, size_t rows, size_t columns,
        size_t vectors);
    /// Vector v of out, each out_step after the last, has in[j / group * group + member] for its columns j < n; it holds whole groups.
    void (*spread)(const float *in, size_t n, size_t group, size_t member, float *out, size_t out_step);
    /// to[s * to_step + j] = from[j * step + s] * factors[j] (NULL: * scale) for s < count and j < columns, and 0 up to the end of a vector.
    void (*turn)(const loose_float *from, size_t step, size_t columns, size_t count, float scale, const float *factors, float *to, size_t to_step);
    /// Packs vectors * lanes columns, of which the first `columns` exist, of k steps; each times its factor (NULL: times scale).
    void (*pack)(
        const loose_float *b, size_t k, size_t columns, size_t vectors, size_t k_step, size_t n_step, float scale, const float *factors, float *out);
} thimble_tiles;

const thimble_tiles *thimble_tiles_of(unsigned family);

/// n cut as evenly as can be into `parts`: where part i begins.
static inline size_t part_start(size_t n, size_t parts, size_t i) { return n / parts * i + (i < n % parts ? i : n % parts); }

static inline size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
static inline size_t divided_up(size_t n, size_t by) { return (n + by - 1) / by; }
static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/// b as panels, one after the other: panel p has the steps of columns panel_start(p)..., as many vectors as are left for an even cut.
typedef struct {
    size_t columns, vectors, panels;
    unsigned lanes;
} thimble_panels;

thimble_panels thimble_panels_of(const thimble_tiles *tiles, size_t columns);
/// First column of panel p.
static inline size_t panel_start(const thimble_panels *panels, size_t p) {
    return part_start(panels->vectors, panels->panels, p) * panels->lanes;
}

/// Packs columns first..<last of b, whole vectors or up to the end, which follow each other from `b` on; each times its factor of all
/// columns' (NULL: times scale).
struct thimble_matmul;
void matmul_pack_columns(
    const struct thimble_matmul *k, const loose_float *b, size_t first, size_t last, float scale, const float *factors, float *packed);

/// Rows of one panel of the result: cuts them evenly into tiles. `c`, `bias` and `residual` point to the panel's first column.
void thimble_panel_run(
    const thimble_tiles *tiles, const thimble_tile *tile, size_t vectors, size_t columns, size_t rows, const float *a, const float *b,
    const float *bias, const float *residual, float *c);

#endif
