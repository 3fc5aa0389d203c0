// Elementwise operations, and sums over rows.
void NAME(add)(size_t n, const float *a, const float *b, float *out) { EACH16(n, STORE(out, LOAD(a) + LOAD(b));); }
void NAME(subtract)(size_t n, const float *a, const float *b, float *out) { EACH16(n, STORE(out, LOAD(a) - LOAD(b));); }
void NAME(multiply)(size_t n, const float *a, const float *b, float *out) { EACH16(n, STORE(out, LOAD(a) * LOAD(b));); }
void NAME(scale)(size_t n, const float *a, float factor, float *out) {
  v16 k = splat(factor);
  EACH16(n, STORE(out, LOAD(a) * k););
}
void NAME(accumulate)(size_t n, float factor, const float *x, float *y) { add_scaled(y, factor, x, n); }

// The tanh approximation of GELU, and its derivative. Source: Hendrycks and Gimpel 2016.
INLINE v16 gelu_tanh16(v16 x) {
  v16 t = tanh16(splat(0.79788456080286536f) * (x + splat(0.044715f) * x * x * x));
  return splat(0.5f) * x * (splat(1.0f) + t);
}
INLINE v16 gelu_tanh_slope16(v16 x) {
  const v16 one = splat(1.0f), root = splat(0.79788456080286536f);
  v16 t = tanh16(root * (x + splat(0.044715f) * x * x * x));
  v16 inner = root * (one + splat(0.134145f) * x * x);
  return splat(0.5f) * (one + t) + splat(0.5f) * x * (one - t * t) * inner;
}
INLINE v16 gelu_slope16(v16 x) {
  v16 cdf = splat(0.5f) * (splat(1.0f) + erf16(x * splat(0.70710678118654752f)));
  return cdf + x * splat(0.39894228040143268f) * exp16(splat(-0.5f) * x * x);
}
INLINE v16 silu_slope16(v16 x) {
  v16 s = sigmoid16(x);
  return s + x * s * (splat(1.0f) - s);
}

// The activation of a kind, as kernels.h numbers them; x itself for a kind below 0.
INLINE v16 activate16(int kind, v16 x) {
  switch (kind) {
    case ENC_RELU: return max16(splat(0), x);
    case ENC_GELU: return gelu16(x);
    case ENC_TANH: return tanh16(x);
    case ENC_SIGMOID: return sigmoid16(x);
    case ENC_SILU: return x * sigmoid16(x);
    case ENC_GELU_TANH: return gelu_tanh16(x);
    default: return x;
  }
}

void NAME(activation)(int kind, size_t n, const float *x, float *y) { EACH16(n, STORE(y, activate16(kind, LOAD(x)));); }

void NAME(activation_backward)(int kind, size_t n, const float *x, const float *y, const float *dy, float *dx) {
  const v16 one = splat(1.0f);
  switch (kind) {
    case ENC_RELU: EACH16(n, STORE(dx, choose16(LOAD(y) > splat(0), LOAD(dy), splat(0)));); break;
    case ENC_GELU: EACH16(n, STORE(dx, LOAD(dy) * gelu_slope16(LOAD(x)));); break;
    case ENC_TANH: EACH16(n, v16 b = LOAD(y); STORE(dx, LOAD(dy) * (one - b * b));); break;
    case ENC_SIGMOID: EACH16(n, v16 b = LOAD(y); STORE(dx, LOAD(dy) * b * (one - b));); break;
    case ENC_SILU: EACH16(n, STORE(dx, LOAD(dy) * silu_slope16(LOAD(x)));); break;
    case ENC_GELU_TANH: EACH16(n, STORE(dx, LOAD(dy) * gelu_tanh_slope16(LOAD(x)));); break;
  }
}

void NAME(gated)(int kind, size_t rows, size_t width, size_t gate, size_t up, const float *x, float *out) {
  for (size_t r = 0; r < rows; r++, x += 2 * width, out += width)
    EACH16(width, STORE(out, LOAD(x + up) * activate16(kind, LOAD(x + gate))););
}

#define EACH_GATED_BACKWARD(function, slope)                                       \
  for (size_t r = 0; r < rows; r++, x += 2 * width, dx += 2 * width, dy += width)  \
  EACH16(width, v16 g = LOAD(x + gate); v16 d = LOAD(dy); v16 u = LOAD(x + up); v16 f = (function); \
         STORE(dx + gate, d * u * (slope)); STORE(dx + up, d * f););
void NAME(gated_backward)(int kind, size_t rows, size_t width, size_t gate, size_t up, const float *x, const float *dy,
                          float *dx) {
  const v16 one = splat(1.0f);
  switch (kind) {
    case ENC_RELU: EACH_GATED_BACKWARD(max16(splat(0), g), choose16(g > splat(0), one, splat(0))) break;
    case ENC_GELU: EACH_GATED_BACKWARD(gelu16(g), gelu_slope16(g)) break;
    case ENC_TANH: EACH_GATED_BACKWARD(tanh16(g), one - f * f) break;
    case ENC_SIGMOID: EACH_GATED_BACKWARD(sigmoid16(g), f * (one - f)) break;
    case ENC_SILU: EACH_GATED_BACKWARD(g * sigmoid16(g), silu_slope16(g)) break;
    case ENC_GELU_TANH: EACH_GATED_BACKWARD(gelu_tanh16(g), gelu_tanh_slope16(g)) break;
  }
}
#undef EACH_GATED_BACKWARD

// The high and low halves of a · b, lane by lane.
INLINE void multiply_wide(uint32_t a, u16 b, u16 *high, u16 *low) {
  w8 even = ((w8)b & 0xffffffffull) * (uint64_t)a;
  w8 odd = ((w8)b >> 32) * (uint64_t)a;
  *low = (u16)((even & 0xffffffffull) | (odd << 32));
  *high = (u16)((even >> 32) | (odd & 0xffffffff00000000ull));
}

// Philox4x32-10 for 16 block indices at once: four vectors, number j of block b in result[j] lane b. The same numbers as Random.swift.
INLINE void philox16(uint64_t seed, uint64_t stream, uint64_t block, u16 result[4]) {
  u16 c0, c1;
  for (int i = 0; i < 16; i++) {
    c0[i] = (uint32_t)(block + (uint64_t)i);
    c1[i] = (uint32_t)((block + (uint64_t)i) >> 32);
  }
  u16 c2 = (u16){} + (uint32_t)stream, c3 = (u16){} + (uint32_t)(stream >> 32);
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    u16 high_a, low_a, high_b, low_b;
    multiply_wide(0xD2511F53u, c0, &high_a, &low_a);
    multiply_wide(0xCD9E8D57u, c2, &high_b, &low_b);
    u16 n0 = high_b ^ c1 ^ k0, n2 = high_a ^ c3 ^ k1;
    c1 = low_b;
    c3 = low_a;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  result[0] = c0;
  result[1] = c1;
  result[2] = c2;
  result[3] = c3;
}

// An element is kept if its number is below keep · 2³².
INLINE uint32_t dropout_limit(float keep) {
  const double bound = (double)keep * 4294967296.0;
  return bound >= 4294967295.0 ? 0xffffffffu : (uint32_t)bound;
}

void NAME(dropout)(size_t n, const float *x, float keep, uint64_t seed, uint64_t stream, uint64_t first, float *out) {
  const v16 factor = splat(1.0f / keep);
  const uint32_t limit = dropout_limit(keep);
  for (size_t start = 0; start < n; start += 64) {
    u16 numbers[4];
    philox16(seed, stream, (first + start) / 4, numbers);
    // Elements start + 16·j ..< start + 16·j + 16 take number j of the 16 blocks.
    for (size_t j = 0; j < 4 && start + 16 * j < n; j++) {
      size_t i = start + 16 * j;
      const size_t lanes = n - i < 16 ? n - i : 16;
      i16 kept = (i16)(numbers[j] < (u16){} + limit);
      STORE(out, choose16(kept, LOAD(x) * factor, splat(0)));
    }
  }
}

void NAME(add_row)(size_t rows, size_t width, const float *x, const float *row, float *out) {
  for (size_t r = 0; r < rows; r++, x += width, out += width) EACH16(width, STORE(out, LOAD(x) + LOAD(row)););
}

// out = or += the sums of columns. Several vectors at once: their chains of additions don't wait for each other.
INLINE void sum_columns(size_t rows, size_t width, size_t stride, const float *x, bool add, float *out) {
  size_t column = 0;
  for (; column + 64 <= width; column += 64) {
    v16 sums[4] = {};
    for (size_t r = 0; r < rows; r++)
      for (size_t v = 0; v < 4; v++) sums[v] += load(x + r * stride + column + 16 * v);
    for (size_t v = 0; v < 4; v++) {
      float *target = out + column + 16 * v;
      store(target, add ? load(target) + sums[v] : sums[v]);
    }
  }
  EACH16(width - column, v16 sum = splat(0);
         for (size_t r = 0; r < rows; r++) sum += LOAD(x + r * stride + column);
         STORE(out + column, add ? LOAD(out + column) + sum : sum););
}
void NAME(column_sums)(size_t rows, size_t width, size_t stride, const float *x, float *out) {
  sum_columns(rows, width, stride, x, false, out);
}

void NAME(square_sum)(size_t n, const float *x, double *out) {
  double sum = 0;
  for (size_t start = 0; start < n; start += 1024) {
    size_t count = n - start < 1024 ? n - start : 1024;
    sum += (double)dot(x + start, x + start, count);
  }
  *out = sum;
}

void NAME(is_finite)(size_t n, const float *x, bool *out) {
  // x − x is 0 for a finite x and not a number otherwise.
  v16 sum = splat(0);
  EACH16(n, v16 a = LOAD(x); sum += a - a;);
  *out = sum16(sum) == 0.0f;
}
