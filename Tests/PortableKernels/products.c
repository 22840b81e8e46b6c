#include "check.h"

/// c = a · b (+ bias) (+ residual), clamped, rows of a and c further apart than they are long.
static void product(unsigned family, size_t m, size_t n, size_t k, bool transposed) {
    size_t a_stride = k + random_size(0, 3), c_stride = n + random_size(0, 3);
    float *a = random_floats(m * a_stride), *b = random_floats(k * n), *bias = random_floats(n), *residual = random_floats(m * n);
    bool clamps = random_bits() % 2;
    thimble_matmul p = {
        .family = family, .m = m, .n = n, .k = k, .a_stride = a_stride, .c_stride = c_stride, .residual_stride = n, .low = clamps ? -0.5f : -INFINITY,
        .high = clamps ? 1.5f : INFINITY};
    thimble_matmul_prepare(&p);
    void *packed = memory(thimble_matmul_pack_size(&p)), *scratch = memory(thimble_matmul_scratch(&p));
    const size_t size = thimble_matmul_pack_size(&p), k_step = transposed ? 1 : n, n_step = transposed ? k : 1, unit = thimble_matmul_pack_unit(&p, k_step, n_step);
    void *pieces = memory(size);
    memset(packed, 0, size);
    memset(pieces, 0, size);
    thimble_matmul_pack(&p, b, k_step, n_step, 0.5f, packed);
    for (size_t last = k * n, first; last > 0; last = first) {
        first = (last - 1) / unit * unit;
        thimble_matmul_pack_part(&p, b + first, first, last, k_step, n_step, 0.5f, pieces);
    }
    expect_same("b in pieces", family, pieces, packed, size);
    float *c = new_floats(m * c_stride), *again = new_floats(m * c_stride), *dense = new_floats(m * n);
    RUN_BOTH_WAYS(thimble_matmul_units(&p), c, again, m * c_stride * sizeof *c, "product", family,
                  thimble_matmul_run(&p, a, packed, bias, residual, to, first, last, scratch));
    double *expected = memory(m * n * sizeof *expected);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = bias[j] + residual[i * n + j];
            for (size_t s = 0; s < k; s++) sum += 0.5 * a[i * a_stride + s] * b[transposed ? j * k + s : s * n + j];
            expected[i * n + j] = fmin(fmax(sum, p.low), p.high);
            dense[i * n + j] = c[i * c_stride + j];
        }
    }
    expect_near("product", family, dense, expected, m * n, 1e-5);
}

static void general_product(unsigned family, size_t m, size_t n, size_t k) {
    float *a = random_floats(m * k), *b = random_floats(n * k), *c = random_floats(m * n);
    double *expected = memory(m * n * sizeof *expected);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            expected[i * n + j] = c[i * n + j];
            for (size_t s = 0; s < k; s++) expected[i * n + j] += 0.25 * a[s * m + i] * b[j * k + s];
        }
    }
    thimble_product p = {.m = m, .n = n, .k = k, .alpha = 0.25f, .a = a, .a_row = 1, .a_column = m, .b = b, .b_row = 1, .b_column = k, .c = c, .c_row = n, .add = true};
    thimble_product_run_as(family, &p, memory(THIMBLE_PRODUCT_SCRATCH * sizeof(float)));
    expect_near("product of any steps", family, c, expected, m * n, 1e-5);
}

void check_products(unsigned family) {
    static const size_t sizes[][3] = {{1, 1, 1}, {1, 67, 130}, {2, 16, 3}, {5, 33, 7}, {13, 100, 31}, {29, 48, 64}, {97, 65, 5}, {130, 15, 300}, {7, 257, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        product(family, sizes[i][0], sizes[i][1], sizes[i][2], i % 2);
        general_product(family, sizes[i][0], sizes[i][1], sizes[i][2]);
    }
    for (int i = 0; i < 30; i++) product(family, random_size(1, 60), random_size(1, 90), random_size(1, 70), i % 2);
}

// --- weights that stay codes

static void codes_product(unsigned family, size_t m, size_t n, size_t k, unsigned bits, size_t group, thimble_codes_kind kind, bool zeros) {
    size_t groups = (k + group - 1) / group, entries = (size_t)1 << bits;
    int32_t *codes = memory(n * k * sizeof *codes);
    for (size_t i = 0; i < n * k; i++) codes[i] = (int32_t)(random_bits() % entries);
    size_t size = (n * k * bits + 7) / 8;
    uint8_t *stream = memory(size);
    thimble_pack_codes(codes, n * k, bits, stream);
    float *scale = random_floats(n * groups), *zero = memory(n * groups * sizeof *zero), *table = random_floats(entries);
    for (size_t i = 0; i < n * groups; i++) zero[i] = zeros ? (float)(random_bits() % entries) : (float)(entries / 2);
    float *a = random_floats(m * k), *bias = random_floats(n), *c = new_floats(m * n), *again = new_floats(m * n);
    thimble_codes p = {.family = family, .m = m, .n = n, .k = k, .a_stride = k, .c_stride = n, .kind = kind, .bits = bits, .group = group, .zeros = zeros, .low = -INFINITY, .high = INFINITY};
    thimble_codes_prepare(&p);
    // Codes lie [n][k], as com.microsoft:MatMulNBits has them.
    thimble_codes_source source = {
        .codes = stream, .size = size, .k_step = 1, .n_step = k, .pivot = (int32_t)(entries / 2), .scale = scale, .scale_grid = {1, groups, 1}, .zero = zeros ? zero : NULL, .zero_grid = {1, groups, 1}, .table = table};
    void *packed = memory(thimble_codes_pack_size(&p)), *scratch = memory(thimble_codes_scratch(&p));
    if (!thimble_codes_pack(&p, &source, packed)) abort();
    RUN_BOTH_WAYS(thimble_codes_units(&p), c, again, m * n * sizeof *c, "product with codes", family,
                  thimble_codes_run(&p, a, packed, bias, NULL, to, first, last, scratch));
    double *expected = memory(m * n * sizeof *expected);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = bias[j];
            for (size_t s = 0; s < k; s++) {
                size_t at = j * groups + s / group;
                double w = kind == THIMBLE_CODES_TABLE ? table[codes[j * k + s]] : (codes[j * k + s] - (double)zero[at]) * scale[at];
                sum += a[i * k + s] * w;
            }
            expected[i * n + j] = sum;
        }
    }
    expect_near("product with codes", family, c, expected, m * n, 2e-5);
}

void check_codes(unsigned family) {
    for (unsigned bits = 1; bits <= 8; bits++) {
        for (int i = 0; i < 3; i++) {
            size_t m = i == 0 ? 1 : i == 1 ? random_size(2, 8) : random_size(8, 40), n = random_size(1, 80), k = random_size(1, 120);
            codes_product(family, m, n, k, bits, 32, THIMBLE_CODES_AFFINE, bits % 2);
            codes_product(family, m, n, k, bits, k, THIMBLE_CODES_AFFINE, bits % 2 == 0);
            codes_product(family, m, n, k, bits, k, THIMBLE_CODES_TABLE, false);
        }
    }
}
