#include "CKernels.h"
#include <string.h>

void thimble_histogram(const uint8_t *in, size_t n, uint32_t counts[256]) {
    // Four tables: equal neighbours would otherwise wait for each other's store.
    uint32_t table[4][256];
    memset(table, 0, sizeof table);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t v;
        memcpy(&v, in + i, 8);
        table[0][v & 255]++;
        table[1][v >> 8 & 255]++;
        table[2][v >> 16 & 255]++;
        table[3][v >> 24 & 255]++;
        table[0][v >> 32 & 255]++;
        table[1][v >> 40 & 255]++;
        table[2][v >> 48 & 255]++;
        table[3][v >> 56]++;
    }
    for (; i < n; i++) table[0][in[i]]++;
    for (unsigned k = 0; k < 256; k++) counts[k] = table[0][k] + table[1][k] + table[2][k] + table[3][k];
}

// log2(v) * 65536 by repeated squaring: the C library's differs in its last bit between systems, and the choice of a
// strategy must not.
static uint32_t log2_q16(uint32_t v) {
    unsigned whole = 31 - (unsigned)__builtin_clz(v);
    uint64_t x = (uint64_t)v << (31 - whole);  // in [2^31, 2^32)
    uint32_t fraction = 0;
    for (unsigned k = 0; k < 16; k++) {
        x = x * x >> 31;
        fraction <<= 1;
        if (x >> 32) { fraction |= 1; x >>= 1; }
    }
    return whole << 16 | fraction;
}

uint64_t thimble_entropy_bits(const uint32_t counts[256], uint8_t cost[256]) {
    uint64_t total = 0, bits = 0;
    for (unsigned k = 0; k < 256; k++) total += counts[k];
    memset(cost, 255, 256);
    if (total == 0) return 0;
    uint32_t all = log2_q16((uint32_t)total);
    for (unsigned k = 0; k < 256; k++) {
        if (counts[k] == 0) continue;
        uint32_t each = all - log2_q16(counts[k]);
        bits += (uint64_t)counts[k] * each;
        uint32_t eighths = each >> 13;
        cost[k] = (uint8_t)(eighths > 255 ? 255 : eighths);
    }
    return bits >> 16;
}

static inline uint32_t load4(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

uint64_t thimble_match_savings(const uint8_t *in, size_t n, const uint8_t cost[256]) {
    uint16_t last[4096];
    memset(last, 0, sizeof last);
    uint64_t saved = 0;
    if (n > 65535) n = 65535;
    for (size_t i = 0; i + 4 <= n;) {
        // Bytes, not a word: the place in the table must not depend on the byte order.
        uint32_t key = (uint32_t)in[i] | (uint32_t)in[i + 1] << 8 | (uint32_t)in[i + 2] << 16 | (uint32_t)in[i + 3] << 24;
        uint32_t slot = key * 2654435761u >> 20;
        size_t before = last[slot];
        last[slot] = (uint16_t)(i + 1);
        if (before-- == 0 || load4(in + before) != load4(in + i)) { i++; continue; }
        size_t length = 4;
        uint32_t plain = cost[in[i]] + cost[in[i + 1]] + cost[in[i + 2]] + cost[in[i + 3]];
        while (length < 258 && i + length < n && in[before + length] == in[i + length]) plain += cost[in[i + length++]];
        // A length, a distance and its extra bits, and what both cost the literals' codes; in eighths of a bit.
        uint32_t pair = 8 * (12 + (31 - (uint32_t)__builtin_clz((uint32_t)(i - before) | 1)));
        if (plain <= pair) { i++; continue; }
        saved += plain - pair;
        i += length;
    }
    return saved / 8;
}

uint64_t thimble_popcount(const uint8_t *in, size_t n) {
    uint64_t count = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t v;
        memcpy(&v, in + i, 8);
        count += (uint64_t)__builtin_popcountll(v);
    }
    for (; i < n; i++) count += (uint64_t)__builtin_popcount(in[i]);
    return count;
}
