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

// Without an end, sums are written as they are to rows of `columns`, a multiple of 32.
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
  if (end) {
    FINISH_TILE(sums)
    return;
  }
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < TILE_VECTORS; v++) store(out + (row + r) * columns + column + 16 * v, sums[r][v]);
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
// Rows may be empty.
#define EACH_BLOCK(rows, row_bytes, ...)                                                \
  const size_t block = ((256 << 10) / ((row_bytes) | 1) / 24 + 1) * 24;                 \
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
