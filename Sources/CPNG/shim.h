#include <string.h>
#include <png.h>
