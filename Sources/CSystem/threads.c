// A pool of threads that costs a fraction of a microsecond per job while its helpers are awake.
//
// Everything turns on one word, the gate: how many helpers are inside the job, whether the job is open, and its number. The
// caller writes the job down, opens the gate, works, closes it and waits until nobody is inside. A helper enters by raising the
// count of an open gate, so one that wakes up late finds the gate closed and is never waited for. Each worker has a run of chunks
// of its own, counted by a word, so that what it wrote in one job it reads in the next; who is done takes from the others' runs.
// Helpers that find no job for a while sleep on the gate (futex on Linux, a condition variable elsewhere), and so does,
// on a word of its own, a caller whose helpers take long over their last chunk.
#define _GNU_SOURCE
#include "CSystem.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sched.h>
#endif
#if defined(__linux__) && !defined(THIMBLE_POOL_WITHOUT_FUTEX)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#define FUTEX 1
#else
#define FUTEX 0
#endif

// The gate: helpers inside (bits 0 to 9), open (bit 10), number of the job (the rest, which may come round).
enum { INSIDE = 1023, OPEN = 1024, JOB = 2048, MOST_HELPERS = INSIDE };

/// How long a thread spins before it sleeps: longer than the pauses between the nodes of a model and between runs that follow each other (with 30 us
/// mobilenetv2-128 takes a tenth longer), shorter than a time slice.
enum { SPIN_NS = 100000 };

typedef struct {
    thimble_pool *pool;
    unsigned worker;
    pthread_t thread;
    /// Where it ran when it entered the last job.
    atomic_int processor;
} helper;

/// The chunks of a job that a worker begins with.
typedef struct {
    _Alignas(64) atomic_size_t next;
    size_t end;
} run;

struct thimble_pool {
    // Each word that threads write while others read something else has a cache line of its own.
    _Alignas(64) _Atomic(uint32_t) gate;
    _Alignas(64) atomic_uint sleepers;
    _Atomic(uint32_t) caller_sleeps;
    atomic_bool ending;
    /// Where the caller ran when it opened the last job.
    atomic_int caller_processor;
    // The job: written while the gate is shut and nobody is inside.
    _Alignas(64) thimble_pool_body body;
    void *context;
    size_t units, grain, chunks;
    /// Whether there are processors enough that spinning does not keep a worker from its work.
    bool spins;
    unsigned helpers;
    helper *each;
#ifdef __linux__
    /// Where the thread that made the pool might run; none if that is not known.
    cpu_set_t allowed;
#endif
    /// One per worker.
    run *runs;
    atomic_bool busy;
#if !FUTEX
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
};

// --- sleeping

#if FUTEX
/// Sleeps until `wake`, unless the word has changed; may return early.
static void sleep_on(thimble_pool *pool, _Atomic(uint32_t) *word, uint32_t value) {
    (void)pool;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(thimble_pool *pool, _Atomic(uint32_t) *word, size_t threads) {
    (void)pool;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, (int)threads, NULL, NULL, 0);
}
#else
static void sleep_on(thimble_pool *pool, _Atomic(uint32_t) *word, uint32_t value) {
    pthread_mutex_lock(&pool->lock);
    if (atomic_load(word) == value) pthread_cond_wait(&pool->changed, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

/// Sleepers on both words share the condition, so all of them look again.
static void wake(thimble_pool *pool, _Atomic(uint32_t) *word, size_t threads) {
    (void)word;
    (void)threads;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}
#endif

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int current_processor(void) {
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

/// Whether `worker` runs where a thread that it waits for did last, as a busy system may arrange it: spinning would keep that
/// thread from its work.
static bool is_in_the_way(thimble_pool *pool, unsigned worker) {
    int here = current_processor();
    if (here < 0) return false;
    if (worker > 0) return atomic_load_explicit(&pool->caller_processor, memory_order_relaxed) == here;
    for (unsigned i = 0; i < pool->helpers; i++) {
        if (atomic_load_explicit(&pool->each[i].processor, memory_order_relaxed) == here) return true;
    }
    return false;
}

/// Takes the calling helper off the caller's processor. Systems wake a thread near the one that wakes it unless another processor is idle, and to Linux
/// a virtual processor that its host took away while it was idle is not: without this, helpers of a pool that rested stay with the caller. False if there
/// is nowhere to go.
static bool leave(thimble_pool *pool) {
#ifdef __linux__
    int caller = atomic_load_explicit(&pool->caller_processor, memory_order_relaxed);
    cpu_set_t rest = pool->allowed;
    if (caller < 0 || caller >= CPU_SETSIZE) return false;
    CPU_CLR((size_t)caller, &rest);
    return CPU_COUNT(&rest) > 0 && sched_setaffinity(0, sizeof rest, &rest) == 0;
#else
    (void)pool;
    return false;
#endif
}

/// A spin that looks around once in 32 turns.
typedef struct { uint64_t start; unsigned turns; } spin;

static inline bool may_spin(thimble_pool *pool, spin *s, unsigned worker) {
    if (!pool->spins) return false;
    if (s->turns % 32 == 0) {
        if (is_in_the_way(pool, worker) && (worker == 0 || !leave(pool))) return false;
        uint64_t time = now();
        if (s->turns == 0) s->start = time;
        if (time - s->start > SPIN_NS) return false;
    }
    s->turns++;
    relax();
    return true;
}

// --- work

static void take_chunks(thimble_pool *pool, unsigned worker) {
    unsigned workers = pool->helpers + 1;
    for (unsigned i = 0; i < workers; i++) {
        run *from = &pool->runs[(worker + i) % workers];
        while (atomic_load_explicit(&from->next, memory_order_relaxed) < from->end) {
            size_t chunk = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
            if (chunk >= from->end) break;
            size_t first = chunk * pool->grain, rest = pool->units - first;
            pool->body(pool->context, first, first + (rest < pool->grain ? rest : pool->grain), worker);
        }
    }
}

static bool is_new(uint32_t gate, uint32_t seen) { return (gate & OPEN) && (gate & ~(uint32_t)(JOB - 1)) != seen; }

/// Waits for an open job other than `seen`, or the end of the pool.
static uint32_t next_job(thimble_pool *pool, uint32_t seen, unsigned worker) {
    spin s = { 0 };
    uint32_t gate;
    while (!is_new(gate = atomic_load_explicit(&pool->gate, memory_order_relaxed), seen)) {
        if (atomic_load_explicit(&pool->ending, memory_order_relaxed)) return gate;
        if (may_spin(pool, &s, worker)) continue;
        // The caller opens the gate before it counts sleepers, and a sleeper is counted before it looks at the gate: one of
        // the two sees the other.
        atomic_fetch_add(&pool->sleepers, 1);
        while (!is_new(gate = atomic_load(&pool->gate), seen) && !atomic_load(&pool->ending)) sleep_on(pool, &pool->gate, gate);
        atomic_fetch_sub(&pool->sleepers, 1);
        if (pool->spins && is_in_the_way(pool, worker)) leave(pool);
    }
    return gate;
}

static void *help(void *argument) {
    helper *self = argument;
    thimble_pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        uint32_t gate = next_job(pool, seen, self->worker);
        if (atomic_load(&pool->ending)) return NULL;
        // Acquires what the caller wrote before it opened the gate.
        if (!is_new(gate, seen) || !atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1)) continue;
        seen = gate & ~(uint32_t)(JOB - 1);
        atomic_store_explicit(&self->processor, current_processor(), memory_order_relaxed);
        take_chunks(pool, self->worker);
        uint32_t before = atomic_fetch_sub(&pool->gate, 1);
        if ((before & (INSIDE | OPEN)) == 1 && atomic_load(&pool->caller_sleeps)) {
            atomic_store(&pool->caller_sleeps, 0);
            wake(pool, &pool->caller_sleeps, 1);
        }
    }
}

static void await_helpers(thimble_pool *pool) {
    spin s = { 0 };
    while (atomic_load_explicit(&pool->gate, memory_order_acquire) & INSIDE) {
        if (may_spin(pool, &s, 0)) continue;
        // The last helper leaves before it looks whether the caller sleeps. A helper late from the job before may take the
        // flag down; it wakes this thread then, which looks again.
        atomic_store(&pool->caller_sleeps, 1);
        if (atomic_load(&pool->gate) & INSIDE) sleep_on(pool, &pool->caller_sleeps, 1);
    }
    atomic_store_explicit(&pool->caller_sleeps, 0, memory_order_relaxed);
}

void thimble_pool_run(thimble_pool *pool, size_t units, size_t grain, thimble_pool_body body, void *context) {
    if (units == 0) return;
    if (grain == 0) grain = 1;
    if (pool == NULL || pool->helpers == 0 || units <= grain || atomic_exchange_explicit(&pool->busy, true, memory_order_acquire)) {
        body(context, 0, units, 0);
        return;
    }
    pool->body = body;
    pool->context = context;
    pool->units = units;
    pool->grain = grain;
    pool->chunks = (units - 1) / grain + 1;
    size_t workers = pool->helpers + 1, each = pool->chunks / workers, more = pool->chunks % workers;
    for (size_t i = 0, first = 0; i < workers; i++) {
        atomic_store_explicit(&pool->runs[i].next, first, memory_order_relaxed);
        first += each + (i < more);
        pool->runs[i].end = first;
    }
    atomic_store_explicit(&pool->caller_processor, current_processor(), memory_order_relaxed);
    uint32_t gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    atomic_store(&pool->gate, (gate + JOB) | OPEN);
    unsigned asleep = atomic_load(&pool->sleepers);
    if (asleep > 0) wake(pool, &pool->gate, asleep < pool->chunks - 1 ? asleep : pool->chunks - 1);
    take_chunks(pool, 0);
    // From here on nobody enters.
    if (atomic_fetch_and(&pool->gate, ~(uint32_t)OPEN) & INSIDE) await_helpers(pool);
    atomic_store_explicit(&pool->busy, false, memory_order_release);
}

// --- making and ending

static void end(thimble_pool *pool) {
    atomic_store(&pool->ending, true);
    // Sleepers compare the gate: a new number without a job wakes those that are about to sleep.
    atomic_fetch_add(&pool->gate, JOB);
    wake(pool, &pool->gate, MOST_HELPERS);
    for (unsigned i = 0; i < pool->helpers; i++) pthread_join(pool->each[i].thread, NULL);
}

/// Starts helpers that leave the program's signals to the program's threads, all but those that a fault raises in the thread.
static void start_helpers(thimble_pool *pool, unsigned wanted) {
#ifdef __linux__
    if (sched_getaffinity(0, sizeof pool->allowed, &pool->allowed) != 0) CPU_ZERO(&pool->allowed);
#endif
    sigset_t most, before;
    sigfillset(&most);
    const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&most, faults[i]);
    pthread_sigmask(SIG_BLOCK, &most, &before);
    for (; pool->helpers < wanted; pool->helpers++) {
        helper *one = &pool->each[pool->helpers];
        one->pool = pool;
        one->worker = pool->helpers + 1;
        atomic_init(&one->processor, -1);
        if (pthread_create(&one->thread, NULL, help, one) != 0) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

thimble_pool *thimble_pool_new(unsigned threads) {
    unsigned wanted = threads < 2 ? 0 : threads - 1 > MOST_HELPERS ? MOST_HELPERS : threads - 1;
    thimble_pool *pool = aligned_alloc(64, (sizeof *pool + 63) / 64 * 64);
    helper *each = calloc(wanted + 1, sizeof *each);
    run *runs = aligned_alloc(64, (wanted + 1) * sizeof *runs);
    if (pool == NULL || each == NULL || runs == NULL) {
        free(pool);
        free(each);
        free(runs);
        return NULL;
    }
    *pool = (thimble_pool){ .each = each, .runs = runs, .caller_processor = -1, .spins = threads <= (unsigned)thimble_processor_count() };
#if !FUTEX
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
#endif
    start_helpers(pool, wanted);
    return pool;
}

unsigned thimble_pool_threads(const thimble_pool *pool) { return pool == NULL ? 1 : pool->helpers + 1; }

void thimble_pool_free(thimble_pool *pool) {
    if (pool == NULL) return;
    end(pool);
#if !FUTEX
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
#endif
    free(pool->each);
    free(pool->runs);
    free(pool);
}
