// Chains of elementwise operators in one pass over memory: a program of instructions over fp32 vectors, run on blocks that stay
// in the nearest cache. Also applied in place on the rows that a matrix product just wrote.
#ifndef THIMBLE_ELEMENTWISE_H
#define THIMBLE_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    THIMBLE_ELEMENTWISE_RANK = 8,      // axes of a shape; a caller merges axes where there are more
    THIMBLE_ELEMENTWISE_INPUTS = 16,
    THIMBLE_ELEMENTWISE_OUTPUTS = 4,
    THIMBLE_ELEMENTWISE_VALUES = 64,   // inputs, constants and instructions together
};

/// How values lie in memory. Loads convert to fp32 exactly but for integers above 2^24. Stores round to nearest even (fp16, bf16) or
/// toward zero (integers), saturate, and make 0 of NaN where the type is an integer; BOOL is 1 byte: anything but 0 is true.
typedef enum {
    THIMBLE_TYPE_F32, THIMBLE_TYPE_F16, THIMBLE_TYPE_BF16, THIMBLE_TYPE_I32, THIMBLE_TYPE_I64, THIMBLE_TYPE_I8, THIMBLE_TYPE_U8, THIMBLE_TYPE_BOOL,
} thimble_type;

/// What an instruction computes from values a, b, c and numbers p, q. Truth is 1 or 0; anything but 0 counts as true.
typedef enum {
    // of a
    THIMBLE_OP_NEG, THIMBLE_OP_ABS, THIMBLE_OP_SQUARE, THIMBLE_OP_SQRT, THIMBLE_OP_RECIPROCAL, THIMBLE_OP_EXP, THIMBLE_OP_LOG,
    THIMBLE_OP_SIN, THIMBLE_OP_COS, THIMBLE_OP_TANH, THIMBLE_OP_ERF, THIMBLE_OP_SIGMOID, THIMBLE_OP_SOFTPLUS, THIMBLE_OP_SOFTSIGN,
    THIMBLE_OP_RELU, THIMBLE_OP_HARD_SWISH, THIMBLE_OP_MISH,
    THIMBLE_OP_GELU,       // with erf
    THIMBLE_OP_GELU_TANH,  // with tanh
    THIMBLE_OP_FLOOR, THIMBLE_OP_CEIL,
    THIMBLE_OP_ROUND,      // half to even
    THIMBLE_OP_TRUNC, THIMBLE_OP_SIGN, THIMBLE_OP_NOT, THIMBLE_OP_IS_NAN,
    // of a and numbers
    THIMBLE_OP_AFFINE,             // a * p + q, rounded once where the processor can
    THIMBLE_OP_SWISH,              // a * sigmoid(p * a): SiLU with p = 1, QuickGelu with p = 1.702
    THIMBLE_OP_ELU,                // p: alpha
    THIMBLE_OP_SELU,               // p: alpha, q: gamma
    THIMBLE_OP_CELU,               // p: alpha
    THIMBLE_OP_LEAKY_RELU,         // p: slope
    THIMBLE_OP_HARD_SIGMOID,       // p: alpha, q: beta
    THIMBLE_OP_CLIP,               // p: least, q: largest
    THIMBLE_OP_THRESHOLDED_RELU,   // p: alpha
    // of a and b
    THIMBLE_OP_ADD, THIMBLE_OP_SUB, THIMBLE_OP_MUL, THIMBLE_OP_DIV, THIMBLE_OP_POW,
    THIMBLE_OP_MIN, THIMBLE_OP_MAX,  // NaN if either is
    THIMBLE_OP_PRELU,                // b: slope
    THIMBLE_OP_FMOD,                 // exact remainder with the sign of a
    THIMBLE_OP_EQUAL, THIMBLE_OP_LESS, THIMBLE_OP_LESS_OR_EQUAL, THIMBLE_OP_GREATER, THIMBLE_OP_GREATER_OR_EQUAL,
    THIMBLE_OP_AND, THIMBLE_OP_OR, THIMBLE_OP_XOR,
    // of a, b and c
    THIMBLE_OP_WHERE,         // a ? b : c
    THIMBLE_OP_MULTIPLY_ADD,  // a * b + c, rounded once where the processor can
} thimble_op;
enum { THIMBLE_OP_COUNT = THIMBLE_OP_MULTIPLY_ADD + 1 };

/// An operand in memory: element [i0, i1, …] is at i0 * strides[0] + i1 * strides[1] + …, counted in elements, from its pointer.
typedef struct {
    uint8_t type;   // thimble_type
    uint8_t value;  // which value it is
    uint8_t mode;   // derived: how a block of it is reached
    uint8_t place;  // derived: its buffer
    ptrdiff_t strides[THIMBLE_ELEMENTWISE_RANK];
} thimble_elementwise_operand;

/// An input, a constant or the result of an instruction.
typedef struct {
    uint8_t kind, op, a, b, c;
    uint8_t mode, place;  // derived: where a block of it lies
    float p, q;
} thimble_elementwise_value;

/// A program and the shape that it runs over. Made by the functions below; fields are for them alone.
typedef struct {
    unsigned family;
    size_t rank, dims[THIMBLE_ELEMENTWISE_RANK];
    size_t value_count, input_count, output_count;
    thimble_elementwise_value values[THIMBLE_ELEMENTWISE_VALUES];
    thimble_elementwise_operand inputs[THIMBLE_ELEMENTWISE_INPUTS], outputs[THIMBLE_ELEMENTWISE_OUTPUTS];
    bool failed;          // something did not fit
    // Derived: a block is `rows` indices of `axis` with all of the `inner` elements below each; `pieces` blocks cover the axis.
    size_t axis, inner, rows, pieces, slices, unit_blocks;
    size_t block, buffer_count, splat_count;
} thimble_elementwise;

/// Begins an empty program over a shape; rank 0 is a scalar. `family`: a family of processors up to thimble_processor().
void thimble_elementwise_begin(thimble_elementwise *k, unsigned family, const size_t *dims, size_t rank);
/// Adds an input, with one stride per axis of the shape (0: the same for all indices, broadcast; may be negative); its value's
/// number. Inputs are counted from 0 in the order of these calls.
unsigned thimble_elementwise_input(thimble_elementwise *k, thimble_type type, const ptrdiff_t *strides);
/// Adds a number; its value's number.
unsigned thimble_elementwise_constant(thimble_elementwise *k, float number);
/// Adds an instruction on earlier values (those that the operator lacks are ignored); its result's number.
unsigned thimble_elementwise_apply(thimble_elementwise *k, thimble_op op, unsigned a, unsigned b, unsigned c, float p, float q);
/// Adds an output: stores a value. Strides as for inputs; no two elements may share a place.
void thimble_elementwise_output(thimble_elementwise *k, thimble_type type, const ptrdiff_t *strides, unsigned value);
/// Plans the blocks. False if there are too many values, inputs or outputs, an unknown operator or type, or no output.
bool thimble_elementwise_prepare(thimble_elementwise *k);
/// Independent units of work, each about 4 us.
size_t thimble_elementwise_units(const thimble_elementwise *k);
/// Bytes of scratch for each thread, aligned to 64 bytes.
size_t thimble_elementwise_scratch(const thimble_elementwise *k);
/// Does units first ..< last. An output may be the very memory of an input of the same type and strides; else nothing may overlap.
void thimble_elementwise_run(
    const thimble_elementwise *k, const void *const *inputs, void *const *outputs, size_t first, size_t last, void *scratch);

/// A program applied in place to blocks of a matrix. `inputs` is the caller's to set; the rest is for the functions below.
typedef struct {
    thimble_elementwise tiles, rows;  // for blocks of whole rows, and for any others
    const void *const *inputs;        // the program's inputs from row 0 and column 0 on; inputs[0], the matrix, is not looked at
} thimble_epilogue_program;

/// Makes an epilogue of a program (not prepared) over the matrix's [rows, columns], whose first input and only output are the matrix
/// in fp32, with unit stride along a row. Other inputs may be a value per element, per column, per row, or one. False as prepare.
bool thimble_epilogue_program_prepare(thimble_epilogue_program *e, const thimble_elementwise *program);
/// Applies `context`, a thimble_epilogue_program, to a block: `rows` points at its first element, which is at [first_row, first_column].
/// Is a thimble_epilogue (thimble_matmul.h). Needs no scratch, and gives the same however the matrix is cut.
void thimble_elementwise_epilogue(
    const void *context, float *rows, size_t row_count, size_t column_count, size_t row_stride, size_t first_row, size_t first_column);

#endif
