/**
 * @file
 * A queue for the devices of a machine, without a scheduler: programs that want one wait in the order in which they came, and
 * each is let in when the devices that it wants are free. All of it is files and locks that end with their process:
 *
 *     queue/00000042-NAME   a ticket of a program that waits; held (flock) as long as it does
 *     queue/lock            held while somebody looks whether it is his turn
 *     slots/cuda-0, cpu-3   what there is to be had, a GPU or a core each; held by who has it
 *
 * The files in slots/ say what is given out: the first program that asks for cores makes one of each that it may use, the first
 * that asks for a GPU one of each that the driver knows of, and who removes one takes that out of use. They lie on a disk of
 * this machine.
 *
 *     tn_must(tn_queue_wait(&place, &(tn_queue_opts){.folder = "work", .name = "first", .device = "cuda", .run = "work/runs/first"}));
 *     tn_must(tn_device_open(&device, tn_queue_device(place)));                    "cuda:2": the one that was free
 *     tn_must(tn_run_open(&run, &(tn_run_opts){.folder = "work/runs/first", .lock_fd = tn_queue_lock(place), ...}));
 *
 * Nobody overtakes: one that cannot begin yet keeps what it waits for, so that many small ones do not keep a large one out.
 * Whoever is killed while he waits is out of the queue, and who has a device gives it back however he ends.
 *
 * Threads: a place is one thread's; of a program that is let in, the thread that waited is bound to the cores that it got, with all
 * that it starts from then on.
 */
#ifndef TENON_QUEUE_H
#define TENON_QUEUE_H

#include <signal.h>
#include <stddef.h>

#include <tenon/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_queue_opts {
    const char *
        folder; /**< that has queue/ and slots/, which are made; default: $TENON_SLOTS, else an error. Several users may
                             share one that all of them may write */
    const char *name; /**< what waits; required */
    /** As tn_device_open() knows it; required. "cuda:1", "cuda:0-3" name devices, "cuda" is any one, "cuda:all" all that have
     *  a slot. Of "cpu" each thread is a core ("cpu,threads=2"); without a number all that have a slot. */
    const char *device;
    /** Of the host's memory: it is let in when so much is free (MemAvailable less a tenth), what others were let in with and
     *  have not taken yet left out. tn_plan_memory() of a dry plan tells it. 0: it does not matter. */
    size_t host_bytes;
    size_t device_bytes; /**< likewise of each GPU, which is opened to ask it */
    /** Of a run: its folder is made and locked, its state is `queued`. NULL: none. */
    const char *run;
    int lock_fd; /**< as in tn_run_opts */
    /** That starts this program again, up to a NULL: it is written to the run's folder as command.json, with the folder that the
     *  program was started in. NULL: none. */
    const char *const *command;
    const volatile sig_atomic_t *stop; /**< not 0: wait no longer; may be NULL */
    /** What it waits for, in words, whenever that is something else; may be NULL. */
    void (*tell)(void *with, const char *text);
    void *with;
} tn_queue_opts;

/** What was waited for. */
typedef struct tn_queue tn_queue;

/**
 * Waits until it is this program's turn. Before a device is opened, since the CPU is bound to its cores here.
 *
 * @return  TN_END if it was told to stop, by opts.stop or an order to its run; TN_ERR_ARGUMENT if it asks for what there is not,
 *          if the run is alive, and under $CUDA_VISIBLE_DEVICES, which gives GPUs other numbers than other programs have;
 *          TN_ERR_UNSUPPORTED for "mpi:..."; TN_ERR_MEMORY for more than the machine has; TN_ERR_IO
 */
TN_API TN_CHECKED tn_status tn_queue_wait(tn_queue **out, const tn_queue_opts *opts);

/** The device that it got: opts.device, with the numbers if it named none; as long as the place. NULL of NULL. */
TN_API const char *tn_queue_device(const tn_queue *place);

/** The open file of its run's lock, for tn_run_opts.lock_fd, which then is the run's to close; 0 if there is none. */
TN_API int tn_queue_lock(tn_queue *place);

/** Gives all back; the thread may use the cores that it had before. NULL is fine. */
TN_API void tn_queue_leave(tn_queue *place);

#ifdef __cplusplus
}
#endif
#endif
