#include "check.h"

static void along_axis(unsigned family, thimble_rows_op op, size_t outer, size_t axis, size_t inner) {
    size_t n = outer * axis * inner;
    bool keeps = op <= THIMBLE_ROWS_CUMULATED_SUM, counts = op >= THIMBLE_ROWS_ARG_MAX;
    size_t results = keeps ? n : outer * inner, bytes = results * (counts ? 8 : 4);
    float *x = random_floats(n);
    if (op == THIMBLE_ROWS_LOG_SUM) for (size_t i = 0; i < n; i++) x[i] = fabsf(x[i]) + 0.1f;
    void *y = memory(bytes), *again = memory(bytes);
    thimble_rows k = {.family = family, .op = (uint8_t)op, .outer = outer, .axis = axis, .inner = inner};
    RUN_BOTH_WAYS(thimble_rows_units(&k), y, again, bytes, "rows", family, thimble_rows_run(&k, x, to, first, last));
    double *expected = memory(results * sizeof *expected);
    int64_t *places = memory(results * sizeof *places);
    for (size_t o = 0; o < outer; o++) {
        for (size_t i = 0; i < inner; i++) {
            const float *from = x + o * axis * inner + i;
            double sum = 0, product = 1, most = -1e30, least = 1e30, l1 = 0, squares = 0, exps = 0, so_far = 0;
            int64_t at_most = 0, at_least = 0;
            for (size_t j = 0; j < axis; j++) {
                double v = from[j * inner];
                sum += v, product *= v, l1 += fabs(v), squares += v * v, exps += exp(v);
                if (v > most) most = v, at_most = (int64_t)j;
                if (v < least) least = v, at_least = (int64_t)j;
            }
            double *to = expected + (keeps ? o * axis * inner + i : o * inner + i);
            for (size_t j = 0; j < (keeps ? axis : 1); j++) {
                double v = from[j * inner];
                so_far += v;
                switch (op) {
                case THIMBLE_ROWS_SOFTMAX: v = exp(v) / exps; break;
                case THIMBLE_ROWS_LOG_SOFTMAX: v = v - log(exps); break;
                case THIMBLE_ROWS_L1_NORMALIZE: v = v / l1; break;
                case THIMBLE_ROWS_L2_NORMALIZE: v = v / sqrt(squares); break;
                case THIMBLE_ROWS_CUMULATED_SUM: v = so_far; break;
                case THIMBLE_ROWS_SUM: v = sum; break;
                case THIMBLE_ROWS_MEAN: v = sum / (double)axis; break;
                case THIMBLE_ROWS_PRODUCT: v = product; break;
                case THIMBLE_ROWS_MAX: v = most; break;
                case THIMBLE_ROWS_MIN: v = least; break;
                case THIMBLE_ROWS_L1: v = l1; break;
                case THIMBLE_ROWS_L2: v = sqrt(squares); break;
                case THIMBLE_ROWS_SUM_SQUARE: v = squares; break;
                case THIMBLE_ROWS_LOG_SUM: v = log(sum); break;
                case THIMBLE_ROWS_LOG_SUM_EXP: v = log(exps); break;
                default: break;
                }
                to[j * inner] = v;
            }
            if (counts) places[o * inner + i] = op == THIMBLE_ROWS_ARG_MAX ? at_most : at_least;
        }
    }
    char what[80];
    snprintf(what, sizeof what, "operator %d along [%zu][%zu][%zu]", op, outer, axis, inner);
    if (counts) expect_same(what, family, y, places, bytes);
    else expect_near(what, family, y, expected, results, 2e-6);
}

static void layer_norm(unsigned family, size_t rows, size_t columns, bool root) {
    size_t n = rows * columns;
    float *x = random_floats(n), *skip = random_floats(n), *bias = random_floats(columns), *scale = random_floats(columns), *shift = random_floats(columns), *y = new_floats(n);
    thimble_layer_norm k = {.family = family, .rows = rows, .columns = columns, .epsilon = 1e-5f, .root_mean_square = root};
    thimble_layer_norm_operands operands = {.x = x, .skip = skip, .bias = bias, .scale = scale, .shift = shift, .y = y};
    thimble_layer_norm_run(&k, &operands, 0, thimble_layer_norm_units(&k));
    double *expected = memory(n * sizeof *expected);
    for (size_t i = 0; i < rows; i++) {
        double mean = 0, square = 0;
        for (size_t j = 0; j < columns; j++) mean += ((double)x[i * columns + j] + skip[i * columns + j] + bias[j]) / (double)columns;
        if (root) mean = 0;
        for (size_t j = 0; j < columns; j++) {
            double s = (double)x[i * columns + j] + skip[i * columns + j] + bias[j] - mean;
            square += s * s / (double)columns;
            expected[i * columns + j] = s;
        }
        for (size_t j = 0; j < columns; j++) expected[i * columns + j] = expected[i * columns + j] / sqrt(square + 1e-5) * scale[j] + shift[j];
    }
    expect_near("layer normalization", family, y, expected, n, 1e-5);
}

static void group_norm(unsigned family, bool last_channels) {
    size_t batch = random_size(1, 3), groups = random_size(1, 5), each = random_size(1, 9), spatial = random_size(2, 90), channels = groups * each, n = batch * channels * spatial;
    float *x = random_floats(n), *scale = random_floats(channels), *shift = random_floats(channels), *y = new_floats(n), *again = new_floats(n);
    thimble_group_norm k = {.family = family, .batch = batch, .channels = channels, .spatial = spatial, .groups = groups, .epsilon = 1e-3f, .channels_last = last_channels};
    void *scratch = memory(thimble_group_norm_scratch(&k));
    RUN_BOTH_WAYS(thimble_group_norm_units(&k), y, again, n * sizeof *y, "group normalization", family,
                  thimble_group_norm_run(&k, x, scale, shift, to, first, last, scratch));
    double *expected = memory(n * sizeof *expected);
#define AT(b, c, s) (last_channels ? ((b) * spatial + (s)) * channels + (c) : ((b) * channels + (c)) * spatial + (s))
    for (size_t b = 0; b < batch; b++) {
        for (size_t g = 0; g < groups; g++) {
            double mean = 0, square = 0, count = (double)(each * spatial);
            for (size_t i = 0; i < each * spatial; i++) mean += x[AT(b, g * each + i / spatial, i % spatial)] / count;
            for (size_t i = 0; i < each * spatial; i++) square += pow(x[AT(b, g * each + i / spatial, i % spatial)] - mean, 2) / count;
            for (size_t i = 0; i < each * spatial; i++) {
                size_t c = g * each + i / spatial, at = AT(b, c, i % spatial);
                expected[at] = (x[at] - mean) / sqrt(square + 1e-3) * scale[c] + shift[c];
            }
        }
    }
    expect_near("group normalization", family, y, expected, n, 1e-5);
}

void check_rows(unsigned family) {
    static const size_t sizes[][3] = {{1, 1, 1}, {7, 33, 1}, {3, 257, 1}, {2, 5, 37}, {1, 128, 16}, {40, 3, 1}, {2, 100, 3}};
    for (int op = 0; op <= THIMBLE_ROWS_ARG_MIN; op++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) along_axis(family, (thimble_rows_op)op, sizes[i][0], sizes[i][1], sizes[i][2]);
    }
    for (int i = 0; i < 12; i++) layer_norm(family, random_size(1, 20), random_size(1, 400), i % 3 == 2);
    for (int i = 0; i < 12; i++) group_norm(family, i % 2);
}
