/*
 * How every entry point begins and ends: the lock, calls that are to fail, rules that are broken, and the
 * last error of a thread.
 */
#define _XOPEN_SOURCE 700
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/_runtime.h"

static pthread_mutex_t lock;
static pthread_cond_t news;
static pthread_once_t lock_once = PTHREAD_ONCE_INIT;
static _Thread_local int depth; /* of this thread in the lock */
static _Thread_local cudaError_t last_error;

static struct {
    char function[64];
    long nth; /* 0: none fails */
} failing;
static struct {
    uint64_t seed, state;
} chance;

static void make_lock(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &kind);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&news, &clock);
}

/* Recursive: work that runs inside the lock checks its memory, which takes it again. */
void tn_sim_lock(void)
{
    pthread_once(&lock_once, make_lock);
    pthread_mutex_lock(&lock);
    depth++;
}

void tn_sim_unlock(void)
{
    depth--;
    pthread_mutex_unlock(&lock);
}

void tn_sim_news(void)
{
    pthread_cond_broadcast(&news);
}

bool tn_sim_wait_for_news(void)
{
    struct timespec until;
    if (depth != 1)
        tn_sim_break("host", "a thread waits that has the lock %d times", depth);
    clock_gettime(CLOCK_MONOTONIC, &until);
    const double end = (double)until.tv_sec + 1e-9 * (double)until.tv_nsec + tn_sim_set.patience;
    until.tv_sec = (time_t)end;
    until.tv_nsec = (long)(1e9 * (end - (double)until.tv_sec));
    depth = 0;
    const int error = pthread_cond_timedwait(&news, &lock, &until);
    depth = 1;
    return error == 0;
}

void tn_sim_break(const char *rule, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "sim: %s: %s\n", rule, text);
    fflush(stderr);
    abort();
}

void *tn_sim_new(size_t count, size_t size)
{
    void *p = calloc(count + !count, size);
    if (!p)
        tn_sim_break("host", "no memory for %zu * %zu bytes of the simulation's own", count, size);
    return p;
}

void *tn_sim_more(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    *room = *room ? 2 * *room : 8;
    void *more = realloc(array, *room * size);
    if (!more)
        tn_sim_break("host", "no memory for %zu * %zu bytes of the simulation's own", *room, size);
    return more;
}

/* ---- calls that are to fail --------------------------------------------------------------- */

void tn_sim_fail_at(const char *function, long nth)
{
    tn_sim_lock();
    snprintf(failing.function, sizeof failing.function, "%s", function ? function : "");
    failing.nth = nth;
    tn_sim_unlock();
}

static bool fails_now(const char *function, bool entry_point)
{
    if (!failing.nth)
        return false;
    const bool any = !failing.function[0] && entry_point;
    return (any || !strcmp(failing.function, function)) && --failing.nth == 0;
}

bool tn_sim_enter(const char *function, size_t bytes)
{
    (void)bytes;
    tn_sim_lock();
    if (tn_sim_running())
        tn_sim_break("work", "%s is called by work that runs on a stream", function);
    tn_sim_count_call(function);
    const bool fails = fails_now(function, true);
    tn_sim_unlock();
    return fails;
}

bool tn_sim_kernel_faults(void)
{
    return fails_now("kernel", false);
}

bool tn_sim_collective_fails(void)
{
    return fails_now("collective", false);
}

cudaError_t tn_sim_begin(const char *function, size_t bytes)
{
    tn_sim_lock();
    if (!tn_sim_enter(function, bytes))
        return cudaSuccess;
    return strstr(function, "lloc") ? cudaErrorMemoryAllocation : cudaErrorUnknown;
}

cudaError_t tn_sim_begin_device(const char *function, size_t bytes)
{
    const cudaError_t e = tn_sim_begin(function, bytes);
    return e ? e : tn_sim_fault(tn_sim_device());
}

cudaError_t tn_sim_end(cudaError_t e)
{
    tn_sim_unlock();
    if (e)
        last_error = e;
    return e;
}

/* ---- chance ------------------------------------------------------------------------------- */

void tn_sim_set_seed(uint64_t seed)
{
    tn_sim_lock();
    chance.seed = chance.state = seed;
    tn_sim_unlock();
}

/* splitmix64, Steele, Lea and Flood 2014. */
size_t tn_sim_choose(size_t n)
{
    if (!chance.seed || n < 2)
        return 0;
    uint64_t x = chance.state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (size_t)((x ^ x >> 31) % n);
}

/* ---- errors ------------------------------------------------------------------------------- */

static const struct error {
    cudaError_t e;
    const char *name, *text;
} errors[] = {
#define ERROR(e, text) \
    {                  \
        e, #e, text    \
    }
    ERROR(cudaSuccess, "no error"),
    ERROR(cudaErrorInvalidValue, "invalid argument"),
    ERROR(cudaErrorMemoryAllocation, "out of memory"),
    ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    ERROR(cudaErrorStubLibrary, "CUDA driver is a stub library"),
    ERROR(cudaErrorInsufficientDriver,
          "CUDA driver version is insufficient for CUDA runtime version"),
    ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    ERROR(cudaErrorNotReady, "device not ready"),
    ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    ERROR(cudaErrorNotSupported, "operation not supported"),
    ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    ERROR(cudaErrorStreamCaptureInvalidated,
          "operation failed due to a previous error during capture"),
    ERROR(cudaErrorStreamCaptureMerge,
          "operation would result in a merge of separate capture sequences"),
    ERROR(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    ERROR(cudaErrorStreamCaptureIsolation,
          "dependency created on uncaptured work in another stream"),
    ERROR(cudaErrorStreamCaptureImplicit,
          "operation would make the legacy stream depend on a capturing blocking stream"),
    ERROR(cudaErrorCapturedEvent,
          "operation not permitted on an event last recorded in a capturing stream"),
    ERROR(cudaErrorStreamCaptureWrongThread,
          "attempt to terminate a thread-local capture sequence from another thread"),
    ERROR(cudaErrorUnknown, "unknown error"),
#undef ERROR
};

static const struct error *find_error(cudaError_t e)
{
    static const struct error other = {cudaErrorUnknown, "unrecognized error code",
                                       "unrecognized error code"};
    for (size_t i = 0; i < TN_SIM_COUNT(errors); i++)
        if (errors[i].e == e)
            return &errors[i];
    return &other;
}

const char *cudaGetErrorName(cudaError_t e)
{
    return find_error(e)->name;
}

const char *cudaGetErrorString(cudaError_t e)
{
    return find_error(e)->text;
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t e = last_error;
    tn_sim_enter(__func__, 0);
    last_error = cudaSuccess;
    return e;
}

cudaError_t cudaPeekAtLastError(void)
{
    tn_sim_enter(__func__, 0);
    return last_error;
}
