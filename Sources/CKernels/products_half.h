// Products with a matrix of halves.

#if MULTIPLIES_HALVES
// The power of two that brings the largest of all numbers between 2^(room − 1) and 2^room.
INLINE float factor_towards(size_t rows, size_t width, size_t stride, const float *x, int room) {
  v16 low = splat(0), high = splat(0);
  for (size_t r = 0; r < rows; r++, x += stride)
    EACH16(width, v16 a = LOAD(x); low = min16(low, a); high = max16(high, a););
  return power_towards(fmaxf(largest16(high), largest16(-low)), room);
}
#endif
// x [rows, K] as half_product takes them. Where halves are multiplied, a row is halves, each of them twice, of the row times a power of two that
// brings its largest number between 2^(room − 1) and 2^room; `scales` take that back. Elsewhere it stays as it is.
void NAME(half_rows)(size_t rows, size_t inner, size_t stride, const float *x, int room, float *out, float *scales) {
  for (size_t r = 0; r < rows; r++, x += stride, out += inner) {
#if MULTIPLIES_HALVES
    const float factor = factor_towards(1, inner, stride, x, room);
    scales[r] = 1 / factor;
    EACH16(inner, STORE(out, twice(round_half(LOAD(x) * splat(factor)))););
#else
    (void)room, (void)scales;
    memcpy(out, x, inner * sizeof(float));
#endif
  }
}

#if MULTIPLIES_HALVES
// Halves are summed for that many steps, then their sums as floats.
#define HALF_RUN 128
// sums[n] [rows][32] = a [rows, inner], of halves that stand twice, times `count` groups of 32 columns of b, `distance` apart.
INLINE void half_sums(const size_t rows, const size_t count, size_t inner, size_t a_stride, const float *a, size_t b_stride,
                      const uint16_t *b, size_t distance, float sums[2][TILE_ROWS * 32]) {
  for (size_t n = 0; n < count; n++) memset(sums[n], 0, rows * 32 * sizeof(float));
  for (size_t k = 0; k < inner;) {
    const size_t stop = inner - k < HALF_RUN ? inner : k + HALF_RUN;
    h32 run[TILE_ROWS][2];
    for (size_t r = 0; r < rows; r++)
      for (size_t n = 0; n < count; n++) run[r][n] = (h32){};
    UNROLLED(4) for (; k < stop; k++, b += b_stride) {
      h32 group[2];
      for (size_t n = 0; n < count; n++) {
        __builtin_prefetch(b + n * distance + 48 * b_stride);
        group[n] = load_halves(b + n * distance);
      }
      for (size_t r = 0; r < rows; r++) {
        const h32 number = splat_halves(a[r * a_stride + k]);
        for (size_t n = 0; n < count; n++) run[r][n] = add_halves(run[r][n], number, group[n]);
      }
    }
    for (size_t r = 0; r < rows; r++)
      for (size_t n = 0; n < count; n++) {
        float *sum = sums[n] + r * 32;
        store(sum, load(sum) + widen_low(run[r][n]));
        store(sum + 16, load(sum + 16) + widen_high(run[r][n]));
      }
  }
}
// Two panels are met at once, where there are two.
INLINE void half_tile(const size_t rows, const size_t count, size_t inner, const float *x, const float *scales,
                      const uint16_t *panel, size_t row, size_t column, size_t columns, const enc_product_end *end, float *out) {
  _Alignas(64) float sums[2][TILE_ROWS * PANEL];
  half_sums(rows, count, inner, inner, x + row * inner, PANEL, panel, PANEL * inner, sums);
  for (size_t n = 0; n < count; n++) {
    for (size_t r = 0; r < rows; r++)
      for (size_t v = 0; v < PANEL; v += 16)
        store(sums[n] + r * PANEL + v, load(sums[n] + r * PANEL + v) * splat(scales[row + r]));
    NAME(finish_tile)(rows, sums[n], end, row, column + n * PANEL, columns, out);
  }
}
#endif

// With a matrix of halves. Where they aren't multiplied, a panel becomes floats first.
void NAME(half_product)(size_t rows, size_t inner, size_t first, size_t columns, const float *x, const float *scales,
                        const uint16_t *panels, const enc_product_end *end, float *out) {
#if MULTIPLIES_HALVES
  EACH_BLOCK(rows, inner * sizeof(float), {
    for (size_t column = first; column < columns; column += 2 * PANEL)
      for (size_t row = start; row < stop; row += TILE_ROWS) {
        const size_t some = stop - row < TILE_ROWS ? stop - row : TILE_ROWS;
        const uint16_t *panel = panels + column * inner;
        if (column + PANEL < columns)
          switch (some) {
            TILE_CASES_OF(TILE_ROWS, half_tile, 2, inner, x, scales, panel, row, column, columns, end, out)
          }
        else
          switch (some) {
            TILE_CASES_OF(TILE_ROWS, half_tile, 1, inner, x, scales, panel, row, column, columns, end, out)
          }
      }
  })
#else
  (void)scales;
  float *panel = enc_scratch(ENC_SCRATCH_PANEL, inner * PANEL * sizeof(float));
  EACH_BLOCK(rows, inner * sizeof(float), {
    for (size_t column = first; column < columns; column += PANEL) {
      const uint16_t *halves = panels + column * inner;
      for (size_t i = 0; i < inner * PANEL; i += 16) {
        // The next panel comes from memory while this one is multiplied.
        if (i % 32 == 0) __builtin_prefetch(halves + inner * PANEL + i, 0, 2);
        store(panel + i, load_half(halves + i));
      }
      float_rows(start, stop, inner, inner, x, panel, column, columns, end, out);
    }
  })
#endif
}

// Panels rounded to half precision, to the nearest, ties to even; what is too large becomes infinite.
void NAME(to_half)(size_t n, const float *x, uint16_t *out) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    const uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    uint32_t half;
    if (rest >= 0x47800000) {
      half = rest > 0x7f800000 ? 0x7e00 : 0x7c00;
    } else if (rest < 0x38800000) {
      // Below 2⁻¹⁴ halves have a fixed step of 2⁻²⁴: the sum with 0.5 leaves them in the lowest bits.
      float small;
      memcpy(&small, &rest, 4);
      small += 0.5f;
      memcpy(&half, &small, 4);
      half -= 0x3f000000;
    } else {
      half = (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13;
    }
    out[i] = (uint16_t)(sign | half);
  }
}
