// Checks the kernels against plain definitions, with odd sizes and tails, on every family of processors that this machine has. It is
// C alone, so that it can be compiled for another processor and run by an emulator: see Scripts/check-kernels.

#define _GNU_SOURCE
#include "check.h"

static void **blocks;
static size_t block_count, checks, misses;
static uint64_t state = 0x9e3779b97f4a7c15u;

void *memory(size_t bytes) {
    void *block = NULL;
    if (posix_memalign(&block, 64, bytes == 0 ? 1 : bytes) != 0) abort();
    blocks = realloc(blocks, (block_count + 1) * sizeof *blocks);
    if (blocks == NULL) abort();
    blocks[block_count++] = block;
    return block;
}

void release(void) {
    while (block_count > 0) free(blocks[--block_count]);
    free(blocks);
    blocks = NULL;
}

// Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (2014).
uint32_t random_bits(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

size_t random_size(size_t low, size_t high) { return low + random_bits() % (high - low); }
float random_float(void) { return (float)(int32_t)random_bits() / 2147483648.0f; }

float *random_floats(size_t n) {
    float *x = memory(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = random_float();
    return x;
}

float *new_floats(size_t n) {
    float *x = memory(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = NAN;
    return x;
}

void expect_near(const char *what, unsigned family, const float *found, const double *expected, size_t n, double tolerance) {
    double largest = 1e-9, worst = 0;
    size_t place = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < n; i++) {
        double error = fabs(found[i] - expected[i]) / largest;
        if (error <= worst) continue;
        worst = error, place = i;
    }
    checks++;
    if (worst <= tolerance) return;
    misses++;
    printf("%s, family %u: element %zu is %.9g, not %.9g; %.1e of the largest is allowed\n", what, family, place, found[place], expected[place], tolerance);
}

void expect_same(const char *what, unsigned family, const void *found, const void *expected, size_t bytes) {
    checks++;
    if (memcmp(found, expected, bytes) == 0) return;
    misses++;
    size_t place = 0;
    while (((const char *)found)[place] == ((const char *)expected)[place]) place++;
    printf("%s, family %u: byte %zu of %zu differs\n", what, family, place, bytes);
}

int main(void) {
    static const struct { const char *name; void (*check)(unsigned); } all[] = {
        {"products", check_products}, {"codes", check_codes}, {"convolutions", check_convolutions}, {"int8", check_int8},
        {"elementwise", check_elementwise}, {"rows", check_rows}, {"images", check_images}, {"recurrent", check_recurrent},
        {"moves", check_moves}, {"attention", check_attention},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t before = checks, missed = misses;
        for (unsigned family = 0; family <= thimble_processor(); family++) {
            all[i].check(family);
            release();
        }
        printf("%-13s %zu checks, %zu misses\n", all[i].name, checks - before, misses - missed);
        fflush(stdout);
    }
    return misses > 0;
}
