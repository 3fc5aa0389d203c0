// Scaled dot-product attention of one head within one sequence. The score matrix is never in memory: a block of four queries at a
// time, and the pullback computes the probabilities anew from the kept log-sums. Keys are transposed first, so that scores are sums of rows.
INLINE void transpose_keys(size_t length, size_t width, size_t stride, const float *k, float *out) {
  for (size_t j = 0; j < length; j++)
    for (size_t c = 0; c < width; c++) out[c * length + j] = k[j * stride + c];
}

// scores[q][j] = Σ_c rows[q][c] · columns[c][j] for four (or fewer) rows.
INLINE void products4(size_t rows, size_t width, size_t stride, const float *q, const float *columns, size_t length,
                      size_t count, float scale, float *scores) {
  const float *r0 = q, *r1 = q + (rows > 1 ? stride : 0), *r2 = q + (rows > 2 ? 2 * stride : 0),
              *r3 = q + (rows > 3 ? 3 * stride : 0);
  v16 k = splat(scale);
  EACH16(count, v16 s0 = splat(0); v16 s1 = splat(0); v16 s2 = splat(0); v16 s3 = splat(0);
         for (size_t c = 0; c < width; c++) {
           v16 column = LOAD(columns + c * length);
           s0 += splat(r0[c]) * column;
           s1 += splat(r1[c]) * column;
           s2 += splat(r2[c]) * column;
           s3 += splat(r3[c]) * column;
         } STORE(scores, s0 * k);
         STORE(scores + length, s1 * k); STORE(scores + 2 * length, s2 * k); STORE(scores + 3 * length, s3 * k););
}

// out[q] += Σ_j weights[q][j] · rows[j] for four (or fewer) queries.
INLINE void weighted4(size_t rows, size_t width, size_t stride, const float *weights, size_t length, size_t count,
                      const float *v, float *out, size_t out_stride) {
  float *o0 = out, *o1 = out + out_stride, *o2 = out + 2 * out_stride, *o3 = out + 3 * out_stride;
  EACH16(width, v16 s0 = splat(0); v16 s1 = splat(0); v16 s2 = splat(0); v16 s3 = splat(0);
         for (size_t j = 0; j < count; j++) {
           v16 value = LOAD(v + j * stride);
           s0 += splat(weights[j]) * value;
           s1 += splat(weights[length + j]) * value;
           s2 += splat(weights[2 * length + j]) * value;
           s3 += splat(weights[3 * length + j]) * value;
         } STORE(o0, LOAD(o0) + s0);
         if (rows > 1) STORE(o1, LOAD(o1) + s1); if (rows > 2) STORE(o2, LOAD(o2) + s2);
         if (rows > 3) STORE(o3, LOAD(o3) + s3););
}

void NAME(attention)(size_t length, size_t width, size_t stride, float scale, bool causal, const float *q, const float *k,
                     const float *v, size_t out_stride, float *out, float *logsums, float *scratch) {
  float *columns = scratch, *scores = scratch + length * width;
  transpose_keys(length, width, stride, k, columns);
  for (size_t first = 0; first < length; first += 4) {
    const size_t rows = length - first < 4 ? length - first : 4, count = causal ? first + rows : length;
    products4(rows, width, stride, q + first * stride, columns, length, count, scale, scores);
    for (size_t r = 0; r < rows; r++) {
      const size_t seen = causal ? first + r + 1 : length;
      float *s = scores + r * length;
      float m = largest(s, seen), sum = exponentials(s, m, s, seen);
      NAME(scale)(seen, s, 1.0f / sum, s);
      for (size_t j = seen; j < count; j++) s[j] = 0;
      logsums[first + r] = m + logf(sum);
      memset(out + (first + r) * out_stride, 0, width * sizeof(float));
    }
    weighted4(rows, width, stride, scores, length, count, v, out + first * out_stride, out_stride);
  }
}

void NAME(attention_backward)(size_t length, size_t width, size_t stride, float scale, bool causal, const float *q,
                              const float *k, const float *v, size_t out_stride, const float *out, const float *logsums,
                              const float *dout, float *dq, float *dk, float *dv, float *scratch) {
  float *keys = scratch, *values = keys + length * width, *scores = values + length * width, *slopes = scores + 4 * length;
  transpose_keys(length, width, stride, k, keys);
  transpose_keys(length, width, stride, v, values);
  for (size_t r = 0; r < length; r++) {
    memset(dq + r * stride, 0, width * sizeof(float));
    memset(dk + r * stride, 0, width * sizeof(float));
    memset(dv + r * stride, 0, width * sizeof(float));
  }
  for (size_t first = 0; first < length; first += 4) {
    const size_t rows = length - first < 4 ? length - first : 4, count = causal ? first + rows : length;
    const float *queries = q + first * stride, *slope = dout + first * out_stride;
    products4(rows, width, stride, queries, keys, length, count, scale, scores);
    products4(rows, width, out_stride, slope, values, length, count, 1.0f, slopes);
    for (size_t r = 0; r < rows; r++) {
      const size_t seen = causal ? first + r + 1 : length;
      float *p = scores + r * length, *d = slopes + r * length;
      exponentials(p, logsums[first + r], p, seen);
      v16 along = splat(dot(out + (first + r) * out_stride, slope + r * out_stride, width)), factor = splat(scale);
      EACH16(seen, STORE(d, LOAD(p) * (LOAD(d) - along) * factor););
      for (size_t j = seen; j < count; j++) p[j] = d[j] = 0;
    }
    weighted4(rows, width, stride, slopes, length, count, k, dq + first * stride, stride);
    for (size_t j = 0; j < count; j++) {
      float *key = dk + j * stride, *value = dv + j * stride;
      EACH16(width, v16 a = LOAD(key); v16 b = LOAD(value); for (size_t r = 0; r < rows; r++) {
        a += splat(slopes[r * length + j]) * LOAD(queries + r * stride);
        b += splat(scores[r * length + j]) * LOAD(slope + r * out_stride);
      } STORE(key, a);
             STORE(value, b););
    }
  }
}
