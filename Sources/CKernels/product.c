#include "CKernels.h"

// Blocks of b (512 KiB) and a (120 KiB) are packed so that a tile reads both in order; BLOCK_K is also what keeps products of
// 9-bit integers exact (CKernels.h). BLOCK_M and BLOCK_N are multiples of every tile below.
#define BLOCK_K THIMBLE_EXACT_K
#define BLOCK_M 120
#define BLOCK_N 512
_Static_assert(THIMBLE_PRODUCT_SCRATCH >= BLOCK_K * (BLOCK_M + BLOCK_N), "scratch for both blocks");

#if defined(__x86_64__)
#define LANES 16
#define ROWS 12
#define VECTORS 2
#define TARGET __attribute__((target("avx512f,fma")))
#define NAME(x) wide_##x
#include "product_tile.h"

#define LANES 8
#define ROWS 6
#define VECTORS 2
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) middle_##x
#include "product_tile.h"

#define LANES 4
#define ROWS 6
#define VECTORS 2
#define TARGET
#define NAME(x) plain_##x
#include "product_tile.h"
#else
#define LANES 4
#define ROWS 8
#define VECTORS 2
#define TARGET
#define NAME(x) plain_##x
#include "product_tile.h"
#endif

static void clear(const thimble_product *p) {
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) p->c[i * p->c_row + j] = 0;
    }
}

void thimble_product_run_as(unsigned family, const thimble_product *p, float *scratch) {
    if (p->k == 0) {
        if (!p->add) clear(p);
        return;
    }
#if defined(__x86_64__)
    if (family >= THIMBLE_AVX512) { wide_product(p, scratch); return; }
    if (family == THIMBLE_AVX2) { middle_product(p, scratch); return; }
#endif
    (void)family;
    plain_product(p, scratch);
}

void thimble_product_run(const thimble_product *p, float *scratch) { thimble_product_run_as(thimble_processor(), p, scratch); }

void thimble_axpy(size_t n, float w, const float *x, size_t stride, float *y) {
#if defined(__x86_64__)
    unsigned family = thimble_processor();
    if (family >= THIMBLE_AVX512) { wide_axpy(n, w, x, stride, y); return; }
    if (family == THIMBLE_AVX2) { middle_axpy(n, w, x, stride, y); return; }
#endif
    plain_axpy(n, w, x, stride, y);
}
