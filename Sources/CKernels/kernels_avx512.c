// The kernels for avx512.
#if defined(__x86_64__)
#include "vector_includes.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#define ISA_AVX512
#define TILE_ROWS 8
#define TILE_VECTORS 2
#define BYTE_TILE_ROWS 6
#define NAME(name) name##_avx512
#include "all.h"
#pragma clang attribute pop
#endif
