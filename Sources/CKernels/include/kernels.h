// The contract of the kernels: what oneDNN lacks, on plain pointers, single-threaded.
//
// Every kernel exists once in source and is compiled for several instruction sets (kernels_*.c); dispatch.c picks the best one
// that the processor has, or the one that the environment variable ENCODERS_ISA (scalar, avx2, avx512, avx512vnni, avx512bf16, avx512fp16, amx) names. The code is
// written over vectors of 16 floats, and tails go through the same code, so an element's bits don't depend on its place.
#ifndef ENCODERS_KERNELS_H
#define ENCODERS_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers.h"

// Activations, as the `kind` of `activation` and `activation_backward`.
enum { ENC_RELU = 0, ENC_GELU = 1, ENC_TANH = 2, ENC_SIGMOID = 3, ENC_SILU = 4, ENC_GELU_TANH = 5 };

// One head of attention in one sequence. Query i sees the keys i − before ... i + after of the first `keys`; if it
// sees none, it mixes zeros. A bias, if there is one, is by j − i, from −reach
// to reach (farther is as far as that), `bias_stride` apart. Strides are between rows.
// Below a `keep` of 1, probabilities are dropped: query i takes numbers of the stream from block `first_block` + i · `row_blocks` on.
typedef struct {
  size_t length, keys, width, q_stride, kv_stride, out_stride, before, after, reach, bias_stride;
  float scale, keep;
  uint64_t seed, stream, first_block, row_blocks;
} enc_attention_form;

// How a product ends: + bias [N] (or NULL), an activation (a negative kind: none), + residual (as `out`, or NULL).
typedef struct {
  const float *bias, *residual;
  size_t out_stride;
  int activation;
} enc_product_end;

// A packed matrix of bytes of `width` columns, a multiple of 32: each run of ENC_QUANTUM rows of a column is its scale · bytes, and has the sum
// of these; `scales` and `sums` are [runs, width].
typedef struct {
  const int8_t *bytes;
  const float *scales, *sums;
  size_t width;
} enc_byte_matrix;
enum { ENC_QUANTUM = 128 };

// Rows and columns of a weight's gradient that are computed at once, and the memory which that takes.
enum { ENC_GRADIENT_TILE = 192, ENC_GRADIENT_SCRATCH = 2 * (128 + 16) * (ENC_GRADIENT_TILE + 32) };

// A convolution of images [height, width, inputs] with windows of 3 × 3 at every pixel, channels last, to [out_height, out_width, outputs], with
// `above` and `before` rows and columns of zeros. It is computed in tiles of 2 × 2 outputs, counted across all images.
typedef struct {
  size_t height, width, inputs, out_height, out_width, outputs, above, before;
} enc_winograd_form;
enum { ENC_WINOGRAD_TILES = 48 };

// The name of the instruction set in use.
const char *enc_isa(void);

#define KERNEL(name, parameters, arguments) void enc_##name parameters;
#include "list.h"  // declarations
#undef KERNEL
#endif
