// One matrix product for one family of processors. Included by product.c with LANES (floats of a vector), ROWS and VECTORS
// (the tile of the result that stays in registers), TARGET (a function attribute) and NAME(x) defined.
// No include guard: it is meant to be included several times.

typedef float NAME(vector) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

enum { NAME(columns) = LANES * VECTORS };

static inline TARGET __attribute__((always_inline)) NAME(vector) NAME(load)(const float *p) { return *(const NAME(vector) *)p; }
static inline TARGET __attribute__((always_inline)) void NAME(store)(float *p, NAME(vector) v) { *(NAME(vector) *)p = v; }

/// c[ROWS x columns] (+)= a·b; a is packed ROWS per step, b `columns` per step. Only rows x columns of the tile exist in c.
static TARGET __attribute__((noinline)) void NAME(tile)(
    size_t k, const float *restrict a, const float *restrict b, float *restrict c, size_t stride, size_t rows, size_t columns, bool add) {
#pragma clang fp contract(fast)
    NAME(vector) sum[ROWS][VECTORS] = {0};
    for (size_t step = 0; step < k; step++) {
        NAME(vector) right[VECTORS];
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) right[j] = NAME(load)(b + j * LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < ROWS; i++) {
            NAME(vector) left = a[i] - (NAME(vector)){0};
#pragma clang loop unroll(full)
            for (int j = 0; j < VECTORS; j++) sum[i][j] += left * right[j];
        }
        a += ROWS;
        b += NAME(columns);
    }
    if (rows == ROWS && columns == NAME(columns)) {
#pragma clang loop unroll(full)
        for (int i = 0; i < ROWS; i++) {
#pragma clang loop unroll(full)
            for (int j = 0; j < VECTORS; j++) {
                float *at = c + i * stride + j * LANES;
                NAME(store)(at, add ? NAME(load)(at) + sum[i][j] : sum[i][j]);
            }
        }
        return;
    }
    float edge[ROWS][LANES * VECTORS];
#pragma clang loop unroll(full)
    for (int i = 0; i < ROWS; i++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < VECTORS; j++) NAME(store)(&edge[i][j * LANES], sum[i][j]);
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) c[i * stride + j] = edge[i][j] + (add ? c[i * stride + j] : 0);
    }
}

static TARGET void NAME(pack_left)(const thimble_product *p, size_t first, size_t rows, size_t start, size_t k, float *out) {
    const float *a = p->a + first * p->a_row + start * p->a_column;
    for (size_t tile = 0; tile < rows; tile += ROWS) {
        size_t here = rows - tile < ROWS ? rows - tile : ROWS;
        for (size_t i = 0; i < ROWS; i++) {
            if (i >= here) {
                for (size_t step = 0; step < k; step++) out[step * ROWS + i] = 0;
                continue;
            }
            const float *row = a + (tile + i) * p->a_row;
            if (p->a_column == 1) {
                for (size_t step = 0; step < k; step++) out[step * ROWS + i] = row[step] * p->alpha;
            } else {
                for (size_t step = 0; step < k; step++) out[step * ROWS + i] = row[step * p->a_column] * p->alpha;
            }
        }
        out += ROWS * k;
    }
}

static TARGET void NAME(pack_right)(const thimble_product *p, size_t first, size_t columns, size_t start, size_t k, float *out) {
    const float *b = p->b + first * p->b_column + start * p->b_row;
    for (size_t tile = 0; tile < columns; tile += NAME(columns)) {
        size_t here = columns - tile < NAME(columns) ? columns - tile : NAME(columns);
        const float *from = b + tile * p->b_column;
        if (p->b_column == 1 && here == NAME(columns)) {
            for (size_t step = 0; step < k; step++) {
#pragma clang loop unroll(full)
                for (int j = 0; j < VECTORS; j++) NAME(store)(out + step * NAME(columns) + j * LANES, NAME(load)(from + step * p->b_row + j * LANES));
            }
        } else {
            for (size_t j = 0; j < NAME(columns); j++) {
                const float *column = from + j * p->b_column;
                if (j < here) {
                    for (size_t step = 0; step < k; step++) out[step * NAME(columns) + j] = column[step * p->b_row];
                } else {
                    for (size_t step = 0; step < k; step++) out[step * NAME(columns) + j] = 0;
                }
            }
        }
        out += NAME(columns) * k;
    }
}

static inline TARGET __attribute__((always_inline)) float NAME(total)(NAME(vector) v) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/// One row of the result without packing: b is read once anyway.
static TARGET void NAME(row)(const thimble_product *p, const float *restrict a, float *restrict c) {
#pragma clang fp contract(fast)
    if (p->b_row == 1 && p->a_column == 1) {
        for (size_t j = 0; j < p->n; j++) {
            const float *column = p->b + j * p->b_column;
            NAME(vector) x = {0}, y = {0};
            size_t step = 0;
            for (; step + 2 * LANES <= p->k; step += 2 * LANES) {
                x += NAME(load)(a + step) * NAME(load)(column + step);
                y += NAME(load)(a + step + LANES) * NAME(load)(column + step + LANES);
            }
            float sum = NAME(total)(x + y);
            for (; step < p->k; step++) sum += a[step] * column[step];
            c[j] = sum * p->alpha + (p->add ? c[j] : 0);
        }
        return;
    }
    size_t j = 0;
    if (p->b_column == 1) {
        for (; j + 4 * LANES <= p->n; j += 4 * LANES) {
            NAME(vector) sum[4] = {0};
            for (size_t step = 0; step < p->k; step++) {
                const float *from = p->b + step * p->b_row + j;
                NAME(vector) left = a[step * p->a_column] - (NAME(vector)){0};
#pragma clang loop unroll(full)
                for (int v = 0; v < 4; v++) sum[v] += left * NAME(load)(from + v * LANES);
            }
#pragma clang loop unroll(full)
            for (int v = 0; v < 4; v++) {
                NAME(vector) result = sum[v] * p->alpha;
                NAME(store)(c + j + v * LANES, p->add ? NAME(load)(c + j + v * LANES) + result : result);
            }
        }
    }
    for (; j < p->n; j++) {
        float sum = 0;
        for (size_t step = 0; step < p->k; step++) sum += a[step * p->a_column] * p->b[step * p->b_row + j * p->b_column];
        c[j] = sum * p->alpha + (p->add ? c[j] : 0);
    }
}

static TARGET void NAME(product)(const thimble_product *p, float *scratch) {
    if (p->m <= 2) {
        for (size_t i = 0; i < p->m; i++) NAME(row)(p, p->a + i * p->a_row, p->c + i * p->c_row);
        return;
    }
    float *right = scratch, *left = scratch + BLOCK_K * BLOCK_N;
    for (size_t start = 0; start < p->k; start += BLOCK_K) {
        size_t k = p->k - start < BLOCK_K ? p->k - start : BLOCK_K;
        bool add = p->add || start > 0;
        for (size_t column = 0; column < p->n; column += BLOCK_N) {
            size_t columns = p->n - column < BLOCK_N ? p->n - column : BLOCK_N;
            NAME(pack_right)(p, column, columns, start, k, right);
            for (size_t row = 0; row < p->m; row += BLOCK_M) {
                size_t rows = p->m - row < BLOCK_M ? p->m - row : BLOCK_M;
                NAME(pack_left)(p, row, rows, start, k, left);
                for (size_t j = 0; j < columns; j += NAME(columns)) {
                    size_t wide = columns - j < NAME(columns) ? columns - j : NAME(columns);
                    for (size_t i = 0; i < rows; i += ROWS) {
                        size_t high = rows - i < ROWS ? rows - i : ROWS;
                        NAME(tile)(k, left + i * k, right + j * k, p->c + (row + i) * p->c_row + column + j, p->c_row, high, wide, add);
                    }
                }
            }
        }
    }
}

static TARGET void NAME(axpy)(size_t n, float w, const float *restrict x, size_t stride, float *restrict y) {
#pragma clang fp contract(fast)
    size_t i = 0;
    if (stride == 1) {
        for (; i + LANES <= n; i += LANES) NAME(store)(y + i, NAME(load)(y + i) + w * NAME(load)(x + i));
    }
    for (; i < n; i++) y[i] += w * x[i * stride];
}

#undef LANES
#undef ROWS
#undef VECTORS
#undef TARGET
#undef NAME
