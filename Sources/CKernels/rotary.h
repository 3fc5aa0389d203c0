// Rotary position embedding: in each head of a row, pairs of elements are turned by an angle for the row's position.
// `halves`: element c pairs with c + pairs (GPT-NeoX); else 2c pairs with 2c + 1 (GPT-J). `direction` −1 turns back: the pullback.
void NAME(rotary)(size_t rows, size_t width, size_t stride, size_t head_width, size_t pairs, bool halves, float direction,
                  size_t first, const float *cosines, const float *sines, const float *x, float *out) {
  v16 sign = splat(direction);
  for (size_t r = 0; r < rows; r++, x += stride, out += stride) {
    const float *cosine = cosines + (first + r) * pairs, *sine = sines + (first + r) * pairs;
    for (size_t h = 0; h < width; h += head_width) {
      const float *a = x + h;
      float *b = out + h;
      if (halves) {
        EACH16(pairs, v16 c = LOAD(cosine); v16 s = LOAD(sine) * sign; v16 u = LOAD(a); v16 w = LOAD(a + pairs);
               STORE(b, u * c - w * s); STORE(b + pairs, w * c + u * s););
      } else {
        for (size_t i = 0; i < pairs; i++) {
          const float c = cosine[i], s = sine[i] * direction, u = a[2 * i], w = a[2 * i + 1];
          b[2 * i] = u * c - w * s;
          b[2 * i + 1] = w * c + u * s;
        }
      }
      memcpy(b + 2 * pairs, a + 2 * pairs, (head_width - 2 * pairs) * sizeof(float));
    }
  }
}
