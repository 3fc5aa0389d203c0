// A weight's gradient: out [n, k] = or += Aᵀ · B for rows A [rows, n] and B [rows, k], both n and k at most ENC_GRADIENT_TILE.
//
// Blocks of rows are added one after another. Each is copied first, A's columns in strips and B's in panels, so that a tile of n × k stays
// in registers while it runs down rows that stand densely in the cache.
#define BLOCK_ROWS 128
#define PANEL_COLUMNS (16 * TILE_VECTORS)
// Groups that stood a power of two apart would share few places of the cache.
#define GROUP_STRIDE(group) (BLOCK_ROWS * (group) + 16)

// Rows of up to ENC_GRADIENT_TILE columns cut into groups of columns, each [BLOCK_ROWS][group], the last filled up with zeros.
#define SPREAD(line, columns, group, out) \
  for (size_t g = 0; g * group < columns; g++) memcpy((out) + g * GROUP_STRIDE(group), line + g * group, group * 4);
INLINE void gather_rows(size_t depth, size_t columns, size_t stride, const float *x, const size_t group, float *out) {
  float line[ENC_GRADIENT_TILE + 32] = {0};
  for (size_t d = 0; d < depth; d++, x += stride) {
    const float *source = x;
    if (columns % group) source = memcpy(line, x, columns * sizeof(float));
    SPREAD(source, columns, group, out + d * group)
  }
}
// The same of pairs of rows as brain floats.
INLINE void gather_pairs(size_t depth, size_t columns, size_t stride, const float *x, const size_t group, uint32_t *out) {
  uint32_t line[ENC_GRADIENT_TILE + 32] = {0};
  for (size_t d = 0; d < depth; d += 2, x += 2 * stride) {
    EACH16(columns, u16 pairs = brain_pairs(LOAD(x), d + 1 < depth ? LOAD(x + stride) : splat(0));
           memcpy(line + i, &pairs, lanes * 4););
    SPREAD(line, columns, group, out + d / 2 * group)
  }
}

// A strip [depth][stride], of which `rows` columns count, and a panel [depth][panel_stride] of which `columns` do.
#define DEFINE_GRADIENT_TILE(name, element, vector, load_panel, splat_strip, multiply_add)                              \
  INLINE void name(const size_t rows, size_t depth, size_t stride, const element *strip, size_t panel_stride,          \
                   const element *panel, size_t columns, bool add, size_t out_stride, float *out) {                    \
    v16 sums[TILE_ROWS][TILE_VECTORS];                                                                                 \
    for (size_t r = 0; r < rows; r++)                                                                                  \
      for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = splat(0);                                                 \
    for (size_t d = 0; d < depth; d++, strip += stride, panel += panel_stride) {                                       \
      vector b[TILE_VECTORS];                                                                                          \
      for (size_t v = 0; v < TILE_VECTORS; v++) b[v] = load_panel(panel + 16 * v);                                     \
      for (size_t r = 0; r < rows; r++) {                                                                              \
        const vector a = splat_strip(strip[r]);                                                                        \
        for (size_t v = 0; v < TILE_VECTORS; v++) sums[r][v] = multiply_add(sums[r][v], a, b[v]);                      \
      }                                                                                                                \
    }                                                                                                                  \
    for (size_t r = 0; r < rows; r++, out += out_stride) {                                                             \
      if (columns == PANEL_COLUMNS) {                                                                                  \
        for (size_t v = 0; v < TILE_VECTORS; v++)                                                                      \
          store(out + 16 * v, add ? load(out + 16 * v) + sums[r][v] : sums[r][v]);                                     \
      } else {                                                                                                         \
        float tile[PANEL_COLUMNS];                                                                                     \
        for (size_t v = 0; v < TILE_VECTORS; v++) store(tile + 16 * v, sums[r][v]);                                    \
        EACH16(columns, STORE(out, add ? LOAD(out) + LOAD(tile) : LOAD(tile)););                                       \
      }                                                                                                                \
    }                                                                                                                  \
  }
INLINE v16 multiply_add(v16 sum, v16 a, v16 b) { return sum + a * b; }
DEFINE_GRADIENT_TILE(gradient_tile, float, v16, load, splat, multiply_add)
DEFINE_GRADIENT_TILE(pair_gradient_tile, uint32_t, u16, load_pairs, splat_pair, dot2)

// Asks for a row that will be wanted soon.
INLINE void prefetch_row(const float *x, size_t columns) {
  for (size_t i = 0; i < columns; i += 16) __builtin_prefetch(x + i, 0, 2);
}

// `per` rows stand in an element. While a block is multiplied, the rows of the next are fetched.
#define DEFINE_TRANSPOSED_PRODUCT(name, element, per, gather, tile)                                                    \
  void NAME(name)(size_t rows, size_t n, size_t k, const float *a, size_t a_stride, const float *b, size_t b_stride,   \
                  bool add, float *out, size_t out_stride, float *sums, void *scratch) {                               \
    element *strips = scratch, *panels = strips + ENC_GRADIENT_SCRATCH / 2;                                            \
    const size_t tiles = ((n + TILE_ROWS - 1) / TILE_ROWS) * ((k + PANEL_COLUMNS - 1) / PANEL_COLUMNS);                \
    const size_t fetched = (BLOCK_ROWS + tiles - 1) / tiles;                                                           \
    for (size_t first = 0; first == 0 || first < rows; first += BLOCK_ROWS, add = true) {                              \
      const size_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS, depth = (count + per - 1) / per;     \
      size_t next = first + BLOCK_ROWS;                                                                                \
      gather(count, n, a_stride, a + first * a_stride, TILE_ROWS, strips);                                             \
      gather(count, k, b_stride, b + first * b_stride, PANEL_COLUMNS, panels);                                         \
      if (sums) sum_columns(count, n, a_stride, a + first * a_stride, add, sums);                                      \
      for (size_t column = 0; column < k; column += PANEL_COLUMNS) {                                                   \
        const size_t columns = k - column < PANEL_COLUMNS ? k - column : PANEL_COLUMNS;                                \
        const element *panel = panels + column / PANEL_COLUMNS * GROUP_STRIDE(PANEL_COLUMNS);                          \
        for (size_t row = 0; row < n; row += TILE_ROWS) {                                                              \
          const element *strip = strips + row / TILE_ROWS * GROUP_STRIDE(TILE_ROWS);                                   \
          float *target = out + row * out_stride + column;                                                             \
          for (size_t i = 0; i < fetched && next < rows; i++, next++) {                                                \
            prefetch_row(a + next * a_stride, n);                                                                      \
            prefetch_row(b + next * b_stride, k);                                                                      \
          }                                                                                                            \
          switch (n - row < TILE_ROWS ? n - row : TILE_ROWS) {                                                         \
            TILE_CASES_OF(TILE_ROWS, tile, depth, TILE_ROWS, strip, PANEL_COLUMNS, panel, columns, add, out_stride,    \
                          target)                                                                                      \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }
DEFINE_TRANSPOSED_PRODUCT(transposed_product, float, 1, gather_rows, gradient_tile)
DEFINE_TRANSPOSED_PRODUCT(pair_transposed_product, uint32_t, 2, gather_pairs, pair_gradient_tile)
