#ifndef ENCODERS_KERNELS_H
#define ENCODERS_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif
