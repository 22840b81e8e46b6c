#include "CKernels.h"
#include <string.h>

// Plain loops over constant widths: clang turns them into shuffles of whole vectors.
#define ALWAYS static inline __attribute__((always_inline))

#define DEFINE_ROTATE(TYPE, BITS)                                                              \
    ALWAYS TYPE left_##BITS(TYPE v) { return (TYPE)((TYPE)(v << 1) | (TYPE)(v >> (BITS - 1))); } \
    ALWAYS TYPE right_##BITS(TYPE v) { return (TYPE)((TYPE)(v >> 1) | (TYPE)(v << (BITS - 1))); }
DEFINE_ROTATE(uint16_t, 16)
DEFINE_ROTATE(uint32_t, 32)
DEFINE_ROTATE(uint64_t, 64)

// Little-endian loads and stores, whatever the machine: the compiler makes one move of each.
#define DEFINE_WORD(TYPE, BYTES)                                                        \
    ALWAYS TYPE load_##BYTES(const uint8_t *p) {                                        \
        TYPE v = 0;                                                                     \
        for (unsigned k = 0; k < BYTES; k++) v = (TYPE)(v | (TYPE)((TYPE)p[k] << (8 * k))); \
        return v;                                                                       \
    }                                                                                   \
    ALWAYS void store_##BYTES(uint8_t *p, TYPE v) {                                     \
        for (unsigned k = 0; k < BYTES; k++) p[k] = (uint8_t)(v >> (8 * k));            \
    }
DEFINE_WORD(uint16_t, 2)
DEFINE_WORD(uint32_t, 4)
DEFINE_WORD(uint64_t, 8)

#define DEFINE_ROT1(TYPE, BYTES, BITS)                                                        \
    static void shuffle_##BYTES(const uint8_t *restrict in, size_t q, uint8_t *restrict out, bool turn) { \
        for (size_t i = 0; i < q; i++) {                                                      \
            TYPE v = load_##BYTES(in + i * BYTES);                                            \
            if (turn) v = left_##BITS(v);                                                     \
            for (unsigned k = 0; k < BYTES; k++) out[k * q + i] = (uint8_t)(v >> (8 * k));    \
        }                                                                                     \
    }                                                                                         \
    static void unshuffle_##BYTES(const uint8_t *restrict in, size_t q, uint8_t *restrict out, bool turn) { \
        for (size_t i = 0; i < q; i++) {                                                      \
            TYPE v = 0;                                                                       \
            for (unsigned k = 0; k < BYTES; k++) v = (TYPE)(v | (TYPE)((TYPE)in[k * q + i] << (8 * k))); \
            if (turn) v = right_##BITS(v);                                                    \
            store_##BYTES(out + i * BYTES, v);                                                \
        }                                                                                     \
    }
DEFINE_ROT1(uint16_t, 2, 16)
DEFINE_ROT1(uint32_t, 4, 32)
DEFINE_ROT1(uint64_t, 8, 64)

static void forward(const uint8_t *in, size_t n, unsigned w, uint8_t *out, bool turn) {
    size_t q = n / w, whole = q * w;
    switch (w) {
    case 2: shuffle_2(in, q, out, turn); break;
    case 4: shuffle_4(in, q, out, turn); break;
    case 8: shuffle_8(in, q, out, turn); break;
    default: memcpy(out, in, whole); break;
    }
    memcpy(out + whole, in + whole, n - whole);
}

static void backward(const uint8_t *in, size_t n, unsigned w, uint8_t *out, bool turn) {
    size_t q = n / w, whole = q * w;
    switch (w) {
    case 2: unshuffle_2(in, q, out, turn); break;
    case 4: unshuffle_4(in, q, out, turn); break;
    case 8: unshuffle_8(in, q, out, turn); break;
    default: memcpy(out, in, whole); break;
    }
    memcpy(out + whole, in + whole, n - whole);
}

void thimble_shuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out) { forward(in, n, w, out, false); }
void thimble_unshuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out) { backward(in, n, w, out, false); }
void thimble_rot1_shuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out) { forward(in, n, w, out, true); }
void thimble_rot1_unshuffle(const uint8_t *in, size_t n, unsigned w, uint8_t *out) { backward(in, n, w, out, true); }

// w bytes hold 8 codes: a group of its own, so that no state passes from one to the next.
ALWAYS void unpack_groups(const uint8_t *restrict in, size_t groups, unsigned w, uint8_t *restrict out) {
    const uint64_t mask = (1u << w) - 1;
    for (size_t g = 0; g < groups; g++) {
        uint64_t v = 0;
        for (unsigned k = 0; k < w; k++) v |= (uint64_t)in[g * w + k] << (8 * k);
        for (unsigned k = 0; k < 8; k++) out[g * 8 + k] = (uint8_t)(v >> (w * k) & mask);
    }
}

ALWAYS uint8_t pack_groups(const uint8_t *restrict in, size_t groups, unsigned w, uint8_t *restrict out) {
    uint8_t seen = 0;
    for (size_t g = 0; g < groups; g++) {
        uint64_t v = 0;
        for (unsigned k = 0; k < 8; k++) {
            seen |= in[g * 8 + k];
            v |= (uint64_t)in[g * 8 + k] << (w * k);
        }
        for (unsigned k = 0; k < w; k++) out[g * w + k] = (uint8_t)(v >> (8 * k));
    }
    return (uint8_t)(seen >> w);
}

void thimble_unpack_bits(const uint8_t *in, size_t n, unsigned w, uint8_t *out) {
    size_t groups = n / w, rest = n % w;
    switch (w) {
    case 3: unpack_groups(in, groups, 3, out); break;
    case 5: unpack_groups(in, groups, 5, out); break;
    case 6: unpack_groups(in, groups, 6, out); break;
    default: unpack_groups(in, groups, 7, out); break;
    }
    uint64_t v = 0;
    for (size_t k = 0; k < rest; k++) v |= (uint64_t)in[groups * w + k] << (8 * k);
    out += groups * 8;
    for (unsigned left = (unsigned)rest * 8; left > 0; left -= left < w ? left : w, v >>= w) *out++ = (uint8_t)(v & ((1u << w) - 1));
}

bool thimble_pack_bits(const uint8_t *in, size_t n, unsigned w, uint8_t *out) {
    size_t groups = n / w, rest = n % w;
    uint8_t wrong;
    switch (w) {
    case 3: wrong = pack_groups(in, groups, 3, out); break;
    case 5: wrong = pack_groups(in, groups, 5, out); break;
    case 6: wrong = pack_groups(in, groups, 6, out); break;
    default: wrong = pack_groups(in, groups, 7, out); break;
    }
    in += groups * 8;
    uint64_t v = 0;
    for (unsigned at = 0; at < rest * 8; at += w) {
        unsigned bits = (unsigned)rest * 8 - at < w ? (unsigned)rest * 8 - at : w;
        wrong |= (uint8_t)(*in >> bits);
        v |= (uint64_t)*in++ << at;
    }
    for (size_t k = 0; k < rest; k++) out[groups * w + k] = (uint8_t)(v >> (8 * k));
    return wrong == 0;
}
