// Products with a matrix of brain floats, by pairs of rows.

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
