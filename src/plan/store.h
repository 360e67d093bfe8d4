/*
 * What several plans have in common: tn_weights, and of each device that plans with them are on a store.
 *
 * Each weight has a version, another one after each change, and one place that has it: a store, or the host's canonical
 * copy, which may be memory that the weights were lent. Plans without a loss on several devices whose memory is the host's have
 * one store, as long as none with a loss is among them.
 *
 * Locks: a store's is held by calls that use its devices, shared by those that only read weights; the weights' own guards all else,
 * and is taken after it. Nobody holds one store's lock while waiting for another's.
 */
#ifndef TN_STORE_H
#define TN_STORE_H

#include <pthread.h>

#include <tenon/weights.h>

#include "backends/backend.h"
#include "base/base.h"

typedef struct tn_store tn_store;

/* A weight on one device. */
typedef struct tn_copy {
    float *at; /* NULL: it has none */
    const tn_layout *layout;
    size_t count; /* elements, in that layout */
    _Atomic int64_t
        version;    /* written under the store's lock, read under that of the weights, too */
    tn_stored lent; /* `at`: nobody may change it, here or elsewhere */
} tn_copy;

/* What kernels keep of weights that nothing trains: a plan's own or, in a store, of all plans there. */
typedef struct tn_kept tn_kept;
struct tn_kept {
    const tn_kernel *kernel;
    int64_t form;
    size_t bytes;
    /* Of which weights: by the plan's numbers of values, or the store's; -1: of none. And which versions of them; 0: it is to
     * be made. */
    ptrdiff_t weight[TN_MAX_PARAMS];
    int64_t version[TN_MAX_PARAMS];
    void *at;        /* on the device; NULL: not there yet */
    int nodes;       /* that read it, */
    tn_store *store; /* of all plans there; NULL: of the one plan */
    tn_kept *next;
};

/* Of all threads that share it, or one alone; who waits to be alone comes before who wants to share, unless one of those that
 * share it makes a plan, which takes long. */
typedef struct tn_shared_lock {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool alone, making;
    int sharers, waiting;
} tn_shared_lock;

/* A device and how many plans on it have the store. */
typedef struct tn_store_user {
    tn_device *device;
    int plans;
} tn_store_user;

struct tn_store {
    tn_weights *weights;
    tn_device *device; /* one of those that use it */
    tn_store_user *user;
    size_t users, user_capacity;
    pthread_mutex_t
        making; /* held while a plan is made, which may let go of the other in between */
    tn_shared_lock lock;
    int learners;    /* plans with a loss */
    int readers;     /* threads that take something from it: its devices stay until they have */
    int trainers;    /* plans that have run in training mode */
    int64_t changes; /* of anything in it: what is made of weights is made anew */
    tn_copy *copy;   /* by the weights' numbers */
    size_t copies;
    void **block; /* device memory */
    size_t num_blocks, block_capacity;
    tn_kept *kept;
    tn_store *next;
};

/* One of them. */
typedef struct tn_weight {
    char *name;
    tn_shape shape;
    int64_t version;
    tn_store *newest; /* that has it; NULL: the host */
    float *host;      /* canonical f32, NULL if there was no need for it yet */
    tn_stored lent;   /* `at`: somebody else's memory, which nobody writes; host's, if it is f32 */
    int64_t host_version;
    char *lost; /* why nobody has it any more */
} tn_weight;

struct tn_weights {
    pthread_mutex_t lock;
    pthread_cond_t all_read; /* a store has no readers any more */
    int users;               /* the program and stores */
    tn_weight *weight;
    size_t count, capacity;
    tn_store *store;
    tn_store *trained_by;
};

/* weights.c. Of these the caller holds the weights' lock, which release() gives back, with the last user all of them;
 * bring_home() wants the store's too: the host has what that one has. found(): it is no longer lost. */
void tn_weights_release(tn_weights *w);
ptrdiff_t tn_weights_find(const tn_weights *w, const char *name);
tn_status tn_weights_add(tn_weights *w, const char *name, const tn_shape *shape, ptrdiff_t *out);
tn_status tn_weight_check(const tn_weight *w, const tn_shape *shape);
tn_status tn_weight_bring_home(const tn_store *s, ptrdiff_t number);
void tn_weight_found(tn_weight *one);

/* That device's, for a plan with or without a loss, made if it is not there; every open is closed. */
tn_status tn_store_open(tn_store **out, tn_weights *w, tn_device *device, bool learns);
void tn_store_close(tn_store *s, tn_device *device, bool learns);

void tn_store_lock(tn_store *s);
void tn_store_unlock(tn_store *s);
void tn_store_share(tn_store *s);
void tn_store_unshare(tn_store *s);
/* As who makes a plan, and holds `making`: others run meanwhile. */
void tn_store_share_making(tn_store *s);
void tn_store_unshare_making(tn_store *s);
/* Takes what is newer elsewhere, by way of that device. The caller holds no lock. */
tn_status tn_store_pull(tn_store *s, tn_device *device);
/* The plan of that store runs in training mode, for the first time; it may not if another device's have. */
tn_status tn_store_train(tn_store *s);
void tn_store_end_training(tn_store *s);

/* Is there one of that name? TN_ERR_SHAPE if it is, in another shape. Its number, or -1; its copy here. The caller holds the
 * store's lock, of the next two as well. */
tn_status tn_store_find(tn_store *s, const char *name, const tn_shape *shape, ptrdiff_t *number,
                        tn_copy *copy);
/* It has a copy here now, of copy->version; one that is not there yet is added, and this is what it begins as. */
tn_status tn_store_add(tn_store *s, const char *name, const tn_shape *shape, const tn_copy *copy,
                       ptrdiff_t *number);
/* The store owns that memory now. */
tn_status tn_store_add_block(tn_store *s, void *block);
/* Its copy was changed, here. */
void tn_store_changed(tn_store *s, ptrdiff_t number);

/* What is newest of it, canonical, into `to`; which version that is. The caller holds no lock. */
tn_status tn_weights_read(tn_weights *w, ptrdiff_t number, float *to, int64_t *version);

#endif
