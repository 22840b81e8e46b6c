#include "check.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double of_gelu(double x) { return 0.5 * x * (1 + erf(x / sqrt(2))); }
static double of_gelu_tanh(double x) { return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))); }
static double of_swish(double x) { return x * sigmoid(1.5 * x); }
static double of_softplus(double x) { return log1p(exp(x)); }
static double of_mish(double x) { return x * tanh(log1p(exp(x))); }
static double of_hard_swish(double x) { return x * fmin(fmax(x / 6 + 0.5, 0), 1); }
static double of_affine(double x) { return 1.5 * x + 0.25; }
static double of_elu(double x) { return x < 0 ? 1.5 * expm1(x) : x; }
static double of_relu(double x) { return fmax(x, 0); }
static double of_square(double x) { return x * x; }
static double of_reciprocal(double x) { return 1 / x; }
static double of_negative(double x) { return -x; }

static void function(unsigned family, const char *name, thimble_op op, double (*exact)(double), double low, double high) {
    size_t n = random_size(900, 1200);
    float *x = random_floats(n), *y = new_floats(n), *again = new_floats(n), one[1];
    double *expected = memory(n * sizeof *expected);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)(low + (high - low) * (x[i] + 1) / 2);
        expected[i] = exact(x[i]);
    }
    ptrdiff_t stride = 1;
    thimble_elementwise k;
    thimble_elementwise_begin(&k, family, &n, 1);
    unsigned value = thimble_elementwise_input(&k, THIMBLE_TYPE_F32, &stride);
    thimble_elementwise_output(&k, THIMBLE_TYPE_F32, &stride, thimble_elementwise_apply(&k, op, value, value, value, 1.5f, 0.25f));
    if (!thimble_elementwise_prepare(&k)) abort();
    void *scratch = memory(thimble_elementwise_scratch(&k));
    const void *inputs[] = {x};
    RUN_BOTH_WAYS(thimble_elementwise_units(&k), y, again, n * sizeof *y, "function", family, {
        void *outputs[] = {to};
        thimble_elementwise_run(&k, inputs, outputs, first, last, scratch);
    });
    expect_near(name, family, y, expected, n, 1e-6);
    // An element's result does not depend on where it lies.
    n = 1;
    thimble_elementwise_begin(&k, family, &n, 1);
    value = thimble_elementwise_input(&k, THIMBLE_TYPE_F32, &stride);
    thimble_elementwise_output(&k, THIMBLE_TYPE_F32, &stride, thimble_elementwise_apply(&k, op, value, value, value, 1.5f, 0.25f));
    if (!thimble_elementwise_prepare(&k)) abort();
    scratch = memory(thimble_elementwise_scratch(&k));
    for (size_t i = 0; i < 40; i++) {
        const void *input[] = {x + i};
        void *output[] = {one};
        thimble_elementwise_run(&k, input, output, 0, 1, scratch);
        expect_same(name, family, one, y + i, sizeof *one);
    }
}

/// (a + b) * c with broadcast operands, narrow types and a result with steps.
static void program(unsigned family) {
    size_t dims[3] = {random_size(1, 5), random_size(1, 20), random_size(1, 300)}, n = dims[0] * dims[1] * dims[2];
    float *a = random_floats(n), *b = random_floats(dims[2]), *y = new_floats(n);
    int8_t *c = memory(dims[1]);
    for (size_t i = 0; i < dims[1]; i++) c[i] = (int8_t)random_bits();
    ptrdiff_t dense[3] = {(ptrdiff_t)(dims[1] * dims[2]), (ptrdiff_t)dims[2], 1}, last[3] = {0, 0, 1}, middle[3] = {0, 1, 0};
    // The result has its last two axes exchanged.
    ptrdiff_t turned[3] = {(ptrdiff_t)(dims[1] * dims[2]), 1, (ptrdiff_t)dims[1]};
    thimble_elementwise k;
    thimble_elementwise_begin(&k, family, dims, 3);
    unsigned va = thimble_elementwise_input(&k, THIMBLE_TYPE_F32, dense), vb = thimble_elementwise_input(&k, THIMBLE_TYPE_F32, last);
    unsigned vc = thimble_elementwise_input(&k, THIMBLE_TYPE_I8, middle), sum = thimble_elementwise_apply(&k, THIMBLE_OP_ADD, va, vb, 0, 0, 0);
    thimble_elementwise_output(&k, THIMBLE_TYPE_F32, turned, thimble_elementwise_apply(&k, THIMBLE_OP_MUL, sum, vc, 0, 0, 0));
    if (!thimble_elementwise_prepare(&k)) abort();
    const void *inputs[] = {a, b, c};
    void *outputs[] = {y}, *scratch = memory(thimble_elementwise_scratch(&k));
    thimble_elementwise_run(&k, inputs, outputs, 0, thimble_elementwise_units(&k), scratch);
    double *expected = memory(n * sizeof *expected);
    for (size_t i = 0; i < n; i++) {
        size_t z = i % dims[2], m = i / dims[2] % dims[1], o = i / dims[2] / dims[1];
        expected[(o * dims[2] + z) * dims[1] + m] = ((double)a[i] + b[z]) * c[m];
    }
    expect_near("program", family, y, expected, n, 1e-6);
}

/// A program at the end of a product, whole and in a part of wider rows.
static void epilogue(unsigned family, size_t n, size_t gap) {
    size_t m = random_size(1, 70), k = random_size(1, 20), stride = n + gap;
    float *a = random_floats(m * k), *b = random_floats(k * n), *columns = random_floats(n), *rows = random_floats(m), *y = new_floats(m * stride), *dense = new_floats(m * n);
    size_t dims[2] = {m, n};
    ptrdiff_t matrix[2] = {(ptrdiff_t)n, 1}, of_columns[2] = {0, 1}, of_rows[2] = {1, 0};
    thimble_elementwise program;
    thimble_elementwise_begin(&program, family, dims, 2);
    unsigned value = thimble_elementwise_input(&program, THIMBLE_TYPE_F32, matrix), column = thimble_elementwise_input(&program, THIMBLE_TYPE_F32, of_columns);
    unsigned row = thimble_elementwise_input(&program, THIMBLE_TYPE_F32, of_rows);
    bool uses_rows = random_bits() % 2;
    value = thimble_elementwise_apply(&program, THIMBLE_OP_ADD, value, column, 0, 0, 0);
    value = thimble_elementwise_apply(&program, THIMBLE_OP_SWISH, value, 0, 0, 1, 0);
    if (uses_rows) value = thimble_elementwise_apply(&program, THIMBLE_OP_MUL, value, row, 0, 0, 0);
    thimble_elementwise_output(&program, THIMBLE_TYPE_F32, matrix, value);
    const void *inputs[] = {NULL, columns, rows};
    thimble_epilogue_program end = {.inputs = NULL};
    if (!thimble_epilogue_program_prepare(&end, &program)) abort();
    end.inputs = inputs;
    thimble_matmul p = {
        .family = family, .m = m, .n = n, .k = k, .a_stride = k, .c_stride = stride, .low = -INFINITY, .high = INFINITY,
        .epilogue = thimble_elementwise_epilogue, .context = &end};
    thimble_matmul_prepare(&p);
    void *packed = memory(thimble_matmul_pack_size(&p));
    thimble_matmul_pack(&p, b, n, 1, 1, packed);
    thimble_matmul_run(&p, a, packed, NULL, NULL, y, 0, thimble_matmul_units(&p), NULL);
    double *expected = memory(m * n * sizeof *expected);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = columns[j];
            for (size_t s = 0; s < k; s++) sum += (double)a[i * k + s] * b[s * n + j];
            expected[i * n + j] = sum * sigmoid(sum) * (uses_rows ? rows[i] : 1);
            dense[i * n + j] = y[i * stride + j];
        }
    }
    expect_near("end of a product", family, dense, expected, m * n, 1e-5);
}

void check_elementwise(unsigned family) {
    function(family, "exp", THIMBLE_OP_EXP, exp, -20, 3);
    function(family, "log", THIMBLE_OP_LOG, log, 1e-3, 50);
    function(family, "sin", THIMBLE_OP_SIN, sin, -100, 100);
    function(family, "cos", THIMBLE_OP_COS, cos, -100, 100);
    function(family, "tanh", THIMBLE_OP_TANH, tanh, -10, 10);
    function(family, "erf", THIMBLE_OP_ERF, erf, -5, 5);
    function(family, "sigmoid", THIMBLE_OP_SIGMOID, sigmoid, -30, 30);
    function(family, "softplus", THIMBLE_OP_SOFTPLUS, of_softplus, -20, 20);
    function(family, "mish", THIMBLE_OP_MISH, of_mish, -20, 20);
    function(family, "gelu", THIMBLE_OP_GELU, of_gelu, -6, 6);
    function(family, "gelu with tanh", THIMBLE_OP_GELU_TANH, of_gelu_tanh, -6, 6);
    function(family, "swish", THIMBLE_OP_SWISH, of_swish, -30, 30);
    function(family, "hard swish", THIMBLE_OP_HARD_SWISH, of_hard_swish, -6, 6);
    function(family, "affine", THIMBLE_OP_AFFINE, of_affine, -3, 3);
    function(family, "elu", THIMBLE_OP_ELU, of_elu, -5, 5);
    function(family, "relu", THIMBLE_OP_RELU, of_relu, -1, 1);
    function(family, "square", THIMBLE_OP_SQUARE, of_square, -5, 5);
    function(family, "square root", THIMBLE_OP_SQRT, sqrt, 0, 100);
    function(family, "reciprocal", THIMBLE_OP_RECIPROCAL, of_reciprocal, 0.1, 4);
    function(family, "negative", THIMBLE_OP_NEG, of_negative, -4, 4);
    function(family, "floor", THIMBLE_OP_FLOOR, floor, -40, 40);
    function(family, "ceil", THIMBLE_OP_CEIL, ceil, -40, 40);
    function(family, "round", THIMBLE_OP_ROUND, nearbyint, -40, 40);
    function(family, "trunc", THIMBLE_OP_TRUNC, trunc, -40, 40);
    for (int i = 0; i < 10; i++) program(family);
    for (size_t i = 0; i < 12; i++) epilogue(family, i < 4 ? 1 + i / 2 : random_size(1, 200), i % 2 * 5);
}
