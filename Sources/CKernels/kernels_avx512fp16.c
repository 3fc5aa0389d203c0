// The kernels for avx512 with VNNI and FP16. Processors that have it multiply pairs of brain floats no faster than floats.
#if defined(__x86_64__)
#include "vector_includes.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx512fp16,avx2,fma"))), apply_to = function)
#define ISA_AVX512
#define ISA_VNNI
#define ISA_FP16
#define TILE_ROWS 8
#define TILE_VECTORS 2
#define BYTE_TILE_ROWS 6
#define NAME(name) name##_avx512fp16
#include "all.h"
#pragma clang attribute pop
#endif
