// Kernels of the make side: rounding of weights. Every function is bit-identical on every processor.
#ifndef THIMBLE_CCOMPRESSION_H
#define THIMBLE_CCOMPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    float low, high;
    double squares;
    /// False if one value is infinite or no number.
    bool is_finite;
} thimble_range;

/// Of n values; of none: 0 and 0.
thimble_range thimble_value_range(const float *x, size_t n);

/// What a group of values is rounded to: code = clip(round(x / scale) + zero, low, high), value = (code - zero) * scale.
typedef struct {
    float scale, zero, low, high;
} thimble_grid;

/// The nearest codes, ties to even.
void thimble_round_codes(const float *x, size_t n, thimble_grid grid, int16_t *codes);
/// Sum of weight * (x - value)^2; no weights: 1.
double thimble_rounding_error(const float *x, const float *weight, size_t n, thimble_grid grid);
/// Sum of (x - value of its code)^2.
double thimble_code_error(const float *x, const int16_t *codes, size_t n, thimble_grid grid);
/// out = x - value of its code.
void thimble_code_misses(const float *x, const int16_t *codes, size_t n, thimble_grid grid, float *out);
/// One step of half-quadratic quantization: the mean zero point that the shrunken errors ask for.
float thimble_half_quadratic_zero(const float *x, size_t n, thimble_grid grid, float beta, float norm);

/// Rows that `thimble_round_with_feedback` takes at once.
enum { THIMBLE_LANES = 32 };

/// Rounds 32 rows of n columns one column after the other; what a column's rounding did wrong goes into those behind it.
/// x, error and codes hold column k of all rows at [k * 32]. feedback is a strictly lower triangle: row k's k factors begin at
/// k * (k - 1) / 2. scale and zero hold 32 values for each group, group[k] says column k's. What is 0 stays 0. Returns the sum over rows of
/// pivot[k] * (what was rounded - its value)^2. Without `feeds`, columns are rounded as they are and only the sum is that of the feedback.
double thimble_round_with_feedback(
    size_t n, const float *feedback, const float *pivot, const float *x, const uint32_t *group, const float *scale, const float *zero,
    float low, float high, bool feeds, float *error, int16_t *codes);

/// int16 to bytes, in place or apart; the values fit.
void thimble_narrow_codes(const int16_t *codes, size_t n, uint8_t *out);
/// Adds `middle` to every code, modulo 2^16.
void thimble_raise_codes(int16_t *codes, size_t n, uint16_t middle);
/// Codes of `bits` (2 to 8), one a byte, as an LSB-first stream; out may be in. n * bits is a multiple of 8, or these are the last.
void thimble_pack_bytes(const uint8_t *in, size_t n, unsigned bits, uint8_t *out);

#endif
