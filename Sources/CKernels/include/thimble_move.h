// Movement of cells of bytes that are not looked at: Transpose, Slice, Concat, Split, Expand, Tile, Pad, DepthToSpace,
// SpaceToDepth and the shuffle of channels are boxes of cells with a step per axis on both sides, one or a few each. A step of 0
// repeats (Expand, Pad of a constant or an edge), a negative one goes back (reflection, Slice), an axis split in two is two axes.
#ifndef THIMBLE_MOVE_H
#define THIMBLE_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THIMBLE_MOVE_RANK = 12 };

/// A box of cells. The caller fills the first part, `thimble_move_prepare` rewrites it into the form that the second describes.
typedef struct {
    /// Bytes of a cell, at least 1.
    size_t cell;
    /// Axes, at most THIMBLE_MOVE_RANK.
    size_t rank;
    size_t dims[THIMBLE_MOVE_RANK];
    /// Bytes from a cell to the next along each axis. Cells of the output must not overlap, nor overlap the input.
    ptrdiff_t in_steps[THIMBLE_MOVE_RANK], out_steps[THIMBLE_MOVE_RANK];
    /// The family of processors, at most `thimble_processor()`.
    unsigned family;

    /// What the innermost axes are, and which of the axes they are: `line` has no outer loop, nor has `across` where there is one.
    unsigned kind;
    size_t line, across;
    /// Bytes from the given addresses to the first cell that is moved.
    ptrdiff_t in_offset, out_offset;
    /// The line is cut into `pieces` of `piece` cells (the last takes the rest); a unit is `group` pieces out of `places`.
    size_t piece, pieces, places, group;
} thimble_move;

/// False if there are too many axes; drops, sorts and joins axes and chooses how to move.
bool thimble_move_prepare(thimble_move *move);
size_t thimble_move_units(const thimble_move *move);
/// Moves units first..<last. `in` and `out` are the addresses of the box's cell 0, 0, …
void thimble_move_run(const thimble_move *move, const void *in, void *out, size_t first, size_t last);

/// Gather along an axis: out[o][i] = in[o][indices[i]], blocks of `block` bytes; negative indices count from the end.
typedef struct {
    size_t outer, dim, count, block;
    /// Bytes from one o to the next.
    size_t in_step, out_step;
    /// int64 indices, otherwise int32. Each must lie in -dim..<dim: checked by the caller.
    bool wide;
} thimble_gather;

size_t thimble_gather_units(const thimble_gather *gather);
void thimble_gather_run(const thimble_gather *gather, const void *in, const void *indices, void *out, size_t first, size_t last);

#endif
