// Pooling of images, channels last. geometry = height, width, channels, kernel height and width, stride y and x, padding y and x,
// output height and width. `places` keeps the pixel (y · width + x) that won.
typedef struct {
  ptrdiff_t top, bottom, left, right;
} NAME(window);
INLINE NAME(window) window_at(const ptrdiff_t *g, ptrdiff_t oy, ptrdiff_t ox) {
  NAME(window) w = {oy * g[5] - g[7], oy * g[5] - g[7] + g[3], ox * g[6] - g[8], ox * g[6] - g[8] + g[4]};
  if (w.top < 0) w.top = 0;
  if (w.left < 0) w.left = 0;
  if (w.bottom > g[0]) w.bottom = g[0];
  if (w.right > g[1]) w.right = g[1];
  return w;
}

void NAME(max_pool_image)(const ptrdiff_t *g, const float *x, float *y, int32_t *places) {
  const size_t channels = (size_t)g[2];
  for (ptrdiff_t oy = 0; oy < g[9]; oy++)
    for (ptrdiff_t ox = 0; ox < g[10]; ox++, y += channels, places += channels) {
      NAME(window) w = window_at(g, oy, ox);
      const ptrdiff_t first = w.top * g[1] + w.left;
      EACH16(channels, v16 best = LOAD(x + (size_t)first * channels); i16 place = (i16){} + (int32_t)first;
             for (ptrdiff_t iy = w.top; iy < w.bottom; iy++)
               for (ptrdiff_t ix = w.left; ix < w.right; ix++) {
                 ptrdiff_t at = iy * g[1] + ix;
                 v16 value = LOAD(x + (size_t)at * channels);
                 i16 larger = exceeds16(value, best);
                 best = choose16(larger, value, best);
                 place = (i16)choose16(larger, (v16)((i16){} + (int32_t)at), (v16)place);
               } STORE(y, best);
             STORE((float *)places, (v16)place););
    }
}

void NAME(max_pool_image_backward)(const ptrdiff_t *g, const float *dy, const int32_t *places, float *dx) {
  const size_t channels = (size_t)g[2], outputs = (size_t)(g[9] * g[10]);
  // Windows that are side by side and leave nothing over are written whole.
  if (g[7] + g[8] == 0 && g[3] == g[5] && g[4] == g[6] && g[9] * g[3] == g[0] && g[10] * g[4] == g[1]) {
    for (ptrdiff_t oy = 0; oy < g[9]; oy++)
      for (ptrdiff_t ox = 0; ox < g[10]; ox++, dy += channels, places += channels)
        EACH16(channels, const v16 slope = LOAD(dy); const i16 place = (i16)LOAD((const float *)places);
               for (ptrdiff_t iy = oy * g[3]; iy < (oy + 1) * g[3]; iy++)
                 for (ptrdiff_t ix = ox * g[4]; ix < (ox + 1) * g[4]; ix++) {
                   const ptrdiff_t at = iy * g[1] + ix;
                   STORE(dx + (size_t)at * channels, choose16(place == (int32_t)at, slope, splat(0)));
                 });
    return;
  }
  memset(dx, 0, (size_t)(g[0] * g[1]) * channels * sizeof(float));
  for (size_t o = 0; o < outputs; o++, dy += channels, places += channels)
    for (size_t c = 0; c < channels; c++) dx[(size_t)places[c] * channels + c] += dy[c];
}

// The divisor is the kernel's area, padding included, as PyTorch's default.
void NAME(average_pool_image)(const ptrdiff_t *g, const float *x, float *y) {
  const size_t channels = (size_t)g[2];
  const v16 k = splat(1.0f / (float)(g[3] * g[4]));
  for (ptrdiff_t oy = 0; oy < g[9]; oy++)
    for (ptrdiff_t ox = 0; ox < g[10]; ox++, y += channels) {
      NAME(window) w = window_at(g, oy, ox);
      EACH16(channels, v16 sum = splat(0); for (ptrdiff_t iy = w.top; iy < w.bottom; iy++)
               for (ptrdiff_t ix = w.left; ix < w.right; ix++) sum += LOAD(x + (size_t)(iy * g[1] + ix) * channels);
             STORE(y, sum * k););
    }
}

void NAME(average_pool_image_backward)(const ptrdiff_t *g, const float *dy, float *dx) {
  const size_t channels = (size_t)g[2];
  memset(dx, 0, (size_t)(g[0] * g[1]) * channels * sizeof(float));
  for (ptrdiff_t oy = 0; oy < g[9]; oy++)
    for (ptrdiff_t ox = 0; ox < g[10]; ox++, dy += channels) {
      NAME(window) w = window_at(g, oy, ox);
      for (ptrdiff_t iy = w.top; iy < w.bottom; iy++)
        for (ptrdiff_t ix = w.left; ix < w.right; ix++)
          add_scaled(dx + (size_t)(iy * g[1] + ix) * channels, 1.0f / (float)(g[3] * g[4]), dy, channels);
    }
}

void NAME(transpose)(size_t rows, size_t columns, const float *x, float *out) {
  for (size_t r0 = 0; r0 < rows; r0 += 16)
    for (size_t c0 = 0; c0 < columns; c0 += 16)
      for (size_t c = c0; c < columns && c < c0 + 16; c++)
        for (size_t r = r0; r < rows && r < r0 + 16; r++) out[c * rows + r] = x[r * columns + c];
}
