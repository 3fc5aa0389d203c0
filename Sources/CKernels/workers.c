#define _GNU_SOURCE
#include "workers.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MAXIMUM_THREADS 256
// About 30 µs of waiting before a thread goes to sleep: waking it costs more than that.
#define SPINS 600

static void pause_briefly(void) {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// A job is published as generation << 32 | tickets. A worker joins by taking a ticket; the caller withdraws those left over at the
// end, so it never waits for a thread that was still asleep.
static _Atomic uint64_t state;
static _Atomic size_t next_chunk;
static _Atomic size_t finished;
static _Atomic int sleepers;
static size_t job_chunks;
static void (*job_body)(void *, size_t);
static void *job_context;
static pthread_mutex_t run_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static size_t started;
static _Thread_local bool inside;

static void (*set_openmp_threads)(int);
static int (*get_openmp_threads)(void);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_openmp(void) {
  set_openmp_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  get_openmp_threads = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_max_threads");
}

enc_entered enc_enter(void) {
  enc_entered entered = {0, 0};
  pthread_once(&once, find_openmp);
#if defined(__x86_64__)
  entered.control = _mm_getcsr();
  _mm_setcsr((unsigned)entered.control | 0x8040);  // flush to zero, denormals are zero
#elif defined(__aarch64__)
  __asm__ volatile("mrs %0, fpcr" : "=r"(entered.control));
  __asm__ volatile("msr fpcr, %0" : : "r"(entered.control | (1 << 24)));
#endif
  if (set_openmp_threads && get_openmp_threads) {
    entered.openmp = get_openmp_threads();
    if (entered.openmp != 1) set_openmp_threads(1);
  }
  return entered;
}

void enc_leave(enc_entered entered) {
#if defined(__x86_64__)
  _mm_setcsr((unsigned)entered.control);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(entered.control));
#endif
  if (set_openmp_threads && entered.openmp > 1) set_openmp_threads(entered.openmp);
}

size_t enc_processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

static void take_chunks(void) {
  size_t chunk;
  while ((chunk = atomic_fetch_add(&next_chunk, 1)) < job_chunks) job_body(job_context, chunk);
}

static void *work(void *argument) {
  (void)argument;
  enc_enter();
  inside = true;
  uint32_t seen = 0;
  for (;;) {
    int spins = 0;
    uint64_t now;
    while ((uint32_t)((now = atomic_load(&state)) >> 32) == seen) {
      if (++spins < SPINS) {
        pause_briefly();
        continue;
      }
      pthread_mutex_lock(&sleep_lock);
      atomic_fetch_add(&sleepers, 1);
      while ((uint32_t)(atomic_load(&state) >> 32) == seen) pthread_cond_wait(&wake, &sleep_lock);
      atomic_fetch_sub(&sleepers, 1);
      pthread_mutex_unlock(&sleep_lock);
    }
    seen = (uint32_t)(now >> 32);
    bool joined = false;
    while ((uint32_t)now != 0 && (uint32_t)(now >> 32) == seen && !joined)
      joined = atomic_compare_exchange_weak(&state, &now, now - 1);
    if (!joined) continue;
    take_chunks();
    atomic_fetch_add(&finished, 1);
  }
  return NULL;
}

void enc_workers_run(size_t threads, size_t chunks, void (*body)(void *, size_t), void *context) {
  if (inside) {
    for (size_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
    return;
  }
  enc_entered entered = enc_enter();
  inside = true;
  if (threads > chunks) threads = chunks;
  if (threads > MAXIMUM_THREADS) threads = MAXIMUM_THREADS;
  if (threads <= 1 || pthread_mutex_trylock(&run_lock) != 0) {
    for (size_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
  } else {
    while (started < threads - 1) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, work, NULL) != 0) break;
      pthread_detach(thread);
      started++;
    }
    uint32_t helpers = (uint32_t)(threads - 1 < started ? threads - 1 : started);
    job_chunks = chunks;
    job_body = body;
    job_context = context;
    atomic_store(&next_chunk, 0);
    atomic_store(&finished, 0);
    uint64_t generation = (atomic_load(&state) >> 32) + 1;
    atomic_store(&state, generation << 32 | helpers);
    if (atomic_load(&sleepers) > 0) {
      pthread_mutex_lock(&sleep_lock);
      pthread_cond_broadcast(&wake);
      pthread_mutex_unlock(&sleep_lock);
    }
    take_chunks();
    uint32_t unused = (uint32_t)atomic_exchange(&state, generation << 32);
    while (atomic_load(&finished) < helpers - unused) pause_briefly();
    pthread_mutex_unlock(&run_lock);
  }
  inside = false;
  enc_leave(entered);
}

static _Thread_local struct {
  void *pointer;
  size_t bytes;
} scratch[ENC_SCRATCH_COUNT];

double enc_lap(void) {
  static _Thread_local double last;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const double before = last;
  last = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
  return last - before;
}

bool enc_workers_inside(void) { return inside; }

void *enc_scratch(int slot, size_t bytes) {
  if (scratch[slot].bytes < bytes) {
    free(scratch[slot].pointer);
    scratch[slot].bytes = (bytes + 4095) & ~(size_t)4095;
    if (posix_memalign(&scratch[slot].pointer, 64, scratch[slot].bytes) != 0) abort();
  }
  return scratch[slot].pointer;
}
