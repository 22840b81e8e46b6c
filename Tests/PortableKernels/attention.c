#include "check.h"

static void attention(unsigned family, bool causal, bool masked) {
    size_t batch = random_size(1, 3), key_heads = random_size(1, 4), heads = key_heads * random_size(1, 3), queries = random_size(1, 50), keys = random_size(1, 60);
    size_t depth = random_size(1, 40), value_depth = random_size(1, 40), results = batch * queries * heads * value_depth;
    // [batch][row][head][element], as projections leave them; the mask is [query][key].
    float *q = random_floats(batch * queries * heads * depth), *k = random_floats(batch * keys * key_heads * depth), *v = random_floats(batch * keys * key_heads * value_depth);
    float *mask = random_floats(queries * keys), *y = new_floats(results), *again = new_floats(results);
#define STEPS(rows, heads, depth) {(ptrdiff_t)((rows) * (heads) * (depth)), (ptrdiff_t)(depth), (ptrdiff_t)((heads) * (depth)), 1}
    thimble_attention a = {
        .family = family, .batch = batch, .heads = heads, .key_heads = key_heads, .queries = queries, .keys = keys, .depth = depth, .value_depth = value_depth,
        .scale = 0.3f, .causal = causal, .causal_offset = 1, .q = STEPS(queries, heads, depth), .k = STEPS(keys, key_heads, depth),
        .v = STEPS(keys, key_heads, value_depth), .out = STEPS(queries, heads, value_depth), .mask = {0, 0, (ptrdiff_t)keys, 1}};
    thimble_attention_prepare(&a);
    void *scratch = memory(thimble_attention_scratch(&a));
    RUN_BOTH_WAYS(thimble_attention_units(&a), y, again, results * sizeof *y, "attention", family,
                  thimble_attention_run(&a, q, k, v, masked ? mask : NULL, to, first, last, scratch));
    double *expected = memory(results * sizeof *expected), *row = memory(keys * sizeof *row);
    for (size_t i = 0; i < batch * heads * queries; i++) {
        size_t query = i % queries, head = i / queries % heads, b = i / queries / heads, shared = head / (heads / key_heads);
        size_t seen = causal && query + 2 < keys ? query + 2 : keys;
        double sum = 0, most = -1e30;
        for (size_t j = 0; j < seen; j++) {
            row[j] = 0;
            for (size_t e = 0; e < depth; e++) row[j] += (double)q[((b * queries + query) * heads + head) * depth + e] * k[((b * keys + j) * key_heads + shared) * depth + e];
            row[j] = row[j] * 0.3 + (masked ? mask[query * keys + j] : 0);
            most = fmax(most, row[j]);
        }
        for (size_t j = 0; j < seen; j++) sum += row[j] = exp(row[j] - most);
        for (size_t e = 0; e < value_depth; e++) {
            double value = 0;
            for (size_t j = 0; j < seen; j++) value += row[j] / sum * v[((b * keys + j) * key_heads + shared) * value_depth + e];
            expected[((b * queries + query) * heads + head) * value_depth + e] = value;
        }
    }
    expect_near("attention", family, y, expected, results, 1e-5);
}

void check_attention(unsigned family) {
    for (int i = 0; i < 24; i++) attention(family, i % 2, i / 2 % 2);
}
