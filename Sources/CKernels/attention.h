// Scaled dot-product attention of one head within one sequence. The score matrix is never in memory: a tile of queries at a
// time, and the pullback computes the probabilities anew from the kept log-sums. Keys are transposed first, so that scores are sums of rows.
// Whole vectors of 16 keys are scored: out [width][padded] has zeros behind the last key.
INLINE void transpose_keys(size_t length, size_t padded, size_t width, size_t stride, const float *k, float *out) {
#if defined(SQUARE)
  for (size_t j = 0; j < padded; j += SQUARE)
    for (size_t c = 0; c < width; c += SQUARE) {
      const size_t rows = j >= length ? 0 : length - j < SQUARE ? length - j : SQUARE;
      const size_t columns = width - c < SQUARE ? width - c : SQUARE;
      transpose_some(rows, columns, k + j * stride + c, stride, out + c * padded + j, padded);
    }
#else
  for (size_t c = 0; c < width; c++)
    for (size_t j = length; j < padded; j++) out[c * padded + j] = 0;
  for (size_t j = 0; j < length; j++) {
// Scattered stores of whole vectors are slower.
#pragma clang loop vectorize(disable)
    for (size_t c = 0; c < width; c++) out[c * padded + j] = k[j * stride + c];
  }
#endif
}

// The keys that query `i` sees.
INLINE size_t first_key(const enc_attention_form *f, size_t i) {
  const size_t first = i > f->before ? i - f->before : 0;
  return first < f->keys ? first : f->keys;
}
INLINE size_t end_key(const enc_attention_form *f, size_t i) {
  const size_t end = f->length - i - 1 > f->after ? i + f->after + 1 : f->length;
  return end < f->keys ? end : f->keys;
}

// Scores are in units of ln 2: probabilities are powers of 2, which take fewer steps than those of e.
#define LOG2_E 1.44269504088896341f

// The biases by j − i + length − 1, so that those of a query are neighbours.
INLINE void spread_bias(const enc_attention_form *f, const float *bias, float *out) {
  for (size_t d = 0; d + 1 < 2 * f->length; d++) {
    const ptrdiff_t distance = (ptrdiff_t)d - (ptrdiff_t)f->length + 1, reach = (ptrdiff_t)f->reach;
    const ptrdiff_t place = distance < -reach ? 0 : distance > reach ? 2 * reach : distance + reach;
    out[d] = bias[place * (ptrdiff_t)f->bias_stride] * LOG2_E;
  }
}

// factors[j] = 0 for a dropped key j of query i and 1 / keep for the others, for keys from `start` to before `end`. Which are dropped depends
// on the row and the key alone, not on what else is seen. `factors` holds `end` floats, rounded up to 64.
INLINE void dropout_factors(const enc_attention_form *f, size_t i, size_t start, size_t end, float *factors) {
  const v16 factor = splat(1.0f / f->keep);
  const uint32_t limit = dropout_limit(f->keep);
  for (size_t j = start / 64 * 64; j < end; j += 64) {
    u16 numbers[4];
    philox16(f->seed, f->stream, f->first_block + i * f->row_blocks + j / 4, numbers);
    for (size_t n = 0; n < 4; n++) {
      i16 kept = (i16)(numbers[n] < (u16){} + limit);
      store(factors + j + 16 * n, choose16(kept, factor, splat(0)));
    }
  }
}
INLINE void multiply_by(float *y, const float *x, size_t n) { EACH16(n, STORE(y, LOAD(y) * LOAD(x));); }

// scores[r][j] = scale · Σ_c q[r][c] · columns[c][j] for `count` keys, a multiple of 16; keys stand `length` apart in `columns` and `scores`.
// With `pairs` of brain floats, `width` counts pairs.
INLINE void score_vectors(const size_t rows, const bool pairs, const size_t vectors, size_t width, size_t stride,
                          const float *q, const float *columns, size_t length, float scale, float *scores) {
  v16 sums[TILE_ROWS][TILE_VECTORS];
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < vectors; v++) sums[r][v] = splat(0);
  UNROLLED(2) for (size_t c = 0; c < width; c++) {
    v16 keys[TILE_VECTORS];
    for (size_t v = 0; v < vectors; v++) keys[v] = load(columns + c * length + 16 * v);
    for (size_t r = 0; r < rows; r++)
      for (size_t v = 0; v < vectors; v++) sums[r][v] = add_products(pairs, sums[r][v], splat(q[r * stride + c]), keys[v]);
  }
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < vectors; v++) store(scores + r * length + 16 * v, sums[r][v] * splat(scale));
}
INLINE void score_tile(const size_t rows, const bool pairs, size_t width, size_t stride, const float *q,
                       const float *columns, size_t length, size_t count, float scale, float *scores) {
  size_t j = 0;
  for (; j + 16 * TILE_VECTORS <= count; j += 16 * TILE_VECTORS)
    score_vectors(rows, pairs, TILE_VECTORS, width, stride, q, columns + j, length, scale, scores + j);
  for (; j < count; j += 16) score_vectors(rows, pairs, 1, width, stride, q, columns + j, length, scale, scores + j);
}

// out[r] = factors[r] · Σ_j weights[r][j] · v[j]. With `pairs` of brain floats, j counts pairs.
INLINE void mix_tile(const size_t rows, const bool pairs, size_t width, size_t stride, const float *weights,
                     size_t length, size_t count, const float *v, const float *factors, float *out, size_t out_stride) {
  size_t column = 0;
  for (; column + 16 * TILE_VECTORS <= width; column += 16 * TILE_VECTORS) {
    v16 sums[TILE_ROWS][TILE_VECTORS];
    for (size_t r = 0; r < rows; r++)
      for (size_t n = 0; n < TILE_VECTORS; n++) sums[r][n] = splat(0);
    UNROLLED(2) for (size_t j = 0; j < count; j++) {
      v16 values[TILE_VECTORS];
      for (size_t n = 0; n < TILE_VECTORS; n++) values[n] = load(v + j * stride + column + 16 * n);
      for (size_t r = 0; r < rows; r++)
        for (size_t n = 0; n < TILE_VECTORS; n++)
          sums[r][n] = add_products(pairs, sums[r][n], splat(weights[r * length + j]), values[n]);
    }
    for (size_t r = 0; r < rows; r++)
      for (size_t n = 0; n < TILE_VECTORS; n++)
        store(out + r * out_stride + column + 16 * n, sums[r][n] * splat(factors[r]));
  }
  for (; column < width; column += 16) {
    const size_t lanes = width - column < 16 ? width - column : 16, i = column;
    v16 sums[TILE_ROWS];
    for (size_t r = 0; r < rows; r++) sums[r] = splat(0);
    for (size_t j = 0; j < count; j++) {
      const v16 values = LOAD(v + j * stride);
      for (size_t r = 0; r < rows; r++) sums[r] = add_products(pairs, sums[r], splat(weights[r * length + j]), values);
    }
    for (size_t r = 0; r < rows; r++) STORE(out + r * out_stride, sums[r] * splat(factors[r]));
  }
}

// The numbers of keys from j on, with another for those that aren't from `low` to before `high`.
INLINE v16 seen16(v16 x, size_t j, size_t low, size_t high, float other) {
  if (j >= low && j + 16 <= high) return x;
  const i16 key = (i16){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + (int32_t)j;
  return choose16((key >= (int32_t)low) & (key < (int32_t)high), x, splat(other));
}

// What attention multiplies.
enum { FLOATS, BRAIN_FLOATS, HALVES };

// The scores of `rows` queries, `first` and its neighbours, for the keys from `start` on, become weights: powers of 2, in the form in which they
// are multiplied; `factors` are 1 / their sums. Whole vectors of 16 keys are scored; those that a query doesn't see get the weight 0.
INLINE void weigh(const int kind, const enc_attention_form *f, size_t first, size_t rows, size_t start, size_t count,
                  const float *biases, float *dropped, float *scores, size_t padded, float *factors, float *logsums) {
  for (size_t r = 0; r < rows; r++) {
    const size_t i = first + r, low = first_key(f, i) - start, high = end_key(f, i) - start;
    float *s = scores + r * padded;
    if (biases) add_to(s + low, biases + start + low + f->length - 1 - i, high - low);
    v16 most = splat(-INFINITY), sum = splat(0);
    for (size_t j = 0; j < count; j += 16) most = max16(most, seen16(load(s + j), j, low, high, -INFINITY));
    const float m = largest16(most);
    for (size_t j = 0; j < count; j += 16) {
      v16 e = seen16(exp2_16(load(s + j) - splat(m)), j, low, high, 0);
      if (kind == BRAIN_FLOATS) e = round_float(e);
      if (kind == BRAIN_FLOATS && MULTIPLIES_PAIRS) {
        store_brain((uint16_t *)s + j, (u16)e >> 16, 16);
#if MULTIPLIES_HALVES
      } else if (kind == HALVES) {
        store(s + j, twice(round_half(e)));
        e = round_to_half(e);
#endif
      } else {
        store(s + j, e);
      }
      sum += e;
    }
    const float total = sum16(sum);
    if (f->keep < 1 && kind == FLOATS) {
      dropout_factors(f, i, start + low, start + high, dropped);
      multiply_by(s + low, dropped + start + low, high - low);
    }
    // A query that sees no key mixes nothing.
    factors[r] = total > 0 ? 1.0f / total : 0;
    if (logsums) logsums[i] = total > 0 ? m + log2f(total) : INFINITY;
  }
}

INLINE void attend(const int kind, const enc_attention_form *f, const float *q, const float *k, const float *v,
                   const float *bias, float *out, float *logsums, float *scratch) {
  const bool rounds = kind == BRAIN_FLOATS, paired = rounds && MULTIPLIES_PAIRS;
  const size_t length = f->length, width = f->width, padded = (length + 15) / 16 * 16, group = paired ? 2 : 1;
  const size_t depth = (width + group - 1) / group;
  float *columns = scratch, *values = columns + padded * width, *scores = values + padded * width;
  float *biases = scores + TILE_ROWS * padded, *dropped = biases + 2 * length, *rounded = dropped + padded + 64;
  transpose_keys(length, padded, width, f->kv_stride, k, columns);
  // Rows that stand far apart would share few places of the cache.
  for (size_t j = 0; j < length; j += group)
    if (paired)
      pair_rows(width, v + j * f->kv_stride, j + 1 < length ? v + (j + 1) * f->kv_stride : NULL, values + j / 2 * width);
    else if (rounds)
      round_line(width, v + j * f->kv_stride, values + j * width);
    else
      memcpy(values + j * width, v + j * f->kv_stride, width * sizeof(float));
  if (rounds && !paired) round_line(width * padded, columns, columns);
  for (size_t c = 0; c < depth && paired; c++)
    pair_rows(padded, columns + 2 * c * padded, 2 * c + 1 < width ? columns + (2 * c + 1) * padded : NULL, columns + c * padded);
  if (bias) spread_bias(f, bias, biases);
  for (size_t first = 0; first < length; first += TILE_ROWS) {
    const size_t rows = length - first < TILE_ROWS ? length - first : TILE_ROWS;
    const size_t start = first_key(f, first) / 16 * 16, end = end_key(f, first + rows - 1);
    const size_t count = (end - start + 15) / 16 * 16;
    const float *queries = q + first * f->q_stride;
    float factors[TILE_ROWS], *target = out + first * f->out_stride;
    size_t stride = f->q_stride;
    if (rounds) {
      NAME(round_rows)(rows, width, stride, queries, rounded);
      queries = rounded;
      stride = BRAIN_STRIDE(width);
    }
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, score_tile, paired, depth, stride, queries, columns + start, padded, count, f->scale * LOG2_E, scores)
    }
    weigh(kind, f, first, rows, start, count, bias ? biases : NULL, dropped, scores, padded, factors, logsums);
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, mix_tile, paired, width, width, scores, padded, (end - start + group - 1) / group,
                    values + start / group * width, factors, target, f->out_stride)
    }
  }
}
void NAME(attention)(const enc_attention_form *f, const float *q, const float *k, const float *v, const float *bias,
                     float *out, float *logsums, float *scratch) {
  attend(FLOATS, f, q, k, v, bias, out, logsums, scratch);
}

// out[j] += Σ_r weights[r][j] · x[r] for `rows` keys j and `depth` queries r.
INLINE void add_mixed(const size_t rows, size_t depth, size_t length, const float *weights, size_t stride, const float *x,
                      size_t width, size_t out_stride, float *out) {
  size_t column = 0;
  for (; column + PANEL <= width; column += PANEL)
    gradient_tile(rows, false, depth, length, weights, stride, x + column, PANEL, true, out_stride, out + column);
  if (column == width) return;
  for (size_t r = 0; r < rows; r++)
    for (size_t d = 0; d < depth; d++)
      add_scaled(out + r * out_stride + column, weights[d * length + r], x + d * stride + column, width - column);
}

void NAME(attention_backward)(const enc_attention_form *f, const float *q, const float *k, const float *v,
                              const float *bias, const float *out, const float *logsums, const float *dout, bool add,
                              float *dq, float *dk, float *dv, float *dbias, float *scratch) {
  const size_t length = f->length, width = f->width, padded = (length + 15) / 16 * 16;
  const size_t stride = f->q_stride, kv_stride = f->kv_stride;
  float *keys = scratch, *values = keys + padded * width, *scores = values + padded * width;
  float *slopes = scores + TILE_ROWS * padded, *biases = slopes + TILE_ROWS * padded;
  float *dropped = biases + 2 * length;
  transpose_keys(length, padded, width, kv_stride, k, keys);
  transpose_keys(length, padded, width, kv_stride, v, values);
  if (bias) spread_bias(f, bias, biases);
  for (size_t r = 0; r < length && !add; r++) {
    memset(dk + r * kv_stride, 0, width * sizeof(float));
    memset(dv + r * kv_stride, 0, width * sizeof(float));
  }
  if (bias) memset(dbias, 0, (2 * f->reach + 1) * sizeof(float));
  float ones[TILE_ROWS];
  for (size_t r = 0; r < TILE_ROWS; r++) ones[r] = 1;
  for (size_t first = 0; first < length; first += TILE_ROWS) {
    const size_t rows = length - first < TILE_ROWS ? length - first : TILE_ROWS;
    const size_t start = first_key(f, first) / 16 * 16, count = end_key(f, first + rows - 1) - start;
    const size_t whole = (count + 15) / 16 * 16;
    const float *queries = q + first * stride, *slope = dout + first * f->out_stride;
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, score_tile, false, width, stride, queries, keys + start, padded, whole, f->scale * LOG2_E, scores)
    }
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, score_tile, false, width, f->out_stride, slope, values + start, padded, whole, 1.0f, slopes)
    }
    for (size_t r = 0; r < rows; r++) {
      const size_t i = first + r, low = first_key(f, i) - start, seen = end_key(f, i) - start - low;
      float *p = scores + r * padded, *d = slopes + r * padded;
      if (bias) add_to(p + low, biases + start + low + length - 1 - i, seen);
      const v16 logsum = splat(logsums[i]);
      EACH16(seen, STORE(p + low, exp2_16(LOAD(p + low) - logsum)););
      if (f->keep < 1) {
        dropout_factors(f, i, start + low, start + low + seen, dropped);
        multiply_by(d + low, dropped + start + low, seen);
      }
      v16 along = splat(dot(out + i * f->out_stride, slope + r * f->out_stride, width)), factor = splat(f->scale);
      EACH16(seen, STORE(d + low, LOAD(p + low) * (LOAD(d + low) - along)););
      if (f->keep < 1) multiply_by(p + low, dropped + start + low, seen);
      if (bias)
        for (size_t j = low; j < low + seen; j++) {
          const ptrdiff_t distance = (ptrdiff_t)(start + j) - (ptrdiff_t)i, reach = (ptrdiff_t)f->reach;
          dbias[distance < -reach ? 0 : distance > reach ? 2 * reach : distance + reach] += d[j];
        }
      EACH16(seen, STORE(d + low, LOAD(d + low) * factor););
      for (size_t j = 0; j < low; j++) p[j] = d[j] = 0;
      for (size_t j = low + seen; j < count; j++) p[j] = d[j] = 0;
    }
    switch (rows) {
      TILE_CASES_OF(TILE_ROWS, mix_tile, false, width, kv_stride, slopes, padded, count, k + start * kv_stride, ones,
                    dq + first * stride, stride)
    }
    for (size_t j = 0; j < count; j += TILE_ROWS) {
      const size_t at = (start + j) * kv_stride;
      switch (count - j < TILE_ROWS ? count - j : TILE_ROWS) {
        TILE_CASES_OF(TILE_ROWS, add_mixed, rows, padded, slopes + j, stride, queries, width, kv_stride, dk + at)
      }
      switch (count - j < TILE_ROWS ? count - j : TILE_ROWS) {
        TILE_CASES_OF(TILE_ROWS, add_mixed, rows, padded, scores + j, f->out_stride, slope, width, kv_stride, dv + at)
      }
    }
  }
}
