// Operations that read offsets: embedding look-up, pooling over sequences, windows of convolutions.
void NAME(gather)(size_t count, size_t width, const int32_t *ids, const float *table, float *out) {
  for (size_t i = 0; i < count; i++) memcpy(out + i * width, table + (size_t)ids[i] * width, width * sizeof(float));
}

void NAME(scatter_add)(size_t count, size_t width, const int32_t *ids, const int32_t *order, const float *x, float *table) {
  for (size_t i = 0; i < count; i++)
    add_to(table + (size_t)ids[order[i]] * width, x + (size_t)order[i] * width, width);
}

void NAME(pool_sum)(size_t count, size_t width, const int32_t *offsets, const float *factors, const float *x, float *out) {
  for (size_t s = 0; s < count; s++, out += width) {
    const size_t first = (size_t)offsets[s], last = (size_t)offsets[s + 1];
    v16 k = splat(factors[s]);
    EACH16(width, v16 sum = splat(0); for (size_t r = first; r < last; r++) sum += LOAD(x + r * width); STORE(out, sum * k););
  }
}

void NAME(pool_sum_backward)(size_t count, size_t width, const int32_t *offsets, const float *factors, const float *dy,
                             float *dx) {
  for (size_t s = 0; s < count; s++, dy += width) {
    v16 k = splat(factors[s]);
    for (size_t r = (size_t)offsets[s]; r < (size_t)offsets[s + 1]; r++)
      EACH16(width, STORE(dx + r * width, LOAD(dy) * k););
  }
}

void NAME(pool_max)(size_t count, size_t width, const int32_t *offsets, const float *x, float *out, int32_t *rows) {
  for (size_t s = 0; s < count; s++, out += width, rows += width) {
    const int32_t first = offsets[s], last = offsets[s + 1];
    EACH16(width, v16 best = LOAD(x + (size_t)first * width); i16 place = (i16){} + first;
           for (int32_t r = first + 1; r < last; r++) {
             v16 value = LOAD(x + (size_t)r * width);
             i16 larger = exceeds16(value, best);
             best = choose16(larger, value, best);
             place = (i16)choose16(larger, (v16)((i16){} + r), (v16)place);
           } STORE(out, best);
           STORE((float *)rows, (v16)place););
  }
}

void NAME(pool_max_backward)(size_t count, size_t width, const int32_t *rows, const float *dy, float *dx) {
  for (size_t s = 0; s < count; s++, rows += width, dy += width)
    for (size_t c = 0; c < width; c++) dx[(size_t)rows[c] * width + c] += dy[c];
}

void NAME(pool_attention)(size_t count, size_t width, const int32_t *offsets, const float *x, const float *query,
                          float *weights, float *out) {
  for (size_t s = 0; s < count; s++, out += width) {
    const size_t first = (size_t)offsets[s], length = (size_t)(offsets[s + 1] - offsets[s]);
    float *w = weights + first;
    for (size_t r = 0; r < length; r++) w[r] = dot(x + (first + r) * width, query, width);
    NAME(softmax)(1, length, w, w);
    memset(out, 0, width * sizeof(float));
    for (size_t r = 0; r < length; r++) add_scaled(out, w[r], x + (first + r) * width, width);
  }
}

void NAME(pool_attention_backward)(size_t count, size_t width, const int32_t *offsets, const float *x, const float *query,
                                   const float *weights, const float *dy, float *dx, float *dquery) {
  memset(dquery, 0, width * sizeof(float));
  for (size_t s = 0; s < count; s++, dy += width) {
    const size_t first = (size_t)offsets[s], last = (size_t)offsets[s + 1];
    float along = 0;
    for (size_t r = first; r < last; r++) along += weights[r] * dot(dy, x + r * width, width);
    for (size_t r = first; r < last; r++) {
      const float *row = x + r * width;
      // The gradient of the score: w · (dy · x − Σ w · dy · x).
      float dscore = weights[r] * (dot(dy, row, width) - along);
      v16 a = splat(weights[r]), b = splat(dscore);
      EACH16(width, STORE(dx + r * width, a * LOAD(dy) + b * LOAD(query)););
      add_scaled(dquery, dscore, row, width);
    }
  }
}

void NAME(windows)(ptrdiff_t first, ptrdiff_t last, ptrdiff_t length, size_t width, size_t channels, ptrdiff_t kernel,
                   ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t dilation, const float *x, float *out) {
  for (ptrdiff_t o = first; o < last; o++)
    for (ptrdiff_t k = 0; k < kernel; k++, out += channels) {
      ptrdiff_t r = o * stride - padding + k * dilation;
      if (r >= 0 && r < length)
        memcpy(out, x + (size_t)r * width, channels * sizeof(float));
      else
        memset(out, 0, channels * sizeof(float));
    }
}

void NAME(windows_backward)(ptrdiff_t first, ptrdiff_t last, ptrdiff_t length, size_t width, size_t channels,
                            ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t dilation,
                            const float *dwindows, float *dx) {
  for (ptrdiff_t o = first; o < last; o++)
    for (ptrdiff_t k = 0; k < kernel; k++, dwindows += channels) {
      ptrdiff_t r = o * stride - padding + k * dilation;
      if (r >= 0 && r < length) add_to(dx + (size_t)r * width, dwindows, channels);
    }
}

void NAME(max_pool_rows)(ptrdiff_t outputs, ptrdiff_t length, size_t width, ptrdiff_t kernel, ptrdiff_t stride,
                         ptrdiff_t padding, const float *x, float *y, int32_t *rows) {
  for (ptrdiff_t o = 0; o < outputs; o++, y += width, rows += width) {
    ptrdiff_t first = o * stride - padding, last = first + kernel;
    if (first < 0) first = 0;
    if (last > length) last = length;
    EACH16(width, v16 best = LOAD(x + (size_t)first * width); i16 place = (i16){} + (int32_t)first;
           for (ptrdiff_t r = first + 1; r < last; r++) {
             v16 value = LOAD(x + (size_t)r * width);
             i16 larger = exceeds16(value, best);
             best = choose16(larger, value, best);
             place = (i16)choose16(larger, (v16)((i16){} + (int32_t)r), (v16)place);
           } STORE(y, best);
           STORE((float *)rows, (v16)place););
  }
}

void NAME(max_pool_rows_backward)(ptrdiff_t outputs, size_t width, const int32_t *rows, const float *dy, float *dx) {
  NAME(pool_max_backward)((size_t)outputs, width, rows, dy, dx);
}

// The divisor is the kernel's size, padding included, as PyTorch's default.
void NAME(average_pool_rows)(ptrdiff_t outputs, ptrdiff_t length, size_t width, ptrdiff_t kernel, ptrdiff_t stride,
                             ptrdiff_t padding, const float *x, float *y) {
  v16 k = splat(1.0f / (float)kernel);
  for (ptrdiff_t o = 0; o < outputs; o++, y += width) {
    ptrdiff_t first = o * stride - padding, last = first + kernel;
    if (first < 0) first = 0;
    if (last > length) last = length;
    EACH16(width, v16 sum = splat(0); for (ptrdiff_t r = first; r < last; r++) sum += LOAD(x + (size_t)r * width);
           STORE(y, sum * k););
  }
}

void NAME(average_pool_rows_backward)(ptrdiff_t outputs, ptrdiff_t length, size_t width, ptrdiff_t kernel,
                                      ptrdiff_t stride, ptrdiff_t padding, const float *dy, float *dx) {
  for (ptrdiff_t o = 0; o < outputs; o++, dy += width) {
    ptrdiff_t first = o * stride - padding, last = first + kernel;
    if (first < 0) first = 0;
    if (last > length) last = length;
    for (ptrdiff_t r = first; r < last; r++) add_scaled(dx + (size_t)r * width, 1.0f / (float)kernel, dy, width);
  }
}
