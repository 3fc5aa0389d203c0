// Attention of brain floats.

#if MULTIPLIES_TILES
// Of brain floats, by 16 queries and 32 keys at once; heads as wide as a multiple of 32.
INLINE void attend_tiles(const enc_attention_form *f, const float *q, const float *k, const float *v, const float *bias,
                         float *out, float *scratch) {
  const size_t length = f->length, width = f->width, padded = (length + 31) / 32 * 32, depth = width / 2;
  float *columns = scratch, *values = columns + padded * width, *scores = values + padded / 2 * width;
  float *biases = scores + 16 * padded, *queries = biases + 2 * padded;
  transpose_keys(length, padded, width, f->kv_stride, k, columns);
  for (size_t c = 0; c < depth; c++)
    pair_rows(padded, columns + 2 * c * padded, columns + (2 * c + 1) * padded, columns + c * padded);
  for (size_t j = 0; j < length; j += 2)
    pair_rows(width, v + j * f->kv_stride, j + 1 < length ? v + (j + 1) * f->kv_stride : NULL, values + j / 2 * width);
  memset(values + (length + 1) / 2 * width, 0, (padded / 2 - (length + 1) / 2) * width * sizeof(float));
  if (bias) spread_bias(f, bias, biases);
  shape_tiles();
  for (size_t first = 0; first < length; first += 16) {
    const size_t rows = length - first < 16 ? length - first : 16;
    const size_t start = first_key(f, first) / 32 * 32, end = end_key(f, first + rows - 1);
    const size_t count = (end - start + 31) / 32 * 32;
    float factors[16];
    _Alignas(64) float sums[16 * 32];
    NAME(round_rows)(rows, width, f->q_stride, q + first * f->q_stride, queries);
    for (size_t j = 0; j < count; j += 32) {
      multiply_pairs(1, depth / 16, queries, 4 * depth, columns + start + j, 4 * padded);
      store_tiles(1, sums);
      for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < 32; c += 16)
          store(scores + r * padded + j + c, load(sums + r * 32 + c) * splat(f->scale * LOG2_E));
    }
    weigh(BRAIN_FLOATS, f, first, rows, start, count, bias ? biases : NULL, NULL, scores, padded, factors, NULL);
    for (size_t column = 0; column < width; column += 32) {
      multiply_pairs(1, count / 32, scores, 4 * padded, values + start / 2 * width + column, 4 * width);
      store_tiles(1, sums);
      for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < 32; c += 16)
          store(out + (first + r) * f->out_stride + column + c, load(sums + r * 32 + c) * splat(factors[r]));
    }
  }
  _tile_release();
}
#endif
void NAME(pair_attention)(const enc_attention_form *f, const float *q, const float *k, const float *v, const float *bias,
                          float *out, float *scratch) {
#if MULTIPLIES_TILES
  if (f->width % 32 == 0 && f->length > 24) return attend_tiles(f, q, k, v, bias, out, scratch);
#endif
  attend(BRAIN_FLOATS, f, q, k, v, bias, out, NULL, scratch);
}
