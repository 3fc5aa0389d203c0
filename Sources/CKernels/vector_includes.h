#include <math.h>
#include <string.h>

#include "kernels.h"
#pragma clang diagnostic ignored "-Wpsabi"
