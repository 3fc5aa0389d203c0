// Convolutions of images with windows of 3 × 3 at every pixel: F(2 × 2, 3 × 3) of Winograd 1980, as in Lavin and Gray 2015.
//
// A tile of 2 × 2 outputs comes from 4 × 4 pixels. Pixels, weights and outputs are changed such that 16 multiplications take the place of 36:
// outputs = Aᵀ ((G · weight · Gᵀ) ⊙ (Bᵀ · pixels · B)) A. Over the channels they are 16 products of matrices, each of the tiles' numbers at
// one place [tiles, inputs] with the weights' [inputs, outputs]; as many tiles as stay in the cache are taken at once.

// Bᵀ d, (A d)ᵀ of two numbers, and Aᵀ m.
#define FOUR_OF_FOUR(d0, d1, d2, d3, out, step) \
  (out)[0] = d0 - d2, (out)[step] = d1 + d2, (out)[2 * (step)] = d2 - d1, (out)[3 * (step)] = d1 - d3
#define FOUR_OF_TWO(d0, d1, out, step) \
  (out)[0] = d0, (out)[step] = d0 + d1, (out)[2 * (step)] = d0 - d1, (out)[3 * (step)] = -(d1)
#define TWO_OF_FOUR(m0, m1, m2, m3, out, step) (out)[0] = m0 + m1 + m2, (out)[step] = m1 - m2 - m3

typedef struct {
  size_t image;
  ptrdiff_t top, left;  // of the outputs
} NAME(tile_place);
INLINE NAME(tile_place) place_of(const enc_winograd_form *form, size_t tile) {
  const size_t across = (form->out_width + 1) / 2, each = (form->out_height + 1) / 2 * across, rest = tile % each;
  return (NAME(tile_place)){tile / each, 2 * (ptrdiff_t)(rest / across), 2 * (ptrdiff_t)(rest % across)};
}
// A place in an image, or NULL outside.
INLINE const float *pixel_at(const float *image, size_t height, size_t width, size_t channels, ptrdiff_t y, ptrdiff_t x) {
  if (y < 0 || x < 0 || y >= (ptrdiff_t)height || x >= (ptrdiff_t)width) return NULL;
  return image + ((size_t)y * width + (size_t)x) * channels;
}

// Tiles from `first` on as `changed` [16][ENC_WINOGRAD_TILES][inputs].
static __attribute__((noinline)) void NAME(change_pixels)(const enc_winograd_form *form, size_t first, size_t count, const float *x,
                                                          float *changed) {
  const size_t channels = form->inputs, matrix = ENC_WINOGRAD_TILES * channels;
  for (size_t t = 0; t < count; t++, changed += channels) {
    const NAME(tile_place) place = place_of(form, first + t);
    const float *image = x + place.image * form->height * form->width * channels, *pixels[16];
    for (ptrdiff_t p = 0; p < 16; p++)
      pixels[p] = pixel_at(image, form->height, form->width, channels, place.top + p / 4 - (ptrdiff_t)form->above,
                           place.left + p % 4 - (ptrdiff_t)form->before);
    EACH16(channels, v16 rows[16]; for (size_t c = 0; c < 4; c++) {
      v16 d[4];
      for (size_t r = 0; r < 4; r++) d[r] = pixels[4 * r + c] ? LOAD(pixels[4 * r + c]) : splat(0);
      FOUR_OF_FOUR(d[0], d[1], d[2], d[3], rows + c, 4);
    } for (size_t r = 0; r < 4; r++) {
      const v16 *d = rows + 4 * r;
      v16 out[4];
      FOUR_OF_FOUR(d[0], d[1], d[2], d[3], out, 1);
      for (size_t c = 0; c < 4; c++) STORE(changed + (4 * r + c) * matrix, out[c]);
    });
  }
}
// The slopes of tiles' outputs as `changed` [16][ENC_WINOGRAD_TILES][width], of which the first `outputs` columns count.
static __attribute__((noinline)) void NAME(change_slopes)(const enc_winograd_form *form, size_t first, size_t count, const float *dy,
                                                          size_t width, float *changed) {
  const size_t channels = form->outputs, matrix = ENC_WINOGRAD_TILES * width;
  for (size_t t = 0; t < count; t++, changed += width) {
    const NAME(tile_place) place = place_of(form, first + t);
    const float *image = dy + place.image * form->out_height * form->out_width * channels, *slopes[4];
    for (ptrdiff_t p = 0; p < 4; p++)
      slopes[p] = pixel_at(image, form->out_height, form->out_width, channels, place.top + p / 2, place.left + p % 2);
    EACH16(channels, v16 rows[8]; for (size_t c = 0; c < 2; c++) {
      const v16 upper = slopes[c] ? LOAD(slopes[c]) : splat(0), lower = slopes[2 + c] ? LOAD(slopes[2 + c]) : splat(0);
      FOUR_OF_TWO(upper, lower, rows + c, 2);
    } for (size_t r = 0; r < 4; r++) {
      v16 out[4];
      FOUR_OF_TWO(rows[2 * r], rows[2 * r + 1], out, 1);
      for (size_t c = 0; c < 4; c++) STORE(changed + (4 * r + c) * matrix, out[c]);
    });
  }
}
// Products [16][ENC_WINOGRAD_TILES][width] become the tiles' outputs.
static __attribute__((noinline)) void NAME(change_products)(const enc_winograd_form *form, size_t first, size_t count,
                                                            const float *products, size_t width, const float *bias,
                                                            float *out) {
  const size_t channels = form->outputs, matrix = ENC_WINOGRAD_TILES * width;
  for (size_t t = 0; t < count; t++, products += width) {
    const NAME(tile_place) place = place_of(form, first + t);
    float *image = out + place.image * form->out_height * form->out_width * channels, *targets[4];
    for (ptrdiff_t p = 0; p < 4; p++)
      targets[p] = (float *)pixel_at(image, form->out_height, form->out_width, channels, place.top + p / 2, place.left + p % 2);
    EACH16(channels, v16 rows[8]; for (size_t c = 0; c < 4; c++) {
      v16 m[4];
      for (size_t r = 0; r < 4; r++) m[r] = LOAD(products + (4 * r + c) * matrix);
      TWO_OF_FOUR(m[0], m[1], m[2], m[3], rows + c, 4);
    } const v16 added = bias ? LOAD(bias) : splat(0);
           for (size_t r = 0; r < 2; r++) {
             const v16 *m = rows + 4 * r;
             v16 y[2];
             TWO_OF_FOUR(m[0], m[1], m[2], m[3], y, 1);
             for (size_t c = 0; c < 2; c++)
               if (targets[2 * r + c]) STORE(targets[2 * r + c], y[c] + added);
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
// Tiles first ..< last of `out`. `scratch` holds ENC_WINOGRAD_TILES · 16 · (inputs + outputs rounded up to 32) floats.
void NAME(winograd)(const enc_winograd_form *form, size_t first, size_t last, const float *x, const float *panels, const float *bias,
                    float *out, float *scratch) {
  const size_t inner = form->inputs, width = (form->outputs + 31) / 32 * 32;
  float *products = scratch + 16 * ENC_WINOGRAD_TILES * inner;
  for (size_t start = first; start < last; start += ENC_WINOGRAD_TILES) {
    const size_t count = last - start < ENC_WINOGRAD_TILES ? last - start : ENC_WINOGRAD_TILES;
    NAME(change_pixels)(form, start, count, x, scratch);
    for (size_t place = 0; place < 16; place++)
      for (size_t column = 0; column < width; column += PANEL)
        float_rows(0, count, inner, inner, scratch + place * ENC_WINOGRAD_TILES * inner, panels + (place * width + column) * inner,
                   column, width, NULL, products + place * ENC_WINOGRAD_TILES * width);
    NAME(change_products)(form, start, count, products, width, bias, out);
  }
}
// sums [16][inputs][outputs] = what tiles first ..< last add to the slopes of the 16 matrices. The same scratch.
void NAME(winograd_sums)(const enc_winograd_form *form, size_t first, size_t last, const float *x, const float *dy, float *sums,
                         float *scratch) {
  const size_t inputs = form->inputs, outputs = form->outputs, width = (outputs + 31) / 32 * 32;
  float *slopes = scratch + 16 * ENC_WINOGRAD_TILES * inputs;
  for (size_t start = first; start == first || start < last; start += ENC_WINOGRAD_TILES) {
    const size_t count = last - start < ENC_WINOGRAD_TILES ? last - start : ENC_WINOGRAD_TILES;
    NAME(change_pixels)(form, start, count, x, scratch);
    NAME(change_slopes)(form, start, count, dy, width, slopes);
    for (size_t place = 0; place < 16; place++)
      for (size_t column = 0; column < outputs; column += PANEL)
        for (size_t row = 0; row < inputs; row += TILE_ROWS) {
          const float *strip = scratch + place * ENC_WINOGRAD_TILES * inputs + row;
          const float *panel = slopes + place * ENC_WINOGRAD_TILES * width + column;
          const size_t columns = outputs - column < PANEL ? outputs - column : PANEL;
          switch (inputs - row < TILE_ROWS ? inputs - row : TILE_ROWS) {
            TILE_CASES_OF(TILE_ROWS, gradient_tile, false, count, inputs, strip, width, panel, columns, start > first, outputs,
                          sums + (place * inputs + row) * outputs + column)
          }
        }
  }
}
// The slopes of a weight [outputs][inputs][3][3] from those of its matrices: Gᵀ · sums · G, for the inputs first ..< last.
void NAME(winograd_slopes)(size_t inputs, size_t outputs, size_t first, size_t last, const float *sums, float *dw) {
#define THREE_OF_FOUR(s0, s1, s2, s3, out, step) \
  (out)[0] = s0 + 0.5f * (s1 + s2), (out)[step] = 0.5f * (s1 - s2), (out)[2 * (step)] = 0.5f * (s1 + s2) + s3
  for (size_t input = first; input < last; input++) {
    const float *source = sums + input * outputs;
    EACH16(outputs, v16 rows[12]; for (size_t c = 0; c < 4; c++) {
      v16 s[4];
      for (size_t r = 0; r < 4; r++) s[r] = LOAD(source + (4 * r + c) * inputs * outputs);
      THREE_OF_FOUR(s[0], s[1], s[2], s[3], rows + c, 4);
    } for (size_t r = 0; r < 3; r++) {
      const v16 *s = rows + 4 * r;
      v16 out[3];
      THREE_OF_FOUR(s[0], s[1], s[2], s[3], out, 1);
      for (size_t c = 0; c < 3; c++)
        for (size_t o = 0; o < lanes; o++) dw[((i + o) * inputs + input) * 9 + 3 * r + c] = out[c][o];
    });
  }
#undef THREE_OF_FOUR
}
