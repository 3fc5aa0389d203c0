// Products of bytes.

// n numbers as scale · (byte − zero); `offset` is scale · zero.
INLINE void quantize_run(const size_t n, const float *x, uint8_t *bytes, float *scale, float *offset) {
  v16 low = splat(0), high = splat(0);
  EACH16(n, v16 a = LOAD(x); low = min16(low, a); high = max16(high, a););
  const float bottom = -largest16(-low), range = largest16(high) - bottom;
  const float factor = range > 0 ? 255.0f / range : 1.0f, zero = rintf(-bottom * factor);
  *scale = range > 0 ? range / 255.0f : 1.0f;
  *offset = *scale * zero;
  // Below 2²³ the sum with it rounds to a whole number, which stands in the lowest bits.
  const v16 whole = splat(8388608.0f + zero);
  EACH16(n, i16 y = (i16)(LOAD(x) * splat(factor) + whole) - 0x4B000000;
         b16 narrow = __builtin_convertvector(__builtin_elementwise_min(__builtin_elementwise_max(y, (i16){}), (i16){} + 255), b16);
         memcpy(bytes + i, &narrow, lanes););
}
// x [rows, K] to bytes, each run of ENC_QUANTUM numbers of a row by itself. `bytes` has a row stride of K rounded up to 64, zeros in the rest;
// scales and offsets are [rows, runs].
void NAME(quantize)(size_t rows, size_t inner, size_t stride, const float *x, uint8_t *bytes, float *scales,
                    float *offsets) {
  const size_t padded = (inner + 63) / 64 * 64, whole = inner / ENC_QUANTUM * ENC_QUANTUM;
  for (size_t r = 0; r < rows; r++, x += stride, bytes += padded) {
    for (size_t start = 0; start < whole; start += ENC_QUANTUM)
      quantize_run(ENC_QUANTUM, x + start, bytes + start, scales++, offsets++);
    if (whole < inner) quantize_run(inner - whole, x + whole, bytes + whole, scales++, offsets++);
    memset(bytes + inner, 0, padded - inner);
  }
}

INLINE void byte_tile(const size_t rows, size_t inner, const uint8_t *x, const float *scales,
                      const float *offsets, const enc_byte_matrix *b, size_t row, size_t column, size_t columns,
                      const enc_product_end *end, float *out) {
  const size_t stride = (inner + 63) / 64 * 64, runs = (inner + ENC_QUANTUM - 1) / ENC_QUANTUM;
  const size_t depth = (inner + 3) / 4, width = b->width;
  const int8_t *panel = b->bytes + column * 4 * depth;
  v16 sums[BYTE_TILE_ROWS][TILE_VECTORS];
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = splat(0);
  for (size_t run = 0, k = 0; run < runs; run++) {
    i16 counts[BYTE_TILE_ROWS][TILE_VECTORS];
    for (size_t r = 0; r < rows; r++)
      for (size_t v = 0; v < TILE_VECTORS; v++) counts[r][v] = (i16){0};
    const size_t stop = (run + 1) * (ENC_QUANTUM / 4) < depth ? (run + 1) * (ENC_QUANTUM / 4) : depth;
    for (; k < stop; k++, panel += 4 * PANEL) {
      i16 weights[TILE_VECTORS];
      for (size_t v = 0; v < TILE_VECTORS; v++) weights[v] = load_bytes(panel + 64 * v);
      for (size_t r = 0; r < rows; r++) {
        const i16 a = splat_bytes(x + (row + r) * stride + 4 * k);
        for (size_t v = 0; v < TILE_VECTORS; v++) counts[r][v] = dot4(counts[r][v], a, weights[v]);
      }
    }
    for (size_t v = 0; v < TILE_VECTORS; v++) {
      const v16 scale = load(b->scales + run * width + column + 16 * v), total = load(b->sums + run * width + column + 16 * v);
      for (size_t r = 0; r < rows; r++) {
        const size_t place = (row + r) * runs + run;
        sums[r][v] += __builtin_convertvector(counts[r][v], v16) * scale * splat(scales[place]);
        sums[r][v] -= total * splat(offsets[place]);
      }
    }
  }
  FINISH_TILE(sums)
}

#if MULTIPLIES_TILES
// sums [rows][32] = or += the counts of a run.
INLINE void add_counts(const tile_block *block, size_t runs, const int32_t *counts, const float *scales,
                       const float *offsets, const enc_byte_matrix *b, float *sums) {
  v16 scale[2], total[2];
  for (size_t v = 0; v < 2; v++) {
    scale[v] = load(b->scales + block->run * b->width + block->column + 16 * v);
    total[v] = load(b->sums + block->run * b->width + block->column + 16 * v);
  }
  for (size_t r = 0; r < block->rows; r++) {
    const size_t place = (block->row + r) * runs + block->run;
    for (size_t v = 0; v < 2; v++) {
      const v16 count = __builtin_convertvector(*(const i16 *)(counts + r * 32 + 16 * v), v16);
      v16 sum = block->run ? load(sums + r * 32 + 16 * v) : splat(0);
      sum += count * scale[v] * splat(scales[place]);
      sum -= total[v] * splat(offsets[place]);
      store(sums + r * 32 + 16 * v, sum);
    }
  }
}
// Of K a multiple of 64. While a run's tiles are multiplied, the counts of the one before are added.
INLINE void byte_blocks(size_t rows, size_t inner, size_t first, size_t columns, const uint8_t *x, const float *scales,
                        const float *offsets, const enc_byte_matrix *b, const enc_product_end *end, float *out) {
  const size_t runs = (inner + ENC_QUANTUM - 1) / ENC_QUANTUM;
  _Alignas(64) float sums[32 * 32];
  _Alignas(64) int32_t counts[32 * 32];
  tile_block last = {.rows = 0};
  shape_tiles();
  EACH_BLOCK(rows, inner, {
    for (size_t column = first; column < columns; column += PANEL)
      for (size_t row = start; row < stop; row += 32)
        for (size_t run = 0; run < runs; run++) {
          const tile_block block = {.row = row, .column = column, .rows = stop - row < 32 ? stop - row : 32, .run = run};
          const size_t k = run * ENC_QUANTUM, steps = inner - k < ENC_QUANTUM ? (inner - k) / 64 : ENC_QUANTUM / 64;
          const size_t high = block.rows > 16 ? 2 : 1;
          multiply_bytes(high, steps, x + row * inner + k, inner, b->bytes + column * inner + k * PANEL, 4 * PANEL);
          if (last.rows) add_counts(&last, runs, counts, scales, offsets, b, sums);
          if (last.rows && run == 0) NAME(finish_tile)(last.rows, sums, end, last.row, last.column, columns, out);
          store_tiles(high, counts);
          last = block;
        }
  })
  add_counts(&last, runs, counts, scales, offsets, b, sums);
  NAME(finish_tile)(last.rows, sums, end, last.row, last.column, columns, out);
  _tile_release();
}
#endif

void NAME(byte_product)(size_t rows, size_t inner, size_t first, size_t columns, const uint8_t *x, const float *scales,
                        const float *offsets, const enc_byte_matrix *b, const enc_product_end *end, float *out) {
#if MULTIPLIES_TILES
  if (inner % 64 == 0) return byte_blocks(rows, inner, first, columns, x, scales, offsets, b, end, out);
#endif
  EACH_BLOCK(rows, inner, {
    for (size_t column = first; column < columns; column += PANEL)
      for (size_t row = start; row < stop; row += BYTE_TILE_ROWS)
        switch (stop - row < BYTE_TILE_ROWS ? stop - row : BYTE_TILE_ROWS) {
          TILE_CASES_OF(BYTE_TILE_ROWS, byte_tile, inner, x, scales, offsets, b, row, column, columns, end, out)
        }
  })
}

// 32 columns of a matrix of `width` columns as panels of bytes [⌈K / 4⌉][PANEL][4]. Each run of ENC_QUANTUM rows of a column has a scale, and
// the sum of its numbers as bytes give them; both [runs, width].
void NAME(pack_bytes)(size_t inner, size_t columns, size_t width, const float *b, size_t row_stride,
                      size_t column_stride, int8_t *bytes, float *scales, float *sums) {
  const size_t depth = (inner + 3) / 4;
  memset(bytes, 0, depth * 128);
  for (size_t first = 0; first < inner; first += ENC_QUANTUM, scales += width, sums += width) {
    const size_t end = inner - first < ENC_QUANTUM ? inner : first + ENC_QUANTUM;
    for (size_t column = 0; column < 32; column++) {
      scales[column] = sums[column] = 0;
      if (column >= columns) continue;
      const float *source = b + column * column_stride;
      float most = 0;
      for (size_t k = first; k < end; k += 2) {
        const float even = fabsf(source[k * row_stride]), odd = k + 1 < end ? fabsf(source[(k + 1) * row_stride]) : 0;
#if defined(PAIRS_OF_BYTES)
        most = fmaxf(most, even + odd);
#else
        most = fmaxf(most, fmaxf(even, odd));
#endif
      }
      const float factor = most > 0 ? 127 / most : 0;
      float sum = 0;
      for (size_t k = first; k < end; k++) {
        const float whole = rintf(source[k * row_stride] * factor);
        bytes[((column / PANEL * depth + k / 4) * PANEL + column % PANEL) * 4 + k % 4] = (int8_t)whole;
        sum += whole;
      }
      scales[column] = most / 127;
      sums[column] = sum * scales[column];
    }
  }
}
