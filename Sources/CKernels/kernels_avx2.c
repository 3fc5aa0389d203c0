// The kernels for avx2.
#if defined(__x86_64__)
#include "vector_includes.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define ISA_AVX2
#define TILE_ROWS 6
#define TILE_VECTORS 1
#define BYTE_TILE_ROWS 4
#define NAME(name) name##_avx2
#include "all.h"
#pragma clang attribute pop
#endif
