// Products of rows with a packed matrix B [K, N]: out = x · B + bias, then an activation and the addition of rows, in one pass.
//
// B is cut into panels of PANEL columns, each [K][PANEL], filled up with zeros to a multiple of 32 columns. A tile of a few rows and a panel's
// columns stays in registers while it runs down K, and every element is one chain of sums over K, so its bits don't depend on the other
// rows or columns.
#define PANEL (16 * TILE_VECTORS)

// Adds bias and residual to a tile's sums [rows, 16 · TILE_VECTORS], activated between, and writes them at `column`.
INLINE void finish_rows(const int activation, size_t rows, const float *sums, const enc_product_end *end, size_t row,
                        size_t column, size_t columns, float *out) {
  for (size_t v = 0; v < TILE_VECTORS && column < columns; v++, column += 16) {
    const size_t lanes = columns - column < 16 ? columns - column : 16, i = column;
    const v16 bias = end->bias ? LOAD(end->bias) : splat(0);
    for (size_t r = 0; r < rows; r++) {
      const size_t place = (row + r) * end->out_stride;
      v16 y = activate16(activation, load(sums + (r * TILE_VECTORS + v) * 16) + bias);
      if (end->residual) y += LOAD(end->residual + place);
      STORE(out + place, y);
    }
  }
}
static __attribute__((noinline)) void NAME(finish_tile)(size_t rows, const float *sums, const enc_product_end *end,
                                                        size_t row, size_t column, size_t columns, float *out) {
  // The most frequent have loops of their own, which don't ask for the kind.
  switch (end->activation) {
    case ENC_RELU: finish_rows(ENC_RELU, rows, sums, end, row, column, columns, out); break;
    case ENC_GELU: finish_rows(ENC_GELU, rows, sums, end, row, column, columns, out); break;
    default: finish_rows(end->activation, rows, sums, end, row, column, columns, out);
  }
}
#define FINISH_TILE(sums)                                                                            \
  float tile[TILE_ROWS * TILE_VECTORS * 16];                                                         \
  for (size_t r = 0; r < rows; r++)                                                                  \
    for (size_t v = 0; v < TILE_VECTORS; v++) store(tile + (r * TILE_VECTORS + v) * 16, sums[r][v]); \
  NAME(finish_tile)(rows, tile, end, row, column, columns, out);

// Asks for what a tile needs 48 lines of a panel later: with few rows, weights come from memory as fast as it gives them.
INLINE void fetch_ahead(const void *line, size_t bytes) {
  for (size_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch((const char *)line + 48 * bytes + byte);
}

INLINE void float_tile(const size_t rows, size_t inner, size_t stride, const float *x, const float *panel, size_t row,
                       size_t column, size_t columns, const enc_product_end *end, float *out) {
  v16 sums[TILE_ROWS][TILE_VECTORS];
  const float *lines[TILE_ROWS];
  for (size_t r = 0; r < rows; r++) {
    lines[r] = x + (row + r) * stride;
    for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = splat(0);
  }
  UNROLLED(4)
  for (size_t k = 0; k < inner; k++, panel += PANEL) {
    v16 b[TILE_VECTORS];
    fetch_ahead(panel, PANEL * sizeof *panel);
    for (size_t v = 0; v < TILE_VECTORS; v++) b[v] = load(panel + 16 * v);
    for (size_t r = 0; r < rows; r++) {
      const v16 a = splat(lines[r][k]);
      for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] += a * b[v];
    }
  }
  FINISH_TILE(sums)
}

// Calls `tile` with its number of rows, at most 8, as a constant.
#define TILE_CASE(n, tile, ...) \
  case n: tile(n, __VA_ARGS__); break;
#define TILE_CASES(most, tile, ...) TILE_CASES_##most(tile, __VA_ARGS__)
#define TILE_CASES_2(tile, ...) TILE_CASE(1, tile, __VA_ARGS__) TILE_CASE(2, tile, __VA_ARGS__)
#define TILE_CASES_4(tile, ...) \
  TILE_CASES_2(tile, __VA_ARGS__) TILE_CASE(3, tile, __VA_ARGS__) TILE_CASE(4, tile, __VA_ARGS__)
#define TILE_CASES_6(tile, ...) \
  TILE_CASES_4(tile, __VA_ARGS__) TILE_CASE(5, tile, __VA_ARGS__) TILE_CASE(6, tile, __VA_ARGS__)
#define TILE_CASES_8(tile, ...) \
  TILE_CASES_6(tile, __VA_ARGS__) TILE_CASE(7, tile, __VA_ARGS__) TILE_CASE(8, tile, __VA_ARGS__)
#define TILE_CASES_OF(most, tile, ...) TILE_CASES(most, tile, __VA_ARGS__)

// Runs `body` for rows `start` ..< `stop`, blocks of which stay in the cache while they meet all panels; a multiple of the tiles' rows.
#define EACH_BLOCK(rows, row_bytes, ...)                                                \
  const size_t block = ((256 << 10) / (row_bytes) / 24 + 1) * 24;                       \
  for (size_t start = 0; start < (rows); start += block) {                              \
    const size_t stop = (rows) - start < block ? (rows) : start + block;                \
    __VA_ARGS__                                                                         \
  }

// Rows start ..< stop, a tile at a time.
INLINE void float_rows(size_t start, size_t stop, size_t inner, size_t stride, const float *x, const float *panel,
                       size_t column, size_t columns, const enc_product_end *end, float *out) {
  for (size_t row = start; row < stop; row += TILE_ROWS)
    switch (stop - row < TILE_ROWS ? stop - row : TILE_ROWS) {
      TILE_CASES_OF(TILE_ROWS, float_tile, inner, stride, x, panel, row, column, columns, end, out)
    }
}
void NAME(product)(size_t rows, size_t inner, size_t first, size_t columns, size_t stride, const float *x,
                   const float *panels, const enc_product_end *end, float *out) {
  EACH_BLOCK(rows, inner * sizeof(float), {
    for (size_t column = first; column < columns; column += PANEL)
      float_rows(start, stop, inner, stride, x, panels + column * inner, column, columns, end, out);
  })
}

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

// x [rows, K] to brain floats, of a row stride of BRAIN_STRIDE.
void NAME(round_rows)(size_t rows, size_t inner, size_t stride, const float *x, float *out) {
  for (size_t r = 0; r < rows; r++, x += stride, out += BRAIN_STRIDE(inner)) {
    if (inner % 2) out[BRAIN_STRIDE(inner) - 1] = 0;
    if (MULTIPLIES_PAIRS)
      EACH16(inner, store_brain((uint16_t *)out + i, round_brain(LOAD(x)), lanes););
    else
      round_line(inner, x, out);
  }
}

// Two rows of brain floats, those of the same column side by side; the second may be NULL.
INLINE void pair_rows(size_t width, const float *first, const float *second, float *out) {
  EACH16(width, STORE(out, (v16)brain_pairs(LOAD(first), second ? LOAD(second) : splat(0))););
}

// The panels of 32 columns as pairs of rows of brain floats [⌈K / 2⌉][PANEL].
void NAME(pack_pairs)(size_t inner, const float *panels, uint32_t *pairs) {
  for (size_t column = 0; column < 32; column += PANEL)
    for (size_t k = 0; k < inner; k += 2, pairs += PANEL) {
      const float *first = panels + column * inner + k * PANEL;
      pair_rows(PANEL, first, k + 1 < inner ? first + PANEL : NULL, (float *)pairs);
    }
}

INLINE void pair_tile(const size_t rows, size_t inner, const float *x, const uint32_t *panel, size_t row, size_t column,
                      size_t columns, const enc_product_end *end, float *out) {
  v16 sums[TILE_ROWS][TILE_VECTORS];
  const float *lines[TILE_ROWS];
  for (size_t r = 0; r < rows; r++) {
    lines[r] = x + (row + r) * BRAIN_STRIDE(inner);
    for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = splat(0);
  }
  for (size_t k = 0; k < BRAIN_STRIDE(inner); k++) {
    v16 b[TILE_VECTORS];
    const bool second = !MULTIPLIES_PAIRS && k % 2;
    if (!second) fetch_ahead(panel, PANEL * sizeof *panel);
    for (size_t v = 0; v < TILE_VECTORS; v++) {
      const u16 pair = load_pairs(panel + 16 * v);
      b[v] = (v16)(MULTIPLIES_PAIRS ? pair : second ? pair & 0xffff0000u : pair << 16);
    }
    for (size_t r = 0; r < rows; r++) {
      const v16 a = splat(lines[r][k]);
      for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = add_products(MULTIPLIES_PAIRS, sums[r][v], a, b[v]);
    }
    if (second || MULTIPLIES_PAIRS) panel += PANEL;
  }
  FINISH_TILE(sums)
}
#if MULTIPLIES_TILES
// A block of 32 columns and up to 32 rows, and which run of K.
typedef struct {
  size_t row, column, rows, run;
} tile_block;

// Of K a multiple of 32. While a block's tiles are multiplied, the one before is ended.
INLINE void pair_blocks(size_t rows, size_t inner, size_t first, size_t columns, const float *x, const uint32_t *panels,
                        const enc_product_end *end, float *out) {
  const size_t stride = inner / 2;
  _Alignas(64) float sums[32 * 32];
  tile_block last = {.rows = 0};
  shape_tiles();
  EACH_BLOCK(rows, inner * 2, {
    for (size_t column = first; column < columns; column += PANEL)
      for (size_t row = start; row < stop; row += 32) {
        const tile_block block = {.row = row, .column = column, .rows = stop - row < 32 ? stop - row : 32};
        const size_t high = block.rows > 16 ? 2 : 1;
        multiply_pairs(high, inner / 32, x + row * stride, 4 * stride, panels + column * stride, 4 * PANEL);
        if (last.rows) NAME(finish_tile)(last.rows, sums, end, last.row, last.column, columns, out);
        store_tiles(high, sums);
        last = block;
      }
  })
  NAME(finish_tile)(last.rows, sums, end, last.row, last.column, columns, out);
  _tile_release();
}
#endif
void NAME(pair_product)(size_t rows, size_t inner, size_t first, size_t columns, const float *x, const uint32_t *panels,
                        const enc_product_end *end, float *out) {
#if MULTIPLIES_TILES
  if (inner % 32 == 0) return pair_blocks(rows, inner, first, columns, x, panels, end, out);
#endif
  EACH_BLOCK(rows, BRAIN_STRIDE(inner) * sizeof(float), {
    for (size_t column = first; column < columns; column += PANEL) {
      const uint32_t *panel = panels + column * ((inner + 1) / 2);
      for (size_t row = start; row < stop; row += TILE_ROWS)
        switch (stop - row < TILE_ROWS ? stop - row : TILE_ROWS) {
          TILE_CASES_OF(TILE_ROWS, pair_tile, inner, x, panel, row, column, columns, end, out)
        }
    }
  })
}

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

// B [K, N], whose neighbours in a row and a column stand `column_stride` and `row_stride` apart, as panels.
void NAME(pack)(size_t inner, size_t columns, const float *b, size_t row_stride, size_t column_stride, float *panels) {
  for (size_t column = 0; column < columns; column += 32, b += 32 * column_stride, panels += 32 * inner) {
    const size_t n = columns - column < 32 ? columns - column : 32;
    if (n < 32) memset(panels, 0, 32 * inner * sizeof(float));
    if (column_stride == 1) {
      for (size_t c = 0; c < n; c += PANEL)
        for (size_t k = 0; k < inner; k++)
          memcpy(panels + c * inner + k * PANEL, b + k * row_stride + c, (n - c < PANEL ? n - c : PANEL) * sizeof(float));
      continue;
    }
#if defined(SQUARE)
    if (row_stride == 1) {
      for (size_t c = 0; c < n; c += SQUARE)
        for (size_t k = 0; k < inner; k += SQUARE)
          transpose_some(n - c < SQUARE ? n - c : SQUARE, inner - k < SQUARE ? inner - k : SQUARE, b + c * column_stride + k,
                         column_stride, panels + (c / PANEL * inner + k) * PANEL + c % PANEL, PANEL);
      continue;
    }
#endif
    for (size_t start = 0; start < inner; start += 16) {
      const size_t stop = inner - start < 16 ? inner : start + 16;
      for (size_t c = 0; c < n; c++)
        for (size_t k = start; k < stop; k++)
          panels[(c / PANEL * inner + k) * PANEL + c % PANEL] = b[k * row_stride + c * column_stride];
    }
  }
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

// 12 chains, as many at once as registers hold.
#define PEAK_CHAINS (TILE_ROWS * TILE_VECTORS < 12 ? TILE_ROWS : 12)
#define EACH_PEAK(vector, start, step, end)                             \
  for (size_t group = 0; group < 12; group += PEAK_CHAINS) {            \
    vector sums[PEAK_CHAINS];                                           \
    for (size_t i = 0; i < PEAK_CHAINS; i++) sums[i] = start;           \
    for (size_t done = 0; done < n; done++)                             \
      for (size_t i = 0; i < PEAK_CHAINS; i++) sums[i] = step;          \
    for (size_t i = 0; i < PEAK_CHAINS; i++) end;                       \
  }
void NAME(float_peak)(size_t n, float *out) {
  const v16 factor = splat(out[0]);
  v16 sum = factor;
  EACH_PEAK(v16, splat((float)i), sums[i] * factor + factor, sum += sums[i])
  store(out, sum);
}
// Each step multiplies what the one before gave, so that none can be left out.
void NAME(pair_peak)(size_t n, float *out) {
#if MULTIPLIES_TILES
  (void)out;
  TILE_PEAK(_tile_dpbf16ps, n * 12 * 64 / (2 * 16 * 16 * 32))
#else
  const v16 factor = MULTIPLIES_PAIRS ? (v16)brain_pairs(splat(out[0]), splat(out[0])) : splat(out[0]);
  v16 sum = splat(0);
  for (size_t number = 0; number < (MULTIPLIES_PAIRS ? 1 : 2); number++)
    EACH_PEAK(v16, splat((float)i), add_products(MULTIPLIES_PAIRS, factor, sums[i], factor), sum += sums[i])
  store(out, sum);
#endif
}
void NAME(half_peak)(size_t n, float *out) {
#if MULTIPLIES_HALVES
  const h32 factor = (h32)twice(round_half(splat(out[0])));
  h32 sum = factor;
  EACH_PEAK(h32, factor, add_halves(factor, sums[i], factor), sum += sums[i])
  store(out, widen_low(sum));
#else
  for (size_t number = 0; number < 2; number++) NAME(float_peak)(n, out);
#endif
}
void NAME(byte_peak)(size_t n, int32_t *out) {
#if MULTIPLIES_TILES
  (void)out;
  TILE_PEAK(_tile_dpbusd, n * 12 * 128 / (2 * 16 * 16 * 64))
#else
  const i16 factor = (i16){} + out[0];
  i16 sum = factor;
  EACH_PEAK(i16, factor + (int32_t)i, dot4(sums[i], sums[i], factor), sum += sums[i])
  memcpy(out, &sum, sizeof sum);
#endif
}
