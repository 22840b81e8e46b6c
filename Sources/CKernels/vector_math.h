// Functions of vectors for one family of processors. Included several times, where families.h defines LANES, TARGET and NAME(x). No
// branch depends on a value but to correct a lane alone, so that an element's result does not depend on its neighbours.
//
// Polynomials were fitted for the smallest relative error (Lawson's iteration); the reductions are those of Cody and Waite, Software
// Manual for the Elementary Functions (1980), and Tang, Table-driven implementation of the exponential function (1989), without tables.

#include "vectors.h"

typedef NAME(mask) NAME(integers);
typedef double NAME(doubles) __attribute__((vector_size(LANES * 8)));
typedef int64_t NAME(longs) __attribute__((vector_size(LANES * 8)));

/// a * b + c, rounded once where the family has such an instruction.
INLINE NAME(vector) NAME(fma)(NAME(vector) a, NAME(vector) b, NAME(vector) c) {
#if __has_builtin(__builtin_elementwise_fma) && (LANES > 4 || defined(__aarch64__))
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/// A polynomial's next coefficient: p * x + c.
INLINE NAME(vector) NAME(then)(NAME(vector) p, NAME(vector) x, float c) { return NAME(fma)(p, x, NAME(all)(c)); }

// Masks have all bits of a lane set, or none.
INLINE NAME(vector) NAME(select)(NAME(integers) mask, NAME(vector) yes, NAME(vector) no) {
    return (NAME(vector))((mask & (NAME(integers))yes) | (~mask & (NAME(integers))no));
}
INLINE NAME(vector) NAME(truth)(NAME(integers) mask) { return (NAME(vector))(mask & 0x3f800000); }
INLINE bool NAME(any)(NAME(integers) mask) {
#if __has_builtin(__builtin_reduce_or)
    return __builtin_reduce_or(mask) != 0;
#else
    int32_t bits = 0;
    for (int i = 0; i < LANES; i++) bits |= mask[i];
    return bits != 0;
#endif
}

// Bounds leave NaN as it is, as the instructions do with their second operand.
#if LANES == 16
INLINE NAME(vector) NAME(at_most)(NAME(vector) x, NAME(vector) bound) { return (NAME(vector))_mm512_min_ps((__m512)bound, (__m512)x); }
INLINE NAME(vector) NAME(at_least)(NAME(vector) x, NAME(vector) bound) { return (NAME(vector))_mm512_max_ps((__m512)bound, (__m512)x); }
#elif LANES == 8
INLINE NAME(vector) NAME(at_most)(NAME(vector) x, NAME(vector) bound) { return (NAME(vector))_mm256_min_ps((__m256)bound, (__m256)x); }
INLINE NAME(vector) NAME(at_least)(NAME(vector) x, NAME(vector) bound) { return (NAME(vector))_mm256_max_ps((__m256)bound, (__m256)x); }
#else
INLINE NAME(vector) NAME(at_most)(NAME(vector) x, NAME(vector) bound) { return NAME(select)(bound < x, bound, x); }
INLINE NAME(vector) NAME(at_least)(NAME(vector) x, NAME(vector) bound) { return NAME(select)(bound > x, bound, x); }
#endif
INLINE NAME(vector) NAME(within)(NAME(vector) x, float low, float high) {
    return NAME(at_most)(NAME(at_least)(x, NAME(all)(low)), NAME(all)(high));
}
INLINE NAME(vector) NAME(minimum)(NAME(vector) a, NAME(vector) b) { return NAME(select)((a < b) | (a != a), a, b); }
INLINE NAME(vector) NAME(maximum)(NAME(vector) a, NAME(vector) b) { return NAME(select)((a > b) | (a != a), a, b); }

/// All bits of the first n lanes. n: 0 to LANES.
INLINE NAME(integers) NAME(first_lanes)(size_t n) {
    NAME(integers) index;
    for (int i = 0; i < LANES; i++) index[i] = i;
    return index < (int32_t)n;
}

INLINE NAME(vector) NAME(magnitude)(NAME(vector) x) { return (NAME(vector))((NAME(integers))x & 0x7fffffff); }
INLINE NAME(integers) NAME(sign_bit)(NAME(vector) x) { return (NAME(integers))x & INT32_MIN; }
INLINE NAME(vector) NAME(with_sign)(NAME(vector) magnitude, NAME(integers) sign) { return (NAME(vector))((NAME(integers))magnitude | sign); }

INLINE NAME(vector) NAME(sqrt)(NAME(vector) x) {
#if __has_builtin(__builtin_elementwise_sqrt)
    return __builtin_elementwise_sqrt(x);
#else
    for (int i = 0; i < LANES; i++) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

// Adding and taking away 2^23 leaves an integer, rounded half to even; above it every float is an integer.
INLINE NAME(vector) NAME(round)(NAME(vector) x) {
    NAME(vector) size = NAME(magnitude)(x), whole = (size + 8388608.0f) - 8388608.0f;
    return NAME(with_sign)(NAME(select)(size < 8388608.0f, whole, size), NAME(sign_bit)(x));
}
INLINE NAME(vector) NAME(floor)(NAME(vector) x) {
    NAME(vector) near = NAME(round)(x);
    return NAME(with_sign)(near - NAME(truth)(near > x), NAME(sign_bit)(x));
}
INLINE NAME(vector) NAME(ceil)(NAME(vector) x) {
    NAME(vector) near = NAME(round)(x);
    return NAME(with_sign)(near + NAME(truth)(near < x), NAME(sign_bit)(x));
}
INLINE NAME(vector) NAME(trunc)(NAME(vector) x) {
    return NAME(with_sign)(NAME(floor)(NAME(magnitude)(x)), NAME(sign_bit)(x));
}

// --- exponentials: e^x = 2^n e^r, n an integer, |r| <= ln 2 / 2

/// r and n, and n + 127 in the low bits of `biased`. x: -104 … 89.
INLINE NAME(vector) NAME(exp_parts)(NAME(vector) x, NAME(vector) *biased, NAME(vector) *n) {
    const float magic = 12582912.0f + 127;  // 1.5 * 2^23: what is added to it is rounded to an integer
    *biased = NAME(fma)(x, NAME(all)(1.44269504f), NAME(all)(magic));
    *n = *biased - magic;
    // ln 2 in two parts, the first so short that its product with n is exact.
    NAME(vector) r = NAME(fma)(*n, NAME(all)(-0.693145752f), x);
    return NAME(fma)(*n, NAME(all)(-1.42860677e-6f), r);
}

/// (e^r - 1 - r) / r^2.
INLINE NAME(vector) NAME(exp_rest)(NAME(vector) r) {
    NAME(vector) p = NAME(all)(0.00138145394f);
    p = NAME(then)(p, r, 0.00836874545f);
    p = NAME(then)(p, r, 0.041668389f);
    p = NAME(then)(p, r, 0.166665211f);
    return NAME(then)(p, r, 0.49999994f);
}

INLINE NAME(vector) NAME(exp)(NAME(vector) x) {
    NAME(vector) biased, n, r = NAME(exp_parts)(NAME(within)(x, -104, 89), &biased, &n);
    NAME(vector) y = NAME(then)(NAME(then)(NAME(exp_rest)(r), r, 1), r, 1);
#if LANES == 16
    return (NAME(vector))_mm512_scalef_ps((__m512)y, (__m512)n);
#else
    // In two steps, because 2^n alone may be no normal number; and not at all where the result is 0, as underflow is slow.
    NAME(integers) whole = (NAME(integers))biased - (0x4b400000 + 127), half = whole >> 1;
    NAME(vector) first = (NAME(vector))((half + 127) << 23), second = (NAME(vector))((whole - half + 127) << 23);
    return NAME(select)(x < -103.98f, NAME(all)(0), y * first) * second;
#endif
}

/// The same where results below 2^-126 may be 0, for x up to 88.3.
INLINE NAME(vector) NAME(exp_short)(NAME(vector) x) {
    NAME(vector) biased, n, r = NAME(exp_parts)(NAME(at_least)(x, NAME(all)(-88)), &biased, &n);
    NAME(vector) y = NAME(then)(NAME(then)(NAME(exp_rest)(r), r, 1), r, 1);
    return y * (NAME(vector))((NAME(integers))biased << 23);
}

/// e^x - 1 for x <= 0, accurate near 0.
INLINE NAME(vector) NAME(exp_minus_one)(NAME(vector) x) {
    NAME(vector) biased, n, r = NAME(exp_parts)(NAME(at_least)(x, NAME(all)(-88)), &biased, &n);
    NAME(vector) power = (NAME(vector))((NAME(integers))biased << 23);
    return NAME(fma)(NAME(fma)(NAME(exp_rest)(r) * r, r, r), power, power - 1);
}

// --- logarithms: ln(2^k (1 + f)) = k ln 2 + f - f^2 / 2 + f^3 P(f), sqrt(1/2) <= 1 + f < sqrt(2)

INLINE NAME(vector) NAME(log_of_parts)(NAME(vector) f, NAME(vector) k) {
    NAME(vector) p = NAME(all)(-0.0763452873f), square = f * f;
    p = NAME(then)(p, f, 0.127615348f);
    p = NAME(then)(p, f, -0.131601378f);
    p = NAME(then)(p, f, 0.142017573f);
    p = NAME(then)(p, f, -0.166233629f);
    p = NAME(then)(p, f, 0.200012267f);
    p = NAME(then)(p, f, -0.250008196f);
    p = NAME(then)(p, f, 0.333333313f);
    p = p * f * square;
    p = NAME(fma)(k, NAME(all)(1.42860677e-6f), p);
    p = NAME(fma)(square, NAME(all)(-0.5f), p);
    return NAME(fma)(k, NAME(all)(0.693145752f), f + p);
}

/// Takes a positive number apart into m and k, x = 2^k m, sqrt(1/2) <= m < sqrt(2).
INLINE NAME(vector) NAME(log_parts)(NAME(vector) x, NAME(integers) *k) {
    NAME(integers) small = x < 1.17549435e-38f;
    NAME(integers) bits = (NAME(integers))NAME(select)(small, x * 8388608.0f, x) - 0x3f3504f3;
    *k = (bits >> 23) - (small & 23);
    return (NAME(vector))((bits & 0x7fffff) + 0x3f3504f3);
}

INLINE NAME(vector) NAME(log)(NAME(vector) x) {
    NAME(integers) k;
    NAME(vector) m = NAME(log_parts)(x, &k);
    NAME(vector) y = NAME(log_of_parts)(m - 1, __builtin_convertvector(k, NAME(vector)));
    NAME(vector) other = NAME(select)(x == 0, NAME(all)(-__builtin_inff()), NAME(select)(x < 0, NAME(all)(__builtin_nanf("")), x));
    return NAME(select)((x > 0) & (x < __builtin_inff()), y, other);
}

/// ln(1 + x), 0 <= x <= 1.
INLINE NAME(vector) NAME(log_one_plus)(NAME(vector) x) {
    NAME(integers) halve = x > 0.414213562f;
    return NAME(log_of_parts)(NAME(select)(halve, (x - 1) * 0.5f, x), NAME(truth)(halve));
}

INLINE NAME(vector) NAME(softplus)(NAME(vector) x) {
    return NAME(at_least)(x, NAME(all)(0)) + NAME(log_one_plus)(NAME(exp_short)(-NAME(magnitude)(x)));
}

// --- functions with bounds

/// 1 + e^x; infinite where e^x is above 2^127.5. Divisors of what follows: a division takes no longer than an estimate and a step of
/// Newton's beside so much other arithmetic, and is rounded once.
INLINE NAME(vector) NAME(one_plus_exp)(NAME(vector) x) {
    // From 88.38 on the power is 2^128, whose bits are those of infinity.
    NAME(vector) biased, n, r = NAME(exp_parts)(NAME(within)(x, -88, 88.7f), &biased, &n);
    NAME(vector) y = NAME(then)(NAME(then)(NAME(exp_rest)(r), r, 1), r, 1);
    return NAME(fma)(y, (NAME(vector))((NAME(integers))biased << 23), NAME(all)(1));
}

/// 0 where it is below 2^-127.5.
INLINE NAME(vector) NAME(sigmoid)(NAME(vector) x) { return 1 / NAME(one_plus_exp)(-x); }

/// x sigmoid(alpha x).
INLINE NAME(vector) NAME(swish)(NAME(vector) x, NAME(vector) alpha) { return x / NAME(one_plus_exp)(-(alpha * x)); }

/// x P(x^2) / Q(x^2); 1 from 9 on. P and Q are those of Eigen (generic_fast_tanh_float), which ONNX Runtime takes, too: as near as others of their
/// degrees, and with fused multiplication the same bits, so that what is quantized behind it falls to the same side of a tie.
INLINE NAME(vector) NAME(tanh)(NAME(vector) x) {
    NAME(vector) a = NAME(within)(x, -9, 9), u = a * a;
    NAME(vector) p = NAME(all)(-2.76076847742355e-16f);
    p = NAME(then)(p, u, 2.00018790482477e-13f);
    p = NAME(then)(p, u, -8.60467152213735e-11f);
    p = NAME(then)(p, u, 5.12229709037114e-08f);
    p = NAME(then)(p, u, 1.48572235717979e-05f);
    p = NAME(then)(p, u, 6.37261928875436e-04f);
    p = NAME(then)(p, u, 4.89352455891786e-03f);
    NAME(vector) q = NAME(all)(1.19825839466702e-06f);
    q = NAME(then)(q, u, 1.18534705686654e-04f);
    q = NAME(then)(q, u, 2.26843463243900e-03f);
    q = NAME(then)(q, u, 4.89352518554385e-03f);
    // The quotient may be 1 + 2^-22; where x is tiny, the product is no normal number.
    return NAME(select)(NAME(magnitude)(x) < 1e-30f, x, NAME(within)(a * p / q, -1, 1));
}

/// 1 - e^-b(x), where b is a polynomial without constant term; 1 from 3.92 on.
INLINE NAME(vector) NAME(erf)(NAME(vector) x) {
    NAME(vector) a = NAME(at_most)(NAME(magnitude)(x), NAME(all)(3.92f));
    // In pairs, pairs of pairs and so on (Estrin's scheme): a shorter chain of sums.
    NAME(vector) square = a * a;
    NAME(vector) low = NAME(fma)(NAME(then)(NAME(all)(-0.0193224084f), a, 0.102814659f), square, NAME(then)(NAME(all)(0.636616468f), a, 1.12837923f));
    NAME(vector) high = NAME(fma)(NAME(then)(NAME(all)(4.06775289e-05f), a, -0.000380772806f), square, NAME(then)(NAME(all)(0.00125108566f), a, 0.00020665898f));
    NAME(vector) b = NAME(fma)(high, square * square, low);
    NAME(vector) biased, n, r = NAME(exp_parts)(-(a * b), &biased, &n);
    NAME(vector) power = (NAME(vector))((NAME(integers))biased << 23), m = NAME(fma)(NAME(exp_rest)(r) * r, r, r);
    return NAME(with_sign)(NAME(fma)(-m, power, 1 - power), NAME(sign_bit)(x));
}

INLINE NAME(vector) NAME(gelu)(NAME(vector) x) {
    NAME(vector) half = x * 0.5f;
    return NAME(fma)(half, NAME(erf)(x * 0.707106781f), half);
}

/// 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
INLINE NAME(vector) NAME(gelu_tanh)(NAME(vector) x) {
    NAME(vector) u = x * NAME(then)(x * x, NAME(all)(-0.0713548163f), -1.59576912f);
    return x / NAME(one_plus_exp)(u);
}

/// x tanh(softplus(x)) = x w / (w + 2), w = e^x (e^x + 2).
INLINE NAME(vector) NAME(mish)(NAME(vector) x) {
    NAME(vector) e = NAME(exp_short)(NAME(at_most)(x, NAME(all)(20))), w = e * (e + 2);
    return x * (w / (w + 2));
}

// --- sine and cosine: of x - n pi / 2, in binary64, where |x| < 2^20

/// x - n pi / 2, and n modulo 4.
INLINE NAME(vector) NAME(quarter_turns)(NAME(vector) x, NAME(integers) *n) {
    NAME(doubles) wide = __builtin_convertvector(x, NAME(doubles));
    NAME(doubles) shifted = wide * 0.63661977236758134308 + 6755399441055744.0, turns = shifted - 6755399441055744.0;
    *n = __builtin_convertvector((NAME(longs))shifted & 3, NAME(integers));
    // pi / 2 in two parts, the first so short (33 bits) that its product with n is exact.
    wide -= turns * 1.57079632673412561417;
    return __builtin_convertvector(wide - turns * 6.07710050650619224932e-11, NAME(vector));
}

/// sin(x + quarters pi / 2).
INLINE NAME(vector) NAME(sin_after)(NAME(vector) x, int32_t quarters) {
    NAME(integers) far = ~(NAME(magnitude)(x) < 1048576.0f), n;
    NAME(vector) r = NAME(quarter_turns)(NAME(select)(far, NAME(all)(0), x), &n), u = r * r;
    n += quarters;
    NAME(vector) s = NAME(then)(NAME(then)(NAME(all)(-0.000195146335f), u, 0.00833215564f), u, -0.166666552f);
    s = NAME(fma)(s * u, r, r);
    NAME(vector) c = NAME(then)(NAME(then)(NAME(all)(2.44324165e-05f), u, -0.00138873095f), u, 0.0416666456f);
    c = NAME(fma)(c, u * u, NAME(then)(u, NAME(all)(-0.5f), 1));
    NAME(vector) y = NAME(select)((n & 1) == 0, s, c);
    y = (NAME(vector))((NAME(integers))y ^ ((n & 2) << 30));
    if (quarters == 0) y = NAME(select)(x == 0, x, y);  // the sign of a zero is lost on the way
    if (NAME(any)(far)) {
        for (int i = 0; i < LANES; i++) {
            if (far[i]) y[i] = quarters == 0 ? __builtin_sinf(x[i]) : __builtin_cosf(x[i]);
        }
    }
    return y;
}

// --- powers: 2^(y log2 |x|) in binary64, because an error of the logarithm grows with y

/// log2(2^k m) with ln m = 2 atanh((m - 1) / (m + 1)). Of 0 and infinity it is infinite.
/// Doubles go through memory, because vectors wider than the family's are no arguments.
INLINE void NAME(log2_wide)(NAME(vector) x, NAME(doubles) *result) {
    NAME(integers) k;
    NAME(doubles) m = __builtin_convertvector(NAME(log_parts)(x, &k), NAME(doubles));
    NAME(doubles) s = (m - 1) / (m + 1), u = s * s;
    NAME(doubles) p = u * (1.0 / 13) + 1.0 / 11;
    p = p * u + 1.0 / 9;
    p = p * u + 1.0 / 7;
    p = p * u + 1.0 / 5;
    p = p * u + 1.0 / 3;
    p = p * u + 1;
    NAME(doubles) y = p * s * 2.8853900817779268147 + __builtin_convertvector(k, NAME(doubles));
    // Adding infinity or NaN where there is one; everything else adds 0.
    NAME(vector) end = NAME(select)(x == 0, NAME(all)(-__builtin_inff()), NAME(select)(x < __builtin_inff(), NAME(all)(0), x));
    *result = y + __builtin_convertvector(end, NAME(doubles));
}

INLINE NAME(vector) NAME(exp2_wide)(const NAME(doubles) *power) {
    // Beyond these bounds the result is 0 or infinite as a float, and a double all the same.
    NAME(longs) high = *power > 200, low = *power < -200, bound = (high & (NAME(longs))(200.0 - (NAME(doubles)){0}));
    bound |= low & (NAME(longs))(-200.0 - (NAME(doubles)){0});
    NAME(doubles) t = (NAME(doubles))(((NAME(longs))*power & ~(high | low)) | bound);
    const double magic = 6755399441055744.0 + 1023;
    NAME(doubles) biased = t + magic, r = (t - (biased - magic)) * 0.69314718055994530942;
    NAME(doubles) p = r * (1.0 / 5040) + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    return __builtin_convertvector(p * (NAME(doubles))((NAME(longs))biased << 52), NAME(vector));
}

/// As C's pow: x^0 = 1^y = 1 whatever the other is, NaN where x < 0 and y is no integer.
INLINE NAME(vector) NAME(pow)(NAME(vector) x, NAME(vector) y) {
    NAME(vector) size = NAME(magnitude)(x);
    NAME(doubles) power;
    NAME(log2_wide)(size, &power);
    power *= __builtin_convertvector(y, NAME(doubles));
    NAME(vector) result = NAME(exp2_wide)(&power);
    // From 2^24 on all floats are even integers.
    NAME(vector) bounded = NAME(select)(y == y, NAME(within)(y, -16777216, 16777216), NAME(all)(0));
    NAME(integers) whole = __builtin_convertvector(bounded, NAME(integers));
    NAME(integers) is_whole = __builtin_convertvector(whole, NAME(vector)) == bounded;
    result = NAME(with_sign)(result, NAME(sign_bit)(x) & is_whole & (whole << 31));
    result = NAME(select)((x < 0) & (size < __builtin_inff()) & ~is_whole, NAME(all)(__builtin_nanf("")), result);
    result = NAME(select)((x != x) | (y != y), x + y, result);
    NAME(integers) is_one = (y == 0) | (x == 1) | ((x == -1) & (NAME(magnitude)(y) == __builtin_inff()));
    return NAME(select)(is_one, NAME(all)(1), result);
}

/// The remainder of the division of magnitudes, with the sign of x. It is exact in binary64 where the quotient is below 2^29.
INLINE NAME(vector) NAME(fmod)(NAME(vector) x, NAME(vector) y) {
    NAME(doubles) a = __builtin_convertvector(NAME(magnitude)(x), NAME(doubles)), b = __builtin_convertvector(NAME(magnitude)(y), NAME(doubles));
    NAME(doubles) quotient = a / b;
    NAME(integers) near = __builtin_convertvector(quotient < 536870912.0, NAME(integers)) & (NAME(magnitude)(y) < __builtin_inff());
    quotient = (quotient + 6755399441055744.0) - 6755399441055744.0;
    NAME(doubles) rest = a - quotient * b;
    rest += (NAME(doubles))((NAME(longs))b & (NAME(longs))(rest < 0));
    NAME(vector) result = NAME(with_sign)(__builtin_convertvector(rest, NAME(vector)), NAME(sign_bit)(x));
    // Infinities and NaN are far too.
    if (NAME(any)(~near)) {
        for (int i = 0; i < LANES; i++) {
            if (!near[i]) result[i] = __builtin_fmodf(x[i], y[i]);
        }
    }
    return result;
}
