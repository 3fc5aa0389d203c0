// A weight's gradient: out [n, k] = or += Aᵀ · B for rows A [rows, n] and B [rows, k], both n and k at most ENC_GRADIENT_TILE.
//
// Blocks of rows are added one after another. Each is copied first, A's columns in strips and B's in panels, so that a tile of n × k stays
// in registers while it runs down rows that stand densely in the cache.
#define BLOCK_ROWS 128
// Groups that stood a power of two apart would share few places of the cache.
#define GROUP_STRIDE(group) (BLOCK_ROWS * (group) + 16)

// Rows of up to ENC_GRADIENT_TILE columns cut into groups of columns, each [BLOCK_ROWS][group], the last filled up with zeros.
#define SPREAD(line, columns, group, out) \
  for (size_t g = 0; g * group < columns; g++) memcpy((out) + g * GROUP_STRIDE(group), line + g * group, group * 4);
INLINE void gather_rows(const bool rounded, size_t depth, size_t columns, size_t stride, const float *x,
                        const size_t group, float *out) {
  float line[ENC_GRADIENT_TILE + 32] = {0};
  for (size_t d = 0; d < depth; d++, x += stride) {
    const float *source = x;
    if (rounded) {
      round_line(columns, x, line);
      source = line;
    } else if (columns % group) {
      source = memcpy(line, x, columns * sizeof(float));
    }
    SPREAD(source, columns, group, out + d * group)
  }
}
// The same of pairs of rows as brain floats, for processors that multiply them.
INLINE void gather_pairs(size_t depth, size_t columns, size_t stride, const float *x, const size_t group, float *out) {
  float line[ENC_GRADIENT_TILE + 32] = {0};
  for (size_t d = 0; d < depth; d += 2, x += 2 * stride) {
    pair_rows(columns, x, d + 1 < depth ? x + stride : NULL, line);
    SPREAD(line, columns, group, out + d / 2 * group)
  }
}

// A strip [depth][stride], of which `rows` columns count, and a panel [depth][panel_stride] of which `columns` do; of floats, or of `pairs` of
// brain floats.
INLINE void gradient_tile(const size_t rows, const bool pairs, size_t depth, size_t stride, const float *strip,
                          size_t panel_stride, const float *panel, size_t columns, bool add, size_t out_stride, float *out) {
  v16 sums[TILE_ROWS][TILE_VECTORS];
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = splat(0);
  UNROLLED(4) for (size_t d = 0; d < depth; d++, strip += stride, panel += panel_stride) {
    v16 b[TILE_VECTORS];
    for (size_t v = 0; v < TILE_VECTORS; v++) b[v] = load(panel + 16 * v);
    for (size_t r = 0; r < rows; r++) {
      const v16 a = splat(strip[r]);
      for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = add_products(pairs, sums[r][v], a, b[v]);
    }
  }
  for (size_t r = 0; r < rows; r++, out += out_stride) {
    if (columns == PANEL) {
      for (size_t v = 0; v < TILE_VECTORS; v++)
        store(out + 16 * v, add ? load(out + 16 * v) + sums[r][v] : sums[r][v]);
    } else {
      float tile[PANEL];
      for (size_t v = 0; v < TILE_VECTORS; v++) store(tile + 16 * v, sums[r][v]);
      EACH16(columns, STORE(out, add ? LOAD(out) + LOAD(tile) : LOAD(tile)););
    }
  }
}

// Asks for a row that will be wanted soon.
INLINE void prefetch_row(const float *x, size_t columns) {
  for (size_t i = 0; i < columns; i += 16) __builtin_prefetch(x + i, 0, 2);
}

#if MULTIPLIES_TILES
INLINE void write_block(const tile_block *block, const float *tile, size_t k, bool add, float *out, size_t out_stride) {
  const size_t columns = k - block->column < PANEL ? k - block->column : PANEL;
  for (size_t r = 0; r < block->rows; r++) {
    float *target = out + (block->row + r) * out_stride + block->column;
    EACH16(columns, STORE(target, add ? LOAD(target) + LOAD(tile + r * 32) : LOAD(tile + r * 32)););
  }
}
// Strips of A are [16][BLOCK_ROWS / 2] pairs of rows, panels of B [BLOCK_ROWS / 2][32].
INLINE void multiply_transposed_tiles(size_t rows, size_t n, size_t k, const float *a, size_t a_stride, const float *b,
                                      size_t b_stride, bool add, float *out, size_t out_stride, float *sums, float *scratch) {
  const size_t depth = BLOCK_ROWS / 2, strip_stride = depth + 16;
  float *strips = scratch, *lines = strips + (ENC_GRADIENT_TILE + 16) * strip_stride, *panels = scratch + ENC_GRADIENT_SCRATCH / 2;
  _Alignas(64) float tile[32 * 32];
  shape_tiles();
  for (size_t first = 0; first == 0 || first < rows; first += BLOCK_ROWS, add = true) {
    const size_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS, steps = (count + 31) / 32;
    // What is missing of whole tiles is zeros.
    if (count % 32) {
      memset(lines, 0, 16 * steps * (ENC_GRADIENT_TILE + 16) * sizeof(float));
      for (size_t column = 0; column < k; column += PANEL)
        memset(panels + column / PANEL * GROUP_STRIDE(PANEL), 0, 16 * steps * PANEL * sizeof(float));
    }
    for (size_t d = 0; d < count; d += 2) {
      const float *x = a + (first + d) * a_stride;
      pair_rows(n, x, d + 1 < count ? x + a_stride : NULL, lines + d / 2 * (ENC_GRADIENT_TILE + 16));
    }
    for (size_t row = 0; row < n; row += 16)
      for (size_t d = 0; d < 16 * steps; d += 16)
        transpose_some(16, 16, lines + d * (ENC_GRADIENT_TILE + 16) + row, ENC_GRADIENT_TILE + 16,
                       strips + row * strip_stride + d, strip_stride);
    gather_pairs(count, k, b_stride, b + first * b_stride, PANEL, panels);
    if (sums) sum_columns(count, n, a_stride, a + first * a_stride, add, sums);
    tile_block last = {.rows = 0};
    for (size_t column = 0; column < k; column += PANEL)
      for (size_t row = 0; row < n; row += 32) {
        const tile_block block = {.row = row, .column = column, .rows = n - row < 32 ? n - row : 32};
        const size_t high = block.rows > 16 ? 2 : 1;
        multiply_pairs(high, steps, strips + row * strip_stride, 4 * strip_stride,
                       panels + column / PANEL * GROUP_STRIDE(PANEL), 4 * PANEL);
        write_block(&last, tile, k, add, out, out_stride);
        store_tiles(high, tile);
        last = block;
      }
    write_block(&last, tile, k, add, out, out_stride);
  }
  _tile_release();
}
#endif

// While a block is multiplied, the rows of the next are fetched. With `pairs`, of brain floats.
INLINE void multiply_transposed(const bool pairs, size_t rows, size_t n, size_t k, const float *a, size_t a_stride,
                                const float *b, size_t b_stride, bool add, float *out, size_t out_stride, float *sums,
                                float *scratch) {
  const bool paired = pairs && MULTIPLIES_PAIRS;
  float *strips = scratch, *panels = strips + ENC_GRADIENT_SCRATCH / 2;
  const size_t tiles = ((n + TILE_ROWS - 1) / TILE_ROWS) * ((k + PANEL - 1) / PANEL);
  const size_t fetched = (BLOCK_ROWS + tiles - 1) / tiles;
  for (size_t first = 0; first == 0 || first < rows; first += BLOCK_ROWS, add = true) {
    const size_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS, depth = paired ? (count + 1) / 2 : count;
    size_t next = first + BLOCK_ROWS;
    if (paired) {
      gather_pairs(count, n, a_stride, a + first * a_stride, TILE_ROWS, strips);
      gather_pairs(count, k, b_stride, b + first * b_stride, PANEL, panels);
    } else {
      gather_rows(pairs, count, n, a_stride, a + first * a_stride, TILE_ROWS, strips);
      gather_rows(pairs, count, k, b_stride, b + first * b_stride, PANEL, panels);
    }
    if (sums) sum_columns(count, n, a_stride, a + first * a_stride, add, sums);
    for (size_t column = 0; column < k; column += PANEL) {
      const size_t columns = k - column < PANEL ? k - column : PANEL;
      const float *panel = panels + column / PANEL * GROUP_STRIDE(PANEL);
      for (size_t row = 0; row < n; row += TILE_ROWS) {
        const float *strip = strips + row / TILE_ROWS * GROUP_STRIDE(TILE_ROWS);
        float *target = out + row * out_stride + column;
        for (size_t i = 0; i < fetched && next < rows; i++, next++) {
          prefetch_row(a + next * a_stride, n);
          prefetch_row(b + next * b_stride, k);
        }
        switch (n - row < TILE_ROWS ? n - row : TILE_ROWS) {
          TILE_CASES_OF(TILE_ROWS, gradient_tile, paired, depth, TILE_ROWS, strip, PANEL, panel, columns, add,
                        out_stride, target)
        }
      }
    }
  }
}
void NAME(transposed_product)(size_t rows, size_t n, size_t k, const float *a, size_t a_stride, const float *b,
                              size_t b_stride, bool add, float *out, size_t out_stride, float *sums, void *scratch) {
  multiply_transposed(false, rows, n, k, a, a_stride, b, b_stride, add, out, out_stride, sums, scratch);
}
void NAME(pair_transposed_product)(size_t rows, size_t n, size_t k, const float *a, size_t a_stride, const float *b,
                                   size_t b_stride, bool add, float *out, size_t out_stride, float *sums, void *scratch) {
#if MULTIPLIES_TILES
  multiply_transposed_tiles(rows, n, k, a, a_stride, b, b_stride, add, out, out_stride, sums, scratch);
#else
  multiply_transposed(true, rows, n, k, a, a_stride, b, b_stride, add, out, out_stride, sums, scratch);
#endif
}
