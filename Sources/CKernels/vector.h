// Vectors of 16 floats and the functions on them. The compiler lowers them to whatever the target has.
typedef float v16 __attribute__((vector_size(64)));
typedef float v16u __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef uint32_t u16 __attribute__((vector_size(64)));
typedef uint8_t b16 __attribute__((vector_size(16)));
typedef uint64_t w8 __attribute__((vector_size(64)));
#define INLINE static inline __attribute__((always_inline))
// Before a tile's loop, where counting would take a good part of its instructions. More at once than this spills.
#if defined(ISA_AVX2) || defined(ISA_AVX512)
#define PRAGMA(text) _Pragma(#text)
#define UNROLLED(n) PRAGMA(clang loop unroll_count(n))
#else
#define UNROLLED(n)
#endif

INLINE v16 load(const float *p) { return *(const v16u *)p; }
INLINE void store(float *p, v16 x) { *(v16u *)p = x; }
#if defined(ISA_AVX512)
INLINE v16 load_some(const float *p, size_t n) { return (v16)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void store_some(float *p, v16 x, size_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x); }
#else
INLINE v16 load_some(const float *p, size_t n) {
  float t[16] = {0};
  memcpy(t, p, n * sizeof(float));
  return load(t);
}
INLINE void store_some(float *p, v16 x, size_t n) {
  float t[16];
  store(t, x);
  memcpy(p, t, n * sizeof(float));
}
#endif
INLINE v16 splat(float x) { return (v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE v16 choose16(i16 mask, v16 a, v16 b) { return (v16)((mask & (i16)a) | (~mask & (i16)b)); }
// Of a number and NaN, the second.
#if defined(ISA_AVX512)
INLINE v16 max16(v16 a, v16 b) { return (v16)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE v16 min16(v16 a, v16 b) { return (v16)_mm512_min_ps((__m512)a, (__m512)b); }
#else
INLINE v16 max16(v16 a, v16 b) { return choose16(a > b, a, b); }
INLINE v16 min16(v16 a, v16 b) { return choose16(a < b, a, b); }
#endif
// What takes the place of the largest so far, as in PyTorch's pooling: a larger number, or NaN.
INLINE i16 exceeds16(v16 a, v16 largest) { return (a > largest) | (a != a); }
// A number within bounds; NaN stays what it is.
INLINE v16 clamp16(v16 x, float low, float high) { return min16(splat(high), max16(splat(low), x)); }
#define HALVES(x, ...) __builtin_shufflevector(x, x, __VA_ARGS__)
INLINE float sum16(v16 x) {
  typedef float v8 __attribute__((vector_size(32)));
  typedef float v4 __attribute__((vector_size(16)));
  const v8 a = HALVES(x, 0, 1, 2, 3, 4, 5, 6, 7) + HALVES(x, 8, 9, 10, 11, 12, 13, 14, 15);
  const v4 b = HALVES(a, 0, 1, 2, 3) + HALVES(a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}
INLINE float largest16(v16 x) {  // __builtin_reduce_max compares number by number
  x = max16(x, HALVES(x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  x = max16(x, HALVES(x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  x = max16(x, HALVES(x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  x = max16(x, HALVES(x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
  return x[0];
}

// A square's rows become its columns: ever smaller squares beside the diagonal change places.
#define SWAP(size, first, second)                               \
  for (size_t i = 0; i < SQUARE; i++) {                         \
    if (i & size) continue;                                     \
    const side a = x[i], b = x[i + size];                       \
    x[i] = __builtin_shufflevector(a, b, UNPACK first);         \
    x[i + size] = __builtin_shufflevector(a, b, UNPACK second); \
  }
#define UNPACK(...) __VA_ARGS__
#if defined(ISA_AVX512)
#define SQUARE 16
typedef v16 side;
INLINE void transpose_square(side x[SQUARE]) {
  SWAP(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
       (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
  SWAP(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
       (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
  SWAP(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
       (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
  SWAP(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
       (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
}
#elif defined(ISA_AVX2)
#define SQUARE 8
typedef float side __attribute__((vector_size(32)));
INLINE void transpose_square(side x[SQUARE]) {
  SWAP(4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
  SWAP(2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
  SWAP(1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))
}
#endif
#undef UNPACK
#undef SWAP
#if defined(SQUARE)
// Up to SQUARE rows of up to SQUARE numbers become columns, of SQUARE numbers each: those of missing rows are zeros.
INLINE void transpose_some(size_t rows, size_t columns, const float *x, size_t stride, float *out, size_t out_stride) {
  side square[SQUARE];
  for (size_t r = 0; r < SQUARE; r++) {
    square[r] = (side){};
    if (r >= rows) continue;
    if (columns == SQUARE)
      memcpy(square + r, x + r * stride, sizeof(side));
    else
      memcpy(square + r, x + r * stride, columns * sizeof(float));
  }
  transpose_square(square);
  for (size_t c = 0; c < columns; c++) memcpy(out + c * out_stride, square + c, sizeof(side));
}
#endif

// 16 numbers of half precision.
#if defined(ISA_AVX512)
INLINE v16 load_half(const uint16_t *p) { return (v16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
#elif defined(ISA_AVX2)
INLINE v16 load_half(const uint16_t *p) {
  v16 x;
  const __m256 low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
  const __m256 high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + 1));
  memcpy(&x, &low, 32);
  memcpy((char *)&x + 32, &high, 32);
  return x;
}
#else
INLINE v16 load_half(const uint16_t *p) {
  uint16_t halves __attribute__((vector_size(32)));
  memcpy(&halves, p, 32);
  const i16 bits = __builtin_convertvector(halves, i16), sign = (bits & 0x8000) << 16;
  // The exponents differ by 112.
  const v16 size = (v16)((bits & 0x7fff) << 13) * splat(0x1p112f);
  const i16 infinite = (bits & 0x7c00) == 0x7c00;
  return (v16)(((i16)size & ~infinite) | (infinite & 0x7f800000) | sign);
}
#endif

// Where they are multiplied as they are, 32 at once. A number that meets all of them stands twice in the bits of a float, which takes fewer
// steps to spread than 16 bits do.
#if defined(ISA_FP16)
#define MULTIPLIES_HALVES true
typedef _Float16 h32 __attribute__((vector_size(64)));
typedef _Float16 h32u __attribute__((vector_size(64), aligned(2), may_alias));
typedef _Float16 h16 __attribute__((vector_size(32)));
INLINE h32 load_halves(const uint16_t *p) { return *(const h32u *)p; }
INLINE h32 splat_halves(float two) { return (h32)splat(two); }
INLINE h32 add_halves(h32 sum, h32 a, h32 b) { return __builtin_elementwise_fma(a, b, sum); }
INLINE v16 widen_low(h32 x) {
  return __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), v16);
}
INLINE v16 widen_high(h32 x) {
  return __builtin_convertvector(__builtin_shufflevector(x, x, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31), v16);
}
INLINE u16 round_half(v16 x) {
  typedef uint16_t bits16 __attribute__((vector_size(32)));
  return __builtin_convertvector((bits16)__builtin_convertvector(x, h16), u16);
}
// The power of two that brings a number between 2^(room − 1) and 2^room; that for 2^±100 where it's beyond.
INLINE float power_towards(float x, int room) {
  int32_t bits;
  memcpy(&bits, &x, 4);
  const int32_t exponent = (bits >> 23) - 126, clamped = exponent < -100 ? -100 : exponent > 100 ? 100 : exponent;
  const int32_t power = (room - clamped + 127) << 23;
  float factor;
  memcpy(&factor, &power, 4);
  return factor;
}
INLINE v16 round_to_half(v16 x) { return __builtin_convertvector(__builtin_convertvector(x, h16), v16); }
INLINE v16 twice(u16 half) { return (v16)(half | half << 16); }
#else
#define MULTIPLIES_HALVES false
#endif

// Sums of products of four neighbouring bytes, those of `a` unsigned, added to 32-bit numbers.
typedef int32_t i16u __attribute__((vector_size(64), aligned(1), may_alias));
INLINE i16 load_bytes(const int8_t *p) { return *(const i16u *)p; }
INLINE i16 splat_bytes(const uint8_t *p) {
  int32_t x;
  memcpy(&x, p, 4);
  return (i16){} + x;
}
#if defined(ISA_VNNI)
INLINE i16 dot4(i16 sum, i16 a, i16 b) { return (i16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b); }
#elif defined(ISA_AVX512) || defined(ISA_AVX2)
// Two products are added in 16 bits, which is exact for pairs of bytes of `b` whose sizes add up to at most 128.
#define PAIRS_OF_BYTES
#if defined(ISA_AVX512)
INLINE i16 dot4(i16 sum, i16 a, i16 b) {
  return sum + (i16)_mm512_madd_epi16(_mm512_maddubs_epi16((__m512i)a, (__m512i)b), _mm512_set1_epi16(1));
}
#else
INLINE i16 dot4(i16 sum, i16 a, i16 b) {
#define HALF(x, ...) (__m256i) __builtin_shufflevector((w8)x, (w8)x, __VA_ARGS__)
#define DOT4(...) _mm256_madd_epi16(_mm256_maddubs_epi16(HALF(a, __VA_ARGS__), HALF(b, __VA_ARGS__)), _mm256_set1_epi16(1))
  return sum + (i16)__builtin_shufflevector(DOT4(0, 1, 2, 3), DOT4(4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6, 7);
#undef DOT4
#undef HALF
}
#endif
#else
INLINE i16 dot4(i16 sum, i16 a, i16 b) {
  for (int place = 0; place < 32; place += 8) sum += ((a >> place) & 255) * ((b << (24 - place)) >> 24);
  return sum;
}
#endif

// Brain floats: the upper halves of floats, rounded to the nearest, ties to even. A pair of them stands in 32 bits.
#if defined(ISA_BF16)
INLINE u16 round_brain(v16 x) { return (u16)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)x)); }
#else
INLINE u16 round_brain(v16 x) {
  const u16 bits = (u16)x, rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (u16)choose16(x == x, (v16)rounded, (v16)((u16){} + 0x7fc0u));
}
#endif
INLINE void store_brain(uint16_t *p, u16 x, size_t n) {
  typedef uint16_t h16 __attribute__((vector_size(32)));
  const h16 halves = __builtin_convertvector(x, h16);
  memcpy(p, &halves, n * sizeof *p);
}
INLINE u16 brain_pairs(v16 first, v16 second) { return round_brain(first) | round_brain(second) << 16; }
typedef uint32_t u16u __attribute__((vector_size(64), aligned(4), may_alias));
INLINE u16 load_pairs(const uint32_t *p) { return *(const u16u *)p; }
// Where there is no instruction for pairs, the floats that they stand for are multiplied one after another, in the pairs' order.
#if defined(ISA_BF16)
#define MULTIPLIES_PAIRS true
#else
#define MULTIPLIES_PAIRS false
#endif
// Floats, or pairs in the bits of floats, that a row of `width` brain floats takes where it's multiplied.
#define BRAIN_STRIDE(width) (((width) + 1) / 2 * (MULTIPLIES_PAIRS ? 1 : 2))
INLINE v16 round_float(v16 x) { return (v16)(round_brain(x) << 16); }
// sum + a · b, of pairs in the bits of floats or of floats.
INLINE v16 add_products(const bool pairs, v16 sum, v16 a, v16 b) {
#if defined(ISA_BF16)
  if (pairs) return (v16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
  return sum + a * b;
}

// Runs `body` for each group of up to 16 elements; in it, LOAD and STORE take a pointer to the group.
#define EACH16(n, ...)                           \
  do {                                           \
    size_t i = 0;                                \
    for (; i + 16 <= (n); i += 16) {             \
      const size_t lanes = 16;                   \
      (void)lanes;                               \
      __VA_ARGS__                                \
    }                                            \
    if (i < (n)) {                               \
      const size_t lanes = (n) - i;              \
      __VA_ARGS__                                \
    }                                            \
  } while (0)
#define LOAD(p) (lanes == 16 ? load((p) + i) : load_some((p) + i, lanes))
#define STORE(p, x) (lanes == 16 ? store((p) + i, (x)) : store_some((p) + i, (x), lanes))

INLINE void round_line(size_t n, const float *x, float *out) { EACH16(n, STORE(out, round_float(LOAD(x)));); }

// e^x, within 1 unit in the last place or so. Cephes' expf: range reduction by ln 2 and a polynomial of degree 5.
INLINE v16 exp16(v16 x) {
  x = clamp16(x, -87.0f, 88.0f);
  v16 n = __builtin_elementwise_roundeven(x * splat(1.44269504088896341f));
  v16 r = x - n * splat(0.693359375f);
  r = r - n * splat(-2.12194440e-4f);
  v16 p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * (r * r) + r + splat(1.0f);
  i16 exponent = (__builtin_convertvector(n, i16) + 127) << 23;
  return p * (v16)exponent;
}
// 2^x of finite numbers, where what would be below 2⁻¹²⁶ may become anything between that and 0. A polynomial of degree 5 fitted to the
// least relative error, 1.6e-7 with all rounding.
INLINE v16 exp2_16(v16 x) {
#if !defined(ISA_AVX512)
  x = clamp16(x, -126.0f, 127.0f);
#endif
  const v16 n = __builtin_elementwise_roundeven(x), r = x - n;
  v16 p = splat(1.326472614891827e-3f);
  p = p * r + splat(9.671512991189957e-3f);
  p = p * r + splat(5.550733581185341e-2f);
  p = p * r + splat(2.402224242687225e-1f);
  p = p * r + splat(6.931470036506653e-1f);
  p = p * r + splat(1.0f);
#if defined(ISA_AVX512)
  return (v16)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  return p * (v16)((__builtin_convertvector(n, i16) + 127) << 23);
#endif
}
INLINE v16 sigmoid16(v16 x) { return splat(1.0f) / (splat(1.0f) + exp16(-x)); }
// Cephes' tanhf: a polynomial near zero, where 1 − 2/(e²ˣ + 1) would cancel.
INLINE v16 tanh16(v16 x) {
  v16 z = x * x;
  v16 p = splat(-5.70498872745e-3f);
  p = p * z + splat(2.06390887954e-2f);
  p = p * z + splat(-5.37397155531e-2f);
  p = p * z + splat(1.33314422036e-1f);
  p = p * z + splat(-3.33332819422e-1f);
  v16 near = p * z * x + x;
  v16 far = splat(1.0f) - splat(2.0f) / (exp16(x + x) + splat(1.0f));
  return choose16(z < splat(0.390625f), near, far);
}
// erf by a quotient of polynomials in x², fitted to the least absolute error (4.3e-7 with all rounding); beyond 3.6 it is 1 to within as much.
INLINE v16 erf16(v16 x) {
  x = clamp16(x, -3.6f, 3.6f);
  const v16 z = x * x;
  v16 p = splat(-1.35163656978e-6f);
  p = p * z + splat(2.17444874579e-4f);
  p = p * z + splat(8.23692884296e-3f);
  p = p * z + splat(6.52704909444e-2f);
  p = p * z + splat(3.15476685762e-1f);
  p = p * z + splat(1.12837803364e0f);
  v16 q = splat(1.95366982371e-3f);
  q = q * z + splat(2.37961355597e-2f);
  q = q * z + splat(1.62197306752e-1f);
  q = q * z + splat(6.12903594971e-1f);
  q = q * z + splat(1.0f);
  return x * p / q;
}
INLINE v16 gelu16(v16 x) { return splat(0.5f) * x * (splat(1.0f) + erf16(x * splat(0.70710678118654752f))); }

// Dot product and scaled addition of rows.
INLINE float dot(const float *a, const float *b, size_t n) {
  v16 s0 = splat(0), s1 = splat(0);
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    s0 += load(a + i) * load(b + i);
    s1 += load(a + i + 16) * load(b + i + 16);
  }
  for (; i + 16 <= n; i += 16) s0 += load(a + i) * load(b + i);
  if (i < n) s1 += load_some(a + i, n - i) * load_some(b + i, n - i);
  return sum16(s0 + s1);
}
INLINE float total(const float *a, size_t n) {
  v16 s = splat(0);
  EACH16(n, s += LOAD(a););
  return sum16(s);
}
INLINE void add_scaled(float *y, float s, const float *x, size_t n) {
  v16 k = splat(s);
  EACH16(n, STORE(y, LOAD(y) + k * LOAD(x)););
}
INLINE void add_to(float *y, const float *x, size_t n) { EACH16(n, STORE(y, LOAD(y) + LOAD(x));); }
