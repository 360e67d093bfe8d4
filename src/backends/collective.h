/*
 * Collectives: what devices that train one model together do as one. Each has an end of the connection, a
 * tn_comm with a rank from 0 to ranks - 1, and each calls the same functions in the same order with the
 * same sizes, from a thread of its own.
 *
 * In a device that works on its own while the host goes on these calls only ask for the work, and it is
 * ordered by marks. Mark m is set in the steps of a run (tn_backend.mark), after the last step that writes
 * bucket m of the gradients. all_reduce(m) starts when the device has got there, beside what it does next;
 * what runs after await(m) sees the sums. So a run, with its marks, and an update, with its waits, are one
 * recording each, and the all-reduces between them are in neither.
 *
 *     device   forward  backward of fc8 | m0 | of fc7 | m1 | ... | await 0, update | await 1, update ...
 *     beside it                          all_reduce(0)  all_reduce(1) ...
 *
 * A device whose calls return when the work is done has nothing to do for a mark: all_reduce() is asked for
 * after the run, and returns with the sums there.
 */
#ifndef TN_COLLECTIVE_H
#define TN_COLLECTIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/device.h>
#include <tenon/tensor.h>

typedef struct tn_backend_device tn_backend_device;
typedef struct tn_comm tn_comm; /* each implementation defines its own */

/* Names a group; one rank makes it and hands it to all. */
typedef struct tn_comm_id {
    unsigned char bytes[128];
} tn_comm_id;

enum {
    TN_MAX_MARKS = 64, /* 0 to 63 */
    /* Of an all-reduce that comes after all that was run before, and before what is run after. */
    TN_MARK_NONE = -1,
    /* s without any progress: as long as the slowest step of a network may take on a CPU, and far less than
     * somebody waits for a run that hangs. */
    TN_STALL = 120
};

typedef struct tn_join_opts {
    tn_comm_id id;
    int rank, ranks;
    double stall;     /* seconds after which a call that waits for another member gives up */
    size_t most_bf16; /* elements of the largest all-reduce in bf16, for its working memory */
    /* May be NULL. True: another member has failed, and this one is not to wait for it: before join()
     * returns there is nothing to abort() by. */
    const atomic_bool *given_up;
    /* Returns on the host when all members that this process has have called it, or with an error. NULL: it has no
     * other. */
    tn_status (*meet)(void *with);
    void *with;
} tn_join_opts;

/*
 * Errors: what the device says; TN_ERR_DEVICE with who was waited for in vain; and TN_END, with a text, from a
 * call that only ends because another member failed or the group was aborted: it is the other one's error that
 * is to be told. After an error a group is good for abort() and leave() alone.
 */
typedef struct tn_collectives {
    const char *name; /* "nccl", "host", "mpi" */
    bool spans;       /* its members may be in several processes */
    tn_status (*make_id)(tn_comm_id *out);
    /* Returns when all have joined. A member that cannot makes the others fail too: by `given_up`, or after
     * `stall`. A device is in one group at a time for each plan. */
    tn_status (*join)(tn_backend_device *d, const tn_join_opts *opts, tn_comm **out);
    void (*leave)(tn_comm *c); /* waits for what is under way; after abort() for nothing */

    /* x becomes the sum of all members' x: every member gets the same bits, and the same in each run. `as` is
     * what travels: TN_F32, or TN_BF16, to which each x is rounded first and the sum in the end. */
    tn_status (*all_reduce)(tn_comm *c, int mark, float *x, size_t count, tn_dtype as);
    /* The root's bytes to all; as an all-reduce with TN_MARK_NONE. */
    tn_status (*broadcast)(tn_comm *c, void *x, size_t bytes, int root);
    /* On the host: returns when all have called it and their devices have done what they were asked. */
    tn_status (*barrier)(tn_comm *c);

    /* What loads code or records, in any member of this process, must not meet a collective that is under way: the
     * driver may wait for what all devices do, and one that waits for another's turn never ends. Between
     * carefully(true) and carefully(false) there is none while this member does something of its own: a collective
     * begins when all members here have come to it, and is done in all of them when the call returns. All of them
     * call this alike. It is so from join() on. NULL: nothing is ever loaded or recorded. */
    tn_status (*carefully)(tn_comm *c, bool on);

    /* Has anything failed that was only asked for? Does not wait. */
    tn_status (*check)(tn_comm *c);
    /* All-reduces with a mark, since join(), that the device has got to, and that are done. From any thread; do
     * not wait: a watch tells by them where a device stands, and which of them the others wait for. */
    int64_t (*begun)(const tn_comm *c);
    int64_t (*finished)(const tn_comm *c);
    /* From any thread: what waits for other members, on the host or on the device, ends with an error, here
     * and sooner or later in every member. */
    void (*abort)(tn_comm *c);
    const char *(*describe)(const tn_comm *c); /* "NCCL 2.28.3 over NVLink", "memory of the host" */
} tn_collectives;

/* Threads of one process whose devices keep their memory on the host. */
extern const tn_collectives tn_host_collectives;

#endif
