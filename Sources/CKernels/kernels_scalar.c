// The kernels for scalar.
#include "vector_includes.h"
#define TILE_ROWS 2
#define TILE_VECTORS 1
#define BYTE_TILE_ROWS 2
#define NAME(name) name##_scalar
#include "all.h"
