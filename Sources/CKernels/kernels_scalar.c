// The kernels for scalar.
#include "vector_includes.h"
// A vector of 16 floats takes four registers: of 32 that NEON has, of 16 that SSE2 has.
#if defined(__aarch64__)
#define TILE_ROWS 6
#define BYTE_TILE_ROWS 2
#else
#define TILE_ROWS 2
#define BYTE_TILE_ROWS 2
#endif
#define TILE_VECTORS 1
#define NAME(name) name##_scalar
#include "all.h"
