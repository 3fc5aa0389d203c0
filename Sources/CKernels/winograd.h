// Convolutions of images with windows of 3 × 3 at every pixel: F(2 × 2, 3 × 3) of Winograd 1980, as in Lavin and Gray 2015.
//
// A tile of 2 × 2 outputs comes from 4 × 4 pixels. Pixels, weights and outputs are changed such that 16 multiplications take the place of 36:
// outputs = Aᵀ ((G · weight · Gᵀ) ⊙ (Bᵀ · pixels · B)) A. Over the channels they are 16 products of matrices, each of the tiles' numbers at
// one place [tiles, inputs] with the weights' [inputs, outputs]; as many tiles as stay in the cache are taken at once.

// The numbers of Bᵀ d, of A d and of Aᵀ m.
INLINE v16 of_pixels(size_t r, v16 d0, v16 d1, v16 d2, v16 d3) {
  return r == 0 ? d0 - d2 : r == 1 ? d1 + d2 : r == 2 ? d2 - d1 : d1 - d3;
}
INLINE v16 of_slopes(size_t r, v16 d0, v16 d1) { return r == 0 ? d0 : r == 1 ? d0 + d1 : r == 2 ? d0 - d1 : -d1; }
INLINE v16 of_products(size_t r, v16 m0, v16 m1, v16 m2, v16 m3) { return r == 0 ? m0 + m1 + m2 : m1 - m2 - m3; }

// From the numbers of the tiles at one place to those at the next; a power of two apart they would share few places of the cache.
#define PLACE(width) (ENC_WINOGRAD_TILES * (width) + 16)

typedef struct {
  size_t image;
  ptrdiff_t top, left;  // of the outputs
} NAME(tile_place);
INLINE NAME(tile_place) place_of(const enc_winograd_form *form, size_t tile) {
  const size_t across = (form->out_width + 1) / 2, each = (form->out_height + 1) / 2 * across, rest = tile % each;
  return (NAME(tile_place)){tile / each, 2 * (ptrdiff_t)(rest / across), 2 * (ptrdiff_t)(rest % across)};
}
// size × size pixels of an image from a place on, zeros for those outside.
INLINE void pixels_at(const ptrdiff_t size, const float *image, size_t height, size_t width, size_t channels, ptrdiff_t top,
                      ptrdiff_t left, const float *zeros, const float **pixels) {
  for (ptrdiff_t i = 0; i < size * size; i++) {
    const ptrdiff_t y = top + i / size, x = left + i % size;
    const bool isInside = y >= 0 && x >= 0 && y < (ptrdiff_t)height && x < (ptrdiff_t)width;
    pixels[i] = isInside ? image + ((size_t)y * width + (size_t)x) * channels : zeros;
  }
}

// Tiles from `first` on as `changed` [16][PLACE(inputs)].
static __attribute__((noinline)) void NAME(change_pixels)(const enc_winograd_form *form, size_t first, size_t count,
                                                          const float *x, const float *zeros, float *changed) {
  const size_t channels = form->inputs, place = PLACE(channels);
  for (size_t t = 0; t < count; t++, changed += channels) {
    const NAME(tile_place) tile = place_of(form, first + t);
    const float *image = x + tile.image * form->height * form->width * channels, *pixels[4][4];
    pixels_at(4, image, form->height, form->width, channels, tile.top - (ptrdiff_t)form->above,
              tile.left - (ptrdiff_t)form->before, zeros, *pixels);
    EACH16(channels, for (size_t r = 0; r < 4; r++) {
      v16 d[4];
      for (size_t c = 0; c < 4; c++)
        d[c] = of_pixels(r, LOAD(pixels[0][c]), LOAD(pixels[1][c]), LOAD(pixels[2][c]), LOAD(pixels[3][c]));
      for (size_t c = 0; c < 4; c++) STORE(changed + (4 * r + c) * place, of_pixels(c, d[0], d[1], d[2], d[3]));
    });
  }
}
// The slopes of tiles' outputs as `changed` [16][PLACE(width)], of which the first `outputs` columns count.
static __attribute__((noinline)) void NAME(change_slopes)(const enc_winograd_form *form, size_t first, size_t count,
                                                          const float *dy, const float *zeros, size_t width, float *changed) {
  const size_t channels = form->outputs, place = PLACE(width);
  for (size_t t = 0; t < count; t++, changed += width) {
    const NAME(tile_place) tile = place_of(form, first + t);
    const float *image = dy + tile.image * form->out_height * form->out_width * channels, *slopes[2][2];
    pixels_at(2, image, form->out_height, form->out_width, channels, tile.top, tile.left, zeros, *slopes);
    EACH16(channels, for (size_t r = 0; r < 4; r++) {
      const v16 left = of_slopes(r, LOAD(slopes[0][0]), LOAD(slopes[1][0])), right = of_slopes(r, LOAD(slopes[0][1]), LOAD(slopes[1][1]));
      for (size_t c = 0; c < 4; c++) STORE(changed + (4 * r + c) * place, of_slopes(c, left, right));
    });
  }
}
// Products [16][PLACE(width)] become the tiles' outputs.
static __attribute__((noinline)) void NAME(change_products)(const enc_winograd_form *form, size_t first, size_t count,
                                                            const float *products, size_t width, const float *bias,
                                                            float *out) {
  const size_t channels = form->outputs, place = PLACE(width);
  for (size_t t = 0; t < count; t++, products += width) {
    const NAME(tile_place) tile = place_of(form, first + t);
    const float *image = out + tile.image * form->out_height * form->out_width * channels, *targets[2][2];
    pixels_at(2, image, form->out_height, form->out_width, channels, tile.top, tile.left, NULL, *targets);
    EACH16(channels, const v16 added = bias ? LOAD(bias) : splat(0); for (size_t r = 0; r < 2; r++) {
      v16 m[4];
      for (size_t c = 0; c < 4; c++)
        m[c] = of_products(r, LOAD(products + c * place), LOAD(products + (4 + c) * place), LOAD(products + (8 + c) * place),
                           LOAD(products + (12 + c) * place));
      for (size_t c = 0; c < 2; c++)
        if (targets[r][c]) STORE((float *)targets[r][c], of_products(c, m[0], m[1], m[2], m[3]) + added);
    });
  }
}

// 32 columns, or the fewer that are left, of the 16 matrices [K, N] of a weight as panels; matrices stand `matrix` floats apart. The window of a
// row and a column of a matrix is 3 × 3 floats of `weight`, which `turned` are taken from the last to the first.
void NAME(winograd_weights)(size_t inner, size_t columns, const float *weight, size_t row_stride, size_t column_stride, bool turned,
                            size_t matrix, float *panels) {
  for (size_t column = 0; column < 32; column++)
    for (size_t k = 0; k < inner; k++) {
      float *target = panels + (column / PANEL * inner + k) * PANEL + column % PANEL;
      float g[9] = {0}, rows[12];
      if (column < columns) memcpy(g, weight + k * row_stride + column * column_stride, sizeof g);
      if (turned)
        for (size_t i = 0; i < 4; i++) {
          const float other = g[i];
          g[i] = g[8 - i], g[8 - i] = other;
        }
#define FOUR_OF_THREE(a, b, c, out, step)                                                                                  \
  (out)[0] = a, (out)[step] = 0.5f * (a + c) + 0.5f * b, (out)[2 * (step)] = 0.5f * (a + c) - 0.5f * b, (out)[3 * (step)] = c
      for (size_t c = 0; c < 3; c++) FOUR_OF_THREE(g[c], g[3 + c], g[6 + c], rows + c, 3);
      for (size_t r = 0; r < 4; r++)
        FOUR_OF_THREE(rows[3 * r], rows[3 * r + 1], rows[3 * r + 2], target + 4 * r * matrix, matrix);
#undef FOUR_OF_THREE
    }
}
// The scratch memory: zeros for an input and an output, the tiles' pixels and what else belongs to them.
typedef struct {
  const float *zeros;
  float *pixels, *others;
  size_t width;  // of the others
} NAME(tiles_memory);
INLINE NAME(tiles_memory) memory_of(const enc_winograd_form *form, float *scratch) {
  const size_t width = (form->outputs + 31) / 32 * 32, most = width > form->inputs ? width : form->inputs;
  memset(scratch, 0, most * sizeof *scratch);
  float *pixels = scratch + (most + 15) / 16 * 16;
  return (NAME(tiles_memory)){scratch, pixels, pixels + 16 * PLACE(form->inputs), width};
}

// Tiles first ..< last of `out`.
void NAME(winograd)(const enc_winograd_form *form, size_t first, size_t last, const float *x, const float *panels,
                    const float *bias, float *out, float *scratch) {
  const NAME(tiles_memory) memory = memory_of(form, scratch);
  const size_t inner = form->inputs, width = memory.width;
  for (size_t start = first; start < last; start += ENC_WINOGRAD_TILES) {
    const size_t count = last - start < ENC_WINOGRAD_TILES ? last - start : ENC_WINOGRAD_TILES;
    NAME(change_pixels)(form, start, count, x, memory.zeros, memory.pixels);
    for (size_t place = 0; place < 16; place++)
      for (size_t column = 0; column < width; column += PANEL)
        float_rows(0, count, inner, inner, memory.pixels + place * PLACE(inner), panels + (place * width + column) * inner, column,
                   width, NULL, memory.others + place * PLACE(width));
    NAME(change_products)(form, start, count, memory.others, width, bias, out);
  }
}
// sums [16][inputs][outputs] = what tiles first ..< last add to the slopes of the 16 matrices.
void NAME(winograd_sums)(const enc_winograd_form *form, size_t first, size_t last, const float *x, const float *dy, float *sums,
                         float *scratch) {
  const NAME(tiles_memory) memory = memory_of(form, scratch);
  const size_t inputs = form->inputs, outputs = form->outputs;
  for (size_t start = first; start == first || start < last; start += ENC_WINOGRAD_TILES) {
    const size_t count = last - start < ENC_WINOGRAD_TILES ? last - start : ENC_WINOGRAD_TILES;
    NAME(change_pixels)(form, start, count, x, memory.zeros, memory.pixels);
    NAME(change_slopes)(form, start, count, dy, memory.zeros, memory.width, memory.others);
    for (size_t place = 0; place < 16; place++)
      for (size_t column = 0; column < outputs; column += PANEL)
        for (size_t row = 0; row < inputs; row += TILE_ROWS) {
          const float *strip = memory.pixels + place * PLACE(inputs) + row;
          const float *panel = memory.others + place * PLACE(memory.width) + column;
          const size_t columns = outputs - column < PANEL ? outputs - column : PANEL;
          switch (inputs - row < TILE_ROWS ? inputs - row : TILE_ROWS) {
            TILE_CASES_OF(TILE_ROWS, gradient_tile, false, count, inputs, strip, memory.width, panel, columns, start > first,
                          outputs, sums + (place * inputs + row) * outputs + column)
          }
        }
  }
}
// The slopes of a weight [outputs][inputs][3][3] from those of its matrices: Gᵀ · sums · G, for the inputs first ..< last.
INLINE v16 of_sums(size_t r, v16 s0, v16 s1, v16 s2, v16 s3) {
  const v16 half = splat(0.5f) * (r == 1 ? s1 - s2 : s1 + s2);
  return r == 0 ? s0 + half : r == 1 ? half : half + s3;
}
void NAME(winograd_slopes)(size_t inputs, size_t outputs, size_t first, size_t last, const float *sums, float *dw) {
  const size_t place = inputs * outputs;
  for (size_t input = first; input < last; input++) {
    const float *source = sums + input * outputs;
    EACH16(outputs, for (size_t r = 0; r < 3; r++) {
      v16 s[4];
      for (size_t c = 0; c < 4; c++)
        s[c] = of_sums(r, LOAD(source + c * place), LOAD(source + (4 + c) * place), LOAD(source + (8 + c) * place),
                       LOAD(source + (12 + c) * place));
      for (size_t c = 0; c < 3; c++) {
        const v16 slopes = of_sums(c, s[0], s[1], s[2], s[3]);
        for (size_t o = 0; o < lanes; o++) dw[((i + o) * inputs + input) * 9 + 3 * r + c] = slopes[o];
      }
    });
  }
}
