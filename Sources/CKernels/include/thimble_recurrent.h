// LSTM, GRU and RNN in one direction, in float32, with the activations that ONNX has as defaults (Sigmoid, Tanh, Tanh). Both
// directions are two kernels that write to their parts of y. Formulas: ONNX, operators LSTM, GRU and RNN.
#ifndef THIMBLE_RECURRENT_H
#define THIMBLE_RECURRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "thimble_codes.h"

enum { THIMBLE_RNN, THIMBLE_GRU, THIMBLE_LSTM };

typedef struct {
    unsigned kind, family;
    /// Longest sequence, number of sequences, sizes of an input and of the state.
    size_t steps, batch, input, hidden;
    /// From the last element of each sequence to its first.
    bool reverse;
    /// GRU: linear_before_reset. LSTM: input_forget, the forget gate is 1 - the input gate.
    bool linear_before_reset, input_forget;
    /// What goes into activations is kept within -clip...clip; infinite or 0: it is not.
    float clip;
    /// Floats from one step, and from one sequence, to the next: layout 0 and 1 differ in nothing else. Elements lie side by side.
    size_t x_step, x_batch, y_step, y_batch;
    /// Floats between the states of two sequences, in initial_h, initial_c, y_h and y_c.
    size_t state_batch;

    /// The weights of inputs and states stay in codes: kind, bits, group and zeros of both say how.
    bool is_coded;
    thimble_codes input_codes, state_codes;

    // Made by prepare: sequences of a unit, and steps whose inputs are multiplied at a time.
    size_t group, chunk;
} thimble_recurrent;

void thimble_recurrent_prepare(thimble_recurrent *recurrent);
/// Bytes; depends on kind, family, input and hidden only.
size_t thimble_recurrent_pack_size(const thimble_recurrent *recurrent);
/// w [gates·hidden][input], r [gates·hidden][hidden], b [2·gates·hidden] or NULL, p [3·hidden] (LSTM's peepholes) or NULL: ONNX's
/// tensors of one direction. `packed` is 64-byte aligned.
void thimble_recurrent_pack(const thimble_recurrent *recurrent, const float *w, const float *r, const float *b, const float *p, void *packed);
/// The same where `is_coded`: columns are the gates' elements. A GRU's cells along them end with its second gate, or are all one column.
void thimble_recurrent_pack_codes(
    const thimble_recurrent *recurrent, const thimble_codes_source *w, const thimble_codes_source *r, const float *b, const float *p, void *packed);
/// Groups of sequences; one sequence is one unit.
size_t thimble_recurrent_units(const thimble_recurrent *recurrent);
size_t thimble_recurrent_scratch(const thimble_recurrent *recurrent);
/// `lengths` (0...steps each, checked by the caller) may be NULL: all are `steps`; y beyond a length becomes 0. initial_h and
/// initial_c may be NULL (zeros), y, y_h and y_c too (not wanted). y_h and y_c may be the initial ones; nothing else may overlap.
void thimble_recurrent_run(
    const thimble_recurrent *recurrent, const float *x, const int32_t *lengths, const float *initial_h, const float *initial_c, const void *packed,
    float *y, float *y_h, float *y_c, size_t first, size_t last, void *scratch);

#endif
