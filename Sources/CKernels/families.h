// The families of processors for which kernels with explicit vectors are compiled: includes the template named by KERNELS once for
// each. LANES is the width of a vector, REGISTERS how many there are.
// No include guard: it is meant to be included by every such source.

#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define NAME(x) wide_##x
#include KERNELS
#include "families_end.h"

#define LANES 8
#define REGISTERS 16
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define NAME(x) middle_##x
#include KERNELS
#include "families_end.h"

#define REGISTERS 16
#else
#define REGISTERS 32
#endif
#define LANES 4
#define TARGET
#define NAME(x) plain_##x
#include KERNELS
#include "families_end.h"

/// What the family has of x.
#if defined(__x86_64__)
#define OF_FAMILY(family, x) ((family) >= THIMBLE_AVX512 ? wide_##x : (family) == THIMBLE_AVX2 ? middle_##x : plain_##x)
#else
#define OF_FAMILY(family, x) ((void)(family), plain_##x)
#endif
