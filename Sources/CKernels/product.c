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

static int family(void) {
    static int known = -1;
    int value = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (value >= 0) return value;
    value = __builtin_cpu_supports("avx512f") ? 2 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 0;
    __atomic_store_n(&known, value, __ATOMIC_RELAXED);
    return value;
}
#else
#define LANES 4
#define ROWS 8
#define VECTORS 2
#define TARGET
#define NAME(x) plain_##x
#include "product_tile.h"

static int family(void) { return 0; }
#endif

unsigned thimble_product_families(void) { return (unsigned)family() + 1; }

static void clear(const thimble_product *p) {
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) p->c[i * p->c_row + j] = 0;
    }
}

void thimble_product_run_as(unsigned as, const thimble_product *p, float *scratch) {
    if (p->k == 0) {
        if (!p->add) clear(p);
        return;
    }
#if defined(__x86_64__)
    if (as >= 2) { wide_product(p, scratch); return; }
    if (as == 1) { middle_product(p, scratch); return; }
#endif
    (void)as;
    plain_product(p, scratch);
}

void thimble_product_run(const thimble_product *p, float *scratch) { thimble_product_run_as((unsigned)family(), p, scratch); }

void thimble_axpy(size_t n, float w, const float *x, size_t stride, float *y) {
#if defined(__x86_64__)
    int as = family();
    if (as == 2) { wide_axpy(n, w, x, stride, y); return; }
    if (as == 1) { middle_axpy(n, w, x, stride, y); return; }
#endif
    plain_axpy(n, w, x, stride, y);
}
