// How fast products can be at most: `n` steps of 12 chains of multiply-adds, as many of them at once as registers hold.

#define PEAK_CHAINS (TILE_ROWS * TILE_VECTORS < 12 ? TILE_ROWS : 12)
#define EACH_PEAK(vector, start, step, end)                             \
  for (size_t group = 0; group < 12; group += PEAK_CHAINS) {            \
    vector sums[PEAK_CHAINS];                                           \
    for (size_t i = 0; i < PEAK_CHAINS; i++) sums[i] = start;           \
    for (size_t done = 0; done < n; done++)                             \
      for (size_t i = 0; i < PEAK_CHAINS; i++) sums[i] = step;          \
    for (size_t i = 0; i < PEAK_CHAINS; i++) end;                       \
  }
void NAME(float_peak)(size_t n, float *out) {
  const v16 factor = splat(out[0]);
  v16 sum = factor;
  EACH_PEAK(v16, splat((float)i), sums[i] * factor + factor, sum += sums[i])
  store(out, sum);
}
// Each step multiplies what the one before gave, so that none can be left out.
void NAME(pair_peak)(size_t n, float *out) {
#if MULTIPLIES_TILES
  (void)out;
  TILE_PEAK(_tile_dpbf16ps, n * 12 * 64 / (2 * 16 * 16 * 32))
#else
  const v16 factor = MULTIPLIES_PAIRS ? (v16)brain_pairs(splat(out[0]), splat(out[0])) : splat(out[0]);
  v16 sum = splat(0);
  for (size_t number = 0; number < (MULTIPLIES_PAIRS ? 1 : 2); number++)
    EACH_PEAK(v16, splat((float)i), add_products(MULTIPLIES_PAIRS, factor, sums[i], factor), sum += sums[i])
  store(out, sum);
#endif
}
void NAME(half_peak)(size_t n, float *out) {
#if MULTIPLIES_HALVES
  const h32 factor = (h32)twice(round_half(splat(out[0])));
  h32 sum = factor;
  EACH_PEAK(h32, factor, add_halves(factor, sums[i], factor), sum += sums[i])
  store(out, widen_low(sum));
#else
  for (size_t number = 0; number < 2; number++) NAME(float_peak)(n, out);
#endif
}
void NAME(byte_peak)(size_t n, int32_t *out) {
#if MULTIPLIES_TILES
  (void)out;
  TILE_PEAK(_tile_dpbusd, n * 12 * 128 / (2 * 16 * 16 * 64))
#else
  const i16 factor = (i16){} + out[0];
  i16 sum = factor;
  EACH_PEAK(i16, factor + (int32_t)i, dot4(sums[i], sums[i], factor), sum += sums[i])
  memcpy(out, &sum, sizeof sum);
#endif
}
