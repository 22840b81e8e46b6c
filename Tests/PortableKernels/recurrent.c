#include "check.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/// One direction, sequences of several lengths. Gates in ONNX's order: LSTM i o f c, GRU z r h.
static void recurrent(unsigned family, unsigned kind, bool reverse, bool linear) {
    size_t gates = kind == THIMBLE_LSTM ? 4 : kind == THIMBLE_GRU ? 3 : 1, steps = random_size(1, 9), batch = random_size(1, 5), input = random_size(1, 40), hidden = random_size(1, 45);
    float *x = random_floats(steps * batch * input), *w = random_floats(gates * hidden * input), *r = random_floats(gates * hidden * hidden), *b = random_floats(2 * gates * hidden);
    float *h0 = random_floats(batch * hidden), *c0 = random_floats(batch * hidden), *y = new_floats(steps * batch * hidden), *yh = new_floats(batch * hidden), *yc = new_floats(batch * hidden);
    int32_t *lengths = memory(batch * sizeof *lengths);
    for (size_t i = 0; i < batch; i++) lengths[i] = (int32_t)random_size(0, steps + 1);
    thimble_recurrent k = {
        .kind = kind, .family = family, .steps = steps, .batch = batch, .input = input, .hidden = hidden, .reverse = reverse, .linear_before_reset = linear,
        .x_step = batch * input, .x_batch = input, .y_step = batch * hidden, .y_batch = hidden, .state_batch = hidden};
    thimble_recurrent_prepare(&k);
    void *packed = memory(thimble_recurrent_pack_size(&k)), *scratch = memory(thimble_recurrent_scratch(&k));
    thimble_recurrent_pack(&k, w, r, b, NULL, packed);
    thimble_recurrent_run(&k, x, lengths, h0, kind == THIMBLE_LSTM ? c0 : NULL, packed, y, yh, kind == THIMBLE_LSTM ? yc : NULL, 0, thimble_recurrent_units(&k), scratch);

    double *expected = memory(steps * batch * hidden * sizeof *expected), *h = memory(hidden * sizeof *h), *c = memory(hidden * sizeof *c);
    double *last = memory(batch * hidden * sizeof *last), *g = memory(gates * hidden * sizeof *g), *inner = memory(hidden * sizeof *inner);
    for (size_t i = 0; i < steps * batch * hidden; i++) expected[i] = 0;
    for (size_t s = 0; s < batch; s++) {
        for (size_t i = 0; i < hidden; i++) h[i] = h0[s * hidden + i], c[i] = c0[s * hidden + i];
        for (size_t t = 0; t < (size_t)lengths[s]; t++) {
            size_t at = reverse ? (size_t)lengths[s] - 1 - t : t;
            for (size_t j = 0; j < gates * hidden; j++) {
                double of_x = b[j], of_h = b[gates * hidden + j];
                for (size_t i = 0; i < input; i++) of_x += (double)w[j * input + i] * x[(at * batch + s) * input + i];
                for (size_t i = 0; i < hidden; i++) of_h += (double)r[j * hidden + i] * h[i];
                g[j] = of_x + of_h;
                // The third gate of a GRU keeps them apart.
                if (kind == THIMBLE_GRU && j >= 2 * hidden) g[j] = of_x, inner[j - 2 * hidden] = of_h;
            }
            if (kind == THIMBLE_GRU && !linear) {
                for (size_t j = 0; j < hidden; j++) {
                    inner[j] = b[5 * hidden + j];
                    for (size_t i = 0; i < hidden; i++) inner[j] += r[(2 * hidden + j) * hidden + i] * sigmoid(g[hidden + i]) * h[i];
                }
            }
            for (size_t i = 0; i < hidden; i++) {
                if (kind == THIMBLE_LSTM) {
                    c[i] = sigmoid(g[2 * hidden + i]) * c[i] + sigmoid(g[i]) * tanh(g[3 * hidden + i]);
                    h[i] = sigmoid(g[hidden + i]) * tanh(c[i]);
                } else if (kind == THIMBLE_GRU) {
                    double z = sigmoid(g[i]), third = tanh(g[2 * hidden + i] + (linear ? sigmoid(g[hidden + i]) : 1) * inner[i]);
                    h[i] = (1 - z) * third + z * h[i];
                } else {
                    h[i] = tanh(g[i]);
                }
                expected[(at * batch + s) * hidden + i] = h[i];
            }
        }
        for (size_t i = 0; i < hidden; i++) last[s * hidden + i] = h[i];
    }
    expect_near("states", family, y, expected, steps * batch * hidden, 1e-5);
    expect_near("last state", family, yh, last, batch * hidden, 1e-5);
}

void check_recurrent(unsigned family) {
    for (int i = 0; i < 24; i++) recurrent(family, (unsigned)i % 3, i / 3 % 2, i / 6 % 2);
}
