// The kernels for scalar.
#include "vector_includes.h"
#define NAME(name) name##_scalar
#include "all.h"
