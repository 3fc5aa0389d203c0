// Products of AMX's tiles, of 16 rows of 64 bytes each: out [32][32] floats, or counts of 32 bits.
#if defined(ISA_AMX)
#define MULTIPLIES_TILES true
// A block of 32 columns and up to 32 rows, and which run of K.
typedef struct {
  size_t row, column, rows, run;
} tile_block;
// The calling thread's tiles have to be shaped before, and released at the end.
INLINE void shape_tiles(void) {
  struct __attribute__((packed)) {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shapes = {.palette = 1};
  for (size_t tile = 0; tile < 8; tile++) {
    shapes.row_bytes[tile] = 64;
    shapes.rows[tile] = 16;
  }
  _tile_loadconfig(&shapes);
}

// `steps` times: 16 or 32 (`high` 1 or 2) rows of 64 bytes of a, whose rows stand `a_stride` bytes apart, by 16 rows of b, of 32 groups of four
// bytes. Rows of a are read in sixteens. The sums stay in tiles until store_tiles writes them: what is done between them, such as the ending
// of other sums, is done at the same time.
#define DEFINE_MULTIPLY(name, multiply)                                                                                      \
  INLINE void name(size_t high, size_t steps, const void *a, size_t a_stride, const void *b, size_t b_stride) {              \
    const char *rows = a, *columns = b;                                                                                      \
    _tile_zero(0);                                                                                                           \
    _tile_zero(1);                                                                                                           \
    if (high == 2) {                                                                                                         \
      _tile_zero(2);                                                                                                         \
      _tile_zero(3);                                                                                                         \
    }                                                                                                                        \
    for (size_t step = 0; step < steps; step++, rows += 64, columns += 16 * b_stride) {                                      \
      _tile_loadd(6, columns, b_stride);                                                                                     \
      _tile_loadd(7, columns + 64, b_stride);                                                                                \
      _tile_loadd(4, rows, a_stride);                                                                                        \
      multiply(0, 4, 6);                                                                                                     \
      multiply(1, 4, 7);                                                                                                     \
      if (high == 1) continue;                                                                                               \
      _tile_loadd(5, rows + 16 * a_stride, a_stride);                                                                        \
      multiply(2, 5, 6);                                                                                                     \
      multiply(3, 5, 7);                                                                                                     \
    }                                                                                                                        \
  }
DEFINE_MULTIPLY(multiply_pairs, _tile_dpbf16ps)
DEFINE_MULTIPLY(multiply_bytes, _tile_dpbusd)
// out [16 · high][32]
INLINE void store_tiles(size_t high, void *out) {
  char *sums = out;
  _tile_stored(0, sums, 128);
  _tile_stored(1, sums + 64, 128);
  if (high == 1) return;
  _tile_stored(2, sums + 16 * 128, 128);
  _tile_stored(3, sums + 16 * 128 + 64, 128);
}
// `count` products of tiles, whose numbers are 0 from their shaping on, in four chains.
#define TILE_PEAK(multiply, count)                   \
  shape_tiles();                                     \
  for (size_t done = 0; done < (count); done += 4) { \
    multiply(0, 4, 6);                               \
    multiply(1, 4, 7);                               \
    multiply(2, 5, 6);                               \
    multiply(3, 5, 7);                               \
  }                                                  \
  _tile_release();
#else
#define MULTIPLIES_TILES false
#endif
