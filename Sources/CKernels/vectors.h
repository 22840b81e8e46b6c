// Vectors of LANES floats for one family of processors. Included by templates that define LANES, TARGET (a function attribute)
// and NAME(x); a GNU vector type does the arithmetic, intrinsics only what it cannot say: loads and stores of a part.
// No include guard: it is meant to be included several times.

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline TARGET __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLLED_NOT _Pragma("clang loop unroll(disable)")

typedef float NAME(vector) __attribute__((vector_size(LANES * 4)));
typedef float NAME(loose) __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t NAME(mask) __attribute__((vector_size(LANES * 4)));

INLINE NAME(vector) NAME(load)(const float *p) { return *(const NAME(loose) *)p; }
INLINE NAME(vector) NAME(load_anywhere)(const void *p) {
    typedef float anywhere __attribute__((vector_size(LANES * 4), aligned(1), may_alias));
    return *(const anywhere *)p;
}
INLINE void NAME(store)(float *p, NAME(vector) v) { *(NAME(loose) *)p = v; }
INLINE NAME(vector) NAME(all)(float x) { return x - (NAME(vector)){0}; }

/// The first n of LANES floats, zeros after them; reads nothing else. n: 1 to LANES.
INLINE NAME(vector) NAME(load_part)(const float *p, size_t n) {
#if LANES == 16
    return (NAME(vector))_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif LANES == 8
    static const int32_t ramp[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return (NAME(vector))_mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)(ramp + 8 - n)));
#else
    float part[LANES] = {0};
    for (size_t i = 0; i < n; i++) part[i] = p[i];
    return NAME(load)(part);
#endif
}

/// Writes the first n lanes and nothing else. n: 1 to LANES.
INLINE void NAME(store_part)(float *p, size_t n, NAME(vector) v) {
#if LANES == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif LANES == 8
    static const int32_t ramp[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    _mm256_maskstore_ps(p, _mm256_loadu_si256((const __m256i *)(ramp + 8 - n)), (__m256)v);
#else
    float part[LANES];
    NAME(store)(part, v);
    for (size_t i = 0; i < n; i++) p[i] = part[i];
#endif
}

/// Into low...high; a lane that is not a number stays so.
INLINE NAME(vector) NAME(clamp)(NAME(vector) v, NAME(vector) low, NAME(vector) high) {
    NAME(mask) under = low > v;
    v = (NAME(vector))(((NAME(mask))low & under) | ((NAME(mask))v & ~under));
    NAME(mask) over = high < v;
    return (NAME(vector))(((NAME(mask))high & over) | ((NAME(mask))v & ~over));
}
