// Attention of halves.

#if MULTIPLIES_HALVES
// out = factor · x as halves.
INLINE void halve_line(size_t n, const float *x, float factor, uint16_t *out) {
  EACH16(n, const h16 halves = __builtin_convertvector(LOAD(x) * splat(factor), h16);
         memcpy(out + i, &halves, lanes * sizeof *out););
}
INLINE void half_score_tile(const size_t rows, size_t width, const float *q, const uint16_t *columns, size_t length,
                            size_t count, const float *scales, float *scores) {
  for (size_t j = 0, size; j < count; j += size) {
    _Alignas(64) float sums[2][TILE_ROWS * 32];
    size = count - j < 64 ? 32 : 64;
    if (size == 64)
      half_sums(rows, 2, width, width, q, length, columns + j, 32, sums);
    else
      half_sums(rows, 1, width, width, q, length, columns + j, 32, sums);
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < size; c += 16)
        store(scores + r * length + j + c, load(sums[c / 32] + r * 32 + c % 32) * splat(scales[r]));
  }
}
INLINE void half_mix_tile(const size_t rows, size_t width, size_t stride, const float *weights, size_t length,
                          size_t count, const uint16_t *values, const float *factors, float *out, size_t out_stride) {
  for (size_t column = 0, size; column < width; column += size) {
    _Alignas(64) float sums[2][TILE_ROWS * 32];
    size = width - column > 32 ? 64 : 32;
    if (size == 64)
      half_sums(rows, 2, count, length, weights, stride, values + column, 32, sums);
    else
      half_sums(rows, 1, count, length, weights, stride, values + column, 32, sums);
    for (size_t c = 0; c < size && column + c < width; c += 16) {
      const size_t i = column + c, lanes = width - i < 16 ? width - i : 16;
      for (size_t r = 0; r < rows; r++) STORE(out + r * out_stride, load(sums[c / 32] + r * 32 + c % 32) * splat(factors[r]));
    }
  }
}
#endif
// Without dropout. Where halves aren't multiplied, floats are.
void NAME(half_attention)(const enc_attention_form *f, const float *q, const float *k, const float *v, const float *bias,
                          float *out, float *scratch) {
#if MULTIPLIES_HALVES
  const size_t length = f->length, width = f->width, padded = (length + 31) / 32 * 32, wide = (width + 31) / 32 * 32;
  float *columns = scratch, *scores = columns + padded * width, *biases = scores + TILE_ROWS * padded;
  float *queries = biases + 2 * padded;
  uint16_t *keys = (uint16_t *)columns, *values = (uint16_t *)(queries + TILE_ROWS * width);
  const float key_factor = factor_towards(length, width, f->kv_stride, k, 2);
  const float value_factor = factor_towards(length, width, f->kv_stride, v, 2);
  transpose_keys(length, padded, width, f->kv_stride, k, columns);
  halve_line(padded * width, columns, key_factor, keys);  // where they stand: a half's place is before its float's
  memset(values, 0, length * wide * sizeof *values);
  for (size_t j = 0; j < length; j++) halve_line(width, v + j * f->kv_stride, value_factor, values + j * wide);
  if (bias) spread_bias(f, bias, biases);
  for (size_t first = 0; first < length; first += TILE_ROWS) {
    const size_t rows = length - first < TILE_ROWS ? length - first : TILE_ROWS;
    const size_t start = first_key(f, first) / 32 * 32, end = end_key(f, first + rows - 1);
    const size_t count = (end - start + 31) / 32 * 32;
    float factors[TILE_ROWS];
    NAME(half_rows)(rows, width, f->q_stride, q + first * f->q_stride, 2, queries, factors);
    for (size_t r = 0; r < rows; r++) factors[r] *= f->scale * LOG2_E / key_factor;
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, half_score_tile, width, queries, keys + start, padded, count, factors, scores)
    }
    weigh(HALVES, f, first, rows, start, count, bias ? biases : NULL, NULL, scores, padded, factors, NULL);
    for (size_t r = 0; r < rows; r++) factors[r] /= value_factor;
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, half_mix_tile, width, wide, scores, padded, end - start, values + start * wide, factors,
                    out + first * f->out_stride, f->out_stride)
    }
  }
#else
  attend(FLOATS, f, q, k, v, bias, out, NULL, scratch);
#endif
}
