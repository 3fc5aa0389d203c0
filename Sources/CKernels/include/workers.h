// Threads that share chunks of work. The chunks are cut by the caller, by size and never by thread count, so that results do not
// depend on who computes them.
#ifndef ENCODERS_WORKERS_H
#define ENCODERS_WORKERS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Runs body(context, chunk) for each chunk in 0 ..< chunks on up to `threads` threads, the caller among them; returns when all
// are done. Inside, denormal numbers are flushed to zero and OpenMP is held to one thread. A call from within a body, or while
// another thread's call is under way, runs on the calling thread alone.
void enc_workers_run(size_t threads, size_t chunks, void (*body)(void *context, size_t chunk), void *context);

// Whether the calling thread is inside such a body.
bool enc_workers_inside(void);

// Seconds since this thread's last call.
double enc_lap(void);

// How many processors this process may use.
size_t enc_processors(void);

// Flushes denormals and holds OpenMP to one thread on the calling thread; returns what enc_leave needs to undo it.
typedef struct {
  uint64_t control;
  int openmp;
} enc_entered;
enc_entered enc_enter(void);
void enc_leave(enc_entered entered);

// A buffer of the calling thread, 64-byte aligned, that stays until the thread ends; its contents are undefined. One buffer a slot.
enum { ENC_SCRATCH_ONEDNN = 0, ENC_SCRATCH_A, ENC_SCRATCH_B, ENC_SCRATCH_C, ENC_SCRATCH_GRADIENT, ENC_SCRATCH_PANEL, ENC_SCRATCH_COUNT };
void *enc_scratch(int slot, size_t bytes);
#endif
