// Products, attention, convolutions and norms of the kernels against sums in double, for processors that only an emulator has.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static int failures;
static void expect(const char *what, double error, double limit) {
  if (error <= limit) return;
  printf("%s: error %.2e, expected at most %.2e\n", what, error, limit);
  failures++;
}
static float *numbers(size_t n) {
  static uint32_t state = 1;
  float *x = aligned_alloc(64, (n * 4 + 127) / 64 * 64);
  for (size_t i = 0; i < n; i++) x[i] = (float)((state = state * 1664525 + 1013904223) >> 8) / (1 << 23) - 1;
  return x;
}

static void products(size_t rows, size_t inner, size_t outer) {
  const size_t width = (outer + 31) / 32 * 32, depth = (inner + 3) / 4, runs = (inner + ENC_QUANTUM - 1) / ENC_QUANTUM;
  float *x = numbers(rows * inner), *w = numbers(outer * inner), *b = numbers(outer), *out = numbers(rows * outer);
  float *panels = numbers(width * inner), *scales = numbers(runs * width), *sums = numbers(runs * width);
  float *factors = numbers(rows * runs), *offsets = numbers(rows * runs);
  uint16_t *halves = malloc(width * inner * 2);
  float *half_rows = malloc(rows * inner * 4), *half_scales = malloc(rows * 4);
  const size_t pairs = (inner + 1) / 2;
  float *rounded = malloc((rows + 15) * (inner + 1) * 4);
  uint32_t *pair_panels = malloc(width * pairs * 4);
  int8_t *bytes = malloc(width * depth * 4 + 64);
  uint8_t *quantized = malloc((rows + 15) * ((inner + 63) / 64 * 64));
  enc_product_end end = {.bias = b, .out_stride = outer, .activation = -1};
  enc_pack(inner, outer, w, 1, inner, panels);
  enc_to_half(width * inner, panels, halves);
  enc_half_rows(rows, inner, inner, x, 2, half_rows, half_scales);
  enc_round_rows(rows, inner, inner, x, rounded);
  for (size_t n = 0; n < outer; n += 32) enc_pack_pairs(inner, panels + n * inner, pair_panels + n * pairs);
  for (size_t n = 0; n < outer; n += 32)
    enc_pack_bytes(inner, outer - n < 32 ? outer - n : 32, width, w + n * inner, 1, inner, bytes + n * depth * 4, scales + n,
                   sums + n);
  enc_quantize(rows, inner, inner, x, quantized, factors, offsets);
  enc_byte_matrix matrix = {bytes, scales, sums, width};
  const double limits[] = {1e-6, 2e-3, 1e-2, 4e-3};
  for (int form = 0; form < 4; form++) {
    if (form == 0) enc_product(rows, inner, 0, outer, inner, x, panels, &end, out);
    if (form == 1) enc_half_product(rows, inner, 0, outer, half_rows, half_scales, halves, &end, out);
    if (form == 2) enc_byte_product(rows, inner, 0, outer, quantized, factors, offsets, &matrix, &end, out);
    if (form == 3) enc_pair_product(rows, inner, 0, outer, rounded, pair_panels, &end, out);
    double error = 0, total = 0;
    for (size_t r = 0; r < rows; r++)
      for (size_t n = 0; n < outer; n++) {
        double sum = b[n];
        for (size_t k = 0; k < inner; k++) sum += (double)x[r * inner + k] * w[n * inner + k];
        error += (sum - out[r * outer + n]) * (sum - out[r * outer + n]);
        total += sum * sum;
      }
    char name[80];
    snprintf(name, sizeof name, "product of %s, %zu rows, %zu by %zu",
             (const char *[]){"floats", "halves", "bytes", "brain floats"}[form], rows, inner, outer);
    expect(name, sqrt(error / total), limits[form]);
  }
}

static void gradients(size_t rows, size_t n, size_t k) {
  float *a = numbers(rows * n), *b = numbers(rows * k), *out = numbers(n * k), *sums = numbers(n);
  float *scratch = numbers(ENC_GRADIENT_SCRATCH);
  for (int form = 0; form < 2; form++) {
    (form ? enc_pair_transposed_product : enc_transposed_product)(rows, n, k, a, n, b, k, false, out, k, sums, scratch);
    double error = 0, total = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= k; j++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++) sum += (double)a[r * n + i] * (j < k ? b[r * k + j] : 1);
        const double difference = sum - (j < k ? out[i * k + j] : sums[i]);
        error += difference * difference;
        total += sum * sum;
      }
    expect(form ? "gradient of brain floats" : "gradient", sqrt(error / total), form ? 4e-3 : 1e-6);
  }
}

static void attention(size_t length, size_t width) {
  float *q = numbers(length * width), *k = numbers(length * width), *v = numbers(length * width);
  float *out = numbers(length * width), *logsums = numbers(length);
  float *scratch = numbers((length + 32) * (2 * width + 36) + 128);
  enc_attention_form form = {.length = length, .keys = length, .width = width, .q_stride = width, .kv_stride = width, .out_stride = width,
                             .before = length, .after = length, .scale = 0.3f, .keep = 1};
  double *weights = malloc(length * sizeof *weights);
  for (int kind = 0; kind < 3; kind++) {
    if (kind == 0) enc_attention(&form, q, k, v, NULL, out, logsums, scratch);
    if (kind == 1) enc_pair_attention(&form, q, k, v, NULL, out, scratch);
    if (kind == 2) enc_half_attention(&form, q, k, v, NULL, out, scratch);
    double worst = 0;
    for (size_t i = 0; i < length; i++) {
      double sum = 0;
      for (size_t j = 0; j < length; j++) {
        double score = 0;
        for (size_t c = 0; c < width; c++) score += (double)q[i * width + c] * k[j * width + c];
        sum += weights[j] = exp(score * 0.3f);
      }
      for (size_t c = 0; c < width; c++) {
        double mixed = 0;
        for (size_t j = 0; j < length; j++) mixed += weights[j] / sum * v[j * width + c];
        worst = fmax(worst, fabs(mixed - out[i * width + c]));
      }
    }
    expect((const char *[]){"attention", "attention of brain floats", "attention of halves"}[kind], worst,
           (double[]){2e-6, 2e-2, 4e-3}[kind]);
  }
}

// Two images by windows of 3 × 3, and the slopes of the weight where those of the outputs are the outputs themselves.
static void convolutions(size_t height, size_t width, size_t inputs, size_t outputs, size_t padding) {
  const size_t down = height + 2 * padding - 2, across = width + 2 * padding - 2, tiles = 2 * ((down + 1) / 2) * ((across + 1) / 2);
  const size_t rounded = (outputs + 31) / 32 * 32;
  float *x = numbers(2 * height * width * inputs), *w = numbers(outputs * inputs * 9), *b = numbers(outputs);
  float *out = numbers(2 * down * across * outputs), *panels = numbers(16 * inputs * rounded), *sums = numbers(16 * inputs * outputs);
  float *scratch = numbers((16 * ENC_WINOGRAD_TILES + 1) * (inputs + outputs + 31) + 544), *dw = numbers(outputs * inputs * 9);
  double *slopes = calloc(outputs * inputs * 9, sizeof *slopes), error = 0, slope_error = 0, total = 0;
  const enc_winograd_form form = {height, width, inputs, down, across, outputs, padding, padding};
  for (size_t n = 0; n < outputs; n += 32)
    enc_winograd_weights(inputs, outputs - n < 32 ? outputs - n : 32, w + n * inputs * 9, 9, 9 * inputs, false, inputs * rounded,
                         panels + n * inputs);
  enc_winograd(&form, 0, tiles, x, panels, b, out, scratch);
  enc_winograd_sums(&form, 0, tiles, x, out, sums, scratch);
  enc_winograd_slopes(inputs, outputs, 0, inputs, sums, dw);
  for (size_t place = 0; place < 2 * down * across; place++) {
    const size_t image = place / (down * across), top = place / across % down, left = place % across;
    for (size_t n = 0; n < outputs; n++) {
      const float y = out[place * outputs + n];
      double sum = b[n];
      for (size_t k = 0; k < 9; k++) {
        const size_t row = top + k / 3 - padding, column = left + k % 3 - padding;
        if (row >= height || column >= width) continue;
        const float *pixel = x + ((image * height + row) * width + column) * inputs;
        for (size_t c = 0; c < inputs; c++) {
          sum += (double)pixel[c] * w[(n * inputs + c) * 9 + k];
          slopes[(n * inputs + c) * 9 + k] += (double)pixel[c] * y;
        }
      }
      error = fmax(error, fabs(sum - y));
    }
  }
  for (size_t i = 0; i < outputs * inputs * 9; i++) {
    slope_error = fmax(slope_error, fabs(slopes[i] - dw[i]));
    total = fmax(total, fabs(slopes[i]));
  }
  expect("convolution", error, 2e-5);
  expect("a convolution's slopes", slope_error / total, 2e-6);
  float *all[] = {x, w, b, out, panels, sums, scratch, dw};
  for (int i = 0; i < 8; i++) free(all[i]);
  free(slopes);
}

int main(void) {
  const size_t shapes[][3] = {{1, 64, 64}, {7, 100, 77}, {13, 384, 96}, {30, 130, 333}, {45, 192, 70}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) products(shapes[i][0], shapes[i][1], shapes[i][2]);
  gradients(1, 3, 5);
  gradients(130, 192, 77);
  gradients(259, 50, 192);
  const size_t lengths[] = {1, 9, 17, 40, 75, 33};
  for (size_t i = 0; i < 6; i++) attention(lengths[i], i % 2 ? 32 : i < 4 ? 20 : 64);
  convolutions(8, 9, 16, 33, 1);
  convolutions(7, 11, 35, 16, 0);
  convolutions(5, 6, 19, 50, 2);
  float x[100], y[100], mean, rstd, ones[100], zeros[100] = {0};
  for (int i = 0; i < 100; i++) x[i] = (float)i, ones[i] = 1;
  enc_layer_norm(1, 100, 1e-12f, x, ones, zeros, y, &mean, &rstd);
  expect("layer norm", fabs(y[99] - 49.5 / sqrt(833.25)), 1e-6);
  printf("%s: %s\n", enc_isa(), failures ? "failed" : "as expected");
  return failures != 0;
}
