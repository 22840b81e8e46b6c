// Forgets what families.h and vectors.h defined for one family.
#undef LANES
#undef REGISTERS
#undef TARGET
#undef NAME
#undef INLINE
#undef UNROLL
#undef UNROLLED_NOT
