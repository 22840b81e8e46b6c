// What making and running an elementwise program share.
#ifndef THIMBLE_ELEMENTWISE_PARTS_H
#define THIMBLE_ELEMENTWISE_PARTS_H

#include "CKernels.h"

/// name, operands, picoseconds per element (of a wide family, roughly).
#define FOR_EACH_OPERATOR(X)                                                                                                            \
    X(NEG, 1, 40) X(ABS, 1, 40) X(SQUARE, 1, 40) X(SQRT, 1, 300) X(RECIPROCAL, 1, 300) X(EXP, 1, 300) X(LOG, 1, 350) X(SIN, 1, 900)     \
    X(COS, 1, 900) X(TANH, 1, 350) X(ERF, 1, 350) X(SIGMOID, 1, 350) X(SOFTPLUS, 1, 600) X(SOFTSIGN, 1, 300) X(RELU, 1, 40)             \
    X(HARD_SWISH, 1, 70) X(MISH, 1, 450) X(GELU, 1, 400) X(GELU_TANH, 1, 400) X(FLOOR, 1, 100) X(CEIL, 1, 100) X(ROUND, 1, 100)         \
    X(TRUNC, 1, 100) X(SIGN, 1, 60) X(NOT, 1, 40) X(IS_NAN, 1, 40) X(AFFINE, 1, 40) X(SWISH, 1, 350) X(ELU, 1, 300) X(SELU, 1, 300)     \
    X(CELU, 1, 500) X(LEAKY_RELU, 1, 40) X(HARD_SIGMOID, 1, 60) X(CLIP, 1, 40) X(THRESHOLDED_RELU, 1, 40) X(ADD, 2, 40) X(SUB, 2, 40)   \
    X(MUL, 2, 40) X(DIV, 2, 300) X(POW, 2, 3000) X(MIN, 2, 60) X(MAX, 2, 60) X(PRELU, 2, 60) X(FMOD, 2, 10000) X(EQUAL, 2, 60)          \
    X(LESS, 2, 60) X(LESS_OR_EQUAL, 2, 60) X(GREATER, 2, 60) X(GREATER_OR_EQUAL, 2, 60) X(AND, 2, 60) X(OR, 2, 60) X(XOR, 2, 60)        \
    X(WHERE, 3, 80) X(MULTIPLY_ADD, 3, 60)

enum { KIND_INPUT, KIND_CONSTANT, KIND_RESULT, KIND_UNUSED };

/// Where a block of a value lies.
enum {
    MODE_DIRECT,   // in the operand's own memory
    MODE_BUFFER,   // in a buffer
    MODE_SPLAT,    // one number, 16 times
};
/// When an input's buffer or splat is filled.
enum { FILL_NEVER, FILL_ONCE, FILL_BLOCKS };
enum { NO_PLACE = 255 };

enum { SMALLEST_BLOCK = 128, LARGEST_BLOCK = 1024, BUFFER_BYTES = 24 * 1024 };
/// Floats that hold one number.
enum { SPLAT = 16 };

static inline thimble_elementwise_operand *operand_at(thimble_elementwise *k, size_t i) {
    return i < k->input_count ? &k->inputs[i] : &k->outputs[i - k->input_count];
}

/// Whether a block's elements lie one after the other.
static inline bool is_dense(const thimble_elementwise *k, const thimble_elementwise_operand *o, size_t rows) {
    ptrdiff_t expected = 1;
    for (size_t d = k->rank; d-- > k->axis;) {
        if (d == k->axis && rows == 1) break;
        if (o->strides[d] != expected) return false;
        expected *= (ptrdiff_t)k->dims[d];
    }
    return true;
}

/// Marks what no output needs.
void elementwise_drop_unused(thimble_elementwise *k);
/// Blocks, and where values lie; `by_rows`: blocks may be parts of rows that are apart.
void elementwise_plan(thimble_elementwise *k, bool by_rows);

#endif
