// Chooses the instruction set once, at load time.
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels.h"

#define KERNEL(name, parameters, arguments) void (*name) parameters;
typedef struct {
#include "list.h"
} table;
#undef KERNEL

#define DEFINE_TABLE(suffix) static const table table_##suffix = {
#define KERNEL(name, parameters, arguments) void name##_scalar parameters;
#include "list.h"
#undef KERNEL
DEFINE_TABLE(scalar)
#define KERNEL(name, parameters, arguments) name##_scalar,
#include "list.h"
#undef KERNEL
};

#if defined(__x86_64__)
#define KERNEL(name, parameters, arguments) void name##_avx2 parameters; void name##_avx512 parameters; \
  void name##_avx512vnni parameters; void name##_avx512bf16 parameters; void name##_avx512fp16 parameters; \
  void name##_amx parameters;
#include "list.h"
#undef KERNEL
DEFINE_TABLE(avx2)
#define KERNEL(name, parameters, arguments) name##_avx2,
#include "list.h"
#undef KERNEL
};
DEFINE_TABLE(avx512)
#define KERNEL(name, parameters, arguments) name##_avx512,
#include "list.h"
#undef KERNEL
};
DEFINE_TABLE(avx512vnni)
#define KERNEL(name, parameters, arguments) name##_avx512vnni,
#include "list.h"
#undef KERNEL
};
DEFINE_TABLE(avx512bf16)
#define KERNEL(name, parameters, arguments) name##_avx512bf16,
#include "list.h"
#undef KERNEL
};
DEFINE_TABLE(avx512fp16)
#define KERNEL(name, parameters, arguments) name##_avx512fp16,
#include "list.h"
#undef KERNEL
};
DEFINE_TABLE(amx)
#define KERNEL(name, parameters, arguments) name##_amx,
#include "list.h"
#undef KERNEL
};

// Linux gives a process the registers of tiles, its state 18, only when it asks by ARCH_REQ_XCOMP_PERM.
#if !defined(MAY_USE_TILES)
#define MAY_USE_TILES (syscall(SYS_arch_prctl, 0x1023, 18) == 0)
#endif
#endif

static const table *chosen = &table_scalar;
#if defined(__aarch64__)
static const char *chosen_name = "neon";
#else
static const char *chosen_name = "scalar";
#endif

__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
  const char *wanted = getenv("ENCODERS_ISA");
  bool any = wanted == NULL || wanted[0] == 0;
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("f16c");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  bool fp16 = vnni && __builtin_cpu_supports("avx512fp16"), bf16 = vnni && __builtin_cpu_supports("avx512bf16");
  bool amx = fp16 && bf16 && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") &&
             __builtin_cpu_supports("amx-bf16");
  if (amx && (any || strcmp(wanted, "amx") == 0) && MAY_USE_TILES) {
    chosen = &table_amx;
    chosen_name = "amx";
  } else if (fp16 && (any || strcmp(wanted, "avx512fp16") == 0)) {
    chosen = &table_avx512fp16;
    chosen_name = "avx512fp16";
  } else if (bf16 && (any || strcmp(wanted, "avx512bf16") == 0)) {
    chosen = &table_avx512bf16;
    chosen_name = "avx512bf16";
  } else if (vnni && (any || strcmp(wanted, "avx512vnni") == 0)) {
    chosen = &table_avx512vnni;
    chosen_name = "avx512vnni";
  } else if (avx512 && (any || strcmp(wanted, "avx512") == 0)) {
    chosen = &table_avx512;
    chosen_name = "avx512";
  } else if (avx2 && (any || strcmp(wanted, "avx2") == 0)) {
    chosen = &table_avx2;
    chosen_name = "avx2";
  }
#endif
}

const char *enc_isa(void) { return chosen_name; }

#define KERNEL(name, parameters, arguments) \
  void enc_##name parameters { chosen->name arguments; }
#include "list.h"
#undef KERNEL
