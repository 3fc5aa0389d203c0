// Softmax and the losses that fuse it.
INLINE float largest(const float *x, size_t n) {
  v16 m = splat(-INFINITY);
  EACH16(n, v16 a = LOAD(x); if (lanes < 16) for (size_t l = lanes; l < 16; l++) a[l] = -INFINITY; m = max16(m, a););
  return largest16(m);
}
// y = e^(x − largest); returns its sum.
INLINE float exponentials(const float *x, float shift, float *y, size_t n) {
  v16 m = splat(shift), sum = splat(0);
  EACH16(n, v16 e = exp16(LOAD(x) - m); if (lanes < 16) for (size_t l = lanes; l < 16; l++) e[l] = 0; STORE(y, e); sum += e;);
  return sum16(sum);
}

void NAME(softmax)(size_t rows, size_t width, const float *x, float *y) {
  for (size_t r = 0; r < rows; r++, x += width, y += width) {
    v16 k = splat(1.0f / exponentials(x, largest(x, width), y, width));
    EACH16(width, STORE(y, LOAD(y) * k););
  }
}

void NAME(softmax_backward)(size_t rows, size_t width, const float *y, const float *dy, float *dx) {
  for (size_t r = 0; r < rows; r++, y += width, dy += width, dx += width) {
    v16 along = splat(dot(y, dy, width));
    EACH16(width, STORE(dx, LOAD(y) * (LOAD(dy) - along)););
  }
}

void NAME(log_softmax)(size_t rows, size_t width, const float *x, float *y) {
  for (size_t r = 0; r < rows; r++, x += width, y += width) {
    // The largest is taken away first: the logarithm would be lost in a sum with a large one.
    const float m = largest(x, width);
    const v16 most = splat(m), log = splat(logf(exponentials(x, m, y, width)));
    EACH16(width, STORE(y, LOAD(x) - most - log););
  }
}

void NAME(log_softmax_backward)(size_t rows, size_t width, const float *y, const float *dy, float *dx) {
  for (size_t r = 0; r < rows; r++, y += width, dy += width, dx += width) {
    v16 sum = splat(total(dy, width));
    EACH16(width, STORE(dx, LOAD(dy) - exp16(LOAD(y)) * sum););
  }
}

// Label smoothing as PyTorch's: target q = (1 − s)·onehot + s/classes; each class's term is weighted by its own weight.
void NAME(cross_entropy)(size_t rows, size_t classes, const float *logits, const int32_t *labels, float smoothing,
                         const float *weights, float *losses, float *gradient) {
  const float share = smoothing / (float)classes;
  for (size_t r = 0; r < rows; r++, logits += classes, gradient += classes) {
    const int32_t label = labels[r];
    const float at_label = (weights ? weights[label] : 1.0f) * (1.0f - smoothing);
    float m = largest(logits, classes);
    float sum = exponentials(logits, m, gradient, classes);
    const float log = logf(sum);
    float loss = at_label * (log - (logits[label] - m)), mass = at_label;
    if (smoothing > 0)
      for (size_t c = 0; c < classes; c++) {
        float w = (weights ? weights[c] : 1.0f) * share;
        loss += w * (log - (logits[c] - m));
        mass += w;
      }
    v16 k = splat(mass / sum);
    const float *probabilities = gradient;
    EACH16(classes, STORE(gradient, LOAD(probabilities) * k););
    gradient[label] -= at_label;
    if (smoothing > 0)
      for (size_t c = 0; c < classes; c++) gradient[c] -= (weights ? weights[c] : 1.0f) * share;
    losses[r] = loss;
  }
}

void NAME(binary_cross_entropy)(size_t n, const float *logits, const float *targets, float positive, float *losses,
                                float *gradient) {
  for (size_t i = 0; i < n; i++) {
    float x = logits[i], t = targets[i];
    // log(1 + e^−|x|) + max(−x, 0) = −log σ(x)
    float softplus = log1pf(expf(-fabsf(x)));
    float minus_log_p = softplus + (x < 0 ? -x : 0), minus_log_q = softplus + (x > 0 ? x : 0);
    float p = x >= 0 ? 1.0f / (1.0f + expf(-x)) : expf(x) / (1.0f + expf(x));
    losses[i] = positive * t * minus_log_p + (1 - t) * minus_log_q;
    gradient[i] = (1 - t) * p - positive * t * (1 - p);
  }
}
