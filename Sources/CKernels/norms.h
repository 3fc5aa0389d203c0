// Layer norm, RMS norm, batch norm and L2 normalisation.
void NAME(layer_norm)(size_t rows, size_t width, float epsilon, const float *x, const float *gamma, const float *beta,
                      float *y, float *mean, float *rstd) {
  for (size_t r = 0; r < rows; r++, x += width, y += width) {
    float m = total(x, width) / (float)width;
    v16 center = splat(m), squares = splat(0);
    EACH16(width, v16 d = LOAD(x) - center; if (lanes < 16) for (size_t l = lanes; l < 16; l++) d[l] = 0; squares += d * d;);
    float s = 1.0f / sqrtf(sum16(squares) / (float)width + epsilon);
    v16 scale = splat(s);
    EACH16(width, STORE(y, (LOAD(x) - center) * scale * LOAD(gamma) + LOAD(beta)););
    mean[r] = m;
    rstd[r] = s;
  }
}

void NAME(layer_norm_backward)(size_t rows, size_t width, const float *x, const float *gamma, const float *mean,
                               const float *rstd, const float *dy, float *dx, float *dgamma, float *dbeta) {
  memset(dgamma, 0, width * sizeof(float));
  memset(dbeta, 0, width * sizeof(float));
  for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
    v16 m = splat(mean[r]), s = splat(rstd[r]), sum_g = splat(0), sum_gx = splat(0);
    EACH16(width, v16 d = LOAD(dy); v16 normal = (LOAD(x) - m) * s; v16 g = d * LOAD(gamma);
           sum_g += g; sum_gx += g * normal; STORE(dgamma, LOAD(dgamma) + d * normal); STORE(dbeta, LOAD(dbeta) + d););
    v16 a = splat(sum16(sum_g) / (float)width), b = splat(sum16(sum_gx) / (float)width);
    EACH16(width, v16 normal = (LOAD(x) - m) * s; STORE(dx, s * (LOAD(dy) * LOAD(gamma) - a - normal * b)););
  }
}

void NAME(rms_norm)(size_t rows, size_t width, float epsilon, const float *x, const float *gamma, float *y, float *rstd) {
  for (size_t r = 0; r < rows; r++, x += width, y += width) {
    rstd[r] = 1.0f / sqrtf(dot(x, x, width) / (float)width + epsilon);
    v16 s = splat(rstd[r]);
    EACH16(width, STORE(y, LOAD(x) * s * LOAD(gamma)););
  }
}

void NAME(rms_norm_backward)(size_t rows, size_t width, const float *x, const float *gamma, const float *rstd,
                             const float *dy, float *dx, float *dgamma) {
  memset(dgamma, 0, width * sizeof(float));
  for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
    v16 s = splat(rstd[r]), sum = splat(0);
    EACH16(width, v16 d = LOAD(dy); v16 normal = LOAD(x) * s; sum += d * LOAD(gamma) * normal;
           STORE(dgamma, LOAD(dgamma) + d * normal););
    v16 along = splat(sum16(sum) / (float)width);
    EACH16(width, STORE(dx, s * (LOAD(dy) * LOAD(gamma) - LOAD(x) * s * along)););
  }
}

// Rows that are summed by themselves before their sum is added to the others': a long sum of small terms keeps its digits.
enum { NORM_ROWS = 128 };

void NAME(column_moments)(size_t rows, size_t width, const float *x, const float *shift, float *sums, float *squares) {
  EACH16(width, v16 center = LOAD(shift); v16 sum = splat(0); v16 square = splat(0);
         for (size_t r = 0; r < rows;) {
           v16 some = splat(0); v16 some_squares = splat(0);
           for (size_t end = r + NORM_ROWS < rows ? r + NORM_ROWS : rows; r < end; r++) {
             v16 d = LOAD(x + r * width) - center;
             some += d;
             some_squares += d * d;
           }
           sum += some;
           square += some_squares;
         } STORE(sums, sum);
         STORE(squares, square););
}

void NAME(column_affine)(size_t rows, size_t width, const float *x, const float *factor, const float *offset, float *y) {
  for (size_t r = 0; r < rows; r++, x += width, y += width)
    EACH16(width, STORE(y, LOAD(x) * LOAD(factor) + LOAD(offset)););
}

void NAME(batch_norm_sums)(size_t rows, size_t width, const float *x, const float *mean, const float *rstd,
                           const float *dy, float *dbeta, float *dgamma) {
  EACH16(width, v16 m = LOAD(mean); v16 s = LOAD(rstd); v16 b = splat(0); v16 g = splat(0);
         for (size_t r = 0; r < rows;) {
           v16 some_b = splat(0); v16 some_g = splat(0);
           for (size_t end = r + NORM_ROWS < rows ? r + NORM_ROWS : rows; r < end; r++) {
             v16 d = LOAD(dy + r * width);
             some_b += d;
             some_g += d * ((LOAD(x + r * width) - m) * s);
           }
           b += some_b;
           g += some_g;
         } STORE(dbeta, b);
         STORE(dgamma, g););
}

void NAME(batch_norm_backward)(size_t rows, size_t width, const float *x, const float *dy, const float *a,
                               const float *b, const float *c, float *dx) {
  for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width)
    EACH16(width, STORE(dx, LOAD(a) * LOAD(dy) + LOAD(b) * LOAD(x) + LOAD(c)););
}

void NAME(normalize)(size_t rows, size_t width, float epsilon, const float *x, float *y, float *norms) {
  for (size_t r = 0; r < rows; r++, x += width, y += width) {
    float norm = sqrtf(dot(x, x, width));
    norms[r] = norm < epsilon ? epsilon : norm;
    v16 k = splat(1.0f / norms[r]);
    EACH16(width, STORE(y, LOAD(x) * k););
  }
}

void NAME(normalize_backward)(size_t rows, size_t width, float epsilon, const float *y, const float *norms,
                              const float *dy, float *dx) {
  for (size_t r = 0; r < rows; r++, y += width, dy += width, dx += width) {
    // Below epsilon the divisor is a constant.
    v16 along = splat(norms[r] > epsilon ? dot(y, dy, width) : 0.0f), k = splat(1.0f / norms[r]);
    EACH16(width, STORE(dx, (LOAD(dy) - along * LOAD(y)) * k););
  }
}
