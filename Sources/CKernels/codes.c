#include "CKernels.h"
#include <string.h>

void thimble_unpack_codes(const uint8_t *stream, size_t size, uint64_t first, unsigned bits, bool is_signed, int32_t *out, size_t n) {
    const uint32_t mask = (1u << bits) - 1, sign = is_signed ? 1u << (bits - 1) : 0;
    uint64_t at = first * bits;
    for (size_t i = 0; i < n; i++, at += bits) {
        size_t byte = (size_t)(at >> 3);
        // A code of 16 bits that starts inside a byte reaches into a third one.
        uint32_t v = stream[byte];
        if (byte + 1 < size) v |= (uint32_t)stream[byte + 1] << 8;
        if (byte + 2 < size) v |= (uint32_t)stream[byte + 2] << 16;
        v = v >> (at & 7) & mask;
        out[i] = (int32_t)((v ^ sign) - sign);
    }
}

void thimble_pack_codes(const int32_t *codes, size_t n, unsigned bits, uint8_t *out) {
    const uint32_t mask = (1u << bits) - 1;
    uint64_t held = 0;
    unsigned count = 0;
    for (size_t i = 0; i < n; i++) {
        held |= (uint64_t)((uint32_t)codes[i] & mask) << count;
        for (count += bits; count >= 8; count -= 8, held >>= 8) *out++ = (uint8_t)held;
    }
    if (count > 0) *out = (uint8_t)held;
}
