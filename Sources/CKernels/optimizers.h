// Fused optimiser steps, as PyTorch defines them.
void NAME(sgd)(size_t n, float *p, const float *g, float *velocity, float rate, float momentum, float decay,
               bool nesterov, bool first) {
  const v16 lr = splat(rate), mu = splat(momentum), wd = splat(decay);
  EACH16(n, v16 value = LOAD(p); v16 d = LOAD(g) + wd * value; if (momentum != 0) {
    v16 v = first ? d : mu * LOAD(velocity) + d;
    STORE(velocity, v);
    d = nesterov ? d + mu * v : v;
  } STORE(p, value - lr * d););
}

void NAME(adam)(size_t n, float *p, const float *g, float *m, float *v, double beta1, double beta2, float epsilon,
                float step, float root, float decay, float shrink) {
  const v16 b1 = splat((float)beta1), b2 = splat((float)beta2), c1 = splat((float)(1 - beta1)), c2 = splat((float)(1 - beta2)), e = splat(epsilon);
  const v16 size = splat(step), correction = splat(root), wd = splat(decay), keep = splat(shrink);
  EACH16(n, v16 value = LOAD(p) * keep; v16 d = LOAD(g) + wd * value; v16 first = b1 * LOAD(m) + c1 * d;
         v16 second = b2 * LOAD(v) + c2 * d * d; STORE(m, first); STORE(v, second);
         STORE(p, value - size * first / (__builtin_elementwise_sqrt(second) * correction + e)););
}

void NAME(adagrad)(size_t n, float *p, const float *g, float *sum, float rate, float epsilon, float decay) {
  const v16 lr = splat(rate), e = splat(epsilon), wd = splat(decay);
  EACH16(n, v16 value = LOAD(p); v16 d = LOAD(g) + wd * value; v16 s = LOAD(sum) + d * d; STORE(sum, s);
         STORE(p, value - lr * d / (__builtin_elementwise_sqrt(s) + e)););
}

void NAME(rmsprop)(size_t n, float *p, const float *g, float *average, float *velocity, float rate, double alpha,
                   float epsilon, float momentum, float decay) {
  const v16 lr = splat(rate), a = splat((float)alpha), b = splat((float)(1 - alpha)), e = splat(epsilon), mu = splat(momentum), wd = splat(decay);
  EACH16(n, v16 value = LOAD(p); v16 d = LOAD(g) + wd * value; v16 s = a * LOAD(average) + b * d * d; STORE(average, s);
         d = d / (__builtin_elementwise_sqrt(s) + e); if (momentum != 0) {
           d = mu * LOAD(velocity) + d;
           STORE(velocity, d);
         } STORE(p, value - lr * d););
}
