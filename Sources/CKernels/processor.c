#include "CKernels.h"

static unsigned detect(void) {
#if defined(__x86_64__)
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))) return THIMBLE_PLAIN;
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
    if (!wide) return THIMBLE_AVX2;
    return __builtin_cpu_supports("avx512vnni") ? THIMBLE_AVX512_VNNI : THIMBLE_AVX512;
#else
    return THIMBLE_PLAIN;
#endif
}

unsigned thimble_processor(void) {
    static unsigned known = UINT32_MAX;
    unsigned value = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (value != UINT32_MAX) return value;
    value = detect();
    __atomic_store_n(&known, value, __ATOMIC_RELAXED);
    return value;
}
