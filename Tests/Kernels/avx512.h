// The intrinsics of AVX-512 and AMX that the kernels use, as loops: their code can be checked on processors without. `make avx512` compiles with it.
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EMULATED static inline __attribute__((always_inline, target("avx2,fma,f16c")))
#define EACH_LANE for (int i = 0; i < 16; i++)
#define LANES(type, name, vector) \
  type name[64 / sizeof(type)];   \
  memcpy(name, &(vector), 64)
#define VECTOR(type, numbers) \
  type vector;                \
  memcpy(&vector, numbers, 64); \
  return vector

EMULATED __m512 emulated_maskz_loadu_ps(unsigned mask, const float *p) {
  float x[16];
  EACH_LANE x[i] = mask >> i & 1 ? p[i] : 0;
  VECTOR(__m512, x);
}
EMULATED void emulated_mask_storeu_ps(float *p, unsigned mask, __m512 a) {
  LANES(float, x, a);
  EACH_LANE if (mask >> i & 1) p[i] = x[i];
}
EMULATED __m512 emulated_max_ps(__m512 a, __m512 b) {
  LANES(float, x, a);
  LANES(float, y, b);
  EACH_LANE x[i] = x[i] > y[i] ? x[i] : y[i];
  VECTOR(__m512, x);
}
EMULATED __m512 emulated_min_ps(__m512 a, __m512 b) {
  LANES(float, x, a);
  LANES(float, y, b);
  EACH_LANE x[i] = x[i] < y[i] ? x[i] : y[i];
  VECTOR(__m512, x);
}
EMULATED __m512 emulated_cvtph_ps(__m256i a) {
  uint16_t h[16];
  float x[16];
  memcpy(h, &a, 32);
  EACH_LANE x[i] = _cvtsh_ss(h[i]);
  VECTOR(__m512, x);
}
EMULATED __m512i emulated_dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
  LANES(int32_t, s, sum);
  LANES(uint8_t, x, a);
  LANES(int8_t, y, b);
  for (int i = 0; i < 64; i++) s[i / 4] += x[i] * y[i];
  VECTOR(__m512i, s);
}
EMULATED __m512i emulated_maddubs_epi16(__m512i a, __m512i b) {
  LANES(uint8_t, x, a);
  LANES(int8_t, y, b);
  int16_t s[32];
  for (int i = 0; i < 32; i++) {
    const int sum = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
    s[i] = (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
  }
  VECTOR(__m512i, s);
}
EMULATED __m512i emulated_madd_epi16(__m512i a, __m512i b) {
  LANES(int16_t, x, a);
  LANES(int16_t, y, b);
  int32_t s[16];
  EACH_LANE s[i] = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
  VECTOR(__m512i, s);
}
EMULATED __m512i emulated_set1_epi16(short a) {
  int16_t x[32];
  for (int i = 0; i < 32; i++) x[i] = a;
  VECTOR(__m512i, x);
}
EMULATED __m512 emulated_scalef_ps(__m512 a, __m512 b) {
  LANES(float, x, a);
  LANES(float, y, b);
  EACH_LANE x[i] = ldexpf(x[i], (int)fmaxf(-1000, fminf(1000, floorf(y[i]))));
  VECTOR(__m512, x);
}
EMULATED __m512i emulated_cvtepu16_epi32(__m256i a) {
  uint16_t h[16];
  uint32_t x[16];
  memcpy(h, &a, 32);
  EACH_LANE x[i] = h[i];
  VECTOR(__m512i, x);
}
EMULATED __m256i emulated_cvtneps_pbh(__m512 a) {
  LANES(uint32_t, x, a);
  uint16_t h[16];
  EACH_LANE {
    const bool nan = (x[i] & 0x7fffffff) > 0x7f800000;
    h[i] = (uint16_t)(nan ? 0x7fc0 : (x[i] + 0x7fff + (x[i] >> 16 & 1)) >> 16);
  }
  __m256i vector;
  memcpy(&vector, h, 32);
  return vector;
}
EMULATED __m512 emulated_dpbf16_ps(__m512 sum, __m512i a, __m512i b) {
  LANES(float, s, sum);
  LANES(uint32_t, x, a);
  LANES(uint32_t, y, b);
  for (int i = 0; i < 16; i++) {
    const uint32_t parts[4] = {x[i] & 0xffff0000, y[i] & 0xffff0000, x[i] << 16, y[i] << 16};
    float p[4];
    memcpy(p, parts, 16);
    s[i] += p[0] * p[1];
    s[i] += p[2] * p[3];
  }
  VECTOR(__m512, s);
}
// Eight tiles of 16 rows of 64 bytes.
static __thread uint8_t emulated_tiles[8][16][64];
static __thread bool emulated_shaped;
static inline void emulated_tile_loadconfig(const void *shapes) { emulated_shaped = ((const uint8_t *)shapes)[0] == 1; }
static inline void emulated_tile_release(void) { emulated_shaped = false; }
static inline void emulated_tile_zero(int tile) { memset(emulated_tiles[tile], 0, 1024); }
static inline void emulated_tile_loadd(int tile, const void *p, size_t stride) {
  for (size_t r = 0; r < 16; r++) memcpy(emulated_tiles[tile][r], (const char *)p + r * stride, 64);
}
static inline void emulated_tile_stored(int tile, void *p, size_t stride) {
  for (size_t r = 0; r < 16; r++)
    if (emulated_shaped)
      memcpy((char *)p + r * stride, emulated_tiles[tile][r], 64);
    else
      memset((char *)p + r * stride, 0x7f, 64);
}
EMULATED void emulated_tile_dp(bool bytes, int out, int a, int b) {
  for (int m = 0; m < 16; m++)
    for (int k = 0; k < 16; k++) {
      __m512i sum, x, y;
      uint32_t four[16];
      memcpy(four, emulated_tiles[a][m] + 4 * k, 4);
      for (int n = 1; n < 16; n++) four[n] = four[0];
      memcpy(&x, four, 64);
      memcpy(&y, emulated_tiles[b][k], 64);
      memcpy(&sum, emulated_tiles[out][m], 64);
      if (bytes)
        sum = emulated_dpbusd_epi32(sum, x, y);
      else
        sum = (__m512i)emulated_dpbf16_ps((__m512)sum, x, y);
      memcpy(emulated_tiles[out][m], &sum, 64);
    }
}
#define _tile_loadconfig emulated_tile_loadconfig
#define _tile_release emulated_tile_release
#undef _tile_zero
#define _tile_zero emulated_tile_zero
#undef _tile_loadd
#define _tile_loadd emulated_tile_loadd
#undef _tile_stored
#define _tile_stored emulated_tile_stored
#undef _tile_dpbusd
#define _tile_dpbusd(out, a, b) emulated_tile_dp(true, out, a, b)
#undef _tile_dpbf16ps
#define _tile_dpbf16ps(out, a, b) emulated_tile_dp(false, out, a, b)
#define _mm512_maskz_loadu_ps emulated_maskz_loadu_ps
#define _mm512_mask_storeu_ps emulated_mask_storeu_ps
#define _mm512_max_ps emulated_max_ps
#define _mm512_min_ps emulated_min_ps
#define _mm512_cvtph_ps emulated_cvtph_ps
#define _mm512_dpbusd_epi32 emulated_dpbusd_epi32
#define _mm512_maddubs_epi16 emulated_maddubs_epi16
#define _mm512_madd_epi16 emulated_madd_epi16
#define _mm512_set1_epi16 emulated_set1_epi16
#define _mm512_scalef_ps emulated_scalef_ps
#define _mm512_cvtepu16_epi32 emulated_cvtepu16_epi32
#define _mm512_cvtneps_pbh emulated_cvtneps_pbh
#define _mm512_dpbf16_ps emulated_dpbf16_ps
#define __m512bh __m512i
