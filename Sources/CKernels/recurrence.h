// The cells of recurrences, a step at a time, forward and backward side by side. Gate order and formulas are PyTorch's.

// h' = tanh(gates + recurrent)
void NAME(rnn_step)(size_t count, size_t hidden, const int32_t *rows, const float *recurrent, float *gates,
                    float *output, size_t stride, float *h) {
  for (size_t s = 0; s < count; s++, recurrent += hidden, h += hidden) {
    float *g = gates + (size_t)rows[s] * hidden, *o = output + (size_t)rows[s] * stride;
    EACH16(hidden, v16 y = tanh16(LOAD(g) + LOAD(recurrent)); STORE(g, y); STORE(o, y); STORE(h, y););
  }
}

void NAME(rnn_step_backward)(size_t count, size_t hidden, const int32_t *rows, float *gates, const float *doutput,
                             size_t stride, const float *dh, float *drecurrent) {
  for (size_t s = 0; s < count; s++, dh += hidden, drecurrent += hidden) {
    float *g = gates + (size_t)rows[s] * hidden;
    const float *d = doutput + (size_t)rows[s] * stride;
    EACH16(hidden, v16 y = LOAD(g); v16 dx = (LOAD(d) + LOAD(dh)) * (splat(1.0f) - y * y); STORE(g, dx);
           STORE(drecurrent, dx););
  }
}

// i, f, g, o = σ, σ, tanh, σ (gates + recurrent); c' = f·c + i·g; h' = o·tanh c'
void NAME(lstm_step)(size_t count, size_t hidden, const int32_t *rows, const float *recurrent, float *gates, float *cells,
                     float *output, size_t stride, float *h, float *c) {
  const size_t H = hidden;
  for (size_t s = 0; s < count; s++, recurrent += 4 * H, h += H, c += H) {
    const size_t row = (size_t)rows[s];
    float *g = gates + row * 4 * H, *cell = cells + row * H, *o = output + row * stride;
    EACH16(H, v16 in = sigmoid16(LOAD(g) + LOAD(recurrent)); v16 forget = sigmoid16(LOAD(g + H) + LOAD(recurrent + H));
           v16 candidate = tanh16(LOAD(g + 2 * H) + LOAD(recurrent + 2 * H));
           v16 out = sigmoid16(LOAD(g + 3 * H) + LOAD(recurrent + 3 * H));
           v16 state = forget * LOAD(c) + in * candidate; v16 y = out * tanh16(state);
           STORE(g, in); STORE(g + H, forget); STORE(g + 2 * H, candidate); STORE(g + 3 * H, out);
           STORE(cell, state); STORE(c, state); STORE(h, y); STORE(o, y););
  }
}

void NAME(lstm_step_backward)(size_t count, size_t hidden, const int32_t *rows, const int32_t *previous, float *gates,
                              const float *cells, const float *doutput, size_t stride, const float *dh, float *dc,
                              float *drecurrent) {
  const size_t H = hidden;
  const v16 one = splat(1.0f);
  for (size_t s = 0; s < count; s++, dh += H, dc += H, drecurrent += 4 * H) {
    const size_t row = (size_t)rows[s];
    float *g = gates + row * 4 * H;
    const float *cell = cells + row * H, *d = doutput + row * stride;
    const bool start = previous[s] < 0;
    const float *before = cells + (start ? 0 : (size_t)previous[s]) * H;
    EACH16(H, v16 in = LOAD(g); v16 forget = LOAD(g + H); v16 candidate = LOAD(g + 2 * H); v16 out = LOAD(g + 3 * H);
           v16 squashed = tanh16(LOAD(cell)); v16 dy = LOAD(d) + LOAD(dh);
           v16 state = LOAD(dc) + dy * out * (one - squashed * squashed);
           v16 earlier = start ? splat(0) : LOAD(before);
           v16 di = state * candidate * in * (one - in); v16 df = state * earlier * forget * (one - forget);
           v16 dg = state * in * (one - candidate * candidate); v16 dout = dy * squashed * out * (one - out);
           STORE(dc, state * forget);
           STORE(g, di); STORE(g + H, df); STORE(g + 2 * H, dg); STORE(g + 3 * H, dout);
           STORE(drecurrent, di); STORE(drecurrent + H, df); STORE(drecurrent + 2 * H, dg);
           STORE(drecurrent + 3 * H, dout););
  }
}

// r, z = σ (gates + recurrent); n = tanh(gates_n + r · recurrent_n); h' = (1 − z)·n + z·h
void NAME(gru_step)(size_t count, size_t hidden, const int32_t *rows, const float *recurrent, float *gates,
                    float *candidates, float *output, size_t stride, float *h) {
  const size_t H = hidden;
  for (size_t s = 0; s < count; s++, recurrent += 3 * H, h += H) {
    const size_t row = (size_t)rows[s];
    float *g = gates + row * 3 * H, *candidate = candidates + row * H, *o = output + row * stride;
    EACH16(H, v16 reset = sigmoid16(LOAD(g) + LOAD(recurrent)); v16 update = sigmoid16(LOAD(g + H) + LOAD(recurrent + H));
           v16 inner = LOAD(recurrent + 2 * H); v16 n = tanh16(LOAD(g + 2 * H) + reset * inner);
           v16 y = (splat(1.0f) - update) * n + update * LOAD(h);
           STORE(candidate, inner); STORE(g, reset); STORE(g + H, update); STORE(g + 2 * H, n);
           STORE(h, y); STORE(o, y););
  }
}

void NAME(gru_step_backward)(size_t count, size_t hidden, const int32_t *rows, const int32_t *previous, float *gates,
                             float *candidates, const float *outputs, const float *doutput, size_t stride,
                             const float *dh, float *direct, float *drecurrent) {
  const size_t H = hidden;
  const v16 one = splat(1.0f);
  for (size_t s = 0; s < count; s++, dh += H, direct += H, drecurrent += 3 * H) {
    const size_t row = (size_t)rows[s];
    float *g = gates + row * 3 * H, *candidate = candidates + row * H;
    const float *d = doutput + row * stride;
    const bool start = previous[s] < 0;
    const float *before = outputs + (start ? 0 : (size_t)previous[s]) * stride;
    EACH16(H, v16 reset = LOAD(g); v16 update = LOAD(g + H); v16 n = LOAD(g + 2 * H); v16 inner = LOAD(candidate);
           v16 earlier = start ? splat(0) : LOAD(before); v16 dy = LOAD(d) + LOAD(dh);
           v16 dn = dy * (one - update) * (one - n * n); v16 dz = dy * (earlier - n) * update * (one - update);
           v16 dr = dn * inner * reset * (one - reset); v16 dinner = dn * reset;
           STORE(direct, dy * update);
           STORE(g, dr); STORE(g + H, dz); STORE(g + 2 * H, dn); STORE(candidate, dinner);
           STORE(drecurrent, dr); STORE(drecurrent + H, dz); STORE(drecurrent + 2 * H, dinner););
  }
}
