/*
 * What the files of the simulated CUDA runtime share. Everything here happens under one lock, which an
 * entry point takes first: simulated work runs in whichever thread waits for it.
 */
#ifndef TN_SIM_RUNTIME_H
#define TN_SIM_RUNTIME_H

#include "sim/control.h"
#include "sim/sim.h"

#define TN_SIM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TN_SIM_MAX_DEVICES = 16 };

/* ---- entry points (entry.c) --------------------------------------------------------------- */

void tn_sim_lock(void);
void tn_sim_unlock(void);

/* An entry point of the runtime: takes the lock, writes the call to the trace. What it returns is
 * cudaSuccess, or the error that a test wants this call to fail with. */
cudaError_t tn_sim_begin(const char *function, size_t bytes);
/* The same for a call that touches the device: it fails after a fault, as all of them do. */
cudaError_t tn_sim_begin_device(const char *function, size_t bytes);
/* Gives the lock back and remembers an error for cudaGetLastError(). */
cudaError_t tn_sim_end(cudaError_t e);

/* For threads that can only wait for what others do: something has happened; wait until it has, without the
 * lock meanwhile. False if nothing has for as long as a test is patient. */
void tn_sim_news(void);
bool tn_sim_wait_for_news(void);

/* Breaks the rule "destroyed" unless the object is alive. */
void tn_sim_check_alive(const char *kind, const void *object);

/* 0, ..., n - 1 by the seed; always 0 if that is 0. */
size_t tn_sim_choose(size_t n);
/* Should this kernel's run be the one that ends in a fault? */
bool tn_sim_kernel_faults(void);
/* Should this operation of several devices be the one that fails while it runs? */
bool tn_sim_collective_fails(void);

/* malloc() that does not return without memory. */
void *tn_sim_new(size_t count, size_t size);
/* Makes room for one more element in an array that grows. */
void *tn_sim_more(void *array, size_t count, size_t *room, size_t size);

/* ---- trace (trace.c) ---------------------------------------------------------------------- */

void tn_sim_count_call(const char *function);
void tn_sim_count_copy(enum cudaMemcpyKind kind, size_t bytes);
/* One rank's part of a sum or a broadcast; one piece of work that a stream has done. */
void tn_sim_count_collective(int device, bool sum, size_t bytes);
void tn_sim_count_work(int device);

/* ---- devices (device.c) ------------------------------------------------------------------- */

/* What the models differ in. */
typedef struct tn_sim_gpu {
    const char *name, *full_name;
    int major, minor, processors;
    int shared_optin;        /* bytes of shared memory that a block may ask for at most */
    int threads;             /* on one processor */
    int clock, memory_clock; /* kHz */
    int l2;                  /* bytes */
} tn_sim_gpu;

enum { TN_SIM_SHARED = 48 * 1024 }; /* bytes that a block has without asking for more */

typedef struct tn_sim_settings {
    int devices, count_error;
    size_t memory;
    const tn_sim_gpu *gpu;
    double patience; /* s */
} tn_sim_settings;
extern tn_sim_settings tn_sim_set;

/* The fault that this device has had, or cudaSuccess; and makes it have one. */
cudaError_t tn_sim_fault(int device);
void tn_sim_set_fault(int device, cudaError_t e);

/* ---- memory (memory.c) -------------------------------------------------------------------- */

typedef enum tn_sim_place { TN_SIM_PAGEABLE, TN_SIM_PINNED, TN_SIM_ON_DEVICE } tn_sim_place;
/* Where [p, p + bytes) is; breaks the rule "memory" if it is not in one piece that is alive, and of this
 * device if of any. */
tn_sim_place tn_sim_place_of(int device, const char *what, const void *p, size_t bytes);

/* Makes the memory of that device usable, until it is closed: nothing else ever does. */
void tn_sim_open(int device);
void tn_sim_close(int device);

/* ---- work, streams (stream.c, run.c) ------------------------------------------------------------- */

/* Something to run, with its argument. */
typedef struct tn_sim_task {
    const char *what;
    tn_sim_work *run;
    size_t bytes;
    _Alignas(16) unsigned char argument[];
} tn_sim_task;

/* A moment in a stream that has come or not: what cudaEventRecord() puts there. */
typedef struct tn_sim_mark {
    int owners;
    bool reached;
    cudaStream_t stream;
    double time; /* ms; simulated */
} tn_sim_mark;

typedef struct tn_sim_op tn_sim_op;
typedef struct tn_sim_capture tn_sim_capture;
typedef struct tn_sim_replay tn_sim_replay;

/* Which nodes of a graph something comes after. */
typedef struct tn_sim_after {
    size_t count, room;
    size_t *node;
} tn_sim_after;

struct CUstream_st {
    int device;
    bool legacy;   /* the one that NULL means */
    bool blocking; /* waits for the legacy one, which waits for it */
    tn_sim_op *first, *last;
    tn_sim_capture *capture; /* that it is part of, or NULL */
    tn_sim_after after;      /* of that capture: what was last done here */
    cudaStream_t next;       /* of all streams of the device */
};

/* Work that streams of several devices do together, begun by what it is for: it runs once, when all of them
 * have reached their places for it, and none goes on before. */
typedef struct tn_sim_joint tn_sim_joint;
struct tn_sim_joint {
    int owners, places;
    struct {
        cudaStream_t stream; /* NULL: nobody has given it one yet */
        bool reached;        /* everything before it there has been done */
        bool left;           /* the stream goes on without it */
    } place[TN_SIM_MAX_DEVICES];
    bool done, begun;
    bool counted;                 /* as unfinished */
    bool (*run)(tn_sim_joint *j); /* false: it fails, and is never done */
};

/* Breaks the rule "unfinished" if anything that devices do together has been begun and is not done: what the call
 * does may wait for all that the process has running, and that for a device whose turn does not come. */
void tn_sim_check_finished(const char *what);

typedef enum tn_sim_op_kind {
    TN_SIM_TASK,
    TN_SIM_MARK,
    TN_SIM_WAIT,
    TN_SIM_REPLAY,
    TN_SIM_JOINT
} tn_sim_op_kind;

/* What is in a stream. */
struct tn_sim_op {
    tn_sim_op_kind kind;
    uint64_t number; /* in the order of the calls, on all streams */
    tn_sim_task *task;
    tn_sim_mark *mark;
    tn_sim_replay *replay;
    tn_sim_joint *joint;
    int place; /* in the joint */
    tn_sim_op *next;
};

/* The stream, NULL being the legacy one of the device; breaks a rule if this thread may not use it. */
cudaStream_t tn_sim_stream(cudaStream_t stream);
/* The first of all streams of the device; the legacy one, or NULL if nobody has used it. */
cudaStream_t tn_sim_streams(int device);
cudaStream_t tn_sim_legacy(int device);

/* A mark with two owners to release it: at the end of the stream, or in something that is there. */
tn_sim_mark *tn_sim_push_mark(cudaStream_t s);
tn_sim_mark *tn_sim_mark_new(cudaStream_t s);
void tn_sim_mark_reach(tn_sim_mark *m);
void tn_sim_mark_release(tn_sim_mark *m);
void tn_sim_push_wait(cudaStream_t s, tn_sim_mark *m);
void tn_sim_push_replay(cudaStream_t s, tn_sim_replay *r);

void tn_sim_push_joint(cudaStream_t s, tn_sim_joint *j, int place);
/* That place's stream goes on at once; the others never do, unless it had reached its place. */
void tn_sim_joint_leave(tn_sim_joint *j, int place);
/* It is done, or nobody waits for it any more. */
void tn_sim_joint_end(tn_sim_joint *j);
void tn_sim_joint_release(tn_sim_joint *j);

/* Runs work, in an order that is allowed, until the mark is reached, or nothing is left on the stream, or
 * nothing on any of the device. Returns the device's fault. */
cudaError_t tn_sim_run_to_mark(tn_sim_mark *m);
cudaError_t tn_sim_run_stream(cudaStream_t s);
cudaError_t tn_sim_run_device(int device);
/* What a query does: a little of it. */
void tn_sim_run_some(cudaStream_t s);

/* Simulated work is being run, so that nothing may be asked of the runtime. */
bool tn_sim_running(void);

/* ---- capture, graphs (capture.c, graph.c) ------------------------------------------------- */

/* Work, each piece after some of those before it. Never changes once its capture has ended. */
typedef struct tn_sim_body {
    int owners, device;
    size_t count, room;
    struct CUgraphNode_st **node;
} tn_sim_body;
struct CUgraphNode_st {
    tn_sim_task *task;
    cudaEvent_t event; /* or this: it is recorded for those outside, or waited for */
    bool records;
    tn_sim_after after;
};

void tn_sim_body_release(tn_sim_body *b);
cudaGraph_t tn_sim_graph_new(tn_sim_body *b);
void tn_sim_after_free(tn_sim_after *a);

/* May this thread do what could disturb a capture: wait, ask, allocate? If not, the capture is invalid
 * from now on. */
cudaError_t tn_sim_unsafe(void);
/* The same for a stream that is waited for or asked; and for all of a device. */
cudaError_t tn_sim_unsafe_stream(cudaStream_t s);
cudaError_t tn_sim_unsafe_device(int device);
/* May work be given to this stream? Not to the legacy one while it would wait for a capture. */
cudaError_t tn_sim_capture_allows(cudaStream_t s);

/* A stream that is being captured: work, events and waits become part of the graph. */
void tn_sim_capture_task(cudaStream_t s, tn_sim_task *task);
void tn_sim_capture_record(cudaStream_t s, cudaEvent_t event);
void tn_sim_capture_external(cudaStream_t s, cudaEvent_t event, bool records);
cudaError_t tn_sim_capture_wait(cudaStream_t s, cudaEvent_t event);

struct CUevent_st {
    int device;
    bool timed;
    tn_sim_mark *mark;  /* of its last record, or NULL */
    uint64_t capture;   /* in which it was last recorded, or 0 */
    tn_sim_after after; /* of that capture */
};
/* Its last record is that mark, or none in a stream. */
void tn_sim_event_set(cudaEvent_t event, tn_sim_mark *mark);

/* The stream that all of it waits for, or NULL. */
cudaStream_t tn_sim_replay_blocker(tn_sim_replay *r);
/* Runs one node that may run now; true when there is none left. */
bool tn_sim_replay_step(tn_sim_replay *r, void (*run)(const tn_sim_task *task));
void tn_sim_replay_delete(tn_sim_replay *r);

/* ---- kernels (launch.c, block.c, fibers.c) ------------------------------------------------ */

typedef struct tn_sim_kernel {
    const void *key;
    const char *name;
    void (*call)(const void *args);
    size_t bytes;
    bool loaded[TN_SIM_MAX_DEVICES];
} tn_sim_kernel;

void tn_sim_run_kernel(const tn_sim_kernel *k, dim3 grid, dim3 block, size_t dynamic_bytes,
                       const void *args);

/* A stack to run on. `body` is the same for all, and never returns. */
typedef struct tn_sim_fiber tn_sim_fiber;
tn_sim_fiber *tn_sim_fiber_take(void (*body)(void));
/* Goes there, until it leaves. */
void tn_sim_fiber_resume(tn_sim_fiber *f);
/* For the fiber that runs: back to who resumed it; the same, with nothing left to do. */
tn_sim_fiber *tn_sim_fiber_now(void);
void tn_sim_fiber_leave(void);
void tn_sim_fiber_rest(void);

#endif
