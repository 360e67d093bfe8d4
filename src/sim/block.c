/*
 * One kernel: its blocks one after another, the threads of a block as fibers.
 *
 * A fiber runs threads from beginning to end; only a thread that waits for others keeps its fiber, so that
 * threads which never wait cost no switch. Threads run as far as they can, in the order that the seed
 * gives, and so find out what a kernel leaves unsaid about their order. Shared memory begins as 0xff, NaN
 * in every type of float.
 *
 * Stricter than a GPU is: no thread may end while, or before, others wait for it at a barrier, and all
 * must wait at the same one; lanes that meet name lanes which are there.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"
#include "sim/device.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#endif

enum { THREADS = 1024, ARRAYS = 64, GAP = 64 };

typedef enum thread_state { FRESH, READY, AT_BARRIER, AT_MEETING, DONE } thread_state;

typedef struct thread {
    thread_state state;
    tn_sim_fiber *fiber;
    /* A meeting: where, with whom, what it gives, whose value it takes, the outcome. */
    const char *file;
    int line;
    tn_sim_meeting kind;
    unsigned mask;
    uint64_t value, result;
    int from;
} thread;

tn_sim_index tn_sim_thread, tn_sim_block, tn_sim_threads, tn_sim_blocks;

/* The block that runs. */
static struct {
    const tn_sim_kernel *kernel;
    const void *args;
    unsigned count, done, at_barrier;
    const char *file; /* of the barrier */
    int line;
    thread thread[THREADS];
    unsigned current;
    /* Threads that can run: those that have not begun, and those that wait no more. */
    unsigned fresh[THREADS], fresh_count, ready[THREADS], ready_count;
    unsigned chosen; /* to go on with; THREADS: none yet */
} b;

/* Shared memory of the block, with room for a gap behind every array. */
static struct {
    _Alignas(128) unsigned char bytes[TN_SIM_SHARED + (ARRAYS + 1) * (GAP + 128)];
    size_t used, asked;
    struct {
        int id;
        size_t bytes;
        unsigned char *at;
    } array[ARRAYS];
    int arrays;
    void *dynamic;
} shared;

#define FAIL(rule, ...) tn_sim_break(rule, "kernel %s, block %u, thread %u: " __VA_ARGS__)
#define HERE b.kernel->name, tn_sim_block.x, b.current

/* ---- shared memory ------------------------------------------------------------------------ */

static unsigned char *shared_take(size_t bytes)
{
    shared.asked += bytes;
    if (shared.asked > TN_SIM_SHARED)
        FAIL("shared", "%zu bytes of shared memory, of %d", HERE, shared.asked, TN_SIM_SHARED);
    unsigned char *p = shared.bytes + shared.used;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    memset(p, 0xff, bytes);
    shared.used += (bytes + GAP + 127) / 128 * 128;
    return p;
}

static void shared_begin(size_t dynamic_bytes)
{
    shared.used = shared.asked = 0;
    shared.arrays = 0;
    ASAN_POISON_MEMORY_REGION(shared.bytes, sizeof shared.bytes);
    shared.dynamic = shared_take(dynamic_bytes);
}

void *tn_sim_shared(int id, size_t bytes)
{
    for (int i = 0; i < shared.arrays; i++)
        if (shared.array[i].id == id && shared.array[i].bytes == bytes)
            return shared.array[i].at;
    if (shared.arrays == ARRAYS)
        FAIL("shared", "more than %d arrays", HERE, ARRAYS);
    const int i = shared.arrays++;
    shared.array[i].id = id;
    shared.array[i].bytes = bytes;
    shared.array[i].at = shared_take(bytes);
    return shared.array[i].at;
}

void *tn_sim_dynamic_shared(void)
{
    return shared.dynamic;
}

/* ---- which thread next -------------------------------------------------------------------- */

static void make_ready(unsigned t)
{
    b.thread[t].state = READY;
    b.ready[b.ready_count++] = t;
}

static unsigned take(unsigned *from, unsigned *count, size_t i)
{
    const unsigned t = from[i];
    memmove(from + i, from + i + 1, (--*count - i) * sizeof *from);
    return t;
}

/* Takes one of those that can run; false if there is none. Mostly the one that has waited least, so that
 * a warp gets as far ahead of the others as it can; with a seed now and then any. */
static bool choose(unsigned *t)
{
    const unsigned ready = b.ready_count, fresh = b.fresh_count;
    if (ready + fresh == 0)
        return false;
    const bool any = tn_sim_choose(4) == 1;
    const size_t i = any ? tn_sim_choose(ready + fresh) : ready ? ready - 1 : ready + fresh - 1;
    if (i < ready)
        *t = take(b.ready, &b.ready_count, i);
    else
        *t = take(b.fresh, &b.fresh_count, i - ready);
    return true;
}

static void become(unsigned t)
{
    b.current = t;
    const unsigned row = t / tn_sim_threads.x;
    tn_sim_thread =
        (tn_sim_index){t % tn_sim_threads.x, row % tn_sim_threads.y, row / tn_sim_threads.y};
}

/* ---- a thread's life ---------------------------------------------------------------------- */

static void thread_done(void)
{
    thread *self = &b.thread[b.current];
    self->state = DONE;
    b.done++;
    if (b.at_barrier)
        FAIL("barrier", "ends, while others wait for it at %s:%d", HERE, b.file, b.line);
    const unsigned first = b.current / 32 * 32;
    for (unsigned t = first; t < first + 32 && t < b.count; t++) {
        const thread *o = &b.thread[t];
        if (o->state == AT_MEETING && o->mask >> b.current % 32 & 1)
            FAIL("warp", "ends, while thread %u waits for it at %s:%d", HERE, t, o->file, o->line);
    }
}

/* A fiber's whole life: one thread after another, the first of which is b.chosen. */
static void live(void)
{
    for (;;) {
        become(b.chosen);
        b.chosen = THREADS;
        b.thread[b.current].state = READY;
        b.thread[b.current].fiber = tn_sim_fiber_now();
        b.kernel->call(b.args);
        thread_done();
        if (!choose(&b.chosen) || b.thread[b.chosen].state != FRESH)
            tn_sim_fiber_rest();
    }
}

/* ---- meeting ------------------------------------------------------------------------------ */

static void wait_as(thread_state state)
{
    const unsigned t = b.current;
    b.thread[t].state = state;
    tn_sim_fiber_leave();
    become(t);
}

static bool same_place(const char *file, int line, const char *file2, int line2)
{
    return line == line2 && (file == file2 || !strcmp(file, file2));
}

void tn_sim_barrier(const char *file, int line)
{
    if (b.done)
        FAIL("barrier", "waits at %s:%d for threads that have ended", HERE, file, line);
    if (b.at_barrier && !same_place(file, line, b.file, b.line))
        FAIL("barrier", "waits at %s:%d, others at %s:%d", HERE, file, line, b.file, b.line);
    b.file = file;
    b.line = line;
    b.at_barrier++;
    if (b.at_barrier < b.count) {
        wait_as(AT_BARRIER);
        return;
    }
    b.at_barrier = 0;
    for (unsigned t = b.count; t-- > 0;)
        if (b.thread[t].state == AT_BARRIER)
            make_ready(t);
}

/* All lanes of the mask have come: each gets what it came for. */
static void conclude(unsigned first, unsigned mask)
{
    uint64_t votes = 0;
    for (unsigned l = 0; l < 32; l++)
        if (mask >> l & 1)
            votes |= (uint64_t)(b.thread[first + l].value != 0) << l;
    for (unsigned l = 32; l-- > 0;) { /* so that lane 0 is the next to run */
        if (!(mask >> l & 1))
            continue;
        thread *t = &b.thread[first + l];
        const bool defined = t->from >= 0 && mask >> t->from & 1;
        t->result = t->kind == TN_SIM_VOTE ? votes
                    : defined              ? b.thread[first + (unsigned)t->from].value
                                           : UINT64_MAX;
        if (t->state == AT_MEETING)
            make_ready(first + l);
    }
}

uint64_t tn_sim_meet(tn_sim_meeting kind, unsigned mask, uint64_t value, int from, const char *file,
                     int line)
{
    const unsigned lane = b.current % 32, first = b.current - lane;
    thread *self = &b.thread[b.current];
    if (!(mask >> lane & 1))
        FAIL("warp", "is not in its own mask 0x%x at %s:%d", HERE, mask, file, line);
    self->file = file;
    self->line = line;
    self->kind = kind;
    self->mask = mask;
    self->value = value;
    self->from = from;
    bool all = true;
    for (unsigned l = 0; l < 32; l++) {
        const thread *o = &b.thread[first + l];
        if (!(mask >> l & 1) || l == lane)
            continue;
        if (first + l >= b.count || o->state == DONE)
            FAIL("warp", "names lane %u at %s:%d, which %s", HERE, l, file, line,
                 first + l >= b.count ? "the block does not have" : "has ended");
        const bool waits = o->state == AT_MEETING && o->mask >> lane & 1;
        if (waits && (o->mask != mask || !same_place(file, line, o->file, o->line)))
            FAIL("warp", "meets at %s:%d with mask 0x%x, lane %u at %s:%d with 0x%x", HERE, file,
                 line, mask, l, o->file, o->line, o->mask);
        all = all && waits;
    }
    if (all)
        conclude(first, mask);
    else
        wait_as(AT_MEETING);
    return self->result;
}

/* ---- kernels ------------------------------------------------------------------------------ */

static void deadlock(void)
{
    unsigned t = 0;
    while (b.thread[t].state != AT_MEETING)
        t++;
    tn_sim_break("deadlock",
                 "kernel %s, block %u: thread %u waits for lanes at %s:%d, "
                 "%u threads at a barrier, %u have ended",
                 b.kernel->name, tn_sim_block.x, t, b.thread[t].file, b.thread[t].line,
                 b.at_barrier, b.done);
}

static void run_block(size_t dynamic_bytes)
{
    b.done = b.at_barrier = b.ready_count = 0;
    b.fresh_count = b.count;
    b.chosen = THREADS;
    for (unsigned t = 0; t < b.count; t++) {
        b.thread[t].state = FRESH;
        b.fresh[t] = b.count - 1 - t;
    }
    shared_begin(dynamic_bytes);
    while (b.done < b.count) {
        if (b.chosen == THREADS && !choose(&b.chosen))
            deadlock();
        const thread *t = &b.thread[b.chosen];
        if (t->state == FRESH) {
            tn_sim_fiber_resume(tn_sim_fiber_take(live));
        } else {
            b.chosen = THREADS;
            tn_sim_fiber_resume(t->fiber);
        }
    }
}

void tn_sim_run_kernel(const tn_sim_kernel *k, dim3 grid, dim3 block, size_t dynamic_bytes,
                       const void *args)
{
    b.kernel = k;
    b.args = args;
    b.count = block.x * block.y * block.z;
    tn_sim_threads = (tn_sim_index){block.x, block.y, block.z};
    tn_sim_blocks = (tn_sim_index){grid.x, grid.y, grid.z};
    const size_t count = (size_t)grid.x * grid.y * grid.z;
    size_t *order = tn_sim_new(count, sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = 0; i < count; i++) {
        const size_t taken = i + tn_sim_choose(count - i), id = order[taken];
        order[taken] = order[i];
        tn_sim_block = (tn_sim_index){(unsigned)(id % grid.x), (unsigned)(id / grid.x % grid.y),
                                      (unsigned)(id / grid.x / grid.y)};
        run_block(dynamic_bytes);
    }
    free(order);
}
