// Scaled dot-product attention in float32: softmax(scale·q·kᵀ + mask)·v for each head, read and written where the heads lie, so that
// no Transpose is needed around it.
#ifndef THIMBLE_ATTENTION_H
#define THIMBLE_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

/// Floats from one to the next: batch, head, row (a query or a key), element of a row.
typedef struct { ptrdiff_t batch, head, row, element; } thimble_head_steps;

typedef struct {
    unsigned family;
    /// `heads` is a multiple of `key_heads`: so many heads share keys and values. `depth` is that of queries and keys.
    size_t batch, heads, key_heads, queries, keys, depth, value_depth;
    float scale;
    /// Whether query i sees only keys 0...i + causal_offset. One that sees none gives zeros.
    bool causal;
    ptrdiff_t causal_offset;
    /// Elements of rows of q and out lie side by side (their step is 1).
    thimble_head_steps q, k, v, out;
    /// Of the mask, which is added to the scaled product; 0 where it is broadcast. Its elements (keys) lie side by side.
    thimble_head_steps mask;

    // Made by prepare: each head is `parts` units; a unit takes `rows` queries at a time.
    size_t parts, rows;
} thimble_attention;

void thimble_attention_prepare(thimble_attention *attention);
/// Heads, or parts of their queries.
size_t thimble_attention_units(const thimble_attention *attention);
size_t thimble_attention_scratch(const thimble_attention *attention);
/// `mask` may be NULL. `out` must not overlap an input.
void thimble_attention_run(
    const thimble_attention *attention, const float *q, const float *k, const float *v, const float *mask, float *out, size_t first, size_t last,
    void *scratch);

#endif
