// The kernels for avx512 with VNNI, BF16, FP16 and AMX, which multiplies brain floats and bytes by tiles.
#if defined(__x86_64__)
#include "vector_includes.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx512bf16,avx512fp16,amx-tile,amx-int8,amx-bf16,avx2,fma"))), apply_to = function)
#define ISA_AVX512
#define ISA_VNNI
#define ISA_BF16
#define ISA_FP16
#define ISA_AMX
#define TILE_ROWS 8
#define TILE_VECTORS 2
#define BYTE_TILE_ROWS 6
#define NAME(name) name##_amx
#include "all.h"
#pragma clang attribute pop
#endif
